//! Where a version is served, and what may be dialled at all.
//!
//! An [`Origin`] that exists is one the operator allowed: [`Origin::parse`] is its only maker and checks it against
//! [`OriginRules`]. Names are checked here; addresses after resolution, with [`may_dial`].

mod dial;
mod domain;

pub use dial::{Cidr, Dial, DialHost, DialPattern, may_dial};
pub use domain::{Domain, DomainPattern};

use crate::caseless::Hashing;
use alloc::{boxed::Box, format, sync::Arc, vec::Vec};
use core::time::Duration;
use hashbrown::HashSet;
use http::HeaderValue;

/// What the operator allows rows to name (`[origins]`).
#[derive(Debug, Clone)]
pub struct OriginRules {
    /// Domains must match one of these.
    pub allow: Vec<DomainPattern>,
    /// Whether `scheme = "http"` is allowed.
    pub insecure: bool,
    /// Whether loopback addresses may be dialled.
    pub loopback: bool,
    /// A row's `connect` must match one of these.
    pub dial: Vec<DialPattern>,
}

/// The default of `[origins] allow`: any API Gateway stage, of any AWS customer.
pub const DEFAULT_ALLOW: &str = "*.execute-api.*.amazonaws.com";

impl Default for OriginRules {
    fn default() -> Self {
        Self {
            allow: DomainPattern::parse(DEFAULT_ALLOW).into_iter().collect(),
            insecure: false,
            loopback: false,
            dial: Vec::new(),
        }
    }
}

/// How bytes reach the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// TLS, with the certificate verified against the origin's domain.
    Https,
    /// Clear text; only where `[origins] insecure` says so.
    Http,
}

impl Scheme {
    /// As in a URI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }

    /// The port where none is written (RFC 9110 §4.2).
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Https => 443,
            Self::Http => 80,
        }
    }
}

/// Which HTTP the origin is spoken to in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protocol {
    /// HTTP/2 where ALPN offers it, else HTTP/1.1.
    #[default]
    Auto,
    /// HTTP/1.1.
    H1,
    /// HTTP/2.
    H2,
}

impl Protocol {
    /// As in a row.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::H1 => "h1",
            Self::H2 => "h2",
        }
    }
}

/// A row's own time limits; `None` leaves the operator's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Timeouts {
    /// TCP and TLS together.
    pub connect: Option<Duration>,
    /// Between two reads; the wait for the response head included.
    pub read: Option<Duration>,
    /// Between two writes.
    pub write: Option<Duration>,
    /// How long an idle connection is kept.
    pub idle: Option<Duration>,
    /// The whole exchange with the origin, second attempts included.
    pub total: Option<Duration>,
}

/// An origin as a border reads it, before it is checked.
#[derive(Debug, Clone, Copy, Default)]
pub struct OriginSpec<'a> {
    /// Host name.
    pub domain: &'a str,
    /// Path prefix.
    pub base_path: Option<&'a str>,
    /// `https` or `http`.
    pub scheme: Option<&'a str>,
    /// Port; the scheme's own where absent.
    pub port: Option<u16>,
    /// `auto`, `h1` or `h2`.
    pub protocol: Option<&'a str>,
    /// Dial this instead.
    pub connect: Option<&'a str>,
    /// Time limits.
    pub timeouts: Timeouts,
}

/// Where a version is served: domain + base path, and how to get there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    domain: Domain,
    /// Rows of an API differ in their domains and hardly in this.
    stage: Arc<Stage>,
}

/// What there is to an origin besides its domain.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Stage {
    base_path: Box<str>,
    scheme: Scheme,
    port: u16,
    protocol: Protocol,
    /// What few rows say.
    special: Option<Box<Special>>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Special {
    connect: Option<Dial>,
    timeouts: Timeouts,
}

/// What origins have in common while a table is built, so that it is held once.
#[derive(Debug, Default)]
pub(crate) struct Stages(HashSet<Arc<Stage>, Hashing>);

impl Stages {
    pub(crate) fn share(&mut self, origin: &mut Origin) {
        origin.stage = self.0.get_or_insert_with(&origin.stage, Arc::clone).clone();
    }
}

impl Origin {
    /// Checks an origin against the operator's rules and an API's own `allow` (empty: no further limit).
    ///
    /// # Errors
    /// The first thing wrong, in words.
    pub fn parse(
        spec: &OriginSpec<'_>,
        rules: &OriginRules,
        api_allow: &[DomainPattern],
    ) -> Result<Self, InvalidOrigin> {
        let domain = Domain::parse(spec.domain)?;
        let allowed = |patterns: &[DomainPattern]| patterns.iter().any(|pattern| pattern.matches(&domain));
        if !allowed(&rules.allow) {
            return Err(not_allowed(&domain, "[origins] allow", &rules.allow));
        }
        if !api_allow.is_empty() && !allowed(api_allow) {
            return Err(not_allowed(&domain, "the API's `allow`", api_allow));
        }
        let scheme = match spec.scheme {
            None | Some("https") => Scheme::Https,
            Some("http") if rules.insecure => Scheme::Http,
            Some("http") => return Err(InvalidOrigin::Insecure),
            Some(other) => return Err(InvalidOrigin::Scheme(other.into())),
        };
        let port = match spec.port {
            Some(0) => return Err(InvalidOrigin::Port),
            Some(port) => port,
            None => scheme.default_port(),
        };
        let protocol = match spec.protocol {
            None | Some("auto") => Protocol::Auto,
            Some("h1") => Protocol::H1,
            Some("h2") => Protocol::H2,
            Some(other) => return Err(InvalidOrigin::Protocol(other.into())),
        };
        let connect = match spec.connect {
            None => None,
            Some(text) => {
                let dial = Dial::parse(text)?;
                if !rules.dial.iter().any(|pattern| pattern.matches(&dial.host)) {
                    return Err(InvalidOrigin::Connect {
                        connect: text.into(),
                        reason: "it does not match [origins] dial",
                    });
                }
                if let DialHost::Address(address) = dial.host
                    && !may_dial(address, rules.loopback)
                {
                    return Err(InvalidOrigin::Connect {
                        connect: text.into(),
                        reason: "this address is never dialled (link-local, metadata, unspecified, multicast, or loopback without [origins] loopback)",
                    });
                }
                Some(dial)
            }
        };
        let base_path = parse_base_path(spec.base_path.unwrap_or(""))?;
        let timeouts = spec.timeouts;
        let is_special = connect.is_some() || timeouts != Timeouts::default();
        let special = is_special.then(|| Box::new(Special { connect, timeouts }));
        Ok(Self { domain, stage: Arc::new(Stage { base_path, scheme, port, protocol, special }) })
    }

