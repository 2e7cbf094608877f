//! Rows that others write, with no word in `#generation`: nothing tells of them, and a scan sees no one moment.
//!
//! What can hold then, holds: each row served is one that was written, as it was written; a row that leads to one that the
//! scan did not see keeps its last good value; and the next read, which nothing comes into, is right.

use crate::stages::{Stages, V1, V2, assert_problem};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use verge_tests::{
    message::Request,
    node::Node,
    patience::{eventually, within},
    store::{Door, Layout, Store},
};

/// Rows of three pages. They come by key: `v1` is on the first page, `v999` on the last.
const ROWS: usize = 2500;

/// A row as it was, and as it is written: domain and base path belong together.
const BEFORE: (&str, &str) = (V1, "/before");
const AFTER: (&str, &str) = (V2, "/after");

fn row(version: &str, (domain, base_path): (&str, &str)) -> Json {
    json!({"api": "orders", "version": version, "domain": domain, "base_path": base_path})
}

fn alias(version: &str, of: &str) -> Json {
    json!({"api": "orders", "version": version, "alias_of": of})
}

fn key(version: &str) -> Json {
    json!({"api": "orders", "version": version})
}

fn store_of_pages() -> Store {
    let store = Store::start(Layout::Verge);
    store.put_all((1..=ROWS).map(|n| row(&format!("v{n}"), BEFORE)));
    store
}

/// Where a version leads.
async fn served(node: &Node, version: &str) -> (String, String) {
    let answer = node.ask(&Request::get("/").version(version)).await;
    assert_eq!(answer.status, 200, "{version}: {answer:?}");
    let seen = answer.json();
    (seen["host"].as_str().unwrap().to_owned(), seen["target"].as_str().unwrap().to_owned())
}

fn of((domain, base_path): (&str, &str)) -> (String, String) {
    (domain.to_owned(), format!("{base_path}/"))
}

#[tokio::test]
async fn writes_by_hand_in_the_midst_of_a_scan_leave_each_row_whole() {
    let stages = Stages::start().await;
    let store = store_of_pages();
    store.put(&alias("vnext", "v1"));
    let node = stages.reachable().table(&format!("{}refresh = \"1h\"\n", store.config())).start().await;
    assert_eq!(served(&node, "vnext").await, of(BEFORE));

    let scans = store.count("Scan");
    store.set_door(Door::HoldingPages);
    node.signal("HUP");
    eventually("a scan in its second page", async || store.count("Scan") >= scans + 2).await;
    // On the page that was read, and on those that were not.
    for version in ["v1", "v999"] {
        store.put(&row(version, AFTER));
    }
    store.put(&row("v0", AFTER));
    store.put(&alias("vnext", "v0"));
    for version in ["v10", "v998"] {
        store.delete(&key(version));
    }
    store.set_door(Door::Open);
    eventually("what the scan saw of it", async || served(&node, "v999").await == of(AFTER)).await;
    assert_eq!(served(&node, "v1").await, of(BEFORE));
    assert_eq!(served(&node, "v10").await, of(BEFORE));
    for gone in ["v0", "v998"] {
        assert_problem(&node.ask(&Request::get("/").version(gone)).await, 403, "unknown_version");
    }
    // It leads to a row that the scan did not see.
    assert_eq!(served(&node, "vnext").await, of(BEFORE));
    assert_eq!(node.metric("verge_table_invalid_rows").await, 1.0);

    node.signal("HUP");
    eventually("the whole table", async || served(&node, "v1").await == of(AFTER)).await;
    for version in ["v0", "v999", "vnext"] {
        assert_eq!(served(&node, version).await, of(AFTER), "{version}");
    }
    for gone in ["v10", "v998"] {
        assert_problem(&node.ask(&Request::get("/").version(gone)).await, 403, "unknown_version");
    }
    assert_eq!(node.metric("verge_table_invalid_rows").await, 0.0);
    assert_eq!(node.metric("verge_table_rows").await, ROWS as f64);
}

#[tokio::test]
async fn while_rows_are_written_by_hand_all_that_is_served_was_written() {
    let stages = Stages::start().await;
    let store = store_of_pages();
    let node = stages.reachable().store(&store).start().await;
    let versions = ["v1", "v1500", "v500", "v999"];
    let written: BTreeSet<_> = [of(BEFORE), of(AFTER)].into();
    let mut seen = BTreeSet::new();
    let reads = node.metric("verge_table_refreshes_total").await;
    within("more reads", async {
        let mut turn = 0;
        while node.metric("verge_table_refreshes_total").await < reads + 2.0 || seen.len() < 2 {
            turn += 1;
            for (place, version) in versions.iter().enumerate() {
                store.put(&row(version, if (turn + place) % 2 == 0 { BEFORE } else { AFTER }));
                let served = served(&node, version).await;
                assert!(written.contains(&served), "{version}: {served:?} was never written");
                seen.insert(served);
            }
        }
    })
    .await;
    for version in versions {
        store.put(&row(version, AFTER));
    }
    for version in versions {
        eventually(version, async || served(&node, version).await == of(AFTER)).await;
    }
    assert_eq!(node.metric("verge_table_rows").await, ROWS as f64);
    assert_eq!(node.metric("verge_table_invalid_rows").await, 0.0);
}
