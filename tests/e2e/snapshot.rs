//! A node that starts while its store is away: from its snapshot, or not at all.

mod writing;

use crate::stages::{Stages, V1, V2, assert_problem, row, rows};
use serde_json::{Value as Json, json};
use std::{
    io::{BufReader, Read},
    path::PathBuf,
    time::{Duration, Instant},
};
use verge_tests::{
    message::Request,
    node::{Node, Setup},
    patience::eventually,
    scratch::Scratch,
    store::{Door, Layout, Store},
};

/// Nodes that share a store and, one after the other, a snapshot.
struct Site {
    stages: Stages,
    store: Store,
    disk: Scratch,
}

impl Site {
    async fn open() -> Self {
        let store = Store::start(Layout::Verge);
        for row in rows().as_array().unwrap() {
            store.put(row);
        }
        Self { stages: Stages::start().await, store, disk: Scratch::new() }
    }

    fn file(&self) -> PathBuf {
        self.disk.path().join("state/table.snapshot")
    }

    fn setup(&self) -> Setup {
        self.setup_with("")
    }

    fn setup_with(&self, lines: &str) -> Setup {
        let table = format!(
            "{}refresh = \"1s\"\npoll = \"100ms\"\nsnapshot = {:?}\n{lines}",
            self.store.config(),
            self.file().display().to_string()
        );
        self.stages.reachable().table(&table)
    }

    /// A node that has written its snapshot, and is gone again.
    async fn leave_a_snapshot(&self) {
        let node = self.setup().start().await;
        eventually("the snapshot", async || self.file().exists()).await;
        node.signal("KILL");
    }
}

async fn status(node: &Node, version: &str) -> u16 {
    node.ask(&Request::get("/").version(version)).await.status
}

#[tokio::test]
async fn a_node_starts_from_its_snapshot_and_follows_the_store_when_it_is_back() {
    let mut site = Site::open().await;
    site.leave_a_snapshot().await;
    site.store.stop();
    let node = site.setup().start_unready().await;
    // The very first answer: the table was there before the listener.
    assert_eq!(status(&node, "v1").await, 200);
    assert_problem(&node.ask(&Request::get("/").version("v9")).await, 403, "unknown_version");
    assert!(node.is_ready().await);
    assert_eq!(node.metric("verge_table_from_disk").await, 1.0);
    let detail = node.ask_admin("/readyz").await.json();
    assert_eq!((&detail["table"]["rows"], &detail["table"]["from_disk"]), (&json!(2), &json!(true)), "{detail}");
    eventually("an age that goes on", async || node.metric("verge_table_age_seconds").await >= 1.0).await;

    site.store.put(&row("v3", V2));
    site.store.restart().await;
    eventually("the store's news", async || status(&node, "v3").await == 200).await;
    assert_eq!(node.metric("verge_table_from_disk").await, 0.0);
}

