//! A version's life as its row tells it: deprecation, sunset, brownouts; and the answer fields they make.

mod announce;
mod date;
mod elsewhere;
mod others;

pub use date::{days_in_month, imf_fixdate, parse_http_date, parse_rfc3339, rfc3339};

pub use others::{API_DEPRECATED_VERSIONS, API_SUPPORTED_VERSIONS};

pub(crate) use announce::announce;
pub(crate) use elsewhere::Here;
pub(crate) use others::Others;

use crate::{UnixTime, resolve::label::Label};
use alloc::{boxed::Box, format, string::String, vec::Vec};
use http::{HeaderName, HeaderValue, header};

/// `Deprecation` (RFC 9745).
pub const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// `Sunset` (RFC 8594).
pub const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// When a version is deprecated, in brownout, and gone. Empty for most rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifecycle {
    deprecated_at: Option<UnixTime>,
    sunset_at: Option<UnixTime>,
    brownouts: Vec<(UnixTime, UnixTime)>,
    successor: Option<Box<str>>,
    docs: Option<Box<str>>,
    /// `Deprecation`, `Sunset` and `Link`, ready made.
    fields: Vec<(HeaderName, HeaderValue)>,
}

/// A lifecycle as a border reads it.
#[derive(Debug, Clone, Default)]
pub struct LifecycleSpec<'a> {
    /// From when the version is deprecated.
    pub deprecated_at: Option<UnixTime>,
    /// From when the version answers 410.
    pub sunset_at: Option<UnixTime>,
    /// Spans in which the version answers 410, begin inclusive and end exclusive.
    pub brownouts: Vec<(UnixTime, UnixTime)>,
    /// The version to move to.
    pub successor: Option<&'a str>,
    /// An https URL that explains.
    pub docs: Option<&'a str>,
}

impl Lifecycle {
    /// Checks and prepares a lifecycle.
    ///
    /// # Errors
    /// Sunset before deprecation, a span that ends before it begins, a `docs` that is no https URL.
    pub fn parse(spec: LifecycleSpec<'_>) -> Result<Self, InvalidLifecycle> {
        if let (Some(deprecated), Some(sunset)) = (spec.deprecated_at, spec.sunset_at)
            && sunset < deprecated
        {
            return Err(InvalidLifecycle::SunsetFirst);
        }
        if spec.successor.is_some_and(|successor| Label::parse(successor.as_bytes()).is_err()) {
            return Err(InvalidLifecycle::Successor);
        }
        if spec.brownouts.iter().any(|(from, to)| to <= from) {
            return Err(InvalidLifecycle::Brownout);
        }
        let mut fields = Vec::new();
        let mut push = |name: HeaderName, text: String| match HeaderValue::try_from(text) {
            Ok(value) => {
                fields.push((name, value));
                Ok(())
            }
            Err(_) => Err(InvalidLifecycle::Docs),
        };
        if let Some(at) = spec.deprecated_at {
            push(DEPRECATION, format!("@{at}"))?;
        }
        if let Some(at) = spec.sunset_at {
            push(SUNSET, imf_fixdate(at))?;
        }
        if let Some(docs) = spec.docs {
            let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\\' | b'`');
            if !docs.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain)) {
                return Err(InvalidLifecycle::Docs);
            }
            if spec.deprecated_at.is_some() {
                push(header::LINK, format!("<{docs}>; rel=\"deprecation\"; type=\"text/html\""))?;
            }
            if spec.sunset_at.is_some() {
                push(header::LINK, format!("<{docs}>; rel=\"sunset\"; type=\"text/html\""))?;
            }
        }
        Ok(Self {
            deprecated_at: spec.deprecated_at,
            sunset_at: spec.sunset_at,
            brownouts: spec.brownouts,
            successor: spec.successor.map(Into::into),
            docs: spec.docs.map(Into::into),
            fields,
        })
    }

    /// Whether the version answers 410 at this time.
    #[must_use]
    pub fn is_retired(&self, now: UnixTime) -> bool {
        self.sunset_at.is_some_and(|at| now >= at)
            || self.brownouts.iter().any(|(from, to)| (*from..*to).contains(&now))
    }

    /// Whether the version is deprecated, now or in the future announced.
    #[must_use]
    pub fn deprecated_at(&self) -> Option<UnixTime> {
        self.deprecated_at
    }

    /// From when the version answers 410.
    #[must_use]
    pub fn sunset_at(&self) -> Option<UnixTime> {
        self.sunset_at
    }

    /// The version to move to.
    #[must_use]
    pub fn successor(&self) -> Option<&str> {
        self.successor.as_deref()
    }

    /// An https URL that explains.
    #[must_use]
    pub fn docs(&self) -> Option<&str> {
        self.docs.as_deref()
    }

    /// Spans in which the version answers 410.
    #[must_use]
    pub fn brownouts(&self) -> &[(UnixTime, UnixTime)] {
        &self.brownouts
    }

    /// The answer fields, ready to be added.
    #[must_use]
    pub fn fields(&self) -> &[(HeaderName, HeaderValue)] {
        &self.fields
    }
}

/// Why a row's lifecycle makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLifecycle {
    /// `sunset_at` lies before `deprecated_at`.
    #[error("sunset_at lies before deprecated_at")]
    SunsetFirst,
    /// A brownout is empty.
    #[error("a brownout ends before it begins")]
    Brownout,
    /// `successor` cannot be a version.
    #[error("successor cannot be a version")]
    Successor,
    /// `docs` is not an https URL.
    #[error("docs is not an https URL")]
    Docs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_retires_at_the_second() {
        let life = Lifecycle::parse(LifecycleSpec {
            sunset_at: Some(100),
            brownouts: [(10, 20)].into(),
            ..LifecycleSpec::default()
        })
        .unwrap();
        let retired = |now| life.is_retired(now);
        assert!(!retired(9) && retired(10) && retired(19) && !retired(20) && !retired(99) && retired(100));
    }

    #[test]
    fn a_sunset_before_the_deprecation_is_refused() {
        let spec = LifecycleSpec { deprecated_at: Some(2), sunset_at: Some(1), ..LifecycleSpec::default() };
        assert_eq!(Lifecycle::parse(spec).unwrap_err(), InvalidLifecycle::SunsetFirst);
    }
}
