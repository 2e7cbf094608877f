//! Source `query`: a parameter of the query string. Repeated, it says several values; empty, it says a malformed one.
//!
//! Parameters stand between `&`, and name and value apart at the first `=`. In both, `%` and two hexadecimal digits stand
//! for a byte (RFC 3986 §2.1). A `+` is a plus: no version has a blank in it, and `1.2+` is one.

/// More values than this are no version: none of them is dropped in silence.
pub use super::header::MAX_VALUES;

/// The values of a parameter, as received, and at most one more than [`MAX_VALUES`].
pub fn values<'r>(query: &'r str, name: &str) -> impl Iterator<Item = &'r [u8]> {
    query
        .as_bytes()
        .split(|&b| b == b'&')
        .filter_map(move |parameter| {
            let end = parameter.iter().position(|&b| b == b'=').unwrap_or(parameter.len());
            let (written, value) = parameter.split_at_checked(end)?;
            Decoded(written).eq(name.bytes()).then(|| value.strip_prefix(b"=").unwrap_or(value))
        })
        .take(MAX_VALUES + 1)
}

/// A value with its escapes undone in `buffer`, where it has any; `None` where it does not fit.
#[must_use]
pub fn decode<'a>(value: &'a [u8], buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    if !value.contains(&b'%') {
        return Some(value);
    }
    let mut len = 0;
    for b in Decoded(value) {
        *buffer.get_mut(len)? = b;
        len += 1;
    }
    buffer.get(..len)
}

/// Bytes, escapes undone; a `%` that escapes nothing stands for itself.
struct Decoded<'r>(&'r [u8]);

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let [b'%', high, low, rest @ ..] = self.0
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            self.0 = rest;
            return Some(high << 4 | low);
        }
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{string::String, vec::Vec};

    #[test]
    fn values_stand_behind_the_name() {
        for (query, expected) in [
            ("v=1", &["1"][..]),
            ("a=b&v=1&c", &["1"]),
            ("v=1&v=2", &["1", "2"]),
            ("v", &[""]),
            ("v=", &[""]),
            ("v=a=b", &["a=b"]),
            ("%76=1", &["1"]),
            ("V=1&vv=1&av=1&v%20=1", &[]),
            ("", &[]),
            ("&&", &[]),
            ("v=1;v=2", &["1;v=2"]),
        ] {
            assert_eq!(
                values(query, "v").collect::<Vec<_>>(),
                expected.iter().map(|v| v.as_bytes()).collect::<Vec<_>>(),
                "{query}"
            );
        }
        assert_eq!(values(&"v=1&".repeat(500), "v").count(), MAX_VALUES + 1);
    }

    #[test]
    fn escapes_are_undone_once() {
        for (value, expected) in [
            ("1", "1"),
            ("%31", "1"),
            ("1.2%2B", "1.2+"),
            ("1.2%2b", "1.2+"),
            ("1.2+", "1.2+"),
            ("%2531", "%31"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz1", "%zz1"),
        ] {
            let mut buffer = [0; 8];
            let decoded = decode(value.as_bytes(), &mut buffer).map(|text| String::from_utf8_lossy(text).into_owned());
            assert_eq!(decoded.as_deref(), Some(expected), "{value}");
        }
        assert_eq!(decode(b"%31%31%31", &mut [0; 2]), None);
    }
}
