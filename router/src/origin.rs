//! Where a version is served, and what may be dialled at all.
//!
//! An [`Origin`] that exists is one the operator allowed: [`Origin::parse`] is its only maker and checks it against
//! [`OriginRules`]. Names are checked here; addresses after resolution, with [`may_dial`].

use alloc::{borrow::ToOwned, boxed::Box, format, string::String, vec::Vec};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    time::Duration,
};
use http::HeaderValue;

/// A DNS host name: lower case, letters, digits and hyphens, at most 253 bytes, never an IP literal (RFC 1123 §2.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(Box<str>);

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
        Ok(Self(name.to_ascii_lowercase().into_boxed_str()))
    }

    /// The name, lower case, without trailing dot.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
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
        let mut labels = domain.0.split('.');
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

/// A block of addresses (RFC 4632), such as `10.0.0.0/8`; a bare address is a block of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Reads `address/bits` or `address`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = address.parse().ok()?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        Some(Self { base, bits })
    }

    /// Whether an address lies in the block; IPv4-mapped IPv6 addresses count as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits.min(32))).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// A host to dial: a name to resolve, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DialHost {
    /// Resolved when dialled.
    Name(Domain),
    /// Dialled as it is.
    Address(IpAddr),
}

/// Where to open the connection instead of the origin's own name and port; Host and SNI stay the origin's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dial {
    /// The host.
    pub host: DialHost,
    /// The port; `None` keeps the origin's.
    pub port: Option<u16>,
}

impl Dial {
    /// Reads `host[:port]`, `address[:port]` or `[address]:port`.
    ///
    /// # Errors
    /// What is none of these.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let refuse = |reason| InvalidOrigin::Connect { connect: text.to_owned(), reason };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { host: DialHost::Address(address), port: None });
        }
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => (address, rest.strip_prefix(':')),
            None => match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            Some(port) => match port.parse::<u16>() {
                Ok(port) if port > 0 => Some(port),
                _ => return Err(refuse("the port must be a number from 1 to 65535")),
            },
            None => None,
        };
        let host = match host.parse::<IpAddr>() {
            Ok(address) => DialHost::Address(address),
            Err(_) => {
                DialHost::Name(Domain::parse(host).map_err(|_| refuse("the host is neither a name nor an address"))?)
            }
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (DialHost::Name(name), None) => write!(f, "{name}"),
            (DialHost::Name(name), Some(port)) => write!(f, "{name}:{port}"),
            (DialHost::Address(address), None) => write!(f, "{address}"),
            (DialHost::Address(IpAddr::V6(address)), Some(port)) => write!(f, "[{address}]:{port}"),
            (DialHost::Address(address), Some(port)) => write!(f, "{address}:{port}"),
        }
    }
}

/// What a row's `connect` must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialPattern {
    /// Names, as in [`DomainPattern`].
    Name(DomainPattern),
    /// Addresses.
    Addresses(Cidr),
}

impl DialPattern {
    /// Reads a name pattern or a CIDR block.
    ///
    /// # Errors
    /// What is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        match Cidr::parse(text) {
            Some(block) => Ok(Self::Addresses(block)),
            None => DomainPattern::parse(text).map(Self::Name),
        }
    }

    fn matches(&self, host: &DialHost) -> bool {
        match (self, host) {
            (Self::Name(pattern), DialHost::Name(name)) => pattern.matches(name),
            (Self::Addresses(block), DialHost::Address(address)) => block.contains(*address),
            _ => false,
        }
    }
}

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
#[derive(Debug, Clone)]
pub struct Origin {
    domain: Domain,
    /// `Host`, ready made.
    host: HeaderValue,
    base_path: Box<str>,
    scheme: Scheme,
    port: u16,
    protocol: Protocol,
    connect: Option<Box<Dial>>,
    timeouts: Option<Box<Timeouts>>,
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
            return Err(InvalidOrigin::NotAllowed {
                domain: domain.0.into(),
                place: "[origins] allow",
                allow: list(&rules.allow),
            });
        }
        if !api_allow.is_empty() && !allowed(api_allow) {
            return Err(InvalidOrigin::NotAllowed {
                domain: domain.0.into(),
                place: "the API's `allow`",
                allow: list(api_allow),
            });
        }
        let scheme = match spec.scheme {
            None | Some("https") => Scheme::Https,
            Some("http") if rules.insecure => Scheme::Http,
            Some("http") => return Err(InvalidOrigin::Insecure),
            Some(other) => return Err(InvalidOrigin::Scheme(other.to_owned())),
        };
        let port = match (spec.port, scheme) {
            (Some(0), _) => return Err(InvalidOrigin::Port),
            (Some(port), _) => port,
            (None, Scheme::Https) => 443,
            (None, Scheme::Http) => 80,
        };
        let protocol = match spec.protocol {
            None | Some("auto") => Protocol::Auto,
            Some("h1") => Protocol::H1,
            Some("h2") => Protocol::H2,
            Some(other) => return Err(InvalidOrigin::Protocol(other.to_owned())),
        };
        let connect = match spec.connect {
            None => None,
            Some(text) => {
                let dial = Dial::parse(text)?;
                if !rules.dial.iter().any(|pattern| pattern.matches(&dial.host)) {
                    return Err(InvalidOrigin::Connect {
                        connect: text.to_owned(),
                        reason: "it does not match [origins] dial",
                    });
                }
                if let DialHost::Address(address) = dial.host
                    && !may_dial(address, rules.loopback)
                {
                    return Err(InvalidOrigin::Connect {
                        connect: text.to_owned(),
                        reason: "this address is never dialled (link-local, metadata, unspecified, multicast, or loopback without [origins] loopback)",
                    });
                }
                Some(Box::new(dial))
            }
        };
        let host = HeaderValue::from_str(domain.as_str()).map_err(|_| InvalidOrigin::Domain {
            domain: domain.as_str().to_owned(),
            reason: "it cannot be a Host field",
        })?;
        let base_path = parse_base_path(spec.base_path.unwrap_or(""))?;
        let timeouts = (spec.timeouts != Timeouts::default()).then(|| Box::new(spec.timeouts));
        Ok(Self { domain, host, base_path, scheme, port, protocol, connect, timeouts })
    }

    /// The domain: Host, SNI and the name the certificate must bear.
    #[must_use]
    pub fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The `Host` field's value.
    #[must_use]
    pub fn host(&self) -> &HeaderValue {
        &self.host
    }

    /// The path prefix: empty, or `/prod` (begins with a slash, ends without).
    #[must_use]
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// Scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Protocol.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    /// The row's own dial override.
    #[must_use]
    pub fn connect(&self) -> Option<&Dial> {
        self.connect.as_deref()
    }

    /// The row's own time limits.
    #[must_use]
    pub fn timeouts(&self) -> Timeouts {
        self.timeouts.as_deref().copied().unwrap_or_default()
    }
}

