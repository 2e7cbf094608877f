//! Rows: as a border reads them, and as requests hold them.

use crate::{
    UnixTime,
    api::Api,
    lifecycle::Lifecycle,
    origin::Origin,
    split::{Split, SplitRow},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use http::HeaderValue;

/// What a row of the table became at the border.
#[derive(Debug, Clone)]
pub struct Row {
    /// The key as stored: a version, or in the sample layout a media type or header value.
    pub key: Box<str>,
    /// Whether the key is matched as a whole (sample layout) besides as a version.
    pub whole: bool,
    /// Its content.
    pub state: RowState,
}

/// A row's content.
#[derive(Debug, Clone)]
pub enum RowState {
    /// A version and its origin.
    Mapped(MappingSpec),
    /// A version whose traffic is split.
    Split(SplitRowSpec),
    /// Another name for this version.
    Alias(Box<str>),
    /// Not readable; its last good value is kept where the previous table has one.
    Invalid,
}

/// A mapping as a border reads it.
#[derive(Debug, Clone)]
pub struct MappingSpec {
    /// Where it is served.
    pub origin: Origin,
    /// Whether it is left out of what clients are shown.
    pub hidden: bool,
    /// Deprecation, sunset, brownouts.
    pub lifecycle: Option<Lifecycle>,
}

/// A row whose traffic is split, as a border reads it.
#[derive(Debug, Clone)]
pub struct SplitRowSpec {
    /// Its arms, and how one is picked.
    pub split: Split,
    /// Whether it is left out of what clients are shown.
    pub hidden: bool,
    /// Deprecation, sunset, brownouts.
    pub lifecycle: Option<Lifecycle>,
}

/// An API with its rows.
#[derive(Debug, Clone)]
pub struct ApiRows {
    /// The API.
    pub api: Arc<Api>,
    /// Its rows, in any order.
    pub rows: Vec<Row>,
}

/// One version and where it is served; what a request holds from its start to its end.
#[derive(Debug)]
pub struct Mapping {
    api: Arc<Api>,
    version: HeaderValue,
    origin: Origin,
    /// What few rows say.
    special: Option<Box<Special>>,
}

/// A row that answers.
#[derive(Debug, Clone)]
pub enum Good {
    /// At one origin.
    Mapping(Arc<Mapping>),
    /// At several.
    Split(Arc<SplitRow>),
}

impl Good {
    /// The API it belongs to.
    #[must_use]
    pub fn api(&self) -> &Arc<Api> {
        match self {
            Self::Mapping(mapping) => mapping.api(),
            Self::Split(row) => row.api(),
        }
    }

    /// The row's key as stored.
    #[must_use]
    #[inline]
    pub fn key(&self) -> &str {
        match self {
            Self::Mapping(mapping) => mapping.key(),
            Self::Split(row) => row.key(),
        }
    }

    /// The concrete version, as reported in `api-version`.
    #[must_use]
    pub fn version(&self) -> &HeaderValue {
        match self {
            Self::Mapping(mapping) => mapping.version(),
            Self::Split(row) => row.version(),
        }
    }

    /// The same as text.
    #[must_use]
    pub fn version_str(&self) -> &str {
        self.version().to_str().unwrap_or_default()
    }

    /// Whether it is left out of what clients are shown.
    #[must_use]
    pub fn hidden(&self) -> bool {
        match self {
            Self::Mapping(mapping) => mapping.hidden(),
            Self::Split(row) => row.hidden(),
        }
    }

    /// Deprecation, sunset, brownouts.
    #[must_use]
    pub fn lifecycle(&self) -> Option<&Lifecycle> {
        match self {
            Self::Mapping(mapping) => mapping.lifecycle(),
            Self::Split(row) => row.lifecycle(),
        }
    }

    /// Whether it answers 410 at this time.
    #[must_use]
    #[inline]
    pub fn is_retired(&self, now: UnixTime) -> bool {
        self.lifecycle().is_some_and(|life| life.is_retired(now))
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Special {
    /// The key, where it is another text than the version.
    key: Option<Box<str>>,
    hidden: bool,
    lifecycle: Option<Lifecycle>,
}

impl Mapping {
    /// The API it belongs to.
    #[must_use]
    pub fn api(&self) -> &Arc<Api> {
        &self.api
    }

    pub(crate) fn new(api: Arc<Api>, key: &str, version: HeaderValue, spec: MappingSpec) -> Self {
        let MappingSpec { origin, hidden, lifecycle } = spec;
        let same = version.to_str().is_ok_and(|version| version == key);
        let key = if same { None } else { Some(key.into()) };
        let is_special = key.is_some() || hidden || lifecycle.is_some();
        let special = is_special.then(|| Box::new(Special { key, hidden, lifecycle }));
        Self { api, version, origin, special }
    }

    /// Whether a row of this API says just what this one was made of.
    pub(super) fn says(&self, api: &Arc<Api>, key: &str, spec: &MappingSpec) -> bool {
        Arc::ptr_eq(&self.api, api)
            && self.key() == key
            && self.origin == spec.origin
            && self.hidden() == spec.hidden
            && self.lifecycle() == spec.lifecycle.as_ref()
    }

    /// The row's key as stored.
    #[must_use]
    pub fn key(&self) -> &str {
        let own = self.special.as_ref().and_then(|special| special.key.as_deref());
        own.unwrap_or_else(|| self.version_str())
    }

    /// The concrete version, as reported in `api-version`: the key, or in the sample layout the version in it.
    #[must_use]
    pub fn version(&self) -> &HeaderValue {
        &self.version
    }

    /// The same as text.
    #[must_use]
    pub fn version_str(&self) -> &str {
        self.version.to_str().unwrap_or_default()
    }

    /// Where it is served.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether it is left out of what clients are shown.
    #[must_use]
    pub fn hidden(&self) -> bool {
        self.special.as_ref().is_some_and(|special| special.hidden)
    }

    /// Deprecation, sunset, brownouts.
    #[must_use]
    pub fn lifecycle(&self) -> Option<&Lifecycle> {
        self.special.as_ref()?.lifecycle.as_ref()
    }

    /// Whether it answers 410 at this time.
    #[must_use]
    #[inline]
    pub fn is_retired(&self, now: UnixTime) -> bool {
        self.lifecycle().is_some_and(|life| life.is_retired(now))
    }
}
