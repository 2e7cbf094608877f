//! Every outcome but success: one closed list, with one code, one default status and one title for each entry.

use crate::rewrite::VERGE_REASON;
use alloc::vec::Vec;
use http::{HeaderName, HeaderValue, StatusCode, header};

/// Every outcome but success. The router returns the ones marked *rejection*; the rest are *faults* (ours or the
/// origin's) that an edge meets, listed here so that every edge answers them alike.
///
/// [`Reason::code`] is used as reply code, metric label and log field alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// Rejection: no version asked, and the policy is `reject`.
    MissingVersion,
    /// Rejection: what was asked cannot be a version.
    MalformedVersion,
    /// Rejection: the version is not in the table.
    UnknownVersion,
    /// Rejection: two sources, or two values of one, name different rows.
    AmbiguousVersion,
    /// Rejection: every version was refused with `q=0`.
    NotAcceptable,
    /// Rejection: past its sunset, or in a brownout.
    RetiredVersion,
    /// Rejection: the row is invalid and never was good.
    InvalidMapping,
    /// Rejection: no API for this host and path.
    UnknownHost,
    /// Rejection: the request has been through Verge before (RFC 8586).
    LoopDetected,
    /// Rejection: the request cannot be read as HTTP.
    BadRequest,
    /// Rejection: the API does not take this method; `CONNECT` and `TRACE` are never forwarded.
    MethodNotAllowed,
    /// Rejection: the body is over its limit.
    BodyTooLarge,
    /// Rejection: the target is over its limit.
    TargetTooLong,
    /// Rejection: the head, or its number of fields, is over its limit.
    HeadTooLarge,
    /// Not a failure: a CORS preflight, answered by the API's policy; or without CORS fields, where there is neither a
    /// policy nor a version to send it to. Never refused.
    Preflight,
    /// Not a failure: the list of versions that was asked for.
    ApiVersions,
    /// Fault: the table, or this API's part of it, was never loaded.
    NoTable,
    /// Fault: the origin refused the connection, or its name does not resolve.
    OriginUnreachable,
    /// Fault: the origin's certificate or handshake failed.
    OriginTls,
    /// Fault: the origin did not accept, take or answer in time.
    OriginTimeout,
    /// Fault: over the origin's in-flight cap.
    OriginOverloaded,
    /// Fault: the origin wants the request signed, and it cannot be.
    NotSigned,
    /// Fault: this node sheds load.
    Overloaded,
    /// Fault: a bug of ours.
    Internal,
}

impl Reason {
    /// Every reason, in the order of the contract's table.
    pub const ALL: [Self; 24] = [
        Self::MissingVersion,
        Self::MalformedVersion,
        Self::UnknownVersion,
        Self::AmbiguousVersion,
        Self::NotAcceptable,
        Self::RetiredVersion,
        Self::NoTable,
        Self::InvalidMapping,
        Self::UnknownHost,
        Self::OriginUnreachable,
        Self::OriginTls,
        Self::OriginTimeout,
        Self::OriginOverloaded,
        Self::NotSigned,
        Self::BadRequest,
        Self::MethodNotAllowed,
        Self::BodyTooLarge,
        Self::TargetTooLong,
        Self::HeadTooLarge,
        Self::LoopDetected,
        Self::Preflight,
        Self::ApiVersions,
        Self::Overloaded,
        Self::Internal,
    ];

