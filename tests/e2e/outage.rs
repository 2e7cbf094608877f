//! Three hours without a store, at high speed: as many failed reads as a node makes in that time, with traffic on.
//!
//! Each reload has the table read at once, so that nothing waits for a back-off. (On a clock of its own the same three
//! hours pass in `mappings/src/cache/tests/outage.rs`.)

use crate::stages::{Stages, V1, V2, row, rows};
use serde_json::json;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use tokio::task::JoinSet;
use verge_tests::{
    client::Connection,
    message::Request,
    node::Node,
    patience::eventually,
    store::{Door, Layout, Store},
};

/// In three hours, at a read a minute.
const READS: usize = 180;

/// What a store may answer, and how the metric calls it.
const KINDS: [(u16, &str, &str); 4] = [
    (400, "AccessDeniedException", "access_denied"),
    (400, "ResourceNotFoundException", "no_table"),
    (400, "UnrecognizedClientException", "bad_credentials"),
    (400, "ValidationException", "failed"),
];

async fn failures(node: &Node) -> f64 {
    node.total("verge_table_refresh_failures_total").await
}

#[tokio::test]
async fn as_many_failed_reads_as_three_hours_have_change_no_answer() {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    rows().as_array().unwrap().iter().for_each(|row| store.put(row));
    let table = format!("{}refresh = \"1h\"\npoll = \"0s\"\n", store.config());
    let node = stages.reachable().table(&table).log("access = \"off\"\n").start().await;

    let over = Arc::new(AtomicBool::new(false));
    let mut clients = JoinSet::new();
    for _ in 0..3 {
        let (address, over) = (node.http(), over.clone());
        clients.spawn(async move {
            let asked = [
                (Request::get("/").version("v1"), 200, V1),
                (Request::get("/").accept("application/vnd.example.v2+json"), 200, V2),
                (Request::get("/").version("v9"), 403, ""),
                (Request::get("/"), 403, ""),
            ];
            let mut answers = 0;
            while !over.load(Ordering::SeqCst) {
                // A reload ends connections after the request they carry: each request has its own.
                let (request, status, host) = &asked[answers % asked.len()];
                let answer = Connection::open(address).await.ask(request).await;
                assert_eq!(answer.status, *status, "{answer:?}");
                assert!(host.is_empty() || answer.json()["host"] == *host, "{answer:?}");
                answers += 1;
            }
            answers
        });
    }

    for read in 0..READS {
        let (status, error, _) = KINDS[read * KINDS.len() / READS];
        store.set_door(Door::Failing { status, error });
        let before = failures(&node).await;
        node.signal("HUP");
        eventually("a failed read", async || failures(&node).await > before).await;
    }
    for (_, _, kind) in KINDS {
        let count = node.metric(&format!("verge_table_refresh_failures_total{{kind=\"{kind}\"}}")).await;
        assert!(count >= 40.0, "{count} of {kind}");
    }
    assert!(node.is_ready().await);
    assert_eq!(node.metric("verge_table_rows").await, 2.0);

    store.put(&row("v3", V2));
    store.delete(&json!({"api": "orders", "version": "v9"}));
    store.set_door(Door::Open);
    node.signal("HUP");
    eventually("the store's news", async || node.ask(&Request::get("/").version("v3")).await.status == 200).await;
    over.store(true, Ordering::SeqCst);
    let answers: usize = clients.join_all().await.into_iter().sum();
    assert!(answers > 500, "{answers}");
}

#[tokio::test]
async fn every_kind_of_outage_is_counted_by_its_name_and_changes_no_answer() {
    let failing = |status, error| Some(Door::Failing { status, error });
    let kinds = [
        (Some(Door::Silent), "timeout"),
        (failing(500, "InternalServerError"), "failed"),
        (failing(400, "ProvisionedThroughputExceededException"), "throttled"),
        (failing(400, "ExpiredTokenException"), "bad_credentials"),
        (failing(400, "AccessDeniedException"), "access_denied"),
        (failing(400, "ResourceNotFoundException"), "no_table"),
        (None, "unreachable"),
    ];
    let stages = Stages::start().await;
    let mut store = Store::start(Layout::Verge);
    rows().as_array().unwrap().iter().for_each(|row| store.put(row));
    let table = format!("{}refresh = \"1h\"\npoll = \"0s\"\n", store.config());
    let node = stages.reachable().table(&table).log("access = \"off\"\n").start().await;
    let mut age = 0.0;
    for (door, kind) in kinds {
        match door {
            Some(door) => store.set_door(door),
            None => store.stop(),
        }
        node.signal("HUP");
        let name = format!("verge_table_refresh_failures_total{{kind=\"{kind}\"}}");
        eventually(kind, async || {
            for (version, status) in [("v1", 200), ("v9", 403)] {
                let answer = node.ask(&Request::get("/").version(version)).await;
                assert_eq!(answer.status, status, "{kind}: {answer:?}");
            }
            node.metric(&name).await >= 1.0
        })
        .await;
        assert!(node.is_ready().await, "{kind}");
        let now = node.metric("verge_table_age_seconds").await;
        assert!(now > age, "{kind}: {now} s after {age} s");
        age = now;
    }
    store.set_door(Door::Open);
    store.put(&row("v3", V2));
    store.restart().await;
    node.signal("HUP");
    eventually("the store's news", async || node.ask(&Request::get("/").version("v3")).await.status == 200).await;
    assert!(node.metric("verge_table_age_seconds").await < age);
}
