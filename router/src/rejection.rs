//! Why a request is not forwarded: one closed list, with one code, one default status and one title for each entry.

use crate::{
    api::Api,
    cors::PREFLIGHT_VARY,
    lifecycle::{Here, Others},
    request::Request,
    rewrite::{API_VERSION, VERGE_REASON},
    table::Good,
    well_known::Listed,
};
use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
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
    /// Fault: this node sheds load.
    Overloaded,
    /// Fault: a bug of ours.
    Internal,
}

impl Reason {
    /// Every reason, in the order of the contract's table.
    pub const ALL: [Self; 23] = [
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
            Self::InvalidMapping | Self::NoTable | Self::OriginOverloaded | Self::Overloaded => {
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

    /// Whether an API's policy may answer this reason with a status of its own.
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
                | Self::UnknownHost
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
            Self::Overloaded => "This node is overloaded",
            Self::Internal => "Internal error",
        }
    }

    /// Seconds for `Retry-After` (RFC 9110 §10.2.3), where trying again soon makes sense.
    #[must_use]
    pub const fn retry_after(self) -> Option<u32> {
        match self {
            Self::NoTable | Self::Overloaded | Self::OriginOverloaded => Some(1),
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

/// The longest piece of client input a rejection repeats, in bytes.
pub const MAX_REQUESTED: usize = 64;

/// At most this many versions are listed to a client.
pub const MAX_SUPPORTED: usize = 20;

/// The router's no, with what an answer needs to be helpful.
///
/// Owned, so that an edge may answer after it let go of the table. Client input in it is truncated to
/// [`MAX_REQUESTED`] bytes of printable ASCII; escaping it for a format remains the writer's part.
#[derive(Debug, Clone)]
pub struct Rejection {
    /// Why.
    pub reason: Reason,
    /// The API whose policy decided, where the request got as far as one.
    pub api: Option<Arc<Api>>,
    /// What the client asked for, as far as it can be repeated.
    pub requested: Option<Box<str>>,
    /// The row that answered, where there is one (`retired_version`, `invalid_mapping`).
    pub version: Option<Box<str>>,
    /// What `api-version` says of it.
    pub api_version: Option<HeaderValue>,
    /// The same row where it is good: a retired one, whose lifecycle the answer repeats.
    pub row: Option<Box<Good>>,
    /// Versions that would have been served, newest first, at most [`MAX_SUPPORTED`]; empty where policy hides them.
    pub supported: Box<[Box<str>]>,
    /// What the API's policies say to this request besides.
    pub(crate) said: Option<Box<Said>>,
}

/// What policies and table say besides, to just this request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    fields: Vec<(HeaderName, HeaderValue)>,
    listed: Vec<Listed>,
}

impl Rejection {
    pub(crate) fn new(reason: Reason) -> Self {
        Self {
            reason,
            api: None,
            requested: None,
            version: None,
            api_version: None,
            row: None,
            supported: Box::default(),
            said: None,
        }
    }

    /// The list of versions that was asked for, of APIs of which there is one at least.
    pub(crate) fn to_list(listed: Vec<Listed>) -> Self {
        let api = listed.first().map(|first| first.api.clone());
        Self { api, said: Some(Said { fields: Vec::new(), listed }.into()), ..Self::new(Reason::ApiVersions) }
    }

    /// The same, with what the API's policies say to this request: browsers must see the fields of a CORS policy, or their
    /// pages could not read why; and of a row that has a life, clients must see what comes after it.
    pub(crate) fn to(mut self, request: &Request<'_>, others: Option<&Others>) -> Self {
        let cors = self.api.as_ref().and_then(|api| api.cors());
        if cors.is_none() && others.is_none() {
            return self;
        }
        let mut said = self.said.take().unwrap_or_default();
        if let Some(cors) = cors {
            if self.reason == Reason::Preflight {
                said.fields.extend(cors.preflight_fields(request.headers));
            } else {
                said.fields.extend(cors.answer_fields(request.headers));
            }
        }
        if let Some(others) = others {
            said.fields.extend(others.lists());
            if let Some((row, life)) = self.row.as_ref().and_then(|row| Some((row, row.lifecycle()?))) {
                let links = others.links(life, row.version_str(), &Here::by_form(row.api(), request));
                said.fields.extend(links.into_iter().map(|link| (header::LINK, link)));
            }
        }
        self.said = Some(said);
        self
    }

    /// With [`Reason::ApiVersions`]: what is listed.
    #[must_use]
    pub fn listed(&self) -> &[Listed] {
        self.said.as_ref().map_or(&[], |said| &said.listed)
    }

    /// The status to answer with: the API's own choice, or the reason's default.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.api.as_ref().and_then(|api| api.status(self.reason)).unwrap_or_else(|| self.reason.default_status())
    }

    /// The fields to answer with: the reason's, `Vary`, and what is to be said of the row.
    #[must_use]
    pub fn fields(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut fields = self.reason.fields();
        if self.reason == Reason::MethodNotAllowed
            && let Some(methods) = self.api.as_ref().and_then(|api| api.methods())
        {
            fields.retain(|(name, _)| *name != header::ALLOW);
            fields.push((header::ALLOW, methods.allow().clone()));
        }
        let vary = match &self.api {
            // Without an API nothing is known about what the choice could depend on.
            None => Some(HeaderValue::from_static("*")),
            Some(api) if self.reason == Reason::Preflight && api.cors().is_some() => Some(PREFLIGHT_VARY),
            // Whatever version is asked for, the list is the same.
            Some(api) if self.reason == Reason::ApiVersions => {
                let varies = api.cors().is_some_and(|cors| cors.varies());
                varies.then(|| HeaderValue::from_static("Origin"))
            }
            Some(api) => api.vary_value().cloned(),
        };
        fields.extend(vary.map(|vary| (header::VARY, vary)));
        fields.extend(self.api_version.clone().map(|version| (API_VERSION, version)));
        if let Some(life) = self.row.as_ref().and_then(|row| row.lifecycle()) {
            fields.extend(life.fields().iter().cloned());
        }
        fields.extend(self.said.iter().flat_map(|said| said.fields.iter().cloned()));
        fields
    }
}

/// What may be repeated of client input: printable ASCII, at most [`MAX_REQUESTED`] bytes; the rest becomes `?`.
#[must_use]
pub fn repeatable(input: &[u8]) -> Box<str> {
    input
        .iter()
        .take(MAX_REQUESTED)
        .map(|&b| if (0x20..0x7f).contains(&b) { char::from(b) } else { '?' })
        .collect::<String>()
        .into_boxed_str()
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

    #[test]
    fn client_input_is_truncated_and_made_printable() {
        assert_eq!(&*repeatable(b"v\x00\xff1"), "v??1");
        assert_eq!(repeatable(&[b'x'; 500]).len(), MAX_REQUESTED);
    }
}
