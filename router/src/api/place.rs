//! Where an API lives: hosts and a path.

use super::InvalidApi;
use alloc::boxed::Box;

/// A host an API answers under.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// This host, lower case, without port and trailing dot.
    Exact(Box<str>),
    /// `*.example.com`: any one label before this suffix (kept without the leading dot).
    Wildcard(Box<str>),
    /// `*`: any host.
    Any,
}

impl HostPattern {
    /// Reads `api.example.com`, `*.example.com` or `*`.
    ///
    /// # Errors
    /// A port, a path, a `*` elsewhere, or what cannot be a host.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        let refuse = |reason| Err(InvalidApi::Host { host: text.into(), reason });
        if text == "*" {
            return Ok(Self::Any);
        }
        let (wildcard, name) = match text.strip_prefix("*.") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        if name.contains('*') {
            return refuse("`*` stands alone or for the whole first label");
        }
        let literal = name.starts_with('[') && name.ends_with(']');
        if name.contains(':') && !literal {
            return refuse("write it without scheme and port");
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
        if name.is_empty() || name.len() > MAX_HOST || !(literal || name.bytes().all(plain)) || name.contains("..") {
            return refuse("this is not a host name");
        }
        let name = name.into_boxed_str();
        Ok(if wildcard { Self::Wildcard(name) } else { Self::Exact(name) })
    }
}

impl core::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(suffix) => write!(f, "*.{suffix}"),
            Self::Any => f.write_str("*"),
        }
    }
}

/// The longest host looked up, in bytes (RFC 1035 §2.3.4).
pub const MAX_HOST: usize = 255;

/// Where APIs share a host, the path an API lives under: `/orders`, without trailing slash.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ApiPath(Box<str>);

impl ApiPath {
    /// Reads a path prefix; `/` and the empty text mean "all paths" and give `None`.
    ///
    /// # Errors
    /// What does not begin with a slash, or carries `?`, `#`, a space, or an empty or dot segment.
    pub fn parse(text: &str) -> Result<Option<Self>, InvalidApi> {
        let path = text.trim_end_matches('/');
        if path.is_empty() {
            return Ok(None);
        }
        let odd = |b: u8| !b.is_ascii_graphic() || matches!(b, b'?' | b'#');
        let segment = |s: &str| s.is_empty() || s == "." || s == "..";
        match path.strip_prefix('/') {
            Some(rest) if !rest.bytes().any(odd) && !rest.split('/').any(segment) => Ok(Some(Self(path.into()))),
            _ => Err(InvalidApi::Path(text.into())),
        }
    }

    /// Reads a path prefix that is not "all paths".
    ///
    /// # Errors
    /// Those of [`Self::parse`], and `/`.
    pub fn parse_one(text: &str) -> Result<Self, InvalidApi> {
        Self::parse(text)?.ok_or_else(|| InvalidApi::Path(text.into()))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
