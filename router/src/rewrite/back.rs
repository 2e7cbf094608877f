//! The way back: what an origin says of where things are, said as the client can follow it.
//!
//! An answer names places by URLs of its origin, which clients neither know nor may reach. Those that name the origin of
//! this very request and its base path are mapped back by undoing what the way there did: the client's scheme and host
//! for the origin's, the base path cut, and what was cut off the client's path put back. Everything else is passed on
//! as it came: URLs of other hosts, relative references (what they are relative to was mapped too), and whatever cannot
//! be read. No answer gets a host from here that was neither in it nor in the request.

mod cookie;
mod link;
mod refresh;

use super::target::climbs;
use crate::{origin::Origin, table::bare_host};
use alloc::vec::Vec;
use cookie::map_cookie;
use http::HeaderValue;
use link::map_link;
use refresh::map_refresh;

/// The longest line that is mapped, and the longest that may come of it, in bytes. Longer ones are passed on.
const MAX_LINE: usize = 16 * 1024;

/// Both ends of one request: where it was found, and where it went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Back<'a> {
    pub(super) origin: &'a Origin,
    /// The client's scheme.
    pub(super) scheme: &'static str,
    /// The client's `Host`, as written.
    pub(super) host: &'a str,
    /// The API's own path: `/orders`, or nothing.
    pub(super) own: &'a str,
    /// Whether that was cut.
    pub(super) strip: bool,
    /// The version's segment that was cut after it: `/v1`, or nothing.
    pub(super) segment: &'a str,
    /// Whether nothing of the client's path was left after the cuts.
    pub(super) nothing_left: bool,
}

/// A field with URLs in it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    /// `Location` and `Content-Location` (RFC 9110 §10.2.2, §8.7): one reference.
    Reference,
    /// `Link` (RFC 8288 §3).
    Link,
    /// `Refresh` (HTML, "shared declarative refresh steps").
    Refresh,
    /// `Set-Cookie` (RFC 6265 §4.1).
    Cookie,
}

