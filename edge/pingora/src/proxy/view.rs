//! pingora's head, as the router and the phases see it.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, Uri, header, uri::PathAndQuery};
use pingora_http::RequestHeader;
use pingora_proxy::Session;
use verge_router::{Forward, Request};

/// The head as the router may see it. The authority is `:authority` or the absolute target's, else `Host`.
pub(super) fn view(head: &RequestHeader) -> Option<Request<'_>> {
    if !head.raw_path_is_utf8() {
        return None;
    }
    let host = match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => head.headers.get(header::HOST).map_or(Some(""), |host| host.to_str().ok())?,
    };
    Some(Request { method: &head.method, host, path: head.uri.path(), query: head.uri.query(), headers: &head.headers })
}

pub(super) fn is_tls(session: &Session) -> bool {
    session.digest().is_some_and(|digest| digest.ssl_digest.is_some())
}

/// Whom the client's certificate is for, where origins are told.
pub(super) fn client_subject(session: &Session) -> Option<HeaderValue> {
    HeaderValue::from_str(session.digest()?.ssl_digest.as_ref()?.organization.as_ref()?).ok()
}

/// The decision's target as the type that pingora sends; `None` where that cannot hold it.
pub(super) fn target_of(forward: &Forward) -> Option<Uri> {
    let target = PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(forward.target().as_bytes())).ok()?;
    Some(Uri::from(target))
}

pub(super) fn content_length(head: &RequestHeader) -> Option<u64> {
    head.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Whether a head is an answer, or the beginning of a tunnel, after which nothing else can be one (RFC 9110 §15.2.2).
pub(super) fn is_final(status: StatusCode) -> bool {
    !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS
}

/// Whether the client has been sent one.
pub(super) fn is_answered(session: &Session) -> bool {
    session.response_written().is_some_and(|head| is_final(head.status))
}
