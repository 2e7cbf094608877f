//! Names of origins, and patterns over them.

use super::InvalidOrigin;
use alloc::{borrow::ToOwned, boxed::Box};
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
        let refuse = |reason| Err(InvalidOrigin::Domain { domain: text.to_owned(), reason });
        let name = text.strip_suffix('.').unwrap_or(text);
        if name.is_empty() {
            return refuse("it is empty");
        }
        if text.contains('@') {
            return refuse("it carries user information");
        }
        if text.contains("://") || text.contains('/') {
            return refuse("it must be a bare host name, without scheme or path");
        }
        if text.parse::<IpAddr>().is_ok() || text.starts_with('[') {
            return refuse("IP literals are not allowed, use a name (and `connect` to choose the address)");
        }
        if text.contains(':') {
            return refuse("it carries a port, use `port`");
        }
        if name.len() > 253 {
            return refuse("it is longer than 253 bytes");
        }
        for label in name.split('.') {
            if label.is_empty() || label.len() > 63 {
                return refuse("each label must have 1 to 63 bytes");
            }
            if !label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
                return refuse("only letters, digits, hyphens and dots make a host name");
            }
            if label.starts_with('-') || label.ends_with('-') {
                return refuse("a label must not begin or end with a hyphen");
            }
        }
        // `1.2.3`, `0x7f.1` and the like are read as addresses by some resolvers.
        if name.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit())) {
            return refuse("its last label begins with a digit, which some resolvers read as an address");
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

/// A pattern over domains; `*` stands for exactly one label and only for a whole one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainPattern(Box<str>);

impl DomainPattern {
    /// Reads a pattern such as `*.execute-api.*.amazonaws.com`.
    ///
    /// # Errors
    /// A label that mixes `*` with letters, or what is not a host name otherwise.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let refuse = |reason| Err(InvalidOrigin::Pattern { pattern: text.to_owned(), reason });
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
        let mut pattern = self.0.split('.');
        let mut labels = domain.as_str().split('.');
        loop {
            match (pattern.next(), labels.next()) {
                (None, None) => return true,
                (Some(p), Some(l)) if p == "*" || p == l => {}
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