/// Reads a base path: empty, or absolute; trailing slashes dropped, so that joining needs no check.
fn parse_base_path(text: &str) -> Result<Box<str>, InvalidOrigin> {
    let refuse = |reason| Err(InvalidOrigin::BasePath { base_path: text.to_owned(), reason });
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

/// Whether an address may be dialled for an origin: never link-local (instance metadata among them), unspecified,
/// multicast or `fd00:ec2::/32`, in whatever IPv6 form they hide; loopback only where `loopback` says so.
#[must_use]
pub fn may_dial(address: IpAddr, loopback: bool) -> bool {
    match address {
        IpAddr::V4(v4) => may_dial_v4(v4, loopback),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => may_dial_v4(v4, loopback),
            None => {
                let [first, second, ..] = v6.segments();
                let metadata = first == 0xfd00 && second == 0x0ec2;
                !(v6.is_unspecified() || v6.is_multicast() || first & 0xffc0 == 0xfe80 || metadata)
                    && (loopback || !v6.is_loopback())
            }
        },
    }
}

fn may_dial_v4(v4: Ipv4Addr, loopback: bool) -> bool {
    let this_network = v4.octets()[0] == 0;
    !(this_network || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast()) && (loopback || !v4.is_loopback())
}

/// The IPv4 address inside a mapped (`::ffff:0:0/96`), compatible (`::/96`) or NAT64 (`64:ff9b::/96`) address.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    if v6.is_loopback() || v6.is_unspecified() {
        return None;
    }
    let v4 = || Ipv4Addr::from_bits((v6.to_bits() & 0xffff_ffff) as u32);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff | 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(v4()),
        _ => None,
    }
}

fn list(patterns: &[DomainPattern]) -> String {
    let mut out = String::new();
    for (i, pattern) in patterns.iter().enumerate() {
        out.push_str(if i == 0 { "" } else { ", " });
        out.push_str(&format!("`{}`", pattern.as_str()));
    }
    out
}

