//! One API: whose requests it takes, where it reads the version, and its policies.
//!
//! An API is written in two places, the configuration and the table's `#api` items. Each is read into an [`ApiDraft`];
//! the configuration's lies over the item's, field by field, and [`ApiDraft::finish`] makes the [`Api`].

use crate::{
    origin::{DomainPattern, InvalidOrigin},
    rejection::Reason,
    version::Source,
};
use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use http::{HeaderName, HeaderValue, StatusCode, header};

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
        let refuse = |reason| Err(InvalidApi::Host { host: text.to_owned(), reason });
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
            _ => Err(InvalidApi::Path(text.to_owned())),
        }
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A vendor name, as in `application/vnd.VENDOR.v1+json`; lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Vendor(Box<str>);

impl Vendor {
    /// Reads a vendor name: `example`, or `example.orders`; without the `vnd.`.
    ///
    /// # Errors
    /// What cannot stand in a media type (RFC 6838 §4.2), or begins with `vnd.`.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        let refuse = |reason| Err(InvalidApi::Vendor { vendor: text.to_owned(), reason });
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("vnd.") {
            return refuse("write it without `vnd.`");
        }
        if lower.contains('/') || lower.contains('+') {
            return refuse("write the bare vendor name, as in application/vnd.VENDOR.v1+json");
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.".contains(&b);
        if lower.is_empty()
            || lower.len() > 100
            || !lower.bytes().all(plain)
            || lower.starts_with('.')
            || lower.ends_with('.')
        {
            return refuse("this cannot stand in a media type");
        }
        Ok(Self(lower.into_boxed_str()))
    }

    /// The name, lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How versions are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Names: ASCII case does not matter, nor a `v` before a digit.
    #[default]
    Label,
}

impl Scheme {
    /// Reads a scheme's name.
    ///
    /// # Errors
    /// An unknown name.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        match text {
            "label" => Ok(Self::Label),
            _ => Err(InvalidApi::Scheme(text.to_owned())),
        }
    }

    /// As written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
        }
    }
}

/// What happens when no version is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Missing {
    /// `missing_version`.
    #[default]
    Reject,
    /// This version, or the one this alias stands for.
    Version(Box<str>),
}

impl Missing {
    /// Reads `reject`, a version or an alias.
    ///
    /// # Errors
    /// What cannot be a version.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        match text {
            "reject" => Ok(Self::Reject),
            _ if text.is_empty() || text.len() > 256 || !text.bytes().all(|b| b.is_ascii_graphic()) => {
                Err(InvalidApi::Missing(text.to_owned()))
            }
            _ => Ok(Self::Version(text.into())),
        }
    }
}

/// An API as one border wrote it; what is `None` was not written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ApiDraft {
    /// Hosts.
    pub hosts: Option<Vec<HostPattern>>,
    /// Path prefix; the inner `None` is "all paths".
    pub path: Option<Option<ApiPath>>,
    /// Whether the path prefix is cut before forwarding.
    pub strip: Option<bool>,
    /// Further limit on this API's origins.
    pub allow: Option<Vec<DomainPattern>>,
    /// Enabled sources.
    pub read: Option<Vec<Source>>,
    /// Vendors of the `accept` source.
    pub vendor: Option<Vec<Vendor>>,
    /// Name of the `header` source.
    pub header: Option<HeaderName>,
    /// Version scheme.
    pub scheme: Option<Scheme>,
    /// Missing-version policy.
    pub missing: Option<Missing>,
    /// Statuses of its own.
    pub status: Option<Vec<(Reason, StatusCode)>>,
    /// Whether rejections list the supported versions.
    pub supported: Option<bool>,
}

