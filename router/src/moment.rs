//! What a decision depends on besides the request and the table: time, chance, and who asks. All of it is an argument.

use crate::UnixTime;
use core::net::IpAddr;

/// The moment a request is decided in. The same request, table and moment give the same decision on every node and edge.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'m> {
    /// The clock.
    pub now: UnixTime,
    /// The client's address, as far as the edge trusts what it knows of it.
    pub client: Option<IpAddr>,
    /// The id the request goes by. Where a client has nothing to be told by, chance is drawn from it: a choice can be
    /// made again from a log line.
    pub request_id: &'m [u8],
}

impl Moment<'_> {
    /// This time, and nothing else known.
    #[must_use]
    pub const fn at(now: UnixTime) -> Self {
        Self { now, client: None, request_id: b"" }
    }
}
