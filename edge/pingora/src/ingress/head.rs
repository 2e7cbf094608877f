//! The head of an HTTP/1 request, byte by byte, before any parser sees it: where it ends, and whether it may.
//!
//! Line ends are CRLF and nothing else (RFC 9112 §2.2 lets a server be strict); a head that is too large is known as
//! soon as it is, not when it has arrived. A body must be framed in one way only, so that whoever reads this request
//! behind us reads the same one (RFC 9112 §6.3, §11.2).

use http::header;
use pingora_http::RequestHeader;
use verge_router::Reason;

/// What a head may measure.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeadLimits {
    /// Bytes of the whole head.
    pub(crate) head: usize,
    /// Number of fields.
    pub(crate) fields: usize,
    /// Bytes of the request target.
    pub(crate) target: usize,
}

/// How far a head has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More bytes are needed.
    Partial,
    /// It is whole, and has this many bytes.
    Complete(usize),
    /// It must be refused.
    Refused(Reason),
}

/// Walks over a growing head; no byte is looked at twice.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    line_start: usize,
    scanned: usize,
    lines: usize,
    framing: Framing,
}

impl HeadScan {
    /// Looks at what has arrived since the last call; `bytes` is everything so far.
    pub(crate) fn scan(&mut self, bytes: &[u8], limits: &HeadLimits) -> Progress {
        while let Some(found) = bytes.get(self.scanned..).and_then(|fresh| memchr::memchr(b'\n', fresh)) {
            let end = self.scanned + found;
            if end + 1 > limits.head {
                return Progress::Refused(Reason::HeadTooLarge);
            }
            let line = bytes.get(self.line_start..end).unwrap_or_default();
            self.line_start = end + 1;
            self.scanned = end + 1;
            let Some(line) = line.strip_suffix(b"\r") else {
                return Progress::Refused(Reason::BadRequest);
            };
            match self.lines {
                // An empty line before the request line is skipped by tolerant servers; we are not one.
                0 if line.is_empty() => return Progress::Refused(Reason::BadRequest),
                0 => {
                    if let Some(refused) = check_request_line(line, limits) {
                        return Progress::Refused(refused);
                    }
                    self.framing.http10 = line.ends_with(b"1.0");
                }
                _ if line.is_empty() && self.framing.is_clear() => return Progress::Complete(end + 1),
                _ if line.is_empty() => return Progress::Refused(Reason::BadRequest),
                _ if self.lines > limits.fields => return Progress::Refused(Reason::HeadTooLarge),
                _ => {
                    let sound = check_field_line(line).is_some_and(|(name, value)| self.framing.take(name, value));
                    if !sound {
                        return Progress::Refused(Reason::BadRequest);
                    }
                }
            }
            self.lines += 1;
        }
        self.scanned = bytes.len();
        if bytes.len() >= limits.head {
            // Say what is too long: a target that fills the head is not a matter of fields.
            let target = self.lines == 0 && limits.target < limits.head;
            return Progress::Refused(if target { Reason::TargetTooLong } else { Reason::HeadTooLarge });
        }
        Progress::Partial
    }
}

/// Checks an HTTP/2 head, which its codec has taken apart already: the same limits, and nothing that an origin would read
/// otherwise once it is HTTP/1 again.
pub(crate) fn check_http2(head: &RequestHeader, limits: &HeadLimits) -> Option<Reason> {
    let target = head.raw_path();
    if target.len() > limits.target {
        return Some(Reason::TargetTooLong);
    }
    let line = |name: &[u8], value: &[u8]| name.len() + value.len() + b": \r\n".len();
    let fields = || head.headers.iter().map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()));
    let size: usize = fields().map(|(name, value)| line(name, value)).sum();
    // A cookie may come in crumbs (RFC 9113 §8.2.3), which are one field all the same.
    let crumbs = head.headers.get_all(header::COOKIE).iter().skip(1).count();
    if target.len() + size > limits.head || head.headers.len() - crumbs > limits.fields {
        return Some(Reason::HeadTooLarge);
    }
    let mut framing = Framing::default();
    let sound = target.iter().all(u8::is_ascii_graphic) && fields().all(|(name, value)| framing.take(name, value));
    (!sound).then_some(Reason::BadRequest)
}