impl Back<'_> {
    /// A line as the client is to see it; `None`: as it came.
    pub(super) fn map(&self, place: Place, line: &HeaderValue) -> Option<HeaderValue> {
        let line = line.as_bytes();
        if line.len() > MAX_LINE {
            return None;
        }
        let mapped = match place {
            Place::Reference => self.map_reference(line.trim_ascii())?,
            Place::Link => map_link(line, |target| self.map_reference(target))?,
            Place::Refresh => map_refresh(line, |target| self.map_reference(target))?,
            Place::Cookie => map_cookie(line, self)?,
        };
        (mapped.len() <= MAX_LINE).then(|| HeaderValue::try_from(mapped).ok()).flatten()
    }

    /// A URI reference (RFC 3986 §4.1) as the client is to see it; `None`: as it came.
    fn map_reference(&self, reference: &[u8]) -> Option<Vec<u8>> {
        if !reference.iter().all(|b| may_stand(*b)) {
            return None;
        }
        let mut out = Vec::with_capacity(reference.len() + self.host.len() + self.own.len() + 16);
        match reference {
            [b'/', b'/', rest @ ..] => {
                let path = self.after_origin(rest)?;
                self.write_authority(&mut out, false)?;
                self.write_path(&mut out, path)?;
            }
            [b'/', ..] => {
                self.write_path(&mut out, reference)?;
                // `//a` would name a host: what was a path before stays one.
                if out.starts_with(b"//") {
                    let path = core::mem::take(&mut out);
                    self.write_authority(&mut out, true)?;
                    out.extend_from_slice(&path);
                }
            }
            _ => match split_scheme(reference) {
                Some((scheme, rest)) => {
                    let own = scheme.eq_ignore_ascii_case(self.origin.scheme().as_str().as_bytes());
                    let path = self.after_origin(rest.strip_prefix(b"//").filter(|_| own)?)?;
                    // Without a host of the client's (HTTP/1.0) only the path can be told.
                    let hostless = self.write_authority(&mut out, true).is_none();
                    self.write_path(&mut out, path)?;
                    if hostless && out.starts_with(b"//") {
                        return None;
                    }
                }
                None => self.write_relative(&mut out, reference)?,
            },
        }
        Some(out)
    }

    /// What follows the authority, where that is the origin's.
    fn after_origin<'r>(&self, rest: &'r [u8]) -> Option<&'r [u8]> {
        let end = rest.iter().position(|b| matches!(b, b'/' | b'?' | b'#')).unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(end)?;
        self.is_origin(authority).then_some(path)
    }

    /// Whether an authority (RFC 3986 §3.2) is the row's: its domain and port, and nobody's name before an `@`.
    fn is_origin(&self, authority: &[u8]) -> bool {
        let (host, port) = match authority.iter().position(|b| *b == b':') {
            Some(colon) => (authority.get(..colon).unwrap_or_default(), authority.get(colon + 1..).unwrap_or_default()),
            None => (authority, &[][..]),
        };
        let host = host.strip_suffix(b".").unwrap_or(host);
        let port = match port {
            [] => Some(self.origin.scheme().default_port()),
            _ if port.iter().all(u8::is_ascii_digit) => {
                core::str::from_utf8(port).ok().and_then(|port| port.parse().ok())
            }
            _ => None,
        };
        port == Some(self.origin.port()) && host.eq_ignore_ascii_case(self.origin.domain().as_str().as_bytes())
    }

    /// `scheme://host` or `//host`, as the client has it; `None` where it named no host.
    fn write_authority(&self, out: &mut Vec<u8>, scheme: bool) -> Option<()> {
        if self.host.is_empty() {
            return None;
        }
        if scheme {
            out.extend_from_slice(self.scheme.as_bytes());
            out.push(b':');
        }
        out.extend_from_slice(b"//");
        out.extend_from_slice(self.host.as_bytes());
        Some(())
    }

    /// Path, query and fragment at the origin, written as they are for the client; `None` where the path is not under the
    /// base path, or does not stay there.
    fn write_path(&self, out: &mut Vec<u8>, path: &[u8]) -> Option<()> {
        let rest = strip_segments(path, self.origin.base_path().as_bytes())?;
        // The client wrote the segment: on a neutral path it need not be a version, and must not become an attribute of a
        // cookie or the end of a link.
        if climbs(path_of(rest)) || !self.segment.bytes().all(may_stand_in_segment) {
            return None;
        }
        let begin = out.len();
        if self.strip {
            out.extend_from_slice(self.own.as_bytes());
            out.extend_from_slice(self.segment.as_bytes());
            out.extend_from_slice(rest);
        } else {
            // The version's segment stood after the API's own path, which the origin knows.
            match strip_segments(rest, self.own.as_bytes()) {
                // Behind one segment more, what led out of the API's path leads elsewhere.
                Some(rest) if !self.segment.is_empty() && climbs(path_of(rest)) => return None,
                Some(rest) => {
                    out.extend_from_slice(self.own.as_bytes());
                    out.extend_from_slice(self.segment.as_bytes());
                    out.extend_from_slice(rest);
                }
                None => out.extend_from_slice(rest),
            }
        }
        if !matches!(out.get(begin), Some(b'/')) {
            out.insert(begin, b'/');
        }
        Some(())
    }

    /// A relative reference means the same on both sides, but for one case: where nothing was left of the client's path,
    /// the origin saw a slash at its end that the client did not write.
    fn write_relative(&self, out: &mut Vec<u8>, reference: &[u8]) -> Option<()> {
        if !self.nothing_left || matches!(reference, [] | [b'?' | b'#', ..]) {
            return None;
        }
        let begin = if self.strip { self.own.len() } else { 0 } + self.segment.len();
        if begin == 0 {
            return None;
        }
        if self.strip {
            out.extend_from_slice(self.own.as_bytes());
        }
        out.extend_from_slice(self.segment.as_bytes());
        out.push(b'/');
        out.extend_from_slice(reference);
        (!climbs(path_of(out.get(begin..)?))).then_some(())
    }

    /// The path of a cookie (RFC 6265 §5.1.4) for the client; `None`: as it came. Cookies of `/` are for all there is,
    /// on either side.
    fn map_cookie_path(&self, path: &[u8]) -> Option<Vec<u8>> {
        if path == b"/" || !path.starts_with(b"/") || !path.iter().all(|b| may_stand(*b)) {
            return None;
        }
        let base = self.origin.base_path().as_bytes();
        let above = path.strip_suffix(b"/").unwrap_or(path);
        if above.len() < base.len() && strip_segments(base, above).is_some() {
            return Some(b"/".to_vec());
        }
        let mut out = Vec::with_capacity(path.len() + self.own.len());
        self.write_path(&mut out, path)?;
        // The whole of the base path is the whole of what was cut, with or without a slash.
        if above.len() == base.len() && out.len() > 1 && out.ends_with(b"/") {
            out.pop();
        }
        Some(out)
    }

    /// Whether a cookie's `Domain` is one that the origin may set and a browser would not take from the client's host
    /// (RFC 6265 §5.1.3).
    fn is_foreign_domain(&self, domain: &[u8]) -> bool {
        let client = bare_host(self.host).unwrap_or_default();
        domain_matches(self.origin.domain().as_str().as_bytes(), domain) && !domain_matches(client, domain)
    }
}

