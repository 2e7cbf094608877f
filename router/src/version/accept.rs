//! Source `accept`: media ranges that name a version (RFC 9110 §12.5.1).
//!
//! All `Accept` lines form one list. Elements are cut at commas outside quoted strings; empty ones do not count; `q` is
//! found in any position; a bad `q` skips its range. At most [`MAX_RANGES`] ranges are considered. One pass, no
//! allocation; but see [`joined`].

use crate::{api::Vendor, bytes::position_of, caseless::Caseless, resolve::label::MAX_VERSION};
use alloc::vec::Vec;
use http::{HeaderMap, HeaderValue, header};

/// Ranges beyond this many are not considered.
pub const MAX_RANGES: usize = 64;

/// The longest media type that can be a table key, in bytes.
pub const MAX_WHOLE: usize = 256;

/// One media range whose `q` could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range<'r> {
    /// `type/subtype`, as received.
    pub media: &'r [u8],
    /// The `version` parameter's value.
    pub version: Option<Text<'r>>,
    /// Whether `version` stands there again with another value, which RFC 6838 §4.3 forbids.
    pub torn: bool,
    /// The whole element, as received.
    pub element: &'r [u8],
    /// Weight in thousandths: 0 refuses, 1000 is full.
    pub q: u16,
}

/// A parameter's value: a token, or what stands between the quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'r> {
    bytes: &'r [u8],
    escaped: bool,
}

impl<'r> Text<'r> {
    const fn token(bytes: &'r [u8]) -> Self {
        Self { bytes, escaped: false }
    }

    /// The value, its escapes undone in `buffer` where there are any; `None` where it is longer than a version can be.
    #[must_use]
    pub fn unescape<'a>(&'a self, buffer: &'a mut [u8; MAX_VERSION]) -> Option<&'a [u8]> {
        if !self.escaped {
            return Some(self.bytes);
        }
        let mut len = 0;
        let mut bytes = self.bytes.iter();
        while let Some(&b) = bytes.next() {
            let b = if b == b'\\' { *bytes.next()? } else { b };
            *buffer.get_mut(len)? = b;
            len += 1;
        }
        buffer.get(..len)
    }

    /// As received, escapes and all.
    #[must_use]
    pub const fn raw(&self) -> &'r [u8] {
        self.bytes
    }
}

/// What a range says about versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named<'r> {
    /// One version.
    Version(Text<'r>),
    /// Two versions, in the subtype and in the parameter.
    Both(Text<'r>, Text<'r>),
    /// Several versions in one parameter, of which this is the first.
    Torn(Text<'r>),
    /// `*/*` or `application/*`: no version asked.
    Wildcard,
    /// Another type, another vendor's, or ours without a version.
    Nothing,
}

impl<'r> Range<'r> {
    /// Reads the version that this range names for one of these vendors (longest first).
    #[must_use]
    pub fn named(&self, vendors: &[Vendor]) -> Named<'r> {
        if matches!(self.media, b"*/*") || self.media.eq_ignore_ascii_case(b"application/*") {
            return Named::Wildcard;
        }
        let Some(subtype) = strip_prefix_ignore_case(self.media, b"application/vnd.") else {
            return Named::Nothing;
        };
        for vendor in vendors {
            let Some(rest) = strip_prefix_ignore_case(subtype, vendor.as_str().as_bytes()) else {
                continue;
            };
            let in_subtype = match rest {
                [] | [b'+', ..] => None,
                [b'.', rest @ ..] => {
                    // The structured-syntax suffix (RFC 6839) stands after the last `+` and does not matter.
                    let end = rest.iter().rposition(|&b| b == b'+').unwrap_or(rest.len());
                    Some(Text::token(rest.get(..end).unwrap_or_default()))
                }
                _ => continue,
            };
            return match (in_subtype, self.version) {
                (_, Some(first)) if self.torn => Named::Torn(first),
                (Some(one), Some(other)) if one != other => Named::Both(one, other),
                (Some(version), _) | (None, Some(version)) => Named::Version(version),
                (None, None) => Named::Nothing,
            };
        }
        Named::Nothing
    }

    /// The range without its `q`, lower case and without blanks, in `buffer`: how a whole media type is looked up.
    /// `None` where it is longer than [`MAX_WHOLE`].
    #[must_use]
    pub fn whole<'a>(&self, buffer: &'a mut [u8; MAX_WHOLE]) -> Option<&'a [u8]> {
        write_whole(self.element, buffer)
    }
}

