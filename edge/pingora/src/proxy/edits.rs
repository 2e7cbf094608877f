//! pingora's heads, as something the router can edit.

use super::{
    Verge,
    identity::trace_of,
    journey::Journey,
    view::{client_subject, view},
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Uri, header, request::Parts};
use pingora_error::{Error, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;
use verge_carry::identity::traceparent;
use verge_router::{
    Edits, Hop, proxies,
    rewrite::{CDN_LOOP, CLIENT_SUBJECT},
};

/// Fields that Verge adds to a request, at most: room for them is made once.
const ADDED: usize = 10;

impl Verge {
    /// Makes of pingora's copy of the client's head what the decision says.
    pub(super) fn edit_head(&self, session: &Session, upstream: &mut RequestHeader, journey: &Journey) -> Result<()> {
        let (Some(forward), Some(request)) = (&journey.forward, view(session.req_header())) else {
            return Error::e_explain(ErrorType::InternalError, "no decision to carry out");
        };
        let believed = journey.proxy.is_some() || self.trusted.is_empty();
        let nothing = HeaderMap::new();
        let traced = if believed { request.headers } else { &nothing };
        let traceparent = traceparent(traced, trace_of(&journey.id).as_bytes(), fastrand::u64(1..));
        let Journey { client, tls, id, .. } = journey;
        let hop = Hop { client: *client, tls: *tls, request_id: id, traceparent: traceparent.as_ref() };
        let mut edits = RequestEdits::take(upstream, request.headers);
        forward.edit_request(&request, &hop, &mut edits);
        if let Some(proxy) = journey.proxy {
            proxies::append(&request, &hop, proxy, &mut edits);
        }
        if let Some(subject) = client_subject(session) {
            edits.set(CLIENT_SUBJECT, subject);
        }
        self.prove(session, journey, forward, &mut edits)?;
        edits.put_back(upstream, journey.target.clone());
        Ok(())
    }
}

/// The request's head for the origin. pingora keeps every name twice, once in the client's spelling, and parses each that
/// is set; what it is made of can be edited without, and goes out in the usual spelling.
pub(super) struct RequestEdits(Parts);

impl RequestEdits {
    /// Takes pingora's copy of the client's head, to be put back when it is edited. `received` is that head itself.
    pub(super) fn take(upstream: &mut RequestHeader, received: &HeaderMap) -> Self {
        let nothing = RequestHeader::from(Request::new(()).into_parts().0);
        let mut edits = Self(Parts::from(std::mem::replace(upstream, nothing)));
        edits.0.headers.reserve(ADDED);
        edits.restore_nominated(received);
        edits.join_cookies();
        edits
    }

    /// Puts the head back, with this target.
    pub(super) fn put_back(mut self, upstream: &mut RequestHeader, target: Uri) {
        self.0.uri = target;
        *upstream = RequestHeader::from(self.0);
    }

    /// pingora drops whatever `Connection` nominates; what frames the body and what finds loops stays.
    fn restore_nominated(&mut self, received: &HeaderMap) {
        if !received.contains_key(header::CONNECTION) {
            return;
        }
        for name in [header::CONTENT_LENGTH, header::VIA, CDN_LOOP] {
            if !self.0.headers.contains_key(&name) {
                for value in received.get_all(&name) {
                    self.0.headers.append(name.clone(), value.clone());
                }
            }
        }
    }

    /// Makes one field of the crumbs that HTTP/2 may cut a cookie into, which HTTP/1 does not know (RFC 9113 §8.2.3).
    fn join_cookies(&mut self) {
        let mut crumbs = self.0.headers.get_all(header::COOKIE).iter();
        if let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) {
            let crumbs: Vec<&[u8]> = [first, second].into_iter().chain(crumbs).map(HeaderValue::as_bytes).collect();
            // Joined by what is fit for a field value, the parts of one are one.
            if let Ok(whole) = HeaderValue::from_bytes(&crumbs.join(&b"; "[..])) {
                self.0.headers.insert(header::COOKIE, whole);
            }
        }
    }
}

impl Edits for RequestEdits {
    fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.headers.insert(name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.0.headers.append(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.headers.remove(name);
    }

    /// pingora has already done this, and has left what an upgrade and the framing need.
    fn remove_hop_by_hop(&mut self, _: &HeaderName) {}
}

/// An answer's head, in the origin's spelling.
pub(super) struct ResponseEdits<'a>(pub(super) &'a mut ResponseHeader);

impl Edits for ResponseEdits<'_> {
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
}