    /// The domain: Host, SNI and the name the certificate must bear.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The `Host` field's value.
    #[must_use]
    pub fn host(&self) -> &HeaderValue {
        self.domain.as_value()
    }

    /// The path prefix: empty, or `/prod` (begins with a slash, ends without).
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.stage.base_path
    }

    /// Scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.stage.scheme
    }

    /// Port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.stage.port
    }

    /// Protocol.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.stage.protocol
    }

    /// The row's own dial override.
    #[must_use]
    pub fn connect(&self) -> Option<&Dial> {
        self.stage.special.as_ref()?.connect.as_ref()
    }

    /// The row's own time limits.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.stage.special.as_ref().map(|special| special.timeouts).unwrap_or_default()
    }
}

/// Reads a base path: empty, or absolute; trailing slashes dropped, so that joining needs no check.
fn parse_base_path(text: &str) -> Result<Box<str>, InvalidOrigin> {
    let refuse = |reason| Err(InvalidOrigin::BasePath { base_path: text.into(), reason });
    let path = text.trim_end_matches('/');
    if path.is_empty() {
        return Ok("".into());
    }
    if !path.starts_with('/') {
        return refuse("it must begin with `/`");
    }
    if path.contains("//") {
        return refuse("it has an empty segment");
    }
    if path.split('/').any(|segment| segment == "." || segment == "..") {
        return refuse("it has a dot segment");
    }
    if path.len() > 1024 {
        return refuse("it is longer than 1024 bytes");
    }
    // pchar and "/" of RFC 3986 §3.3; `%` must introduce two hex digits.
    let bytes = path.as_bytes();
    for (i, &b) in bytes.iter().enumerate() {
        let ok = match b {
            b'%' => bytes.get(i + 1..i + 3).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)),
            _ => b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@/".contains(&b),
        };
        if !ok {
            return refuse("it has a byte that a path cannot carry");
        }
    }
    Ok(path.into())
}

fn not_allowed(domain: &Domain, place: &str, patterns: &[DomainPattern]) -> InvalidOrigin {
    let mut rule = format!("{place} (");
    for (i, pattern) in patterns.iter().enumerate() {
        rule.push_str(if i == 0 { "`" } else { "`, `" });
        rule.push_str(pattern.as_str());
    }
    rule.push_str(if patterns.is_empty() { ")" } else { "`)" });
    InvalidOrigin::NotAllowed { domain: domain.as_str().into(), rule: rule.into() }
}

/// Why a text names no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// `domain` is not a host name.
    #[error("domain `{domain}`: {reason}", domain = .domain.escape_debug())]
    Domain {
        /// As written.
        domain: Box<str>,
        /// Why.
        reason: &'static str,
    },
    /// A pattern is not one.
    #[error("pattern `{pattern}`: {reason}", pattern = .pattern.escape_debug())]
    Pattern {
        /// As written.
        pattern: Box<str>,
        /// Why.
        reason: &'static str,
    },
    /// `domain` is not allowed.
    #[error("domain `{domain}` does not match {rule}")]
    NotAllowed {
        /// The domain.
        domain: Box<str>,
        /// Where the rule stands, and its patterns.
        rule: Box<str>,
    },
    /// `base_path` is not a path.
    #[error("base_path `{base_path}`: {reason}", base_path = .base_path.escape_debug())]
    BasePath {
        /// As written.
        base_path: Box<str>,
        /// Why.
        reason: &'static str,
    },
    /// `connect` cannot be dialled.
    #[error("connect `{connect}`: {reason}", connect = .connect.escape_debug())]
    Connect {
        /// As written.
        connect: Box<str>,
        /// Why.
        reason: &'static str,
    },
    /// `scheme` is unknown.
    #[error("scheme `{}` is neither `https` nor `http`", .0.escape_debug())]
    Scheme(Box<str>),
    /// `scheme = "http"` without `[origins] insecure`.
    #[error("scheme `http` needs [origins] insecure = true")]
    Insecure,
    /// `port` is zero.
    #[error("port must be a number from 1 to 65535")]
    Port,
    /// `protocol` is unknown.
    #[error("protocol `{}` is none of `auto`, `h1`, `h2`", .0.escape_debug())]
    Protocol(Box<str>),
}

#[cfg(test)]
mod tests;
