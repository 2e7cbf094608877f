//! An API as the configuration or an `#api` item wrote it, and the making of the whole one.

use super::{
    Advertise, Api, ApiPath, DEFAULT_HEADER, DEFAULT_QUERY, HostPattern, HostVersion, InvalidApi, Methods, Missing,
    PinDraft, PinPolicy, Scheme, Sources, Unknown, Vendor,
};
use crate::{
    cors::{Cors, CorsDraft},
    lifecycle::{API_DEPRECATED_VERSIONS, API_SUPPORTED_VERSIONS},
    origin::DomainPattern,
    rejection::Reason,
    version::Source,
};
use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};

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
    /// Parameter of the `query` source.
    pub query: Option<Box<str>>,
    /// Pattern of the `host` source.
    pub host: Option<HostVersion>,
    /// Version scheme.
    pub scheme: Option<Scheme>,
    /// Missing-version policy.
    pub missing: Option<Missing>,
    /// Whom pins are for, as a whole.
    pub pin: Option<PinDraft>,
    /// Unknown-version policy.
    pub unknown: Option<Unknown>,
    /// Paths, after the API's own, that need no version.
    pub neutral: Option<Vec<ApiPath>>,
    /// The version that answers there.
    pub neutral_version: Option<Box<str>>,
    /// Methods it takes.
    pub methods: Option<Vec<Method>>,
    /// Where a CORS preflight goes when a missing version is rejected.
    pub preflight: Option<Missing>,
    /// Statuses of its own.
    pub status: Option<Vec<(Reason, StatusCode)>>,
    /// Whether rejections list the supported versions.
    pub supported: Option<bool>,
    /// Where else its versions are listed.
    pub advertise: Option<Vec<Advertise>>,
    /// CORS policy, as a whole: two halves of one would be nobody's.
    pub cors: Option<CorsDraft>,
}

impl ApiDraft {
    /// This draft, with the gaps filled from another.
    #[must_use]
    pub fn over(mut self, below: Self) -> Self {
        fill(&mut self.hosts, below.hosts);
        fill(&mut self.path, below.path);
        fill(&mut self.strip, below.strip);
        fill(&mut self.allow, below.allow);
        fill(&mut self.read, below.read);
        fill(&mut self.vendor, below.vendor);
        fill(&mut self.header, below.header);
        fill(&mut self.query, below.query);
        fill(&mut self.host, below.host);
        fill(&mut self.scheme, below.scheme);
        fill(&mut self.missing, below.missing);
        fill(&mut self.pin, below.pin);
        fill(&mut self.unknown, below.unknown);
        fill(&mut self.neutral, below.neutral);
        fill(&mut self.neutral_version, below.neutral_version);
        fill(&mut self.methods, below.methods);
        fill(&mut self.preflight, below.preflight);
        fill(&mut self.status, below.status);
        fill(&mut self.supported, below.supported);
        fill(&mut self.advertise, below.advertise);
        fill(&mut self.cors, below.cors);
        self
    }

