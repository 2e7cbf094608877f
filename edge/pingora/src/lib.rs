//! Verge on pingora: the proxy that carries out the router's decisions, and the `verge` command.
//!
//! A request walks through `listen` (a socket and a thread), `ingress` (its head, read whole), `proxy` (the
//! phases: route, dial, edit, log) and `dial` (the origin); what Verge answers itself is written in `reply`.
//! `app` is the only place where these are put together.

mod app;
mod breaker;
mod clock;
mod dial;
mod explain;
mod handover;
mod ingress;
mod listen;
mod notify;
mod overrides;
mod proof;
mod proxy;
mod reply;
mod seal;
mod telemetry;
mod trust;
mod usage;

mod admin;
pub mod cli;

#[cfg(any(test, feature = "fuzzing"))]
pub use ingress::second_opinion;
#[doc(hidden)]
pub use listen::announced;
