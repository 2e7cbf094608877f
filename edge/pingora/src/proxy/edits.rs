//! pingora's heads, as something the router can edit.

use http::{HeaderMap, HeaderName, HeaderValue};
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
