//! One API: whose requests it takes, where it reads the version, and its policies.
//!
//! An API is written in two places, the configuration and the table's `#api` items. Each is read into an [`ApiDraft`];
//! the configuration's lies over the item's, field by field, and [`ApiDraft::finish`] makes the [`Api`].

mod advertise;
mod draft;
mod field;
mod invalid;
mod methods;
mod pins;
mod place;
mod policy;
mod sources;

pub use advertise::Advertise;
pub use draft::{ApiDraft, parse_api_name};
pub use field::Field;
pub use invalid::InvalidApi;
pub use methods::{Methods, parse_method};
pub use pins::{PinDraft, PinPolicy, UntilKnown, parse_subject};
pub use place::{ApiPath, HostPattern, MAX_HOST};
pub use policy::{DEFAULT_HEADER, Missing, Scheme, Unknown, Vendor, parse_header, parse_status, parse_version};
pub(crate) use sources::Sources;
pub use sources::{DEFAULT_QUERY, HostVersion, parse_query};

use crate::{cors::Cors, origin::DomainPattern, rejection::Reason, version::Source};
use alloc::{boxed::Box, vec::Vec};
use http::{HeaderName, HeaderValue, StatusCode};

/// An API, checked and ready.
#[derive(Debug, Clone, PartialEq)]
pub struct Api {
    name: Box<str>,
    hosts: Vec<HostPattern>,
    path: Option<ApiPath>,
    strip: bool,
    allow: Vec<DomainPattern>,
    reads: Sources,
    vendors: Vec<Vendor>,
    header: HeaderName,
    header_text: Box<str>,
    query: Box<str>,
    host: Option<HostVersion>,
    scheme: Scheme,
    missing: Missing,
    pins: Option<PinPolicy>,
    unknown: Unknown,
    neutral: Vec<ApiPath>,
    neutral_version: Option<Box<str>>,
    methods: Option<Methods>,
    preflight: Missing,
    status: Vec<(Reason, StatusCode)>,
    lists_supported: bool,
    cors: Option<Cors>,
    advertise: Vec<Advertise>,
    vary: Vec<HeaderName>,
    vary_value: Option<HeaderValue>,
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
        self.reads.has(source)
    }

    /// Whether any source in the URL is enabled.
    #[inline]
    pub(crate) fn reads_url(&self) -> bool {
        self.reads.has_any(Sources::URL)
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

    /// The `query` source's parameter.
    #[must_use]
    pub fn query(&self) -> &str {
        &self.query
    }

    /// Where the `host` source stands; always there where that is read.
    #[must_use]
    pub fn host(&self) -> Option<&HostVersion> {
        self.host.as_ref()
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

    /// Whom pins are for: where the missing-version policy is [`Missing::Pin`], and only there.
    #[must_use]
    pub fn pins(&self) -> Option<&PinPolicy> {
        self.pins.as_ref()
    }

    /// The version that answers where none is asked for and no pin says another.
    #[must_use]
    pub fn default_version(&self) -> Option<&str> {
        match (&self.missing, &self.pins) {
            (Missing::Version(version), _) => Some(version),
            (Missing::Pin, Some(pins)) => match pins.unpinned() {
                Missing::Version(version) => Some(version),
                Missing::Reject | Missing::Pin => None,
            },
            (Missing::Reject | Missing::Pin, _) => None,
        }
    }

    /// Unknown-version policy.
    #[must_use]
    pub fn unknown(&self) -> Unknown {
        self.unknown
    }

    /// Paths, after the API's own, that need no version.
    #[must_use]
    pub fn neutral(&self) -> &[ApiPath] {
        &self.neutral
    }

    /// The version that answers there: an explicit one, or that of the missing-version policy.
    #[must_use]
    pub fn neutral_version(&self) -> Option<&str> {
        self.neutral_version.as_deref().or_else(|| self.default_version())
    }

    /// The methods it takes; `None`: any.
    #[must_use]
    pub fn methods(&self) -> Option<&Methods> {
        self.methods.as_ref()
    }

    /// The version that a CORS preflight goes to when a missing version is rejected.
    #[must_use]
    pub fn preflight(&self) -> Option<&str> {
        match &self.preflight {
            Missing::Version(version) => Some(version),
            Missing::Reject | Missing::Pin => None,
        }
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

    /// The same as a `Vary` value; `None` where there are none.
    #[must_use]
    pub fn vary_value(&self) -> Option<&HeaderValue> {
        self.vary_value.as_ref()
    }

    /// Whether it lists its versions there.
    #[must_use]
    pub fn advertises(&self, place: Advertise) -> bool {
        self.advertise.contains(&place)
    }

    /// Its CORS policy, where it has one.
    #[must_use]
    pub fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }
}

#[cfg(test)]
mod tests;
