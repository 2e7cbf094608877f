//! The fields that say whose request this is and where its body ends. Whoever reads the request behind us must read the
//! same one (RFC 9112 §6.3, §11.2), so what could be read in two ways is refused, not repaired.

use super::octets::is_token;
use http::uri::Authority;
use verge_carry::head::is_authority;

/// How a body is framed (RFC 9112 §6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFraming {
    /// There is no body.
    Empty,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

/// How many options `Connection` may name, fewer than make pingora refuse the request.
const MAX_OPTIONS: u8 = 8;

/// What has been seen of a head's framing.
#[derive(Debug, Default)]
pub(super) struct Framing {
    /// HTTP/1.0: no host is needed, and no chunks can come.
    pub(super) http10: bool,
    /// The authority of a target in absolute form, which `Host` must repeat.
    pub(super) authority: Option<Box<[u8]>>,
    /// Whether the request asks for another protocol.
    pub(super) upgrade: bool,
    hosts: u8,
    length: Option<u64>,
    chunked: bool,
    options: u8,
}

impl Framing {
    /// Takes a field; `false` where it cannot be relied on by itself.
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) -> bool {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.hosts = self.hosts.saturating_add(1);
                is_authority(value) && self.authority.as_deref().is_none_or(|authority| authority == value)
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => {
                self.upgrade = true;
                true
            }
            10 if name.eq_ignore_ascii_case(b"connection") => self.take_options(value),
            // One line, digits only, and few enough for any parser (RFC 9110 §8.6).
            14 if is_spelled(name, b"content-length") => {
                let plain = (1..=18).contains(&value.len()) && name.contains(&b'-');
                let length = plain.then(|| parse_digits(value)).flatten();
                length.is_some() && std::mem::replace(&mut self.length, length).is_none()
            }
            17 if is_spelled(name, b"transfer-encoding") => {
                let plain = value.eq_ignore_ascii_case(b"chunked");
                plain && name.contains(&b'-') && !std::mem::replace(&mut self.chunked, true)
            }
            _ => true,
        }
    }

    /// Takes a line of `Connection`: what it names is dropped on the way to the origin, so it may not name what says
    /// whose request this is and where it came from (RFC 9110 §7.6.1).
    fn take_options(&mut self, value: &[u8]) -> bool {
        for option in value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|option| !option.is_empty()) {
            self.options += 1;
            let kept = match option.len() {
                4 => option.eq_ignore_ascii_case(b"host"),
                15 => option.eq_ignore_ascii_case(b"x-forwarded-for"),
                16 => option.eq_ignore_ascii_case(b"x-forwarded-host"),
                17 => option.eq_ignore_ascii_case(b"x-forwarded-proto"),
                _ => false,
            };
            if kept || self.options > MAX_OPTIONS || !option.iter().all(|&b| is_token(b)) {
                return false;
            }
        }
        true
    }

    /// The body's framing, where the whole head leaves no doubt about it and about the host (RFC 9112 §3.2, §6.1).
    pub(super) fn conclude(&self) -> Option<BodyFraming> {
        let one_host = self.hosts == 1 || (self.http10 && self.hosts == 0);
        match (self.length, self.chunked) {
            _ if !one_host => None,
            (None, false) | (Some(0), false) => Some(BodyFraming::Empty),
            (Some(length), false) => Some(BodyFraming::Length(length)),
            (None, true) if !self.http10 => Some(BodyFraming::Chunked),
            _ => None,
        }
    }
}

fn parse_digits(value: &[u8]) -> Option<u64> {
    value.iter().try_fold(0_u64, |sum, b| {
        let digit = b.is_ascii_digit().then(|| u64::from(b - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })
}

/// Whether a name is this one, or would be to software that reads `_` as `-`.
fn is_spelled(name: &[u8], wanted: &[u8]) -> bool {
    name.iter().zip(wanted).all(|(a, b)| a.eq_ignore_ascii_case(b) || (*a == b'_' && *b == b'-'))
}

/// The authority of a target in absolute form, `http://authority/path` (RFC 9112 §3.2.2); `None` where it has none that
/// everybody reads alike.
pub(super) fn absolute_authority(target: &[u8]) -> Option<&[u8]> {
    let rest = strip_ignoring_case(target, b"http://").or_else(|| strip_ignoring_case(target, b"https://"))?;
    let end = rest.iter().position(|&b| matches!(b, b'/' | b'?')).unwrap_or(rest.len());
    let authority = rest.get(..end)?;
    (is_authority(authority) && Authority::try_from(authority).is_ok()).then_some(authority)
}

fn strip_ignoring_case<'a>(text: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_absolute_target_names_one_host() {
        assert_eq!(absolute_authority(b"http://a.example:80/x"), Some(&b"a.example:80"[..]));
        assert_eq!(absolute_authority(b"HTTPS://a?x"), Some(&b"a"[..]));
        for odd in ["ftp://a/", "http:/a", "http:///a", "http://u@a/", "http://a\\b/", "://a/", "a", "http://"] {
            assert_eq!(absolute_authority(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn connection_may_not_take_away_whose_request_it_is() {
        let take = |value: &str| Framing::default().take(b"Connection", value.as_bytes());
        for fine in ["close", "keep-alive, Upgrade", "TE, x-own", ",, close ,", "via", ""] {
            assert!(take(fine), "{fine:?}");
        }
        for bad in ["Host", "close, X-Forwarded-For", "x-forwarded-proto", "\"close\"", ":authority", "a b"] {
            assert!(!take(bad), "{bad:?}");
        }
        assert!(!take("a,b,c,d,e,f,g,h,i"));
    }
}
