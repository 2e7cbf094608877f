//! The harness: what tests of whole processes are written in.
//!
//! A test says who stands where, what is asked, and who saw what:
//!
//! ```no_run
//! # use verge_tests::{certs::Authority, message::Request, node::Setup, origin::Origin};
//! # async fn example() {
//! let authority = Authority::new();
//! let v1 = Origin::start(&authority, &["v1.execute-api.eu-central-1.amazonaws.com"]).await;
//! let rows = serde_json::json!([{"api": "orders", "version": "v1", "domain": v1.domain(), "base_path": "/prod"}]);
//! let node = Setup::new().rows(rows).trusting(&authority).dialling(&v1).start().await;
//!
//! let answer = node.ask(&Request::get("/orders/7").version("v1")).await;
//! assert_eq!(answer.status, 200);
//! assert_eq!(v1.only_seen().target, "/prod/orders/7");
//! # }
//! ```
//!
//! Nothing here sleeps: what takes time is waited for by condition, with a [`patience`].

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a harness fails by panicking"
)]

pub mod bench;
pub mod books;
pub mod certs;
pub mod client;
pub mod corpus;
pub mod distance;
pub mod dns;
pub mod frames;
pub mod message;
pub mod node;
pub mod origin;
pub mod patience;
pub mod scratch;
pub mod store;