/// `method SP request-target SP HTTP-version` (RFC 9112 §3), with a target of visible ASCII.
fn check_request_line(line: &[u8], limits: &HeadLimits) -> Option<Reason> {
    let Some((method, target, version)) = split_request_line(line) else {
        return Some(Reason::BadRequest);
    };
    if target.len() > limits.target {
        return Some(Reason::TargetTooLong);
    }
    let known = matches!(version, b"HTTP/1.1" | b"HTTP/1.0");
    if method.is_empty() || !method.iter().all(|&b| is_token(b)) || !is_target(target) || !known {
        return Some(Reason::BadRequest);
    }
    // The proxy behind would refuse it with an answer of its own.
    if method == b"CONNECT" {
        return Some(Reason::MethodNotAllowed);
    }
    // Absolute form is left to the parser behind; what is neither is for OPTIONS only (RFC 9112 §3.2).
    let fits = match target {
        [b'/', ..] => true,
        b"*" => method == b"OPTIONS",
        _ => target.windows(3).any(|part| part == b"://"),
    };
    (!fits).then_some(Reason::BadRequest)
}

/// The three words of a request line, with one space between them.
fn split_request_line(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (method, rest) = line.split_at_checked(memchr::memchr(b' ', line)?)?;
    let rest = rest.get(1..)?;
    let (target, version) = rest.split_at_checked(memchr::memchr(b' ', rest)?)?;
    Some((method, target, version.get(1..)?))
}

/// Visible ASCII, and nothing that the URI type behind refuses: on one side of the question mark or on both.
fn is_target(target: &[u8]) -> bool {
    let query = memchr::memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(query).unwrap_or((target, &[]));
    // Without a way out of the loop, the compiler looks at many bytes at once.
    let sound = |part: &[u8], unfit: u8| {
        !part.iter().fold(false, |bad, &b| {
            bad | (b <= b' ') | (b >= 0x7f) | (b == b'#') | (b == b'<') | (b == b'>') | (b == unfit)
        })
    };
    !target.is_empty() && sound(path, b'`') && sound(query, b'"')
}

/// `field-name ":" OWS field-value OWS` (RFC 9112 §5): a token, no blank before the colon, no folding, no control bytes.
fn check_field_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    // What ends the token must be the colon.
    let (name, rest) = line.split_at_checked(line.iter().position(|&b| !is_token(b))?)?;
    let value = rest.strip_prefix(b":")?;
    let unfit = value.iter().fold(false, |bad, &b| bad | ((b < b' ') & (b != b'\t')) | (b == 0x7f));
    (!name.is_empty() && !unfit).then_some((name, value.trim_ascii()))
}

/// The fields that say whose request this is and where its body ends.
#[derive(Debug, Default)]
struct Framing {
    http10: bool,
    hosts: u8,
    length: bool,
    chunked: bool,
}

impl Framing {
    /// Takes a field; `false` where it cannot be relied on by itself.
    fn take(&mut self, name: &[u8], value: &[u8]) -> bool {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                self.hosts = self.hosts.saturating_add(1);
                is_authority(value)
            }
            // One line, digits only, and few enough for any parser (RFC 9110 §8.6).
            14 if is_spelled(name, b"content-length") => {
                let plain = (1..=18).contains(&value.len()) && value.iter().all(u8::is_ascii_digit);
                plain && name.contains(&b'-') && !std::mem::replace(&mut self.length, true)
            }
            17 if is_spelled(name, b"transfer-encoding") => {
                let plain = value.eq_ignore_ascii_case(b"chunked");
                plain && name.contains(&b'-') && !std::mem::replace(&mut self.chunked, true)
            }
            _ => true,
        }
    }

    /// Whether the whole head leaves no doubt (RFC 9112 §3.2, §6.1).
    fn is_clear(&self) -> bool {
        let one_host = self.hosts == 1 || (self.http10 && self.hosts == 0);
        one_host && !(self.length && self.chunked) && !(self.http10 && self.chunked)
    }
}

