//! Where an API reads versions besides its header: which sources are on, and where in the URL they stand.

use super::{InvalidApi, MAX_HOST};
use crate::version::Source;
use alloc::boxed::Box;

/// A set of sources: one test tells that those off the ordinary way are all off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Sources(u8);

impl Sources {
    /// Those in the URL.
    pub(crate) const URL: Self = Self(Self::bit(Source::Query) | Self::bit(Source::Path) | Self::bit(Source::Host));

    const fn bit(source: Source) -> u8 {
        match source {
            Source::Accept => 1,
            Source::Header => 2,
            Source::Query => 4,
            Source::Path => 8,
            Source::Host => 16,
            Source::Missing | Source::Pin => 0,
        }
    }

    pub(crate) fn of(sources: &[Source]) -> Self {
        Self(sources.iter().fold(0, |set, source| set | Self::bit(*source)))
    }

    pub(crate) const fn has(self, source: Source) -> bool {
        self.0 & Self::bit(source) != 0
    }

    pub(crate) const fn has_any(self, others: Self) -> bool {
        self.0 & others.0 != 0
    }
}

/// The `query` source's parameter where none is configured.
pub const DEFAULT_QUERY: &str = "v";

/// Reads the name of a query parameter.
///
/// # Errors
/// What would have to be escaped in a URL (RFC 3986 §2.3), and what is longer than 64 bytes.
pub fn parse_query(text: &str) -> Result<Box<str>, InvalidApi> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    match text {
        _ if text.is_empty() || text.len() > 64 || !text.bytes().all(plain) => Err(InvalidApi::Query(text.into())),
        _ => Ok(text.into()),
    }
}

/// Hosts with the version in one of their labels: `api{version}.example.com`. Lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostVersion {
    before: Box<str>,
    after: Box<str>,
}

impl HostVersion {
    /// Reads a pattern.
    ///
    /// # Errors
    /// No `{version}` or several, or what cannot be a host.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        let refuse = |reason| InvalidApi::HostPattern { pattern: text.into(), reason };
        let (before, after) = text.split_once("{version}").ok_or_else(|| refuse("it has no `{version}`"))?;
        if after.contains("{version}") {
            return Err(refuse("`{version}` stands there once"));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        let after = after.strip_suffix('.').unwrap_or(after);
        let parts = [before, after];
        if parts.iter().any(|part| part.contains(':')) {
            return Err(refuse("write it without scheme and port"));
        }
        let empty_label = before.starts_with('.') || after.ends_with('.') || parts.iter().any(|p| p.contains(".."));
        if !parts.iter().all(|part| part.bytes().all(plain)) || empty_label || before.len() + after.len() >= MAX_HOST {
            return Err(refuse("this is not a host name"));
        }
        Ok(Self { before: before.to_ascii_lowercase().into(), after: after.to_ascii_lowercase().into() })
    }

    /// What stands before the version.
    #[must_use]
    pub fn before(&self) -> &str {
        &self.before
    }

    /// What stands after it.
    #[must_use]
    pub fn after(&self) -> &str {
        &self.after
    }
}

impl core::fmt::Display for HostVersion {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}{{version}}{}", self.before, self.after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_pattern_names_one_place() {
        let read = |text: &str| HostVersion::parse(text).map(|pattern| alloc::string::ToString::to_string(&pattern));
        assert_eq!(read("API{version}.Example.com.").unwrap(), "api{version}.example.com");
        assert_eq!(read("{version}.example.com").unwrap(), "{version}.example.com");
        for bad in [
            "api.example.com",
            "{version}{version}.a",
            "a{version}:80",
            "*.{version}.a",
            ".{version}.a",
            "a{version}..b",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_set_has_what_it_was_made_of() {
        let set = Sources::of(&[Source::Header, Source::Path]);
        assert!(set.has(Source::Path) && set.has(Source::Header) && !set.has(Source::Query));
        assert!(set.has_any(Sources::URL) && !Sources::of(&[Source::Accept, Source::Header]).has_any(Sources::URL));
    }
}
