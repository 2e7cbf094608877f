//! CORS, by an API's policy: which web origins may read its answers, and what their preflights are told.
//!
//! The clauses are those of the Fetch standard, "CORS protocol". A policy never refuses a request: it is the browser that
//! keeps an answer from a page, where the answer does not say otherwise. So an origin that is not allowed gets its answer
//! without CORS fields, and its preflight a 204 without them.

mod draft;
mod web_origin;

pub use draft::{CorsDraft, InvalidCors, Names, parse_method, parse_name};
pub use web_origin::WebOrigin;

use crate::{request::Request, rewrite::Edits};
use alloc::vec::Vec;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

/// Every field with which a server speaks CORS to a browser.
static FIELDS: [HeaderName; 7] = [
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_METHODS,
    header::ACCESS_CONTROL_ALLOW_HEADERS,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_MAX_AGE,
    HeaderName::from_static("access-control-allow-private-network"),
];

/// What the answer to a preflight depends on, as `Vary`.
pub(crate) const PREFLIGHT_VARY: HeaderValue =
    HeaderValue::from_static("Origin, Access-Control-Request-Method, Access-Control-Request-Headers");

/// The longest `Access-Control-Request-Headers` that is repeated where any are allowed, in bytes.
const MAX_REPEATED: usize = 4096;

const TRUE: HeaderValue = HeaderValue::from_static("true");

/// An API's policy, checked and ready.
#[derive(Debug, Clone, PartialEq)]
pub struct Cors {
    origins: Vec<WebOrigin>,
    /// `*`: answers are the same for all origins.
    any: bool,
    credentials: bool,
    /// Whether fields that the origin of an answer set itself are kept.
    keep: bool,
    /// `None`: any; what is asked for is repeated.
    methods: Option<HeaderValue>,
    headers: Option<HeaderValue>,
    expose: HeaderValue,
    max_age: HeaderValue,
}

/// A CORS preflight: `OPTIONS` with `Origin` and `Access-Control-Request-Method` (Fetch, "CORS-preflight request"). It can
/// carry no version, so that none is no fault of the client's.
#[must_use]
pub fn is_preflight(request: &Request<'_>) -> bool {
    *request.method == Method::OPTIONS
        && request.headers.contains_key(header::ORIGIN)
        && request.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

impl Cors {
    /// Whether answers depend on who asks. Where they do not, they say so to everybody, and caches need not tell requests
    /// apart (Fetch, "CORS protocol and HTTP caches").
    #[must_use]
    pub fn varies(&self) -> bool {
        !self.any
    }

    /// What `Access-Control-Allow-Origin` is for this request; `None`: its origin is not allowed, or there is none.
    ///
    /// `Origin` is compared byte for byte: browsers write it in one way only. Two lines of it are none that a browser sends;
    /// empty ones do not count, as some that pass requests on drop them.
    #[must_use]
    pub fn allows(&self, request: &HeaderMap) -> Option<HeaderValue> {
        if self.any {
            return Some(HeaderValue::from_static("*"));
        }
        let mut lines = request.get_all(header::ORIGIN).into_iter().filter(|line| !line.is_empty());
        let (Some(origin), None) = (lines.next(), lines.next()) else { return None };
        self.origins.iter().any(|allowed| allowed.matches(origin.as_bytes())).then(|| origin.clone())
    }

    /// What an answer is given, whoever authored it; nothing for an origin that is not allowed.
    pub(crate) fn answer_fields(&self, request: &HeaderMap) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let expose = |_: &HeaderValue| (header::ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.clone());
        let allow = self.allows(request);
        let expose = allow.as_ref().map(expose);
        self.permission(allow).chain(expose)
    }

    /// What a preflight is told; nothing for an origin that is not allowed. Whether the method and the fields it asks for
    /// are among those allowed is for the browser to see.
    pub(crate) fn preflight_fields(&self, request: &HeaderMap) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let allow = self.allows(request);
        let told = allow.is_some().then(|| {
            let methods = self.methods.clone().or_else(|| asked_method(request));
            let headers = self.headers.clone().or_else(|| asked_headers(request));
            [
                methods.map(|methods| (header::ACCESS_CONTROL_ALLOW_METHODS, methods)),
                headers.map(|headers| (header::ACCESS_CONTROL_ALLOW_HEADERS, headers)),
                Some((header::ACCESS_CONTROL_MAX_AGE, self.max_age.clone())),
            ]
        });
        self.permission(allow).chain(told.into_iter().flatten().flatten())
    }

    fn permission(&self, allow: Option<HeaderValue>) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let credentials = allow.is_some() && self.credentials;
        let credentials = credentials.then_some((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE));
        allow.map(|allow| (header::ACCESS_CONTROL_ALLOW_ORIGIN, allow)).into_iter().chain(credentials)
    }

    /// Puts an answer under the policy. `present`: whether it has CORS fields of its origin's.
    pub(crate) fn edit(&self, request: &HeaderMap, present: bool, edits: &mut impl Edits) {
        if present && self.keep && edits.headers().contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN) {
            // The origin of the answer has spoken. What browsers may read of ours adds to what they may read of its own.
            edits.append(header::ACCESS_CONTROL_EXPOSE_HEADERS, self.expose.clone());
            return;
        }
        if present {
            FIELDS.iter().for_each(|name| edits.remove(name));
        }
        for (name, value) in self.answer_fields(request) {
            edits.set(name, value);
        }
    }
}

/// The method that a preflight asks for, where it is one. Two are none.
fn asked_method(request: &HeaderMap) -> Option<HeaderValue> {
    let method = asked(request, &header::ACCESS_CONTROL_REQUEST_METHOD)?;
    Method::from_bytes(method.as_bytes()).is_ok().then_some(method)
}

/// The fields that a preflight asks for, where they are field names.
fn asked_headers(request: &HeaderMap) -> Option<HeaderValue> {
    let names = asked(request, &header::ACCESS_CONTROL_REQUEST_HEADERS)?;
    let is_name = |name: &[u8]| HeaderName::from_bytes(name.trim_ascii()).is_ok();
    let sound = names.len() <= MAX_REPEATED && names.as_bytes().split(|b| *b == b',').all(is_name);
    sound.then_some(names)
}

/// What a field says: all its lines as one, as whoever passes a request on may make them (RFC 9110 §5.3), and without those that
/// are empty, which some drop.
fn asked(request: &HeaderMap, name: &HeaderName) -> Option<HeaderValue> {
    let mut lines = request.get_all(name).into_iter().filter(|line| !line.is_empty());
    let first = lines.next()?;
    let more: Vec<&[u8]> = lines.map(HeaderValue::as_bytes).collect();
    if more.is_empty() {
        return Some(first.clone());
    }
    HeaderValue::from_bytes(&[first.as_bytes(), &more.join(&b',')].join(&b',')).ok()
}

#[cfg(test)]
mod tests;
