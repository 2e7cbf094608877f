//! 1. Read: head -> what is asked. One module per source, one rule each; nothing here knows the table.

pub mod accept;
pub mod header;

/// Where a version was read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// The `Accept` field.
    Accept,
    /// The API's version header.
    Header,
    /// Nowhere: the missing-version policy chose.
    Missing,
}

impl Source {
    /// As configured, logged and explained.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Header => "header",
            Self::Missing => "missing",
        }
    }

    /// Reads the name of a source that can be enabled.
    ///
    /// # Errors
    /// Any other name.
    pub fn parse(text: &str) -> Result<Self, crate::api::InvalidApi> {
        match text {
            "accept" => Ok(Self::Accept),
            "header" => Ok(Self::Header),
            _ => Err(crate::api::InvalidApi::Source(text.into())),
        }
    }
}
