//! The table while it changes, breaks, shrinks and goes away.

use crate::stages::{Stages, V1, V2, assert_problem, row, rows};
use serde_json::json;
use std::time::{Duration, Instant};
use verge_tests::{
    message::Request,
    node::Node,
    patience::eventually,
    store::{Door, Layout, Store},
};

fn store_of(rows: serde_json::Value) -> Store {
    let store = Store::start(Layout::Verge);
    for row in rows.as_array().unwrap() {
        store.put(row);
    }
    store
}

async fn failed_again(node: &Node) {
    let failures = async || node.total("verge_table_refresh_failures_total").await;
    let before = failures().await;
    eventually("a failed read of the table", async || failures().await >= before + 1.0).await;
}

#[tokio::test]
async fn rows_come_and_go_within_a_refresh() {
    let stages = Stages::start().await;
    let store = store_of(json!([row("v1", V1), row("v3", V1), row("v4", V1)]));
    let node = stages.reachable().store(&store).start().await;
    let v2 = Request::get("/").version("v2");
    assert_problem(&node.ask(&v2).await, 403, "unknown_version");

    store.put(&row("v2", V2));
    eventually("the new row", async || node.ask(&v2).await.status == 200).await;
    store.put(&row("v2", V1));
    eventually("the changed row", async || node.ask(&v2).await.json()["host"] == V1).await;
    store.delete(&json!({"api": "orders", "version": "v2"}));
    eventually("the row's end", async || node.ask(&v2).await.status == 403).await;
    assert_problem(&node.ask(&v2).await, 403, "unknown_version");
    store.put(&row("v2", V2));
    eventually("the row's return", async || node.ask(&v2).await.status == 200).await;
}

#[tokio::test]
async fn a_bad_row_keeps_its_last_good_value_and_harms_no_other() {
    let stages = Stages::start().await;
    let store = store_of(rows());
    let node = stages.reachable().store(&store).start().await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);

    store.put(&json!({"api": "orders", "version": "v1", "domain": "127.0.0.1"}));
    store.put(&json!({"api": "orders", "version": "v3", "domain": "evil.example.com"}));
    store.put(&json!({"api": "orders", "version": "v4", "domain": V2, "port": "https"}));
    store.put(&json!({"api": "orders", "version": "v6", "domain": "169.254.169.254"}));
    store.put(&json!({"api": "orders", "version": "v7", "domain": format!("{V2}\r\nx-more: 1")}));
    store.put(&json!({"api": "orders", "version": "v8", "domain": "localhost"}));
    store.put(&row("v5", V2));
    eventually("the good row", async || node.ask(&Request::get("/").version("v5")).await.status == 200).await;
    let kept = node.ask(&Request::get("/").version("v1")).await;
    assert_eq!((kept.status, &kept.json()["host"]), (200, &json!(V1)), "{kept:?}");
    for never_good in ["v3", "v4", "v6", "v7", "v8"] {
        assert_problem(&node.ask(&Request::get("/").version(never_good)).await, 503, "invalid_mapping");
    }
    assert_eq!(node.metric("verge_table_invalid_rows").await, 6.0);
    assert!(node.is_ready().await);
}

#[tokio::test]
async fn two_rows_with_one_name_are_both_quarantined() {
    let stages = Stages::start().await;
    let store = store_of(json!([row("v1", V1), row("v2", V1), row("V2", V2), row("3", V1)]));
    let node = stages.reachable().store(&store).start().await;
    assert_problem(&node.ask(&Request::get("/").version("v2")).await, 503, "invalid_mapping");
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    assert_eq!(node.ask(&Request::get("/").version("v3")).await.status, 200);
}

#[tokio::test]
async fn a_store_that_goes_away_takes_no_request_with_it() {
    let stages = Stages::start().await;
    let mut store = store_of(rows());
    let node = stages.reachable().store(&store).start().await;
    store.stop();
    failed_again(&node).await;
    for _ in 0..20 {
        assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    }
    assert!(node.is_ready().await, "a stale table beats none");
    assert!(node.metric("verge_table_age_seconds").await > 0.0);

    store.put(&row("v3", V2));
    store.restart().await;
    eventually("recovery", async || node.ask(&Request::get("/").version("v3")).await.status == 200).await;
}

