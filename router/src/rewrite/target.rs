//! The target at the origin.

use crate::{bytes::position_of, request::Request, table::Mapping};
use alloc::string::String;

/// The longest target that goes out, in bytes: what common URI types can index. Edges limit what comes in far below it.
const MAX_TARGET: usize = u16::MAX as usize - 1;

/// Base path + original path (without the API's own path where it is cut) + query: the one allocation of a decision.
pub(super) fn rewrite_target(mapping: &Mapping, request: &Request<'_>) -> Option<String> {
    let api = mapping.api();
    let base = mapping.origin().base_path();
    let mut path = request.path;
    if api.strip()
        && let Some(own) = api.path()
    {
        path = path.strip_prefix(own.as_str()).unwrap_or(path);
    }
    // What is left after the cut may be empty; `*` (RFC 9112 §3.2.4) names no resource and has no place under a base path.
    let slash = match path {
        "" => "/",
        _ if path.starts_with('/') => "",
        _ => return None,
    };
    // The base path was checked when it was read.
    if !is_sound(path) || !request.query.is_none_or(is_sound) || climbs(path) {
        return None;
    }
    let query = request.query.map_or(0, |query| query.len() + 1);
    let mut target = String::with_capacity(base.len() + slash.len() + path.len() + query);
    target.push_str(base);
    target.push_str(slash);
    target.push_str(path);
    if let Some(query) = request.query {
        target.push('?');
        target.push_str(query);
    }
    (target.len() <= MAX_TARGET).then_some(target)
}

/// Whether a path or query can stand in a request line and means there what it means here: nothing that ends it early
/// (blanks, control bytes, a fragment), nor the `<>` that URIs are written between (RFC 3986 §3.3, §3.4, appendix C).
fn is_sound(part: &str) -> bool {
    let unfit = |b: u8| (b <= b' ') | (b == 0x7f) | (b == b'#') | (b == b'<') | (b == b'>');
    // Without a way out of the loop, the compiler looks at many bytes at once.
    !part.bytes().fold(false, |found, b| found | unfit(b))
}

/// Whether dot segments (RFC 3986 §3.3) lead above the root. Alone that ends at the root (§5.2.4), but behind a base path
/// an origin that resolves them would leave it, for another stage. Those that stay below go out as they came.
fn climbs(path: &str) -> bool {
    // Nearly all paths end here.
    if position_of([b'.', b'%'], path.as_bytes()) == path.len() {
        return false;
    }
    let mut depth = 0_u32;
    for segment in path.split('/').skip(1) {
        match dots(segment) {
            Some(2) if depth == 0 => return true,
            Some(2) => depth -= 1,
            Some(1) => {}
            // An empty segment is one to some and none to others.
            _ if segment.is_empty() => {}
            _ => depth += 1,
        }
    }
    false
}

/// How many dots a segment is made of, written as they are or as `%2e`; `None` where it is anything else.
fn dots(segment: &str) -> Option<usize> {
    let mut rest = segment.as_bytes();
    let mut dots = 0;
    while !rest.is_empty() {
        rest = match rest {
            [b'.', rest @ ..] | [b'%', b'2', b'e' | b'E', rest @ ..] => rest,
            _ => return None,
        };
        dots += 1;
    }
    Some(dots)
}
