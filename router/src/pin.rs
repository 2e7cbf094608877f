//! Pins: which version a consumer gets that asks for none.
//!
//! An API whose missing-version policy is `pin` answers each consumer with the version it is pinned to, as if the consumer
//! had asked for it. Who a consumer is, the request says ([`PinPolicy`](crate::api::PinPolicy)); what it is pinned to is an
//! argument of the decision ([`Pins`]), for there may be millions of them, and no table holds them.

use crate::UnixTime;
use alloc::{boxed::Box, sync::Arc};

/// A consumer's pin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pin {
    /// The version, range or alias it is pinned to.
    pub version: Box<str>,
    /// Where it moves, and when.
    pub upgrade: Option<Upgrade>,
    /// From then on there is no pin.
    pub expires: Option<UnixTime>,
}

/// A move to another version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upgrade {
    /// The version that is moved to.
    pub version: Box<str>,
    /// From then on.
    pub at: UnixTime,
}

impl Pin {
    /// The version at this time, and whether it is the one that is moved to; `None` where the pin is over.
    #[must_use]
    pub fn at(&self, now: UnixTime) -> Option<(&str, bool)> {
        if self.expires.is_some_and(|expires| expires <= now) {
            return None;
        }
        match self.upgrade.as_ref().filter(|upgrade| upgrade.at <= now) {
            Some(upgrade) => Some((&upgrade.version, true)),
            None => Some((&self.version, false)),
        }
    }
}

/// What is known of a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pinned {
    /// It has this pin.
    To(Arc<Pin>),
    /// It has none.
    Nowhere,
    /// It has one that cannot be read, and never could.
    Unreadable,
    /// Nothing yet. That is not to have none: the decision is put off, by [`Reason::NoTable`](crate::Reason::NoTable).
    NotKnown,
}

/// What an edge knows of consumers, at once and without waiting. What it does about what it does not know yet is its own
/// business: the decision depends on the answer alone.
pub trait Pins {
    /// What is known of this consumer of an API.
    fn pinned(&self, api: &str, subject: &[u8]) -> Pinned;
}

/// Of an edge that keeps no pins nothing is known.
impl Pins for () {
    fn pinned(&self, _: &str, _: &[u8]) -> Pinned {
        Pinned::NotKnown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pin_moves_and_ends_at_the_second() {
        let upgrade = Some(Upgrade { version: "v2".into(), at: 100 });
        let pin = Pin { version: "v1".into(), upgrade, expires: Some(200) };
        for (now, expected) in
            [(99, Some(("v1", false))), (100, Some(("v2", true))), (199, Some(("v2", true))), (200, None)]
        {
            assert_eq!(pin.at(now), expected, "{now}");
        }
    }
}
