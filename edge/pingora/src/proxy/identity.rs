//! What a request is called.

use http::{HeaderMap, HeaderValue};
use verge_carry::identity::write_hex_pair;
use verge_router::rewrite::X_REQUEST_ID;

/// The longest id that is taken from a trusted proxy, in bytes.
const LONGEST_ID: usize = 128;

/// A request id: 128 random bits in hex, which is also a fit W3C trace id.
pub(crate) fn fresh_id() -> HeaderValue {
    let mut text = [0; 32];
    write_hex_pair(&mut text, fastrand::u64(..), fastrand::u64(1..));
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}

/// The id a trusted proxy has given the request, where it is one word that can stand anywhere.
pub(super) fn given_id(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut lines = headers.get_all(X_REQUEST_ID).iter();
    let (Some(id), None) = (lines.next(), lines.next()) else { return None };
    let fit = |b: &u8| b.is_ascii_alphanumeric() || b"-_.:=+/@~".contains(b);
    ((1..=LONGEST_ID).contains(&id.len()) && id.as_bytes().iter().all(fit)).then(|| id.clone())
}

/// The trace that a request begins: of its own id, where that will do (W3C Trace Context §3.2.2.3).
pub(super) fn trace_of(id: &HeaderValue) -> HeaderValue {
    let hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let fit = id.len() == 32 && id.as_bytes().iter().all(hex) && id.as_bytes().iter().any(|&b| b != b'0');
    if fit { id.clone() } else { fresh_id() }
}