/// Whether a name is this one, or would be to software that reads `_` as `-`.
fn is_spelled(name: &[u8], wanted: &[u8]) -> bool {
    name.iter().zip(wanted).all(|(a, b)| a.eq_ignore_ascii_case(b) || (*a == b'_' && *b == b'-'))
}

/// `host [":" port]` without user information, path or blanks (RFC 3986 §3.2).
pub(crate) fn is_authority(value: &[u8]) -> bool {
    let end = match value {
        [b'[', ..] => value.iter().position(|&b| b == b']').map_or(value.len(), |bracket| bracket + 1),
        _ => value.iter().position(|&b| b == b':').unwrap_or(value.len()),
    };
    let (host, port) = value.split_at_checked(end).unwrap_or((value, &[]));
    let port_fits = port.is_empty() || port.strip_prefix(b":").is_some_and(|port| port.iter().all(u8::is_ascii_digit));
    !host.is_empty() && host.iter().all(|&b| is(b, HOST)) && port_fits
}

/// `tchar` (RFC 9110 §5.6.2).
fn is_token(b: u8) -> bool {
    is(b, TOKEN)
}

/// Whether a byte is of this kind.
fn is(b: u8, kind: u8) -> bool {
    KINDS.get(usize::from(b)).is_some_and(|kinds| kinds & kind != 0)
}

const TOKEN: u8 = 1;
const HOST: u8 = 2;

/// What each byte may be part of: most of a head is looked up here.
static KINDS: [u8; 256] = kinds();

