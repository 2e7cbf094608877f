//! What a decision depends on besides the request and the table: time, chance, and who asks. All of it is an argument.

use crate::{
    UnixTime,
    pin::Pins,
    split::{Health, Seal},
};
use core::net::IpAddr;

/// The moment a request is decided in. The same request, table and moment give the same decision on every node and edge.
#[derive(Clone, Copy)]
pub struct Moment<'m> {
    /// The clock.
    pub now: UnixTime,
    /// The client's address, as far as the edge trusts what it knows of it.
    pub client: Option<IpAddr>,
    /// The id the request goes by. Where a client has nothing to be told by, chance is drawn from it: a choice can be
    /// made again from a log line.
    pub request_id: &'m [u8],
    /// The state of breakers.
    pub health: &'m dyn Health,
    /// What is known of consumers' pins.
    pub pins: &'m dyn Pins,
    /// The operator's key, where there is one: without it nothing that is signed is believed, and no cookie is set.
    pub seal: Option<&'m dyn Seal>,
    /// Whether overrides are configured at all: only then are they read, and do answers vary by them.
    pub overridable: bool,
    /// Whether this client may ask for an arm without a signature.
    pub is_tester: bool,
}

impl Moment<'_> {
    /// This time, and nothing else known.
    #[must_use]
    pub const fn at(now: UnixTime) -> Self {
        Self {
            now,
            client: None,
            request_id: b"",
            health: &(),
            pins: &(),
            seal: None,
            overridable: false,
            is_tester: false,
        }
    }
}
