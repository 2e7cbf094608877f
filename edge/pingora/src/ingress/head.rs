//! The head of an HTTP/1 request, byte by byte, before any parser sees it: where it ends, and whether it may.
//!
//! Line ends are CRLF and nothing else (RFC 9112 §2.2 lets a server be strict); a head that is too large is known as
//! soon as it is, not when it has arrived. A body must be framed in one way only, so that whoever reads this request
//! behind us reads the same one (RFC 9112 §6.3, §11.2).

use super::{
    framing::{BodyFraming, Framing, absolute_authority},
    octets::{find_control, is_token, token_length},
};
use http::header;
use pingora_http::RequestHeader;
use verge_carry::head::is_target;
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
    /// It is whole, has this many bytes, and this is how its body is framed.
    Complete(usize, BodyFraming),
    /// It must be refused.
    Refused(Reason),
}

/// Walks over a growing head; no byte is looked at twice, but those of a first line that is longer than a target may be.
#[derive(Debug, Default)]
pub(crate) struct HeadScan {
    line_start: usize,
    scanned: usize,
    lines: usize,
    framing: Framing,
}

impl HeadScan {
    /// Looks at what has arrived since the last call; `bytes` is everything so far. The outcome hangs on the bytes, not on
    /// the pieces they come in: what comes after the byte that decides is not looked at.
    pub(crate) fn scan(&mut self, bytes: &[u8], limits: &HeadLimits) -> Progress {
        let bytes = bytes.get(..limits.head).unwrap_or(bytes);
        while let Some(found) = bytes.get(self.scanned..).and_then(find_control) {
            let end = self.scanned + found;
            let line = bytes.get(self.line_start..end).unwrap_or_default();
            if self.lines == 0 && is_target_too_long(line, limits) {
                return Progress::Refused(Reason::TargetTooLong);
            }
            match bytes.get(end..end + 2) {
                Some(b"\r\n") => {}
                // What is half a line end may become one.
                None if bytes.last() == Some(&b'\r') => {
                    self.scanned = end;
                    return self.unfinished(bytes, limits);
                }
                _ => return Progress::Refused(Reason::BadRequest),
            }
            self.line_start = end + 2;
            self.scanned = end + 2;
            match self.lines {
                // An empty line before the request line is skipped by tolerant servers; we are not one.
                0 if line.is_empty() => return Progress::Refused(Reason::BadRequest),
                0 => {
                    if let Err(refused) = check_request_line(line, &mut self.framing) {
                        return Progress::Refused(refused);
                    }
                }
                _ if line.is_empty() => {
                    return match self.framing.conclude() {
                        Some(body) => Progress::Complete(end + 2, body),
                        None => Progress::Refused(Reason::BadRequest),
                    };
                }
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
        if self.lines == 0 && is_target_too_long(bytes, limits) {
            return Progress::Refused(Reason::TargetTooLong);
        }
        self.unfinished(bytes, limits)
    }

    /// What a head is whose last line has not ended.
    fn unfinished(&self, bytes: &[u8], limits: &HeadLimits) -> Progress {
        if bytes.len() < limits.head {
            return Progress::Partial;
        }
        // Say what is too long: a target that fills the head is not a matter of fields.
        let target = self.lines == 0 && target_so_far(bytes).is_some_and(|(_, is_whole)| !is_whole);
        Progress::Refused(if target { Reason::TargetTooLong } else { Reason::HeadTooLarge })
    }

    /// Whether the head, once it is whole, asks for another protocol.
    pub(crate) fn asks_for_upgrade(&self) -> bool {
        self.framing.upgrade
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
    // A value has no blanks around it (RFC 9113 §8.2.1); in HTTP/1 they are no part of it.
    let bare = |value: &[u8]| value.trim_ascii().len() == value.len();
    let sound = target.iter().all(u8::is_ascii_graphic)
        && fields().all(|(name, value)| bare(value) && framing.take(name, value));
    (!sound).then_some(Reason::BadRequest)
}

/// `method SP request-target SP HTTP-version` (RFC 9112 §3), with a target of visible ASCII.
fn check_request_line(line: &[u8], framing: &mut Framing) -> Result<(), Reason> {
    let (method, target, version) = split_request_line(line).ok_or(Reason::BadRequest)?;
    let known = matches!(version, b"HTTP/1.1" | b"HTTP/1.0");
    if method.is_empty() || !method.iter().all(|&b| is_token(b)) || !is_target(target) || !known {
        return Err(Reason::BadRequest);
    }
    framing.http10 = version == b"HTTP/1.0";
    // The proxy behind would refuse it with an answer of its own.
    if method == b"CONNECT" {
        return Err(Reason::MethodNotAllowed);
    }
    match target {
        [b'/', ..] => {}
        b"*" if method == b"OPTIONS" => {}
        // What is neither is absolute, and says whose request it is (RFC 9112 §3.2.2).
        _ => framing.authority = Some(absolute_authority(target).ok_or(Reason::BadRequest)?.into()),
    }
    Ok(())
}

/// Whether the target is known to be too long, as far as the request line has come.
fn is_target_too_long(line: &[u8], limits: &HeadLimits) -> bool {
    // Nearly all lines are too short for that.
    line.len() > limits.target && target_so_far(line).is_some_and(|(target, _)| target.len() > limits.target)
}

/// What has come of the target, and whether that is all of it; `None` before it has begun.
fn target_so_far(line: &[u8]) -> Option<(&[u8], bool)> {
    let rest = line.get(memchr::memchr(b' ', line)? + 1..)?;
    match memchr::memchr(b' ', rest) {
        Some(end) => Some((rest.get(..end)?, true)),
        None => Some((rest, false)),
    }
}

/// The three words of a request line, with one space between them.
fn split_request_line(line: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (method, rest) = line.split_at_checked(memchr::memchr(b' ', line)?)?;
    let rest = rest.get(1..)?;
    let (target, version) = rest.split_at_checked(memchr::memchr(b' ', rest)?)?;
    Some((method, target, version.get(1..)?))
}

/// `field-name ":" OWS field-value OWS` (RFC 9112 §5): a token, no blank before the colon, no folding, no control bytes.
fn check_field_line(line: &[u8]) -> Option<(&[u8], &[u8])> {
    // What ends the token must be the colon; control bytes have been looked for with the line's end.
    let (name, rest) = line.split_at_checked(token_length(line))?;
    let value = rest.strip_prefix(b":")?;
    (!name.is_empty()).then_some((name, value.trim_ascii()))
}

#[cfg(test)]
mod tests;