/// Writes a media type in the form it is looked up in: lower case, no blanks around `;`, no `q`.
#[must_use]
pub fn write_whole<'a>(element: &[u8], buffer: &'a mut [u8; MAX_WHOLE]) -> Option<&'a [u8]> {
    let mut len = 0;
    let mut first = true;
    let mut rest = element;
    loop {
        let end = position_outside_quotes(rest, |b| b == b';').unwrap_or(rest.len());
        let part = rest.get(..end).unwrap_or_default().trim_ascii();
        if first || !(part.is_empty() || is_q(part)) {
            if !first {
                *buffer.get_mut(len)? = b';';
                len += 1;
            }
            for (to, from) in buffer.get_mut(len..len + part.len())?.iter_mut().zip(part) {
                *to = from.to_ascii_lowercase();
            }
            len += part.len();
        }
        first = false;
        match rest.get(end + 1..) {
            Some(after) => rest = after,
            None => return buffer.get(..len),
        }
    }
}

/// Reads the version in a whole media type, as in a sample-layout key: the text, or nothing where it names none.
#[must_use]
pub fn version_in<'r>(key: &'r [u8], vendors: &[Vendor]) -> Option<&'r [u8]> {
    let mut cursor = Cursor::over(key);
    match cursor.range()?.named(vendors) {
        Named::Version(text) if !text.escaped => Some(text.bytes),
        _ => None,
    }
}

/// The head with its `Accept` lines made one, where a line leaves a quoted string open that the next then goes on with;
/// `None`: each line can be read by itself, as [`ranges`] does.
///
/// Whoever passes a request on may make one line of several (RFC 9110 §5.3), so what is said must not depend on it.
#[must_use]
pub fn joined(headers: &HeaderMap) -> Option<HeaderMap> {
    // Most heads repeat no field at all.
    if headers.len() == headers.keys_len() { None } else { join(headers) }
}

/// Apart, as most heads need none of it.
#[inline(never)]
fn join(headers: &HeaderMap) -> Option<HeaderMap> {
    let mut lines = headers.get_all(header::ACCEPT).iter();
    lines.next_back()?;
    if !lines.any(|line| leaves_open(line.as_bytes())) {
        return None;
    }
    let lines: Vec<&[u8]> = headers.get_all(header::ACCEPT).iter().map(HeaderValue::as_bytes).collect();
    let mut headers = headers.clone();
    headers.insert(header::ACCEPT, HeaderValue::from_bytes(&lines.join(&b","[..])).ok()?);
    Some(headers)
}

fn leaves_open(line: &[u8]) -> bool {
    if !line.contains(&b'"') {
        return false;
    }
    let mut cursor = Cursor::over(line);
    while cursor.skip_to_element() {
        cursor.range();
    }
    cursor.open
}

/// The media ranges of all `Accept` lines.
#[must_use]
pub fn ranges(headers: &HeaderMap) -> Ranges<'_> {
    Ranges { lines: headers.get_all(header::ACCEPT).iter(), cursor: Cursor::over(&[]), seen: 0 }
}

/// Iterator over [`Range`]s; see [`ranges`].
#[derive(Debug)]
pub struct Ranges<'r> {
    lines: http::header::ValueIter<'r, HeaderValue>,
    cursor: Cursor<'r>,
    seen: usize,
}

impl<'r> Iterator for Ranges<'r> {
    type Item = Range<'r>;

    #[inline(always)]
    fn next(&mut self) -> Option<Range<'r>> {
        loop {
            while self.cursor.skip_to_element() {
                if self.seen == MAX_RANGES {
                    return None;
                }
                self.seen += 1;
                if let Some(range) = self.cursor.range() {
                    return Some(range);
                }
            }
            self.cursor = Cursor::over(self.lines.next()?.as_bytes());
        }
    }
}

/// What is left of one line.
#[derive(Debug)]
struct Cursor<'r> {
    rest: &'r [u8],
    /// Whether the line ended within a quoted string.
    open: bool,
}

impl<'r> Cursor<'r> {
    const fn over(rest: &'r [u8]) -> Self {
        Self { rest, open: false }
    }

