//! Verge in Envoy: the router as a filter, by the proxy-wasm ABI.
//!
//! Envoy listens, dials and speaks TLS; the filter decides. A plugin configuration is read (`setup`), the table is in it or
//! fetched by a tick (`edge`), a request's head is taken from Envoy (`asked`), decided (`decide`), and the difference goes
//! back (`edits`): authority, path, fields, and the field by which a route picks its cluster; or an answer of ours. Time,
//! chance and addresses are Envoy's part; no routing rule is anywhere but in the router.
//!
//! Built for the machine this crate is only tested: what Envoy calls (`boundary`), what is asked of it (`host`), and what
//! needs that are for WebAssembly alone.

pub mod asked;
pub mod decide;
pub mod edge;
pub mod fault;
pub mod setup;

mod document;
mod edits;

#[cfg(any(target_arch = "wasm32", test))]
mod pairs;

#[cfg(target_arch = "wasm32")]
mod boundary;
#[cfg(target_arch = "wasm32")]
mod fetch;
#[cfg(target_arch = "wasm32")]
mod host;
#[cfg(target_arch = "wasm32")]
mod stats;

pub use crate::{
    asked::Asked,
    decide::{Decision, Sent},
    edge::Edge,
    edits::Edit,
    setup::Setup,
};