    /// The name under which clients, metrics and logs know this reason.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::MissingVersion => "missing_version",
            Self::MalformedVersion => "malformed_version",
            Self::UnknownVersion => "unknown_version",
            Self::AmbiguousVersion => "ambiguous_version",
            Self::NotAcceptable => "not_acceptable",
            Self::RetiredVersion => "retired_version",
            Self::InvalidMapping => "invalid_mapping",
            Self::UnknownHost => "unknown_host",
            Self::LoopDetected => "loop_detected",
            Self::BadRequest => "bad_request",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::BodyTooLarge => "body_too_large",
            Self::TargetTooLong => "target_too_long",
            Self::HeadTooLarge => "head_too_large",
            Self::Preflight => "preflight",
            Self::ApiVersions => "api_versions",
            Self::NoTable => "no_table",
            Self::OriginUnreachable => "origin_unreachable",
            Self::OriginTls => "origin_tls",
            Self::OriginTimeout => "origin_timeout",
            Self::OriginOverloaded => "origin_overloaded",
            Self::NotSigned => "not_signed",
            Self::Overloaded => "overloaded",
            Self::Internal => "internal",
        }
    }

    /// The reason a code names.
    #[must_use]
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The status where an API's policy names no other.
    #[must_use]
    pub const fn default_status(self) -> StatusCode {
        match self {
            Self::MissingVersion
            | Self::MalformedVersion
            | Self::UnknownVersion
            | Self::AmbiguousVersion
            | Self::NotAcceptable => StatusCode::FORBIDDEN,
            Self::RetiredVersion => StatusCode::GONE,
            Self::InvalidMapping | Self::NoTable | Self::OriginOverloaded | Self::NotSigned | Self::Overloaded => {
                StatusCode::SERVICE_UNAVAILABLE
            }
            Self::Preflight => StatusCode::NO_CONTENT,
            Self::ApiVersions => StatusCode::OK,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::LoopDetected => StatusCode::LOOP_DETECTED,
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::OriginUnreachable | Self::OriginTls => StatusCode::BAD_GATEWAY,
            Self::OriginTimeout => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Whether an API's policy may answer this reason with a status of its own. `unknown_host` is not among them: where no API
    /// is found, none of them has a say.
    #[must_use]
    pub const fn is_configurable(self) -> bool {
        matches!(
            self,
            Self::MissingVersion
                | Self::MalformedVersion
                | Self::UnknownVersion
                | Self::AmbiguousVersion
                | Self::NotAcceptable
                | Self::RetiredVersion
                | Self::NoTable
                | Self::InvalidMapping
        )
    }

    /// The problem's `title` (RFC 9457 §3.1.3): the same for every occurrence.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::MissingVersion => "No API version was asked for",
            Self::MalformedVersion => "The API version cannot be read",
            Self::UnknownVersion => "There is no such API version",
            Self::AmbiguousVersion => "The request names more than one API version",
            Self::NotAcceptable => "Every API version was refused with q=0",
            Self::RetiredVersion => "This API version has been retired",
            Self::InvalidMapping => "This API version is misconfigured",
            Self::UnknownHost => "No API is served under this host and path",
            Self::LoopDetected => "The request has passed through this proxy before",
            Self::BadRequest => "The request is malformed",
            Self::MethodNotAllowed => "This method is not allowed",
            Self::BodyTooLarge => "The request body is too large",
            Self::TargetTooLong => "The request target is too long",
            Self::HeadTooLarge => "The request head is too large",
            Self::Preflight => "A CORS preflight, answered here",
            Self::ApiVersions => "The versions of the APIs under this host",
            Self::NoTable => "The version table has not been loaded yet",
            Self::OriginUnreachable => "The origin cannot be reached",
            Self::OriginTls => "The origin's TLS handshake failed",
            Self::OriginTimeout => "The origin did not answer in time",
            Self::OriginOverloaded => "The origin has too many requests in flight",
            Self::NotSigned => "The request cannot be signed for its origin",
            Self::Overloaded => "This node is overloaded",
            Self::Internal => "Internal error",
        }
    }

    /// Seconds for `Retry-After` (RFC 9110 §10.2.3), where trying again soon makes sense.
    #[must_use]
    pub const fn retry_after(self) -> Option<u32> {
        match self {
            Self::NoTable | Self::Overloaded | Self::OriginOverloaded | Self::NotSigned => Some(1),
            _ => None,
        }
    }
}

impl Reason {
    /// The fields of every answer of ours for this reason, whichever edge writes it.
    #[must_use]
    pub fn fields(self) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields = Vec::with_capacity(8);
        fields.push((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
        fields.push((VERGE_REASON, HeaderValue::from_static(self.code())));
        if let Some(seconds) = self.retry_after() {
            fields.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
        }
        if self == Self::MethodNotAllowed {
            // RFC 9110 §15.5.6 asks for the list; any method but the two refused is passed on.
            fields.push((header::ALLOW, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")));
        }
        fields
    }
}

impl core::fmt::Display for Reason {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
        }
        assert_eq!(Reason::from_code("teapot"), None);
    }
}
