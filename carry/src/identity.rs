//! A request's place in a trace (W3C Trace Context).

use http::{HeaderMap, HeaderValue};
use verge_router::rewrite::TRACEPARENT;

/// Writes a number in hexadecimal digits, as many as there is room for.
pub fn write_hex(out: &mut [u8], mut value: u64) {
    for digit in out.iter_mut().rev() {
        let [nibble, ..] = (value & 0xf).to_le_bytes();
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        value >>= 4;
    }
}

/// The same of two numbers, the higher digits first.
pub fn write_hex_pair(out: &mut [u8; 32], high: u64, low: u64) {
    let (begin, end) = out.split_at_mut(16);
    write_hex(begin, high);
    write_hex(end, low);
}

/// `traceparent` (W3C Trace Context §3.2): the client's where it is well formed, and then `None`; else a trace of our own,
/// of this id (32 hexadecimal digits) and begun by this span.
#[must_use]
pub fn traceparent(headers: &HeaderMap, trace: &[u8], span: u64) -> Option<HeaderValue> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    if let (Some(line), None) = (lines.next(), lines.next())
        && is_traceparent(line.as_bytes())
    {
        return None;
    }
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    if let Some(of_text) = text.get_mut(3..35).filter(|of_text| of_text.len() == trace.len()) {
        of_text.copy_from_slice(trace);
    }
    if let Some(parent) = text.get_mut(36..52) {
        write_hex(parent, span);
    }
    HeaderValue::from_bytes(&text).ok()
}

/// Apart, as most clients send none.
#[inline(never)]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_as_many_as_there_is_room_for() {
        for (value, digits) in [(0xab, "ab"), (0x1_0ab, "0ab"), (u64::MAX - 0xf, "00fffffffffffffff0"), (1, "")] {
            let mut out = vec![0; digits.len()];
            write_hex(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), digits);
        }
        let mut out = [0; 32];
        write_hex_pair(&mut out, 0xab << 56, 0xcd);
        assert_eq!(String::from_utf8(out.into()).unwrap(), "ab0000000000000000000000000000cd");
    }

    #[test]
    fn a_trace_goes_on_and_what_is_none_begins_one() {
        let ours = "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000ab-00";
        let trace = b"4bf92f3577b34da6a3ce929d0e0e4736";
        let of = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(TRACEPARENT, HeaderValue::from_static(line));
            }
            traceparent(&headers, trace, 0xab)
        };
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(of(&[good]), None);
        for odd in [&[][..], &[good, good], &["00-00000000000000000000000000000000-00f067aa0ba902b7-01"], &["x"]] {
            assert_eq!(of(odd).unwrap(), ours, "{odd:?}");
        }
    }
}
