//! The only part of a request the router may see.

use http::{HeaderMap, Method};

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
