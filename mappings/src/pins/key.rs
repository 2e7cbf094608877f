//! What a consumer is called in the table, and in memory.

use crate::item::PIN;
use ring::digest::{SHA256, digest};
use std::io::Write as _;

/// A consumer's name that is longer is hashed.
const LONGEST: usize = 128;
/// How a hashed name begins.
const HASHED: &[u8] = b"sha256:";

/// Room for an API's name and a consumer's.
pub(super) const ROOM: usize = 128 + 1 + LONGEST;

/// The key of a consumer's pin. What is longer than 128 bytes, or not printable ASCII, goes by its SHA-256.
#[must_use]
pub fn pin_key(subject: &[u8]) -> String {
    let mut room = [0; ROOM];
    let name = name_of(write_key("", subject, &mut room)).1;
    format!("{PIN}{name}")
}

/// Writes what a consumer of an API is known by; names of APIs have no NUL.
pub(super) fn write_key<'r>(api: &str, subject: &[u8], room: &'r mut [u8; ROOM]) -> &'r [u8] {
    let mut rest = &mut room[..];
    // What does not fit is no API's name.
    let _ = rest.write_all(api.as_bytes()).and_then(|()| rest.write_all(&[0]));
    let plain = subject.len() <= LONGEST && subject.iter().all(|b| (b' '..=b'~').contains(b));
    if plain && !subject.starts_with(HASHED) {
        let _ = rest.write_all(subject);
    } else {
        let _ = rest.write_all(HASHED);
        for byte in digest(&SHA256, subject).as_ref() {
            let _ = write!(rest, "{byte:02x}");
        }
    }
    let left = rest.len();
    room.get(..ROOM - left).unwrap_or_default()
}

/// The API, and the consumer's name in the table.
pub(super) fn name_of(key: &[u8]) -> (&str, &str) {
    str::from_utf8(key).ok().and_then(|key| key.split_once('\0')).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_name_stands_as_it_is_and_any_other_is_hashed() {
        assert_eq!(pin_key(b"ann@example.com"), "#pin#ann@example.com");
        let hashed = pin_key(b"\xff");
        assert_eq!(hashed, "#pin#sha256:a8100ae6aa1940d0b663bb31cd466142ebbdbd5187131b92d93818987832eb89");
        for odd in [&b"a\0b"[..], &[b'x'; 129], b"sha256:a8100ae6", "\u{e9}".as_bytes()] {
            assert!(pin_key(odd).starts_with("#pin#sha256:") && pin_key(odd).len() == hashed.len());
        }
        assert_eq!(pin_key(&[b'x'; 128]).len(), 5 + 128);
    }

    #[test]
    fn consumers_of_two_apis_are_two() {
        let (mut one, mut other) = ([0; ROOM], [0; ROOM]);
        assert_ne!(write_key("a", b"bc", &mut one), write_key("ab", b"c", &mut other));
        let api = "x".repeat(128);
        assert_eq!(name_of(write_key(&api, &[b'y'; 128], &mut one)), (&*api, &*"y".repeat(128)));
    }
}