impl ApiDraft {
    /// This draft, with the gaps filled from another.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            hosts: self.hosts.or(below.hosts),
            path: self.path.or(below.path),
            strip: self.strip.or(below.strip),
            allow: self.allow.or(below.allow),
            read: self.read.or(below.read),
            vendor: self.vendor.or(below.vendor),
            header: self.header.or(below.header),
            scheme: self.scheme.or(below.scheme),
            missing: self.missing.or(below.missing),
            status: self.status.or(below.status),
            supported: self.supported.or(below.supported),
        }
    }

    /// Makes the API.
    ///
    /// # Errors
    /// An unfit name, no host, no source, an unfit status.
    pub fn finish(self, name: &str) -> Result<Api, InvalidApi> {
        check_name(name)?;
        let hosts = self.hosts.filter(|hosts| !hosts.is_empty()).ok_or(InvalidApi::NoHost)?;
        let read = self.read.unwrap_or_else(|| [Source::Accept, Source::Header].into());
        if read.is_empty() {
            return Err(InvalidApi::NoSource);
        }
        let reads = |source| read.contains(&source);
        let header = self.header.unwrap_or(HeaderName::from_static(DEFAULT_HEADER));
        let status = self.status.unwrap_or_default();
        for (reason, status) in &status {
            if !reason.is_configurable() || !(status.is_client_error() || status.is_server_error()) {
                return Err(InvalidApi::Status { code: reason.code(), status: status.as_u16() });
            }
        }
        let mut vary = Vec::new();
        if reads(Source::Accept) {
            vary.push(header::ACCEPT);
        }
        if reads(Source::Header) {
            vary.push(header.clone());
        }
        let mut vary_value = String::new();
        for (i, name) in vary.iter().enumerate() {
            vary_value.push_str(if i == 0 { "" } else { ", " });
            vary_value.push_str(&canonical_case(name));
        }
        // Longest first, so that `example.orders` is tried before `example`.
        let mut vendors = self.vendor.unwrap_or_default();
        vendors.sort_by_key(|vendor| core::cmp::Reverse(vendor.0.len()));
        Ok(Api {
            name: name.into(),
            hosts,
            path: self.path.flatten(),
            strip: self.strip.unwrap_or(false),
            allow: self.allow.unwrap_or_default(),
            reads_accept: reads(Source::Accept),
            reads_header: reads(Source::Header),
            vendors,
            header_text: canonical_case(&header).into(),
            header,
            scheme: self.scheme.unwrap_or_default(),
            missing: self.missing.unwrap_or_default(),
            status,
            lists_supported: self.supported.unwrap_or(true),
            vary,
            vary_value: HeaderValue::try_from(vary_value).unwrap_or(HeaderValue::from_static("*")),
        })
    }
}

/// The `header` source's name where none is configured: `APIVER`.
pub const DEFAULT_HEADER: &str = "apiver";

/// `accept` → `Accept`, `x-api-version` → `X-Api-Version`: how the name is written in `Vary`.
fn canonical_case(name: &HeaderName) -> String {
    if name.as_str() == DEFAULT_HEADER {
        return "APIVER".to_owned();
    }
    let mut up = true;
    name.as_str()
        .chars()
        .map(|c| {
            let out = if up { c.to_ascii_uppercase() } else { c };
            up = c == '-';
            out
        })
        .collect()
}

fn check_name(name: &str) -> Result<(), InvalidApi> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(plain) {
        return Err(InvalidApi::Name(name.to_owned()));
    }
    Ok(())
}

/// An API, checked and ready.
#[derive(Debug, Clone)]
pub struct Api {
    name: Box<str>,
    hosts: Vec<HostPattern>,
    path: Option<ApiPath>,
    strip: bool,
    allow: Vec<DomainPattern>,
    reads_accept: bool,
    reads_header: bool,
    vendors: Vec<Vendor>,
    header: HeaderName,
    header_text: Box<str>,
    scheme: Scheme,
    missing: Missing,
    status: Vec<(Reason, StatusCode)>,
    lists_supported: bool,
    vary: Vec<HeaderName>,
    vary_value: HeaderValue,
}

impl Api {
    /// Its name: the table's partition key, a metric label, a log field.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Hosts it answers under.
    #[must_use]
    pub fn hosts(&self) -> &[HostPattern] {
        &self.hosts
    }

    /// Path prefix it lives under.
    #[must_use]
    pub fn path(&self) -> Option<&ApiPath> {
        self.path.as_ref()
    }

    /// Whether the path prefix is cut before forwarding.
    #[must_use]
    pub fn strip(&self) -> bool {
        self.strip
    }

    /// Further limit on its origins; empty: none.
    #[must_use]
    pub fn allow(&self) -> &[DomainPattern] {
        &self.allow
    }

    /// Whether a source is enabled. One that is off is never read.
    #[must_use]
    pub fn reads(&self, source: Source) -> bool {
        match source {
            Source::Accept => self.reads_accept,
            Source::Header => self.reads_header,
            Source::Missing => true,
        }
    }

    /// Its vendors, longest first.
    #[must_use]
    pub fn vendors(&self) -> &[Vendor] {
        &self.vendors
    }

    /// The `header` source's field.
    #[must_use]
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// The same as people write it: `APIVER`, `X-Api-Version`.
    #[must_use]
    pub fn header_text(&self) -> &str {
        &self.header_text
    }

    /// Version scheme.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Missing-version policy.
    #[must_use]
    pub fn missing(&self) -> &Missing {
        &self.missing
    }

    /// The status it answers a reason with, where it has one of its own.
    #[must_use]
    pub fn status(&self, reason: Reason) -> Option<StatusCode> {
        self.status.iter().find(|(own, _)| *own == reason).map(|(_, status)| *status)
    }

    /// Whether its rejections list the supported versions.
    #[must_use]
    pub fn lists_supported(&self) -> bool {
        self.lists_supported
    }

    /// Every field that could change the choice.
    #[must_use]
    pub fn vary(&self) -> &[HeaderName] {
        &self.vary
    }

    /// The same as a `Vary` value.
    #[must_use]
    pub fn vary_value(&self) -> &HeaderValue {
        &self.vary_value
    }
}

