//! What every edge does alike around the decision: which heads are shown to the router, what answers of ours look like, how
//! tables are held where nothing reads them beside serving, and what was edited of a head.
//!
//! No runtime, no I/O, no clock. The proxy, which reads tables on threads of its own, takes the first two; edges that live in
//! another program (Envoy, Lambda@Edge) take all of it, so that they refuse, answer and hold back the same.

pub mod edits;
pub mod head;
pub mod identity;
pub mod tables;

mod json;
mod reply;

pub use crate::{
    json::write_json_string,
    reply::Reply,
    tables::{Loaded, Tables},
};
