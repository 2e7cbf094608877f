//! One API: whose requests it takes, where it reads the version, and its policies.
//!
//! An API is written in two places, the configuration and the table's `#api` items. Each is read into an [`ApiDraft`];
//! the configuration's lies over the item's, field by field, and [`ApiDraft::finish`] makes the [`Api`].

mod draft;
mod invalid;
mod place;
mod policy;

pub use draft::ApiDraft;
pub use invalid::InvalidApi;
pub use place::{ApiPath, HostPattern, MAX_HOST};
pub use policy::{DEFAULT_HEADER, Missing, Scheme, Vendor, parse_header, parse_status};

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
    reads_accept: bool,
    reads_header: bool,
    vendors: Vec<Vendor>,
    header: HeaderName,
    header_text: Box<str>,
    scheme: Scheme,
    missing: Missing,
    preflight: Missing,
    status: Vec<(Reason, StatusCode)>,
    lists_supported: bool,
    cors: Option<Cors>,
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

    /// The version that a CORS preflight goes to when a missing version is rejected.
    #[must_use]
    pub fn preflight(&self) -> Option<&str> {
        match &self.preflight {
            Missing::Version(version) => Some(version),
            Missing::Reject => None,
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

    /// Its CORS policy, where it has one.
    #[must_use]
    pub fn cors(&self) -> Option<&Cors> {
        self.cors.as_ref()
    }
}

#[cfg(test)]
mod tests;