/// Why a text makes no API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApi {
    /// The name.
    #[error("`{}` cannot name an API: letters, digits, `-`, `_`, `.`, at most 128", .0.escape_debug())]
    Name(String),
    /// A host.
    #[error("host `{host}`: {reason}", host = .host.escape_debug())]
    Host {
        /// As written.
        host: String,
        /// Why.
        reason: &'static str,
    },
    /// No host.
    #[error("no hosts are named; `hosts = [\"*\"]` takes any")]
    NoHost,
    /// The path.
    #[error("`{}` is not an absolute path such as `/orders`", .0.escape_debug())]
    Path(String),
    /// A vendor.
    #[error("vendor `{vendor}`: {reason}", vendor = .vendor.escape_debug())]
    Vendor {
        /// As written.
        vendor: String,
        /// Why.
        reason: &'static str,
    },
    /// A source.
    #[error("`{}` is no version source; this build reads `accept` and `header`", .0.escape_debug())]
    Source(String),
    /// No source.
    #[error("`read` is empty: name at least one of `accept`, `header`")]
    NoSource,
    /// The header's name.
    #[error("`{}` cannot be a version header", .0.escape_debug())]
    Header(String),
    /// The scheme.
    #[error("`{}` is no version scheme; this build knows `label`", .0.escape_debug())]
    Scheme(String),
    /// The missing-version policy.
    #[error("`{}` is neither `reject` nor a version", .0.escape_debug())]
    Missing(String),
    /// A status.
    #[error("status {status} for `{code}`: only rejections take a status of their own, from 400 to 599")]
    Status {
        /// The reason's code.
        code: &'static str,
        /// As written.
        status: u16,
    },
    /// A status for no reason.
    #[error("`{}` is no rejection code", .0.escape_debug())]
    Code(String),
    /// `allow`.
    #[error(transparent)]
    Allow(#[from] InvalidOrigin),
}

/// Fields the version must never be read from: framing, routing, connection control, and Verge's own.
const UNFIT_HEADERS: [&str; 14] = [
    "accept",
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "via",
    "cdn-loop",
    "cookie",
    "authorization",
    "forwarded",
];

/// Reads the name of a version header.
///
/// # Errors
/// What is no field name, or one whose meaning is taken.
pub fn parse_header(text: &str) -> Result<HeaderName, InvalidApi> {
    let refuse = || InvalidApi::Header(text.to_owned());
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| refuse())?;
    let lower = name.as_str().to_string();
    if UNFIT_HEADERS.contains(&lower.as_str()) || lower.starts_with("verge-") || lower.starts_with("x-forwarded-") {
        return Err(refuse());
    }
    Ok(name)
}

/// Reads one entry of `status`: a code and a number.
///
/// # Errors
/// An unknown code, or a status that is no error.
pub fn parse_status(code: &str, status: u16) -> Result<(Reason, StatusCode), InvalidApi> {
    let reason = Reason::from_code(code).ok_or_else(|| InvalidApi::Code(code.to_owned()))?;
    match StatusCode::from_u16(status) {
        Ok(value) if reason.is_configurable() && (400..600).contains(&status) => Ok((reason, value)),
        _ => Err(InvalidApi::Status { code: reason.code(), status }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_read_as_written() {
        assert_eq!(HostPattern::parse("*").unwrap(), HostPattern::Any);
        assert_eq!(HostPattern::parse("API.Example.com.").unwrap(), HostPattern::Exact("api.example.com".into()));
        assert_eq!(HostPattern::parse("*.Example.com").unwrap(), HostPattern::Wildcard("example.com".into()));
        assert_eq!(HostPattern::parse("[::1]").unwrap(), HostPattern::Exact("[::1]".into()));
        for bad in ["", "a:80", "https://a", "a/b", "*.*.com", "a*.com", "a..b", "*."] {
            assert!(HostPattern::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_upper_draft_wins_field_by_field() {
        let toml = ApiDraft { strip: Some(true), ..ApiDraft::default() };
        let item = ApiDraft { strip: Some(false), hosts: Some([HostPattern::Any].into()), ..ApiDraft::default() };
        let api = toml.over(item).finish("orders").unwrap();
        assert!(api.strip());
        assert_eq!(api.hosts(), [HostPattern::Any]);
    }

    #[test]
    fn vary_names_what_is_read_and_nothing_else() {
        let draft = ApiDraft { hosts: Some([HostPattern::Any].into()), ..ApiDraft::default() };
        assert_eq!(draft.clone().finish("a").unwrap().vary_value(), "Accept, APIVER");
        let header = ApiDraft {
            read: Some([Source::Header].into()),
            header: Some(parse_header("X-Api-Version").unwrap()),
            ..draft
        };
        assert_eq!(header.finish("a").unwrap().vary_value(), "X-Api-Version");
    }
}