    /// Skips blanks and commas; whether an element follows.
    fn skip_to_element(&mut self) -> bool {
        while let [b',' | b' ' | b'\t', rest @ ..] = self.rest {
            self.rest = rest;
        }
        !self.rest.is_empty()
    }

    /// Reads one element and leaves its comma; `None` where its `q` is bad or a quoted string never ends.
    fn range(&mut self) -> Option<Range<'r>> {
        let whole = self.rest;
        let media = self.take_until([b',', b';']).trim_ascii();
        let mut version = None;
        let mut torn = false;
        let mut q = Some(1000);
        let mut seen_q = false;
        let mut sound = true;
        while let [b';', rest @ ..] = self.rest {
            self.rest = rest;
            let name = self.take_until([b'=', b',', b';']).trim_ascii();
            let value = match self.rest {
                [b'=', rest @ ..] => {
                    self.rest = rest;
                    self.value(&mut sound)
                }
                _ => Text::token(&[]),
            };
            if name.eq_ignore_ascii_case(b"q") {
                // Two weights cannot both be meant.
                q = if seen_q { None } else { parse_q(value) };
                seen_q = true;
            } else if name.eq_ignore_ascii_case(b"version") {
                torn |= version.is_some_and(|first| first != value);
                version = version.or(Some(value));
            }
        }
        let element = whole.get(..whole.len() - self.rest.len()).unwrap_or_default().trim_ascii();
        sound.then_some(())?;
        Some(Range { media, version, torn, element, q: q? })
    }

    /// Reads a token or a quoted string, up to the next `;` or `,`.
    fn value(&mut self, sound: &mut bool) -> Text<'r> {
        let trimmed = self.rest.trim_ascii_start();
        let [b'"', inside @ ..] = trimmed else {
            return Text::token(self.take_until([b',', b';']).trim_ascii());
        };
        let mut escaped = false;
        let mut end = 0;
        loop {
            match inside.get(end) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    end += 2;
                }
                Some(_) => end += 1,
                None => {
                    *sound = false;
                    self.open = true;
                    self.rest = &[];
                    return Text::token(&[]);
                }
            }
        }
        self.rest = inside.get(end + 1..).unwrap_or_default();
        // Bytes between the closing quote and the next delimiter make the value something else than a quoted string.
        if !self.take_until([b',', b';']).trim_ascii().is_empty() {
            *sound = false;
        }
        Text { bytes: inside.get(..end).unwrap_or_default(), escaped }
    }

    fn take_until<const N: usize>(&mut self, stops: [u8; N]) -> &'r [u8] {
        let (taken, rest) = self.rest.split_at_checked(position_of(stops, self.rest)).unwrap_or((self.rest, &[]));
        self.rest = rest;
        taken
    }
}

/// `qvalue` (RFC 9110 §12.4.2) in thousandths.
fn parse_q(value: Text<'_>) -> Option<u16> {
    if value.escaped {
        return None;
    }
    let (whole, fraction) = match value.bytes {
        [whole @ (b'0' | b'1')] => (whole, &[][..]),
        [whole @ (b'0' | b'1'), b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        _ => return None,
    };
    let mut q = u16::from(whole - b'0') * 1000;
    let mut unit = 100;
    for &digit in fraction {
        if !digit.is_ascii_digit() {
            return None;
        }
        q += u16::from(digit - b'0') * unit;
        unit /= 10;
    }
    (q <= 1000).then_some(q)
}

fn is_q(parameter: &[u8]) -> bool {
    let end = parameter.iter().position(|&b| b == b'=').unwrap_or(parameter.len());
    parameter.get(..end).unwrap_or_default().trim_ascii().eq_ignore_ascii_case(b"q")
}

fn position_outside_quotes(bytes: &[u8], found: impl Fn(u8) -> bool) -> Option<usize> {
    let mut quoted = false;
    let mut escaped = false;
    bytes.iter().position(|&b| {
        if escaped {
            escaped = false;
            return false;
        }
        match b {
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ => return !quoted && found(b),
        }
        false
    })
}

fn strip_prefix_ignore_case<'r>(bytes: &'r [u8], prefix: &[u8]) -> Option<&'r [u8]> {
    let (head, rest) = bytes.split_at_checked(prefix.len())?;
    (Caseless(head) == Caseless(prefix)).then_some(rest)
}

#[cfg(test)]
mod tests;
