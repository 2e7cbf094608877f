//! 1. Read: head -> what is asked. One module per source, one rule each; nothing here knows the table.

pub mod accept;
pub mod header;
pub mod host;
pub mod path;
pub mod query;

/// Where a version was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The `Accept` field.
    Accept,
    /// The API's version header.
    Header,
    /// A parameter of the query.
    Query,
    /// A segment of the path.
    Path,
    /// Part of the host.
    Host,
    /// Nowhere: the missing-version policy chose.
    Missing,
    /// Nowhere: the consumer is pinned to it.
    Pin,
}

impl Source {
    /// Every source that can be enabled, in the order they are named in.
    pub const ALL: [Self; 5] = [Self::Accept, Self::Header, Self::Query, Self::Path, Self::Host];

    /// As configured, logged and explained.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Header => "header",
            Self::Query => "query",
            Self::Path => "path",
            Self::Host => "host",
            Self::Missing => "missing",
            Self::Pin => "pin",
        }
    }

    /// Reads the name of a source that can be enabled.
    ///
    /// # Errors
    /// Any other name.
    pub fn parse(text: &str) -> Result<Self, crate::api::InvalidApi> {
        let named = Self::ALL.into_iter().find(|source| source.as_str() == text);
        named.ok_or_else(|| crate::api::InvalidApi::Source(text.into()))
    }
}