async fn changes_nothing(door: Door) {
    let stages = Stages::start().await;
    let store = store_of(rows());
    let node = stages.reachable().store(&store).start().await;
    store.set_door(door.clone());
    failed_again(&node).await;
    let mut times = Vec::new();
    for _ in 0..21 {
        let asked = Instant::now();
        let answer = node.ask(&Request::get("/").version("v1")).await;
        assert_eq!(answer.status, 200, "{door:?}: {answer:?}");
        times.push(asked.elapsed());
    }
    // A store is given more than a second.
    times.sort();
    assert!(times[10] < Duration::from_millis(900), "{door:?}: {times:?}");
    assert!(node.is_ready().await, "{door:?}");
    store.set_door(Door::Open);
    store.put(&row("v3", V2));
    eventually("recovery", async || node.ask(&Request::get("/").version("v3")).await.status == 200).await;
}

#[tokio::test]
async fn a_store_that_refuses_changes_nothing() {
    tokio::join!(
        changes_nothing(Door::Failing { status: 400, error: "ResourceNotFoundException" }),
        changes_nothing(Door::Failing { status: 400, error: "AccessDeniedException" }),
        changes_nothing(Door::Failing { status: 400, error: "ProvisionedThroughputExceededException" }),
        changes_nothing(Door::Failing { status: 500, error: "InternalServerError" }),
    );
}

#[tokio::test]
async fn a_store_that_hangs_changes_nothing() {
    changes_nothing(Door::Silent).await;
}

#[tokio::test]
async fn a_store_that_is_away_at_the_start_is_found_later() {
    let stages = Stages::start().await;
    let mut store = store_of(rows());
    store.stop();
    let node = stages.reachable().store(&store).start_unready().await;
    assert_problem(&node.ask(&Request::get("/").version("v1")).await, 503, "no_table");
    assert!(!node.is_ready().await);
    store.restart().await;
    eventually("readiness", async || node.is_ready().await).await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
}

#[tokio::test]
async fn a_table_that_empties_is_held_back() {
    let stages = Stages::start().await;
    let store = store_of(rows());
    let node = stages.reachable().store(&store).start().await;
    delete_at_once(&store, &["v1", "v2"]);
    eventually("the alarm", async || node.metric("verge_table_held_back").await == 1.0).await;
    let scans = store.count("Scan");
    eventually("two more readings", async || store.count("Scan") >= scans + 2).await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    let ready = node.ask_admin("/readyz").await;
    assert_eq!((ready.status, &ready.json()["why"]), (200, &json!(null)), "{ready:?}");
    assert!(ready.json()["held_back"].as_str().is_some_and(|why| why.contains("has no rows, where 2 are held")));
    assert_eq!(node.stderr().iter().filter(|line| line.contains("held back")).count(), 1, "{:#?}", node.stderr());

    store.put(&row("v1", V1));
    eventually("the all-clear", async || node.metric("verge_table_held_back").await == 0.0).await;
    eventually("the smaller table", async || node.ask(&Request::get("/").version("v2")).await.status == 403).await;
}

/// Deletes rows so that no reading sees some of them gone and others not.
fn delete_at_once(store: &Store, versions: &[&str]) {
    store.set_door(Door::Failing { status: 500, error: "InternalServerError" });
    for version in versions {
        store.delete(&json!({"api": "orders", "version": version}));
    }
    store.set_door(Door::Open);
}

#[tokio::test]
async fn a_shrunken_table_is_served_once_its_time_has_passed() {
    let stages = Stages::start().await;
    let store = store_of(json!([row("v1", V1), row("v2", V2), row("v3", V1), row("v4", V2)]));
    let table = format!("{}refresh = \"1s\"\nshrink_hold = \"3s\"\n", store.config());
    let node = stages.reachable().table(&table).start().await;
    delete_at_once(&store, &["v2", "v3", "v4"]);
    node.has_said("held back").await;
    assert_eq!(node.ask(&Request::get("/").version("v4")).await.status, 200);
    eventually("the smaller table", async || node.ask(&Request::get("/").version("v4")).await.status == 403).await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
}

