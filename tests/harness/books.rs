//! Before and after: what a case moved in a node's counters, and how much of it came to origins.

use crate::{
    node::Node,
    origin::{Origin, RawOrigin, WebSocket},
    patience::{GLANCE, PATIENCE, eventually},
};
use std::collections::BTreeMap;

/// Counters of ordinary life, which move beside what a case is about: looked at where a case names them. Every other one
/// stays where it is unless it is named.
const ORDINARY: &[&str] = &[
    "verge_responses_total",
    "verge_connections_total",
    "verge_version_requests_total",
    "verge_arm_requests_total",
    "verge_table_",
];

/// Whoever counts the requests that come to it.
pub trait Sees {
    /// How many there have been.
    fn requests(&self) -> usize;
}

impl Sees for Origin {
    fn requests(&self) -> usize {
        Origin::requests(self)
    }
}

impl Sees for RawOrigin {
    fn requests(&self) -> usize {
        RawOrigin::requests(self)
    }
}

impl Sees for WebSocket {
    fn requests(&self) -> usize {
        self.handshakes()
    }
}

/// The name of the counter of Verge's own answers for a reason.
#[must_use]
pub fn replied(reason: &str) -> String {
    format!("verge_replies_total{{reason=\"{reason}\"}}")
}

/// The name of the counter of answers of a class, from 1 to 5.
#[must_use]
pub fn answered(class: u16) -> String {
    format!("verge_responses_total{{class=\"{class}xx\"}}")
}

/// The name of the counter of clients that were too slow with something.
#[must_use]
pub fn too_slow(waiting_for: &str) -> String {
    format!("verge_client_timeouts_total{{waiting_for=\"{waiting_for}\"}}")
}

/// The name of the counter of answers that broke off for a reason.
#[must_use]
pub fn cut(reason: &str) -> String {
    format!("verge_answers_cut_total{{reason=\"{reason}\"}}")
}

/// The state before a case.
pub struct Books<'a> {
    node: &'a Node,
    origins: Vec<&'a dyn Sees>,
    counters: BTreeMap<String, f64>,
    seen: usize,
}

impl<'a> Books<'a> {
    /// Opens the books of a case, when what came before it has come to its end and is counted.
    pub async fn open(node: &'a Node, origins: &[&'a dyn Sees]) -> Self {
        eventually("no request under way before the case", async || node.metric("verge_requests").await == 0.0).await;
        let origins = origins.to_vec();
        let seen = origins.iter().map(|origin| origin.requests()).sum();
        Self { node, origins, counters: node.counters().await, seen }
    }

    /// Closes them: the origins have seen so many requests, these counters have gone up by one for each time that they are
    /// named, and no other has moved.
    ///
    /// # Panics
    /// It is not so, and does not become so.
    pub async fn balance(self, case: &str, seen: usize, moved: &[String]) {
        let mut due: BTreeMap<String, f64> = BTreeMap::new();
        for name in moved {
            *due.entry(name.clone()).or_default() += 1.0;
        }
        let due = (seen, due);
        // Some is counted only when its answer has long been read.
        let balanced = async {
            let mut glances = tokio::time::interval(GLANCE);
            // Nothing is under way, and then nothing more is counted.
            while self.moved(&due.1).await != due
                || self.node.metric("verge_requests").await != 0.0
                || self.moved(&due.1).await != due
            {
                glances.tick().await;
            }
        };
        if tokio::time::timeout(PATIENCE, balanced).await.is_err() {
            assert_eq!(self.moved(&due.1).await, due, "seen by origins, and counters moved: {case}");
        }
    }

    /// What origins have seen since, and which counters have moved.
    async fn moved(&self, named: &BTreeMap<String, f64>) -> (usize, BTreeMap<String, f64>) {
        let now = self.node.counters().await;
        let by = |(name, value): (String, f64)| {
            let by = value - self.counters.get(&name).copied().unwrap_or_default();
            let ordinary = ORDINARY.iter().any(|family| name.starts_with(family));
            (by != 0.0 && (!ordinary || named.contains_key(&name))).then_some((name, by))
        };
        let seen: usize = self.origins.iter().map(|origin| origin.requests()).sum();
        (seen - self.seen, now.into_iter().filter_map(by).collect())
    }
}
