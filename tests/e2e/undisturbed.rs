//! What a request costs while its node reads the table: no more than while anybody else works on the same machine.
//!
//! Two nodes hold tables of their own, and one of them serves. They read in turns; what counts is the time that the serving
//! thread runs, over the requests it answers. A node that reads takes caches and cores from its own requests, and so does
//! the other one: the difference is what reading costs beyond that, which is what of it the serving thread does itself.

use crate::{
    large::{bump, many, serving, store_of},
    stages::Stages,
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::task::JoinSet;
use verge_tests::{client::Connection, message::Request, node::Node, patience::eventually, store::Store};

/// How much more a request may cost while its node reads.
const LIMIT: f64 = 1.02;
/// So many pairs of turns are the least from which anything is concluded, and so many are the most.
const PAIRS: (usize, usize) = (8, 30);
/// A turn is long enough for as many requests, if it takes several readings.
const ENOUGH: u64 = 300;

/// A node with a table of its own, which is read when its generation changes.
struct Reader {
    store: Store,
    node: Node,
    generation: u64,
}

impl Reader {
    async fn start(stages: &Stages, rows: usize) -> Self {
        let store = store_of(rows);
        bump(&store, 1);
        let table = format!("{}refresh = \"1h\"\npoll = \"100ms\"\n", store.config());
        let setup = stages.reachable().table(&table).listen("threads = 1").log("access = \"off\"\n");
        Self { node: setup.start().await, store, generation: 1 }
    }

    /// Waits until a reading has begun.
    async fn begin(&mut self) {
        let scans = self.store.count("Scan");
        self.generation += 1;
        bump(&self.store, self.generation);
        eventually("a scan", async || self.store.count("Scan") > scans).await;
    }

    /// Waits until it is over.
    async fn end(&self) {
        let published = async || self.node.metric("verge_table_generation").await == self.generation as f64;
        eventually("the next table", published).await;
    }
}

/// What the threads of a node that serve have done.
#[derive(Clone, Copy)]
struct Work {
    ran: Duration,
    requests: u64,
}

impl Work {
    fn so_far(node: &Node, answered: &AtomicU64) -> Self {
        Self { ran: serving(node).iter().map(|(_, ran)| *ran).sum(), requests: answered.load(Ordering::Relaxed) }
    }

    fn since(self, before: Self) -> Self {
        Self { ran: self.ran - before.ran, requests: self.requests - before.requests }
    }

    fn and(self, other: Self) -> Self {
        Self { ran: self.ran + other.ran, requests: self.requests + other.requests }
    }

    fn per_request(self) -> f64 {
        self.ran.as_secs_f64() / self.requests as f64
    }
}

/// The middle of these numbers, and between which two the true one is in 19 of 20 cases (order statistics of the median).
fn middle(numbers: &[f64]) -> (f64, f64, f64) {
    let mut ordered = numbers.to_vec();
    ordered.sort_by(f64::total_cmp);
    let half = ordered.len() as f64 / 2.0;
    let reach = 0.98 * (ordered.len() as f64).sqrt();
    let at = |place: f64| ordered[(place.max(0.0) as usize).min(ordered.len() - 1)];
    (at(half), at(half - reach), at(half + reach))
}

#[tokio::test]
async fn requests_cost_no_more_while_their_node_reads_than_while_another_does() {
    let rows = many("VERGE_ROWS", 2_000);
    let stages = Stages::start().await;
    let (mut itself, mut another) = (Reader::start(&stages, rows).await, Reader::start(&stages, rows).await);
    let answered = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        let (address, answered) = (itself.node.http(), Arc::clone(&answered));
        clients.spawn(async move {
            let mut connection = Connection::open(address).await;
            let request = Request::get("/").version("v1");
            loop {
                assert_eq!(connection.ask(&request).await.status, 200);
                answered.fetch_add(1, Ordering::Relaxed);
            }
        });
    }

    let mut ratios = Vec::new();
    let (verdict, low, high) = loop {
        let [mut mine, mut others] = [Work { ran: Duration::ZERO, requests: 0 }; 2];
        // Turns of one pair are mixed, so that both see the same machine.
        while mine.requests.min(others.requests) < ENOUGH {
            itself.begin().await;
            let before = Work::so_far(&itself.node, &answered);
            itself.end().await;
            let between = Work::so_far(&itself.node, &answered);
            mine = mine.and(between.since(before));
            another.begin().await;
            let before = Work::so_far(&itself.node, &answered);
            another.end().await;
            others = others.and(Work::so_far(&itself.node, &answered).since(before));
            assert!(clients.try_join_next().is_none(), "a client had an answer that it did not expect");
        }
        ratios.push(mine.per_request() / others.per_request());
        let found = middle(&ratios);
        if ratios.len() == PAIRS.1 || ratios.len() >= PAIRS.0 && found.2 <= LIMIT {
            break found;
        }
    };
    println!("{} pairs: {verdict:.3} ({low:.3} to {high:.3}) of what another's reading costs", ratios.len());
    assert!(
        low <= LIMIT,
        "a request costs {low:.3} to {high:.3} of what it costs while another node reads: {ratios:.3?}"
    );
}