#[tokio::test]
async fn an_empty_first_table_is_not_published() {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    let node = stages.reachable().store(&store).start_unready().await;
    eventually("a first read", async || store.count("Scan") > 0).await;
    assert_problem(&node.ask(&Request::get("/").version("v1")).await, 503, "no_table");
    let ready = node.ask_admin("/readyz").await;
    assert_eq!(ready.status, 503);
    assert!(ready.json()["why"].as_str().is_some_and(|why| !why.is_empty()), "{ready:?}");
    store.put(&row("v1", V1));
    eventually("readiness", async || node.is_ready().await).await;
}

#[tokio::test]
async fn a_missing_table_is_named_in_the_log() {
    let stages = Stages::start().await;
    let store = Store::start_without_table(Layout::Verge);
    let node = stages.reachable().store(&store).start_unready().await;
    node.has_said(Store::TABLE).await;
    assert_problem(&node.ask(&Request::get("/").version("v1")).await, 503, "no_table");
    store.create_table();
    store.put(&row("v1", V1));
    eventually("readiness", async || node.is_ready().await).await;
}

#[tokio::test]
async fn a_read_that_fails_on_a_later_page_publishes_nothing() {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    // A page of DynamoDB's holds a megabyte.
    let padding = "x".repeat(380_000);
    let padded = |version: &str| json!({"api": "orders", "version": version, "domain": V1, "note": padding});
    for n in 1..=8 {
        store.put(&padded(&format!("v{n}")));
    }
    let node = stages.reachable().store(&store).start().await;
    assert_eq!(node.ask(&Request::get("/").version("v8")).await.status, 200, "all pages are read");
    store.set_door(Door::FailingOnPage(2));
    store.put(&row("v0", V2));
    failed_again(&node).await;
    for n in 1..=8 {
        assert_eq!(node.ask(&Request::get("/").version(&format!("v{n}"))).await.status, 200);
    }
    assert_problem(&node.ask(&Request::get("/").version("v0")).await, 403, "unknown_version");
}

#[tokio::test]
async fn a_write_through_verge_is_live_within_a_poll() {
    let stages = Stages::start().await;
    let store = store_of(json!([row("v1", V1)]));
    let table = format!("{}refresh = \"1h\"\npoll = \"1s\"\n", store.config());
    let node = stages.reachable().table(&table).start().await;
    let v2 = Request::get("/").version("v2");
    assert_problem(&node.ask(&v2).await, 403, "unknown_version");

    let (code, _, said) = stages.reachable().table(&table).run(&["mappings", "put", "orders", "v2", "--domain", V2]);
    assert_eq!(code, Some(0), "{said}");
    let written = Instant::now();
    eventually("the new row", async || node.ask(&v2).await.status == 200).await;
    assert!(written.elapsed() < Duration::from_secs(4), "{:?}", written.elapsed());
    assert_eq!(node.metric("verge_table_generation").await, 1.0);

    // Made-up versions and a quiet table cost no scan.
    let (scans, polls) = (store.count("Scan"), store.count("GetItem"));
    let mut connection = node.connect().await;
    for n in 0..500 {
        assert_eq!(connection.ask(&Request::get("/").version(&format!("made-up-{n}"))).await.status, 403);
    }
    eventually("two more polls", async || store.count("GetItem") >= polls + 2).await;
    assert_eq!(store.count("Scan"), scans);
}

#[tokio::test]
async fn a_poll_that_fails_is_counted_and_changes_nothing() {
    let stages = Stages::start().await;
    let store = store_of(rows());
    let node =
        stages.reachable().table(&format!("{}refresh = \"1h\"\npoll = \"100ms\"\n", store.config())).start().await;
    store.set_door(Door::Failing { status: 400, error: "AccessDeniedException" });
    let denied = "verge_table_poll_failures_total{kind=\"access_denied\"}";
    eventually("failed polls", async || node.metric(denied).await >= 2.0).await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    let warnings = node.stderr().into_iter().filter(|line| line.contains("changes are not seen")).count();
    assert_eq!(warnings, 1);
}