/// Why a text names no origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOrigin {
    /// `domain` is not a host name.
    #[error("domain `{domain}`: {reason}", domain = .domain.escape_debug())]
    Domain {
        /// As written.
        domain: String,
        /// Why.
        reason: &'static str,
    },
    /// A pattern is not one.
    #[error("pattern `{pattern}`: {reason}", pattern = .pattern.escape_debug())]
    Pattern {
        /// As written.
        pattern: String,
        /// Why.
        reason: &'static str,
    },
    /// `domain` is not allowed.
    #[error("domain `{domain}` does not match {place} ({allow})")]
    NotAllowed {
        /// The domain.
        domain: String,
        /// Where the rule stands.
        place: &'static str,
        /// The patterns.
        allow: String,
    },
    /// `base_path` is not a path.
    #[error("base_path `{base_path}`: {reason}", base_path = .base_path.escape_debug())]
    BasePath {
        /// As written.
        base_path: String,
        /// Why.
        reason: &'static str,
    },
    /// `connect` cannot be dialled.
    #[error("connect `{connect}`: {reason}", connect = .connect.escape_debug())]
    Connect {
        /// As written.
        connect: String,
        /// Why.
        reason: &'static str,
    },
    /// `scheme` is unknown.
    #[error("scheme `{}` is neither `https` nor `http`", .0.escape_debug())]
    Scheme(String),
    /// `scheme = "http"` without `[origins] insecure`.
    #[error("scheme `http` needs [origins] insecure = true")]
    Insecure,
    /// `port` is zero.
    #[error("port must be a number from 1 to 65535")]
    Port,
    /// `protocol` is unknown.
    #[error("protocol `{}` is none of `auto`, `h1`, `h2`", .0.escape_debug())]
    Protocol(String),
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn a_star_in_a_pattern_is_exactly_one_label() {
        let pattern = DomainPattern::parse("*.execute-api.*.amazonaws.com").unwrap();
        let matches = |name| pattern.matches(&Domain::parse(name).unwrap());
        assert!(matches("abc.execute-api.us-east-1.amazonaws.com"));
        assert!(!matches("a.b.execute-api.us-east-1.amazonaws.com"));
        assert!(!matches("execute-api.us-east-1.amazonaws.com"));
        assert!(!matches("abc.execute-api.us-east-1.amazonaws.com.evil.example"));
        assert!(DomainPattern::parse("api*.example.com").is_err());
        assert!(DomainPattern::parse("*.*").is_err());
    }

    #[test]
    fn a_domain_is_a_bare_name() {
        assert_eq!(Domain::parse("ABC.Example.com.").unwrap().as_str(), "abc.example.com");
        for bad in [
            "",
            ".",
            "a..b",
            "127.0.0.1",
            "[::1]",
            "::1",
            "user@example.com",
            "example.com:443",
            "https://example.com",
            "example.com/x",
            "-a.com",
            "a-.com",
            "a_b.com",
            "exa mple.com",
            "example.com\r\nx",
            "1.2.3",
            "0x7f.0x1",
            "ex\u{e4}.com",
        ] {
            assert!(Domain::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn addresses_never_dialled_hide_in_no_form() {
        for never in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "0.0.0.0",
            "::",
            "224.0.0.1",
            "ff02::1",
            "fe80::1",
            "fd00:ec2::254",
            "255.255.255.255",
            "0.1.2.3",
        ] {
            assert!(!may_dial(never.parse().unwrap(), true), "{never}");
        }
        for loopback in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(may_dial(loopback.parse().unwrap(), true), "{loopback}");
            assert!(!may_dial(loopback.parse().unwrap(), false), "{loopback}");
        }
        for fine in ["10.0.0.1", "192.0.2.1", "fd12::1", "2001:db8::1"] {
            assert!(may_dial(fine.parse().unwrap(), false), "{fine}");
        }
    }

    #[test]
    fn a_row_connects_only_where_the_operator_says() {
        let rules = OriginRules {
            allow: [DomainPattern::parse("*.example.com").unwrap()].into(),
            dial: [DialPattern::parse("10.0.0.0/8").unwrap(), DialPattern::parse("*.vpce.example").unwrap()].into(),
            ..OriginRules::default()
        };
        let check = |connect| {
            let spec = OriginSpec { domain: "a.example.com", connect: Some(connect), ..OriginSpec::default() };
            Origin::parse(&spec, &rules, &[]).map(|origin| origin.connect().unwrap().to_string())
        };
        assert_eq!(check("10.1.2.3").unwrap(), "10.1.2.3");
        assert_eq!(check("10.1.2.3:8443").unwrap(), "10.1.2.3:8443");
        assert_eq!(check("x.vpce.example:443").unwrap(), "x.vpce.example:443");
        assert!(check("11.1.2.3").is_err());
        assert!(check("y.example").is_err());
        assert!(check("10.1.2.3:0").is_err());
        assert!(check("10.1.2.3:x").is_err());
    }

    #[test]
    fn a_base_path_is_absolute_and_plain() {
        for (text, expected) in [("", ""), ("/", ""), ("/prod", "/prod"), ("/prod/", "/prod"), ("/a/b%20c", "/a/b%20c")]
        {
            assert_eq!(&*parse_base_path(text).unwrap(), expected);
        }
        for bad in ["prod", "/a//b", "/a/../b", "/a?x", "/a#x", "/a b", "/%zz", "/a\r\n", "/\u{e4}"] {
            assert!(parse_base_path(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn blocks_of_addresses() {
        let holds = |block, address: &str| Cidr::parse(block).unwrap().contains(address.parse().unwrap());
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("0.0.0.0/0", "1.2.3.4"));
        assert!(holds("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(holds("2001:db8::/32", "2001:db8:1::1"));
        assert!(!holds("2001:db8::/32", "10.0.0.1"));
        assert_eq!(Cidr::parse("10.0.0.0/33"), None);
    }
}