const fn kinds() -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut b = 0_u8;
    while b < 0x7f {
        let token = matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        let host = matches!(
            b,
            b'-' | b'.' | b'_' | b'~' | b':' | b'[' | b']' | b'%' | b'!' | b'$' | b'&'..=b'+' | b';' | b'='
        );
        let letter = b.is_ascii_alphanumeric();
        #[expect(clippy::indexing_slicing, reason = "as many kinds as bytes, and seen to be so when this is compiled")]
        {
            kinds[b as usize] = ((token || letter) as u8 * TOKEN) | ((host || letter) as u8 * HOST);
        }
        b += 1;
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { head: 256, fields: 4, target: 64 };

    /// The outcome when the head arrives at once, which must be the outcome when it arrives byte by byte.
    fn scan(head: &[u8]) -> Progress {
        let whole = HeadScan::default().scan(head, &LIMITS);
        let mut scan = HeadScan::default();
        let dripped = (1..=head.len())
            .map(|end| scan.scan(&head[..end], &LIMITS))
            .find(|progress| *progress != Progress::Partial)
            .unwrap_or(Progress::Partial);
        assert_eq!(whole, dripped, "{:?}", String::from_utf8_lossy(head));
        whole
    }

    #[test]
    fn a_head_ends_at_the_first_empty_line() {
        let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(scan(head), Progress::Complete(head.len()));
        assert_eq!(scan(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"), Progress::Complete(head.len()));
        assert_eq!(scan(b"GET / HTTP/1.1\r\nHost: a\r\n"), Progress::Partial);
        let star = b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(scan(star), Progress::Complete(star.len()));
        assert_eq!(scan(b"GET / HTTP/1.0\r\n\r\n"), Progress::Complete(18));
    }

    #[test]
    fn what_is_not_strictly_http_is_refused() {
        for bad in [
            "GET / HTTP/1.1\nHost: a\n\n",
            "GET / HTTP/1.1\r\nHost: a\n\r\n",
            "\r\nGET / HTTP/1.1\r\n\r\n",
            "GET  / HTTP/1.1\r\n\r\n",
            "GET /a b HTTP/1.1\r\n\r\n",
            "GET /\t HTTP/1.1\r\n\r\n",
            "GET /#x HTTP/1.1\r\n\r\n",
            "GET * HTTP/1.1\r\n\r\n",
            "GET a HTTP/1.1\r\n\r\n",
            "GET HTTP/1.1\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n",
            "PRI * HTTP/2.0\r\n\r\n",
            "GET /\u{e4} HTTP/1.1\r\n\r\n",
            "GET /<a> HTTP/1.1\r\n\r\n",
            "GET /`a HTTP/1.1\r\n\r\n",
            "GET /?a=\"b\" HTTP/1.1\r\n\r\n",
            "G(T / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\n: v\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\0\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nHost:\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        ] {
            assert_eq!(scan(bad.as_bytes()), Progress::Refused(Reason::BadRequest), "{bad:?}");
        }
    }

    #[test]
    fn a_body_framed_in_one_way_passes() {
        for framing in ["Content-Length: 5", "content-length:\t0 ", "Transfer-Encoding: Chunked"] {
            let head = format!("POST / HTTP/1.1\r\nHost: a:80\r\n{framing}\r\n\r\n");
            assert_eq!(scan(head.as_bytes()), Progress::Complete(head.len()), "{framing}");
        }
    }

    #[test]
    fn a_host_may_have_a_port_and_be_an_address() {
        for host in ["a", "a:80", "a:", "a.:443", "127.0.0.1:80", "[::1]", "[::1]:80"] {
            assert!(is_authority(host.as_bytes()), "{host}");
        }
    }

    #[test]
    fn an_http2_head_has_the_same_limits() {
        let head = |target: &str, fields: &[(&str, &str)]| {
            let mut head = RequestHeader::build("GET", target.as_bytes(), None).unwrap();
            for (name, value) in fields {
                head.append_header((*name).to_owned(), *value).unwrap();
            }
            check_http2(&head, &LIMITS)
        };
        let crumbs = [("cookie", "a=1"); 5];
        assert_eq!(head("/", &crumbs), None);
        assert_eq!(head("/", &[("content-length", "5")]), None);
        assert_eq!(head(&format!("/{}", "a".repeat(64)), &[]), Some(Reason::TargetTooLong));
        assert_eq!(head("/", &[("a", "b"); 5]), Some(Reason::HeadTooLarge));
        assert_eq!(head("/", &[("a", &"b".repeat(256))]), Some(Reason::HeadTooLarge));
        for bad in [
            &[("content-length", "5"), ("content-length", "5")][..],
            &[("content_length", "5")],
            &[("transfer_encoding", "chunked")],
        ] {
            assert_eq!(head("/", bad), Some(Reason::BadRequest), "{bad:?}");
        }
        assert_eq!(head("/\u{e4}", &[]), Some(Reason::BadRequest));
    }

    #[test]
    fn connect_is_refused_as_a_method() {
        assert_eq!(scan(b"CONNECT a:443 HTTP/1.1\r\n\r\n"), Progress::Refused(Reason::MethodNotAllowed));
    }

    #[test]
    fn each_limit_has_its_own_answer() {
        let target = format!("GET /{} HTTP/1.1\r\n", "a".repeat(64));
        assert_eq!(scan(target.as_bytes()), Progress::Refused(Reason::TargetTooLong));
        let endless = format!("GET /{}", "a".repeat(300));
        assert_eq!(scan(endless.as_bytes()), Progress::Refused(Reason::TargetTooLong));
        let large = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(300));
        assert_eq!(scan(large.as_bytes()), Progress::Refused(Reason::HeadTooLarge));
        let many = format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(5));
        assert_eq!(scan(many.as_bytes()), Progress::Refused(Reason::HeadTooLarge));
        let enough = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(3));
        assert_eq!(scan(enough.as_bytes()), Progress::Complete(enough.len()));
    }
}
