//! Snapshots while they are written: killed in the midst of it, or on a disk that takes nothing.

use super::{Site, status};
use crate::stages::{V2, row};
use serde_json::{Value as Json, json};
use std::{fs, path::Path};
use verge_tests::{
    message::Request,
    node::Node,
    patience::{eventually, within},
};

#[tokio::test]
async fn a_kill_at_any_moment_leaves_a_whole_snapshot() {
    let mut site = Site::open().await;
    site.leave_a_snapshot().await;
    for round in 0..6 {
        let node = site.setup().start().await;
        let before = std::fs::read(site.file()).unwrap();
        // Rows that make each snapshot another one, and large enough that writing it takes a moment.
        for n in 0..20 {
            let noise: String = (0..20_000).map(|k| char::from(b'a' + ((k * 7 + n * 13 + round) % 23) as u8)).collect();
            site.store.put(&json!({"api": "orders", "version": format!("n{round}-{n}"), "domain": V2, "note": noise}));
        }
        eventually("a snapshot on its way", async || {
            std::fs::read(site.file()).is_ok_and(|now| now != before)
                || site.file().with_extension("snapshot.new").exists()
        })
        .await;
        node.signal("KILL");
        site.store.stop();
        let node = site.setup().start_unready().await;
        assert_eq!(status(&node, "v1").await, 200, "round {round}");
        assert_eq!(node.metric("verge_table_from_disk").await, 1.0, "round {round}");
        node.signal("KILL");
        site.store.restart().await;
    }
}

/// Rows that make a snapshot another one, and so large that writing it takes a while: nothing in them can be packed.
fn ballast(seed: usize) -> impl Iterator<Item = Json> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(2 * seed as u64 + 1);
    let mut letter = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[(state >> 58) as usize])
    };
    (0..24).map(move |n| {
        let note: String = (0..380_000).map(|_| letter()).collect();
        json!({"api": "orders", "version": format!("ballast-{n}"), "domain": V2, "note": note})
    })
}

/// Whether the node has this file open now.
fn has_open(node: &Node, file: &Path) -> bool {
    let open = fs::read_dir(format!("/proc/{}/fd", node.pid())).unwrap();
    open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).any(|path| path == file)
}

/// Whether all its threads are stopped.
fn is_stopped(node: &Node) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", node.pid())).unwrap();
    // The state comes after the name, which is in brackets.
    let state = |stat: String| stat.rsplit(')').next().unwrap_or_default().trim_start().starts_with('T');
    tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("stat")).ok()).all(state)
}

/// Stops the node while it writes this file, to be put in the place of another; whether it was still at it.
async fn is_caught_writing(node: &Node, file: &Path, other: &Path, before: &[u8]) -> bool {
    // No glance now and then: a write is short.
    within("a write", async {
        while !has_open(node, file) && fs::read(other).is_ok_and(|now| now == before) {
            tokio::task::yield_now().await;
        }
    })
    .await;
    node.signal("STOP");
    eventually("its stop", async || is_stopped(node)).await;
    has_open(node, file)
}

#[tokio::test]
async fn a_kill_in_the_midst_of_a_write_leaves_the_old_snapshot_and_debris_does_not_grow() {
    let mut site = Site::open().await;
    site.leave_a_snapshot().await;
    let beside = site.file().with_extension("snapshot.new");
    let files = || fs::read_dir(site.disk.path().join("state")).unwrap().count();
    let before = fs::read(site.file()).unwrap();
    let mut tries = 0;
    for kill in 1..=2 {
        site.store.put(&row(&format!("v{}", kill + 2), V2));
        let node = loop {
            // The first thing that a node does with a table that is not its snapshot's is to write it down.
            fs::write(site.file(), &before).unwrap();
            tries += 1;
            assert!(tries <= 40, "no write was caught");
            site.store.put_all(ballast(tries));
            let node = site.setup().start_unready().await;
            if is_caught_writing(&node, &beside, &site.file(), &before).await {
                break node;
            }
        };
        node.signal("KILL");
        node.exit_code().await;
        assert!(fs::read(site.file()).unwrap() == before, "kill {kill}: the old one is as it was");
        assert_eq!(files(), 2, "kill {kill}: the old one, and one that was begun");

        site.store.stop();
        let node = site.setup().start_unready().await;
        assert_eq!(status(&node, "v1").await, 200, "kill {kill}");
        assert_eq!(status(&node, "v3").await, 403, "kill {kill}: what was not written is not there");
        assert_eq!(node.metric("verge_table_from_disk").await, 1.0, "kill {kill}");
        assert_eq!(node.total("verge_table_snapshot_failures_total").await, 0.0, "kill {kill}");
        node.signal("KILL");
        site.store.restart().await;
    }
    // One that lives writes it to its end.
    let node = site.setup().start_unready().await;
    eventually("a whole snapshot", async || files() == 1).await;
    assert!(node.ask(&Request::get("/").version("v4")).await.status == 200);
    assert!(fs::read(site.file()).unwrap() != before);
}

#[tokio::test]
async fn a_disk_that_cannot_be_written_stops_nothing() {
    let site = Site::open().await;
    site.disk.write("state", "a file where a directory should be");
    let node = site.setup().start().await;
    eventually("the alarm", async || {
        node.metric("verge_table_snapshot_failures_total{kind=\"unwritable\"}").await >= 1.0
    })
    .await;
    assert_eq!(status(&node, "v1").await, 200);
    site.store.put(&row("v3", V2));
    eventually("the store's news", async || status(&node, "v3").await == 200).await;
}
