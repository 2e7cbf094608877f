//! The decision, and nothing else: request head + mapping table + moment in, [`Forward`] or [`Rejection`] out.
//!
//! [`route`] is pure. It reads no clock, draws no randomness, takes no lock, logs nothing and does no I/O, so that every
//! edge that carries it (a proxy, a wasm filter, a function) decides alike. What it needs from outside is an argument;
//! what it learns it returns, or tells a [`Witness`] that `explain` brings along.
//!
//! The modules stand in the order a request walks through them: [`request`] → [`api`] → [`cors`] → [`version`] →
//! [`resolve`] → [`table`] → [`split`] → [`rewrite`].
//!
//! Contract:
//! - With no [`MappingTable`] there is no call: an unread store cannot look like an unknown version.
//! - [`Forward`] is made only here; an edge dials what a `Forward` says and nothing else, so a client cannot choose an
//!   upstream.
//! - Cost is linear in the head and independent of the number of mappings; nothing is allocated before the rewritten
//!   target, which is one allocation.

#![no_std]

extern crate alloc;

pub mod api;
pub mod cors;
pub mod lifecycle;
pub mod moment;
pub mod origin;
pub mod pin;
pub mod proxies;
pub mod rejection;
pub mod request;
pub mod resolve;
pub mod rewrite;
pub mod split;
pub mod table;
pub mod version;
pub mod well_known;
pub mod witness;

mod bytes;
mod caseless;
mod route;

pub use crate::api::{Api, ApiDraft};
pub use crate::moment::Moment;
pub use crate::origin::Origin;
pub use crate::pin::{Pin, Pinned, Pins};
pub use crate::rejection::{Reason, Rejection};
pub use crate::request::Request;
pub use crate::rewrite::{Edits, Forward, Hop};
pub use crate::route::route;
pub use crate::split::{Choice, Split, SplitRow};
pub use crate::table::{ApiRows, Mapping, MappingTable, Row, RowState, TableBuilder};
pub use crate::version::Source;
pub use crate::witness::{Fact, Witness};

/// Seconds since 1970-01-01T00:00:00Z; the only clock the router knows, and always an argument.
pub type UnixTime = i64;
