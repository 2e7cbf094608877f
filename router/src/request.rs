//! The only part of a request the router may see.

use crate::rewrite::CDN_LOOP;
use http::{HeaderMap, Method, header};

/// A request head, borrowed from the edge's own type.
///
/// `path` and `query` are the target's bytes exactly as received (percent-encoding untouched); the edge has already
/// refused what is not an origin-form target, so `path` begins with `/`, or is `*` under `OPTIONS`.
#[derive(Debug, Clone, Copy)]
pub struct Request<'r> {
    /// The request method (RFC 9110 §9.1), case-sensitive.
    pub method: &'r Method,
    /// `:authority`, or the `Host` field: `name[:port]`. Port, trailing dot and ASCII case do not matter here.
    pub host: &'r str,
    /// Path as received.
    pub path: &'r str,
    /// Query as received, without the `?`; `Some("")` where the target ends in `?`.
    pub query: Option<&'r str>,
    /// All fields as received. Repeated lines are kept apart.
    pub headers: &'r HeaderMap,
}

/// Which of the fields that a decision may read are there at all. One walk over the names of an ordinary head is cheaper
/// than a look-up for each of them, and most heads have few.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Present {
    /// `Accept`.
    pub(crate) accept: bool,
    /// `Via` or `CDN-Loop`.
    pub(crate) hops: bool,
}

impl Present {
    pub(crate) fn among(headers: &HeaderMap) -> Self {
        let mut present = Self { accept: false, hops: false };
        for name in headers.keys() {
            present.accept |= *name == header::ACCEPT;
            present.hops |= *name == header::VIA || *name == CDN_LOOP;
        }
        present
    }
}
