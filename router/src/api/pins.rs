//! Whom pins are for, and what happens to consumers without one.

use super::{InvalidApi, Missing};
use crate::split::Sticky;
use alloc::vec::Vec;
use http::HeaderName;

/// The policy as a border wrote it; what is `None` was not written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PinDraft {
    /// Who a consumer is: see [`parse_subject`].
    pub subject: Option<Vec<Sticky>>,
    /// What consumers without a pin get: `reject`, a version or an alias.
    pub unpinned: Option<Missing>,
    /// What requests get while nothing is known of their consumer.
    pub until_known: Option<UntilKnown>,
}

/// What requests get while nothing is known of their consumer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UntilKnown {
    /// [`Reason::NoTable`](crate::Reason::NoTable): nobody gets another version than their own.
    #[default]
    PutOff,
    /// What consumers without a pin get: nobody is put off.
    Unpinned,
}

impl UntilKnown {
    /// Reads `put_off` or `unpinned`.
    ///
    /// # Errors
    /// Any other word.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        match text {
            "put_off" => Ok(Self::PutOff),
            "unpinned" => Ok(Self::Unpinned),
            _ => Err(InvalidApi::UntilKnown(text.into())),
        }
    }
}

/// How consumers are told from one another, and what those get that have no pin.
#[derive(Debug, Clone, PartialEq)]
pub struct PinPolicy {
    subject: Vec<Sticky>,
    unpinned: Missing,
    until_known: UntilKnown,
}

/// More places of a subject than this are none.
const MAX_PLACES: usize = 8;

/// Reads one place that says who a consumer is: `header:NAME`, `cookie:NAME`, `query:NAME` or `claim:NAME`.
///
/// # Errors
/// Anything else. An address is none of them: no `Vary` can name it, and a cache would give one consumer's answer to another.
pub fn parse_subject(text: &str) -> Result<Sticky, InvalidApi> {
    match Sticky::parse(text) {
        Ok(Sticky::Address | Sticky::Signed) | Err(_) => Err(InvalidApi::PinSubject(text.into())),
        Ok(place) => Ok(place),
    }
}

impl PinDraft {
    pub(super) fn finish(self) -> Result<PinPolicy, InvalidApi> {
        let subject = self.subject.filter(|places| (1..=MAX_PLACES).contains(&places.len()));
        let subject = subject.ok_or(InvalidApi::PinWithoutSubject)?;
        match self.unpinned.unwrap_or_default() {
            Missing::Pin => Err(InvalidApi::UnpinnedIsPinned),
            unpinned => Ok(PinPolicy { subject, unpinned, until_known: self.until_known.unwrap_or_default() }),
        }
    }
}

impl PinPolicy {
    /// Where a request says who its consumer is; the first that it has counts.
    #[must_use]
    pub fn subject(&self) -> &[Sticky] {
        &self.subject
    }

    /// What consumers without a pin get; never [`Missing::Pin`].
    #[must_use]
    pub fn unpinned(&self) -> &Missing {
        &self.unpinned
    }

    /// What requests get while nothing is known of their consumer.
    #[must_use]
    pub fn until_known(&self) -> UntilKnown {
        self.until_known
    }

    /// Fields that the choice is read from.
    pub(super) fn fields(&self) -> impl Iterator<Item = HeaderName> {
        self.subject.iter().filter_map(Sticky::field)
    }
}
