//! A web origin, as browsers write it (HTML §7.1.1, "serialization of an origin"), and patterns over them.

use super::InvalidCors;
use alloc::{boxed::Box, format, string::String};

/// Which web origins are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebOrigin {
    /// `*`: all of them.
    Any,
    /// `null`: pages without an origin of their own, such as those in sandboxed frames.
    Null,
    /// `https://app.example.com`.
    Exact(Box<str>),
    /// `https://*.example.com`: any one label there, and scheme and port as written.
    AnyLabel {
        /// `https://`.
        before: Box<str>,
        /// `.example.com`, perhaps with a port.
        after: Box<str>,
    },
}

impl WebOrigin {
    /// Reads `*`, `null`, an origin, or one whose first label is `*`. Case does not matter, nor does a scheme's own port.
    ///
    /// # Errors
    /// What no browser would send, and patterns that would let strangers in.
    pub fn parse(text: &str) -> Result<Self, InvalidCors> {
        let refuse = |reason| Err(InvalidCors::Origin { origin: text.into(), reason });
        match text {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Null),
            _ => {}
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse("write scheme and host, such as https://app.example.com");
        };
        let scheme = scheme.to_ascii_lowercase();
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        if !scheme.starts_with(|c: char| c.is_ascii_alphabetic()) || !scheme.bytes().all(plain) {
            return refuse("this is no scheme");
        }
        if rest.contains(['/', '?', '#', '@', '\\']) {
            return refuse("an origin is scheme, host and port, without a path or a slash at its end");
        }
        let rest = rest.to_ascii_lowercase();
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (&*rest, None),
        };
        let port = match port.map(str::parse::<u16>) {
            None => String::new(),
            Some(Ok(port)) if port > 0 => {
                let own = matches!((&*scheme, port), ("https", 443) | ("http", 80));
                if own { String::new() } else { format!(":{port}") }
            }
            Some(_) => return refuse("this is no port"),
        };
        let (pattern, name) = match host.strip_prefix("*.") {
            Some(name) => (true, name),
            None => (false, host),
        };
        if name.contains('*') {
            return refuse("`*` stands alone, or for the whole first label");
        }
        let literal = name.starts_with('[') && name.ends_with(']');
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        let label = |label: &str| !label.is_empty() && label.bytes().all(plain);
        if !literal && !name.split('.').all(label) {
            return refuse("this is no host as browsers write it (names in other scripts begin with `xn--`)");
        }
        if !pattern {
            return Ok(Self::Exact(format!("{scheme}://{host}{port}").into()));
        }
        // Whoever registers a name under `.com` would be let in.
        let numeric = name.rsplit('.').next().is_some_and(|last| last.starts_with(|c: char| c.is_ascii_digit()));
        if literal || numeric || !(name.contains('.') || name == "localhost") {
            return refuse("`*` needs at least two labels after it");
        }
        Ok(Self::AnyLabel { before: format!("{scheme}://").into(), after: format!(".{name}{port}").into() })
    }

    /// Whether an `Origin` field's value is meant.
    #[must_use]
    pub fn matches(&self, origin: &[u8]) -> bool {
        match self {
            Self::Any => true,
            Self::Null => origin == b"null",
            Self::Exact(exact) => origin == exact.as_bytes(),
            Self::AnyLabel { before, after } => origin
                .strip_prefix(before.as_bytes())
                .and_then(|rest| rest.strip_suffix(after.as_bytes()))
                .is_some_and(is_label),
        }
    }
}

/// One label of a host in lower case, as browsers write it.
fn is_label(label: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    (1..=63).contains(&label.len()) && label.iter().all(plain)
}
