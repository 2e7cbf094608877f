//! Every answer Verge authors: RFC 9457 problem details, whatever went wrong.

mod list;

use crate::json::write_json_string;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use verge_router::{Reason, Rejection, lifecycle::rfc3339, rewrite::X_REQUEST_ID};

/// Media type of the body (RFC 9457 §3).
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// Media type of the list of versions (RFC 8259).
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// An answer in the making: status, fields and body are known, the transport is not.
#[derive(Debug)]
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// Why it is given.
    pub reason: Reason,
    /// The fields, `Content-Length` and `Date` not among them.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// The body; empty where there is none.
    pub body: Bytes,
}

impl Reply {
    /// The answer to a rejection, under its API's policy.
    #[must_use]
    pub fn to_rejection(rejection: &Rejection, request_id: &HeaderValue) -> Self {
        if rejection.reason == Reason::ApiVersions {
            return Self::to_list(rejection, request_id);
        }
        Self::build(
            rejection.reason,
            rejection.status(),
            rejection.fields(),
            &detail(rejection),
            request_id,
            rejection.requested.as_deref(),
            &rejection.supported,
        )
    }

    /// The list of versions.
    fn to_list(rejection: &Rejection, request_id: &HeaderValue) -> Self {
        let mut fields = rejection.fields();
        fields.push((X_REQUEST_ID, request_id.clone()));
        fields.push((header::CONTENT_TYPE, JSON));
        let body = Bytes::from(list::write(rejection.listed()));
        Self { status: rejection.status(), reason: rejection.reason, fields, body }
    }

    /// The answer to a fault; `fields` are the decision's.
    #[must_use]
    pub fn to_fault(
        reason: Reason,
        status: StatusCode,
        detail: &str,
        request_id: &HeaderValue,
        fields: Vec<(HeaderName, HeaderValue)>,
    ) -> Self {
        Self::build(reason, status, fields, detail, request_id, None, &[])
    }

    /// The answer to a request that got as far as no API.
    #[must_use]
    pub fn to_reason(reason: Reason, detail: &str, request_id: &HeaderValue) -> Self {
        let mut fields = reason.fields();
        fields.push((header::VARY, HeaderValue::from_static("*")));
        Self::to_fault(reason, reason.default_status(), detail, request_id, fields)
    }

    /// The answer of an edge that has no table yet.
    #[must_use]
    pub fn to_no_table(request_id: &HeaderValue) -> Self {
        Self::to_reason(Reason::NoTable, "The version table has not been loaded yet; try again shortly.", request_id)
    }

    fn build(
        reason: Reason,
        status: StatusCode,
        mut fields: Vec<(HeaderName, HeaderValue)>,
        detail: &str,
        request_id: &HeaderValue,
        requested: Option<&str>,
        supported: &[Box<str>],
    ) -> Self {
        fields.push((X_REQUEST_ID, request_id.clone()));
        // 204 has no content (RFC 9110 §15.3.5).
        if status == StatusCode::NO_CONTENT {
            return Self { status, reason, fields, body: Bytes::new() };
        }
        fields.push((header::CONTENT_TYPE, PROBLEM_JSON));
        let mut body = String::with_capacity(256);
        let mut member = |name: &str, text: &str| {
            body.push(if body.is_empty() { '{' } else { ',' });
            write_json_string(&mut body, name);
            body.push(':');
            write_json_string(&mut body, text);
        };
        member("type", &format!("urn:verge:problem:{}", reason.code()));
        member("title", reason.title());
        member("detail", detail);
        member("instance", request_id.to_str().unwrap_or_default());
        member("code", reason.code());
        if let Some(requested) = requested {
            member("requested", requested);
        }
        if !supported.is_empty() {
            body.push_str(",\"supported\":[");
            for (i, version) in supported.iter().enumerate() {
                body.push_str(if i == 0 { "" } else { "," });
                write_json_string(&mut body, version);
            }
            body.push(']');
        }
        body.push_str(&format!(",\"status\":{}}}\n", status.as_u16()));
        Self { status, reason, fields, body: Bytes::from(body) }
    }
}

/// One sentence that tells the client what to do.
fn detail(rejection: &Rejection) -> String {
    let how = || match &rejection.api {
        Some(api) => how_to_ask(api),
        None => String::new(),
    };
    let asked = rejection.requested.as_deref().unwrap_or_default();
    match rejection.reason {
        Reason::MissingVersion => format!("The request names no API version. {}", how()),
        Reason::MalformedVersion if asked.is_empty() => format!("The version is empty. {}", how()),
        Reason::MalformedVersion => format!("`{asked}` cannot be a version. {}", how()),
        Reason::UnknownVersion if asked.is_empty() => "The default version of this API is not available.".to_owned(),
        Reason::UnknownVersion => format!("There is no version `{asked}` of this API."),
        Reason::AmbiguousVersion => "The request names versions that differ; name one.".to_owned(),
        Reason::NotAcceptable => "The version that would answer was refused with q=0.".to_owned(),
        Reason::RetiredVersion => {
            let version = rejection.version.as_deref().unwrap_or(asked);
            match rejection.row.as_ref().and_then(|row| row.lifecycle()?.sunset_at()) {
                Some(at) => format!("Version `{version}` is retired as of {}.", rfc3339(at)),
                None => format!("Version `{version}` is switched off for the time being."),
            }
        }
        Reason::NoTable if rejection.api.as_ref().is_some_and(|api| api.pins().is_some()) => {
            "This API, or the version its consumer is pinned to, has not been loaded yet; try again shortly.".to_owned()
        }
        Reason::InvalidMapping if rejection.version.is_none() => {
            "What would say which version answers is not usable; the operator has been told.".to_owned()
        }
        Reason::InvalidMapping => {
            "This version exists, but its mapping is not usable; the operator has been told.".to_owned()
        }
        Reason::UnknownHost => "This host and path belong to no API here.".to_owned(),
        Reason::LoopDetected => "The request came back to a proxy it had passed through.".to_owned(),
        reason => reason.title().to_owned(),
    }
}

/// How a version is named to this API.
fn how_to_ask(api: &verge_router::Api) -> String {
    let mut ways = Vec::new();
    if api.reads(verge_router::Source::Accept)
        && let Some(vendor) = api.vendors().last()
    {
        ways.push(format!("`Accept: application/vnd.{}.<version>+json`", vendor.as_str()));
    }
    if api.reads(verge_router::Source::Header) {
        ways.push(format!("`{}: <version>`", api.header_text()));
    }
    if api.reads(verge_router::Source::Query) {
        ways.push(format!("`?{}=<version>`", api.query()));
    }
    if api.reads(verge_router::Source::Path) {
        ways.push(format!("`{}/<version>/…`", api.path().map_or("", |path| path.as_str())));
    }
    if let Some(host) = api.host().filter(|_| api.reads(verge_router::Source::Host)) {
        ways.push(format!("`Host: {}`", host.to_string().replace("{version}", "<version>")));
    }
    if ways.is_empty() { String::new() } else { format!("Send {}.", ways.join(" or ")) }
}
