//! What only whole processes can show: the real `verge` binary between real clients, stages and stores.
//!
//! Each module is one topic; each test is a fact. They run side by side on free ports.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod stages;

mod access_log;
mod addresses;
mod answers;
mod balancers;
mod bodies;
mod by_hand;
mod canary;
mod certificates;
mod client_certificates;
mod control;
mod credentials;
mod deadlines;
mod demand;
mod dialling;
mod explain;
mod faults;
mod floods;
mod framing;
mod headers;
mod http2;
mod ingress;
mod large;
mod live_corpus;
mod load;
mod mishaps;
mod operators;
mod operators_tls;
mod outage;
mod outcomes;
mod pins;
mod proofs;
mod reload;
mod retries;
mod routing;
mod shutdown;
mod slow;
mod slow_store;
mod snapshot;
mod sources;
mod succession;
mod table_export;
mod table_life;
mod tls;
mod trusted;
mod undisturbed;
mod upgrades;
mod usage;
mod weather;
mod weights;
