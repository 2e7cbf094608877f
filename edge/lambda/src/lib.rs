//! Verge in Lambda@Edge: the router, as a module of WebAssembly that a function of Node calls.
//!
//! An event comes as numbers and texts (`event`), is decided (`decide`), and the difference to what CloudFront would do
//! goes back in the same form (`answer`, `edits`). What one event leaves for another is in the request alone (`way`): copies of
//! a function share nothing.
//! Time, chance, files and DynamoDB are JavaScript's part, in `handler.mjs`, `edge.mjs` and `source.mjs`; no routing rule is.
//!
//! Built for the machine this crate is only tested: `boundary` alone is for WebAssembly.

pub mod answer;
pub mod edge;
pub mod event;
pub mod fields;
pub mod names;
pub mod way;

mod decide;
mod dial;
mod edits;
mod settings;

#[cfg(target_arch = "wasm32")]
mod boundary;

pub use crate::decide::VERGE_KEY;
