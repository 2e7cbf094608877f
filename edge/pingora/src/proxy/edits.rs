//! pingora's heads, as something the router can edit.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use pingora_http::{RequestHeader, ResponseHeader};
use verge_router::Edits;

/// A request's head.
pub(super) struct RequestEdits<'a>(pub(super) &'a mut RequestHeader);

impl Edits for RequestEdits<'_> {
    fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        // Both are valid already; pingora's fallible signature is for texts.
        let _ = self.0.insert_header(name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        let _ = self.0.append_header(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.remove_header(name);
    }

    /// pingora has already done this, and has left what an upgrade and the framing need.
    fn remove_hop_by_hop(&mut self, _: &HeaderName) {}
}

/// Makes one field of the crumbs that HTTP/2 may cut a cookie into, which HTTP/1 does not know (RFC 9113 §8.2.3).
pub(super) fn join_cookies(head: &mut RequestHeader) -> pingora_error::Result<()> {
    let crumbs: Vec<&[u8]> = head.headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if crumbs.len() > 1 {
        let whole = crumbs.join(&b"; "[..]);
        head.insert_header(header::COOKIE, whole)?;
    }
    Ok(())
}

/// An answer's head.
pub(super) struct ResponseEdits<'a>(pub(super) &'a mut ResponseHeader);

impl Edits for ResponseEdits<'_> {
    fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        let _ = self.0.insert_header(name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        let _ = self.0.append_header(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.remove_header(name);
    }
}