    /// Makes the API.
    ///
    /// # Errors
    /// An unfit name, no host, no source, a source without what it needs, an unfit status, neutral paths that no version
    /// answers.
    pub fn finish(mut self, name: &str) -> Result<Api, InvalidApi> {
        let reads = self.check_sources(name)?;
        let missing = self.missing.take().unwrap_or_default();
        let pins = match (&missing, self.pin.take()) {
            (Missing::Pin, pin) => Some(pin.unwrap_or_default().finish()?),
            (_, Some(_)) => return Err(InvalidApi::PinUnused),
            (_, None) => None,
        };
        self.check_policies(pins.as_ref().map_or(&missing, PinPolicy::unpinned))?;
        let header = self.header.take().unwrap_or(HeaderName::from_static(DEFAULT_HEADER));
        let mut vary = Vec::new();
        if reads.has(Source::Accept) {
            vary.push(header::ACCEPT);
        }
        if reads.has(Source::Header) {
            vary.push(header.clone());
        }
        let asked_in: Vec<String> = vary.iter().map(canonical_case).collect();
        let advertise = self.advertise.take().unwrap_or_default();
        let lists = [API_SUPPORTED_VERSIONS, API_DEPRECATED_VERSIONS];
        let own: Vec<&str> =
            lists.iter().map(HeaderName::as_str).filter(|_| advertise.contains(&Advertise::Fields)).collect();
        let cors = self.cors.take().map(|cors| cors.finish(&asked_in, &own)).transpose()?;
        let methods = self.methods.take().map(|methods| Methods::new(&methods)).transpose()?;
        for field in pins.iter().flat_map(PinPolicy::fields) {
            if !vary.contains(&field) {
                vary.push(field);
            }
        }
        if cors.as_ref().is_some_and(Cors::varies) {
            vary.push(header::ORIGIN);
        }
        let named: Vec<String> = vary.iter().map(canonical_case).collect();
        // Longest first, so that `example.orders` is tried before `example`.
        let mut vendors = self.vendor.take().unwrap_or_default();
        vendors.sort_unstable_by_key(|vendor| core::cmp::Reverse(vendor.as_str().len()));
        Ok(Api {
            name: name.into(),
            hosts: self.hosts.take().unwrap_or_default(),
            path: self.path.take().flatten(),
            strip: self.strip.unwrap_or(false),
            allow: self.allow.take().unwrap_or_default(),
            reads,
            vendors,
            header_text: canonical_case(&header).into(),
            header,
            query: self.query.take().unwrap_or_else(|| DEFAULT_QUERY.into()),
            host: self.host.take(),
            scheme: self.scheme.unwrap_or_default(),
            missing,
            pins,
            unknown: self.unknown.unwrap_or_default(),
            neutral: self.neutral.take().unwrap_or_default(),
            neutral_version: self.neutral_version.take(),
            methods,
            preflight: self.preflight.take().unwrap_or_default(),
            status: self.status.take().unwrap_or_default(),
            lists_supported: self.supported.unwrap_or(true),
            cors,
            advertise,
            vary_value: (!vary.is_empty())
                .then(|| HeaderValue::try_from(named.join(", ")).unwrap_or(HeaderValue::from_static("*"))),
            vary,
        })
    }

    /// What it is called, where it is found, and where its version is read.
    fn check_sources(&self, name: &str) -> Result<Sources, InvalidApi> {
        parse_api_name(name)?;
        if self.hosts.as_ref().is_none_or(Vec::is_empty) {
            return Err(InvalidApi::NoHost);
        }
        let read = self.read.as_deref().unwrap_or(&[Source::Accept, Source::Header]);
        if read.is_empty() {
            return Err(InvalidApi::NoSource);
        }
        let reads = Sources::of(read);
        if reads.has(Source::Host) && self.host.is_none() {
            return Err(InvalidApi::NoHostPattern);
        }
        Ok(reads)
    }

    /// What is made of requests without a version, and of rejections.
    fn check_policies(&self, default: &Missing) -> Result<(), InvalidApi> {
        let has_neutral = self.neutral.as_ref().is_some_and(|neutral| !neutral.is_empty());
        if has_neutral && self.neutral_version.is_none() && *default == Missing::Reject {
            return Err(InvalidApi::NeutralWithoutVersion);
        }
        if self.preflight == Some(Missing::Pin) {
            return Err(InvalidApi::PinnedPreflight);
        }
        for (reason, status) in self.status.iter().flatten() {
            if !reason.is_configurable() || !(status.is_client_error() || status.is_server_error()) {
                return Err(InvalidApi::Status { code: reason.code(), status: status.as_u16() });
            }
        }
        Ok(())
    }
}

/// Takes what is below, where nothing is above.
fn fill<T>(above: &mut Option<T>, below: Option<T>) {
    if above.is_none() {
        *above = below;
    }
}

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

/// Reads what an API is called.
///
/// # Errors
/// What cannot name one.
pub fn parse_api_name(name: &str) -> Result<&str, InvalidApi> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(plain) {
        return Err(InvalidApi::Name(name.into()));
    }
    Ok(name)
}
