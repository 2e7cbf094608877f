//! Names of origins, and patterns over them.

use super::InvalidOrigin;
use alloc::boxed::Box;
use core::{fmt, net::IpAddr};
use http::HeaderValue;

/// A DNS host name: lower case, letters, digits and hyphens, at most 253 bytes, never an IP literal (RFC 1123 §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(HeaderValue);

impl Domain {
    /// Reads a host name; one trailing dot is dropped and ASCII is lower-cased.
    ///
    /// # Errors
    /// What is not a host name, with the reason in words.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let name = text.strip_suffix('.').unwrap_or(text);
        let refuse = |reason| Err(InvalidOrigin::Domain { domain: text.into(), reason });
        if !is_host_name(name) {
            return refuse(why_not(text, name));
        }
        HeaderValue::try_from(name.to_ascii_lowercase()).map(Self).or_else(|_| refuse("it cannot be a Host field"))
    }

    /// The name, lower case, without trailing dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    /// The same as a field value.
    #[must_use]
    pub fn as_value(&self) -> &HeaderValue {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn labels(name: &str) -> impl Iterator<Item = &[u8]> {
    name.as_bytes().split(|&b| b == b'.')
}

/// Looked at once, as there are thousands of them.
fn is_host_name(name: &str) -> bool {
    let (mut begins, mut before) = (0, b'.');
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'.' if matches!(before, b'.' | b'-') => return false,
            b'.' => begins = at + 1,
            b'-' if before == b'.' => return false,
            b'-' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' if at - begins < 63 => {}
            _ => return false,
        }
        before = byte;
    }
    // `1.2.3`, `0x7f.1` and the like are read as addresses by some resolvers.
    let last = name.as_bytes().get(begins);
    name.len() <= 253 && before != b'-' && last.is_some_and(|first| !first.is_ascii_digit())
}

/// Why this is no host name; `text` is as it was written, with its trailing dot.
#[cold]
fn why_not(text: &str, name: &str) -> &'static str {
    if name.is_empty() {
        "it is empty"
    } else if text.contains('@') {
        "it carries user information"
    } else if text.contains('/') {
        "it must be a bare host name, without scheme or path"
    } else if text.parse::<IpAddr>().is_ok() || text.starts_with('[') {
        "IP literals are not allowed, use a name (and `connect` to choose the address)"
    } else if text.contains(':') {
        "it carries a port, use `port`"
    } else if name.len() > 253 {
        "it is longer than 253 bytes"
    } else if name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        "each label must have 1 to 63 bytes"
    } else if !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')) {
        "only letters, digits, hyphens and dots make a host name"
    } else if name.split('.').any(|label| label.starts_with('-') || label.ends_with('-')) {
        "a label must not begin or end with a hyphen"
    } else {
        "its last label begins with a digit, which some resolvers read as an address"
    }
}

/// A pattern over domains; `*` stands for exactly one label and only for a whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainPattern(Box<str>);

impl DomainPattern {
    /// Reads a pattern such as `*.execute-api.*.amazonaws.com`.
    ///
    /// # Errors
    /// A label that mixes `*` with letters, or what is not a host name otherwise.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let refuse = |reason| Err(InvalidOrigin::Pattern { pattern: text.into(), reason });
        if text.split('.').any(|label| label.contains('*') && label != "*") {
            return refuse("`*` must be a whole label");
        }
        if text.split('.').all(|label| label == "*") {
            return refuse("a pattern needs at least one literal label");
        }
        // A stand-in label makes the rest checkable as a name.
        if Domain::parse(&text.replace('*', "x")).is_err() {
            return refuse("it is not a host name with `*` labels");
        }
        Ok(Self(text.to_ascii_lowercase().into_boxed_str()))
    }

    /// Whether a domain matches, label by label.
    #[must_use]
    pub fn matches(&self, domain: &Domain) -> bool {
        let (mut pattern, mut labels) = (labels(&self.0), labels(domain.as_str()));
        loop {
            match (pattern.next(), labels.next()) {
                (None, None) => return true,
                (Some(p), Some(l)) if p == b"*" || p == l => {}
                _ => return false,
            }
        }
    }

    /// The pattern as written, lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
