//! The target at the origin.

use crate::{request::Request, table::Mapping};
use alloc::string::String;

/// The longest target that goes out, in bytes: what common URI types can index. Edges limit what comes in far below it.
const MAX_TARGET: usize = u16::MAX as usize - 1;

/// Base path + original path (without the API's own path where it is cut, and without `cut` bytes after that) + query: the
/// one allocation of a decision.
pub(super) fn rewrite_target(mapping: &Mapping, request: &Request<'_>, cut: usize) -> Option<String> {
    let api = mapping.api();
    let base = mapping.origin().base_path();
    let mut path = request.path;
    let mut own = "";
    if (api.strip() || cut > 0)
        && let Some(prefix) = api.path()
        && let Some(rest) = path.strip_prefix(prefix.as_str())
    {
        path = rest;
        // What the version is cut out from behind stays.
        own = if api.strip() { "" } else { prefix.as_str() };
    }
    let path = path.get(cut..)?;
    // What is left after the cut may be empty; `*` (RFC 9112 §3.2.4) names no resource and has no place under a base path.
    let path = match path {
        "" if own.is_empty() => "/",
        _ if path.is_empty() || path.starts_with('/') => path,
        _ => return None,
    };
    // The base path was checked when it was read.
    let in_path = kinds(path);
    let in_query = request.query.map_or(0, kinds);
    if (in_path | in_query) & UNFIT != 0 || (in_path & DOT != 0 && climbs(path.as_bytes())) {
        return None;
    }
    let query = request.query.map_or(0, |query| query.len() + 1);
    let mut target = String::with_capacity(base.len() + own.len() + path.len() + query);
    target.push_str(base);
    target.push_str(own);
    target.push_str(path);
    if let Some(query) = request.query {
        target.push('?');
        target.push_str(query);
    }
    (target.len() <= MAX_TARGET).then_some(target)
}

/// What a byte of a target may not be: what ends it early in a request line (blanks, control bytes, a fragment), or what
/// URIs are written between (RFC 3986 §3.3, §3.4, appendix C).
const UNFIT: u8 = 1;
/// What may be a dot: itself, or the beginning of `%2e`.
const DOT: u8 = 2;

/// The kinds of one byte, without a branch.
const fn kind(b: u8) -> u8 {
    let unfit = (b <= b' ') | (b == 0x7f) | (b == b'#') | (b == b'<') | (b == b'>');
    let dot = (b == b'.') | (b == b'%');
    (unfit as u8 * UNFIT) | (dot as u8 * DOT)
}

/// All kinds of bytes in a text: sixteen at a time, the last of them perhaps twice, which the compiler makes one step of.
fn kinds(text: &str) -> u8 {
    let among = |bytes: &[u8]| bytes.iter().fold(0, |kinds, b| kinds | kind(*b));
    let (chunks, rest) = text.as_bytes().as_chunks::<16>();
    let whole = chunks.iter().fold(0, |kinds, chunk| kinds | among(chunk));
    whole
        | match text.as_bytes().last_chunk::<16>() {
            Some(last) => among(last),
            None => among(rest),
        }
}

/// Whether dot segments (RFC 3986 §3.3) lead above the root. Alone that ends at the root (§5.2.4), but behind a base path
/// an origin that resolves them would leave it, for another stage. Those that stay below go out as they came.
pub(super) fn climbs(path: &[u8]) -> bool {
    let mut depth = 0_u32;
    for segment in path.split(|b| *b == b'/').skip(1) {
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
fn dots(segment: &[u8]) -> Option<usize> {
    let mut rest = segment;
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