/// Whether a host domain-matches a cookie's domain: is it, or is a name below it.
fn domain_matches(host: &[u8], domain: &[u8]) -> bool {
    if host.eq_ignore_ascii_case(domain) {
        return true;
    }
    // Addresses have no names below them. A name's last label never begins with a digit.
    let last = host.rsplit(|b| *b == b'.').next().unwrap_or_default();
    if domain.is_empty() || last.first().is_none_or(|b| b.is_ascii_digit() || *b == b'[') {
        return false;
    }
    let Some((above, tail)) = host.len().checked_sub(domain.len()).and_then(|at| host.split_at_checked(at)) else {
        return false;
    };
    above.ends_with(b".") && tail.eq_ignore_ascii_case(domain)
}

/// What may stand in a reference that is mapped. Blanks, controls and what URIs are written between would be read
/// otherwise by one or the other (browsers drop tabs, and take `\` for `/`): such a value is passed on.
fn may_stand(b: u8) -> bool {
    !(b <= b' ' || matches!(b, 0x7f | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}'))
}

/// What a version may be made of, and the slash before it.
fn may_stand_in_segment(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"/.-_~+".contains(&b)
}

/// `https` and `//…` of `https://…` (RFC 3986 §3.1); `None` where a reference has no scheme.
fn split_scheme(reference: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = reference.iter().position(|b| matches!(b, b':' | b'/' | b'?' | b'#'))?;
    let scheme = reference.get(..colon)?;
    let rest = reference.get(colon..)?.strip_prefix(b":")?;
    scheme.first().is_some_and(u8::is_ascii_alphabetic).then_some((scheme, rest))
}

/// The path's part of a path with query and fragment.
fn path_of(reference: &[u8]) -> &[u8] {
    let end = reference.iter().position(|b| matches!(b, b'?' | b'#')).unwrap_or(reference.len());
    reference.get(..end).unwrap_or_default()
}

/// What follows a prefix that ends at a segment border.
fn strip_segments<'r>(path: &'r [u8], prefix: &[u8]) -> Option<&'r [u8]> {
    path.strip_prefix(prefix).filter(|rest| matches!(rest, [] | [b'/' | b'?' | b'#', ..]))
}

#[cfg(test)]
mod tests;
