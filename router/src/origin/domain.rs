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
        if let Some(reason) = why_not(text, name) {
            return refuse(reason);
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

/// Why this is no host name; `text` is as it was written, with its trailing dot.
fn why_not(text: &str, name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if text.contains('@') {
        return Some("it carries user information");
    }
    if text.contains('/') {
        return Some("it must be a bare host name, without scheme or path");
    }
    if text.parse::<IpAddr>().is_ok() || text.starts_with('[') {
        return Some("IP literals are not allowed, use a name (and `connect` to choose the address)");
    }
    if text.contains(':') {
        return Some("it carries a port, use `port`");
    }
    if name.len() > 253 {
        return Some("it is longer than 253 bytes");
    }
    for label in labels(name) {
        if label.is_empty() || label.len() > 63 {
            return Some("each label must have 1 to 63 bytes");
        }
        if !label.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-') {
            return Some("only letters, digits, hyphens and dots make a host name");
        }
        if label.starts_with(b"-") || label.ends_with(b"-") {
            return Some("a label must not begin or end with a hyphen");
        }
    }
    // `1.2.3`, `0x7f.1` and the like are read as addresses by some resolvers.
    let last = labels(name).last().and_then(<[u8]>::first);
    last.filter(|first| first.is_ascii_digit())
        .map(|_| "its last label begins with a digit, which some resolvers read as an address")
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
