//! What a request is called: its id, and its place in a trace.

use http::{HeaderMap, HeaderValue};
use verge_router::rewrite::TRACEPARENT;

/// A request id: 128 random bits in hex, which is also a fit W3C trace id.
pub(crate) fn fresh_id() -> HeaderValue {
    let mut text = [0; 32];
    write_hex(&mut text, fastrand::u128(1..));
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}

fn write_hex(out: &mut [u8], mut value: u128) {
    for digit in out.iter_mut().rev() {
        let nibble = u8::try_from(value & 0xf).unwrap_or(0);
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        value >>= 4;
    }
}

/// `traceparent` (W3C Trace Context §3.2): the client's where it is well formed, else a trace of our own.
pub(super) fn traceparent(headers: &HeaderMap, id: &HeaderValue) -> Option<HeaderValue> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    if let (Some(line), None) = (lines.next(), lines.next())
        && is_traceparent(line.as_bytes())
    {
        return None;
    }
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    if let (Some(trace), bytes) = (text.get_mut(3..35), id.as_bytes())
        && bytes.len() == trace.len()
    {
        trace.copy_from_slice(bytes);
    }
    if let Some(parent) = text.get_mut(36..52) {
        write_hex(parent, u128::from(fastrand::u64(1..)));
    }
    HeaderValue::from_bytes(&text).ok()
}

fn is_traceparent(text: &[u8]) -> bool {
    let hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let mut parts = text.split(|&b| b == b'-');
    let sound = |part: Option<&[u8]>, len: usize| {
        part.is_some_and(|part| {
            part.len() == len && part.iter().all(hex) && (len == 2 || part.iter().any(|&b| b != b'0'))
        })
    };
    parts.next() == Some(b"00")
        && sound(parts.next(), 32)
        && sound(parts.next(), 16)
        && sound(parts.next(), 2)
        && parts.next().is_none()
}