#[tokio::test]
async fn a_start_does_not_wait_for_a_store_that_says_nothing() {
    let site = Site::open().await;
    site.leave_a_snapshot().await;
    site.store.set_door(Door::Silent);
    let exec = Instant::now();
    let node = site.setup().start_unready().await;
    assert_eq!(status(&node, "v1").await, 200);
    let first = exec.elapsed();
    // A read of the table is given three seconds; what a start takes is measured in `docs/scale.md`.
    assert!(first < Duration::from_secs(3), "{first:?} from exec to the first answer");
    assert_eq!(node.metric("verge_table_from_disk").await, 1.0);
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_used_is_an_alarm_and_no_table() {
    let mut site = Site::open().await;
    site.leave_a_snapshot().await;
    site.store.stop();
    let whole = std::fs::read(site.file()).unwrap();
    let mut flipped = whole.clone();
    let middle = whole.len() / 2;
    flipped[middle] ^= 0x20;
    let half = whole[..middle].to_vec();
    for (bytes, lines, kind) in [
        (flipped, "", "damaged"),
        (half, "", "damaged"),
        (b"{\"Items\": []}".to_vec(), "", "damaged"),
        (Vec::new(), "", "damaged"),
        (whole, "profile = \"other\"\n", ""),
    ] {
        std::fs::write(site.file(), &bytes).unwrap();
        let node = site.setup_with(lines).start_unready().await;
        let failures = format!("verge_table_snapshot_failures_total{{kind=\"{kind}\"}}");
        if kind.is_empty() {
            // The region is named, so the profile does not make it another table.
            assert_eq!(status(&node, "v1").await, 200);
            continue;
        }
        let answer = node.ask(&Request::get("/").version("v1")).await;
        assert_problem(&answer, 503, "no_table");
        assert!(answer.field("retry-after").is_some(), "{answer:?}");
        assert_eq!(node.metric(&failures).await, 1.0, "{kind}");
        node.has_said("is damaged").await;
    }
    // It recovers by itself.
    std::fs::write(site.file(), b"noise").unwrap();
    let node = site.setup().start_unready().await;
    assert!(!node.is_ready().await);
    site.store.restart().await;
    eventually("recovery", async || status(&node, "v1").await == 200).await;
}

/// This node's snapshot as it would be, were it another build's: all is the same but the form.
fn of_another_form(whole: &[u8], form: u64) -> Vec<u8> {
    let mut head = Vec::new();
    let mut frames = BufReader::new(whole);
    zstd::Decoder::with_buffer(&mut frames).unwrap().single_frame().read_to_end(&mut head).unwrap();
    let mut head: Json = serde_json::from_slice(&head).unwrap();
    head["verge_snapshot"] = json!(form);
    let mut other = zstd::encode_all(format!("{head}\n").as_bytes(), 0).unwrap();
    frames.read_to_end(&mut other).unwrap();
    other
}

#[tokio::test]
async fn a_snapshot_of_another_form_is_an_alarm_and_the_store_replaces_it() {
    let mut site = Site::open().await;
    site.leave_a_snapshot().await;
    site.store.stop();
    let whole = std::fs::read(site.file()).unwrap();
    // The same frames, put together again, are taken: it is the form that is refused.
    std::fs::write(site.file(), of_another_form(&whole, 2)).unwrap();
    assert_eq!(status(&site.setup().start_unready().await, "v1").await, 200);
    for form in [1, 3] {
        std::fs::write(site.file(), of_another_form(&whole, form)).unwrap();
        let node = site.setup().start_unready().await;
        assert_problem(&node.ask(&Request::get("/").version("v1")).await, 503, "no_table");
        assert!(!node.is_ready().await);
        assert_eq!(node.metric("verge_table_snapshot_failures_total{kind=\"other_form\"}").await, 1.0);
        node.has_said(&format!("is of form {form}, and this build reads form 2 only")).await;

        site.store.restart().await;
        eventually("recovery", async || status(&node, "v1").await == 200).await;
        let unchanged = of_another_form(&whole, form);
        eventually("a new snapshot", async || std::fs::read(site.file()).is_ok_and(|now| now != unchanged)).await;
        node.signal("KILL");
        site.store.stop();
        let node = site.setup().start_unready().await;
        assert_eq!((status(&node, "v1").await, node.metric("verge_table_from_disk").await), (200, 1.0));
    }
}

#[tokio::test]
async fn another_tables_snapshot_is_refused() {
    let mut site = Site::open().await;
    site.leave_a_snapshot().await;
    site.store.stop();
    let table = site.store.config().replace(Store::TABLE, "another-table");
    let table = format!("{table}snapshot = {:?}\n", site.file().display().to_string());
    let node = site.stages.reachable().table(&table).start_unready().await;
    assert_problem(&node.ask(&Request::get("/").version("v1")).await, 503, "no_table");
    assert_eq!(node.metric("verge_table_snapshot_failures_total{kind=\"foreign\"}").await, 1.0);
    node.has_said("another-table").await;
}

#[tokio::test]
async fn a_last_good_value_outlasts_a_restart() {
    let mut site = Site::open().await;
    let node = site.setup().start().await;
    eventually("the snapshot", async || site.file().exists()).await;
    let before = std::fs::read(site.file()).unwrap();
    site.store.put(&json!({"api": "orders", "version": "v1", "domain": "evil.example.com"}));
    eventually("the quarantine", async || node.metric("verge_table_invalid_rows").await == 1.0).await;
    eventually("its snapshot", async || std::fs::read(site.file()).is_ok_and(|now| now != before)).await;
    node.signal("KILL");
    site.store.stop();
    let node = site.setup().start_unready().await;
    let kept = node.ask(&Request::get("/").version("v1")).await;
    assert_eq!((kept.status, &kept.json()["host"]), (200, &json!(V1)), "{kept:?}");
    assert_eq!(node.metric("verge_table_invalid_rows").await, 1.0);
    // And the store, back with the same bad row, takes nothing away.
    site.store.restart().await;
    eventually("a read", async || node.metric("verge_table_from_disk").await == 0.0).await;
    assert_eq!(status(&node, "v1").await, 200);
}

#[tokio::test]
async fn a_store_that_lost_its_rows_does_not_empty_a_node_that_starts() {
    let site = Site::open().await;
    site.leave_a_snapshot().await;
    for version in ["v1", "v2"] {
        site.store.delete(&json!({"api": "orders", "version": version}));
    }
    let node = site.setup().start_unready().await;
    eventually("the doubt", async || node.metric("verge_table_held_back").await == 1.0).await;
    assert_eq!((status(&node, "v1").await, status(&node, "v2").await), (200, 200));
}

#[tokio::test]
async fn without_a_snapshot_a_bootstrap_file_will_do() {
    let mut site = Site::open().await;
    site.store.stop();
    let copy = site.disk.write("copy.json", json!({ "Items": rows() }).to_string());
    let bootstrap = format!("bootstrap = {:?}\n", copy.display().to_string());
    let node = site.setup_with(&bootstrap).start_unready().await;
    assert_eq!(status(&node, "v2").await, 200);
    assert_eq!(node.metric("verge_table_from_disk").await, 1.0);
    site.store.put(&row("v3", V1));
    site.store.restart().await;
    eventually("the store's news", async || status(&node, "v3").await == 200).await;
}
