//! A store that is slow, or that is not there at all for those who ask: what requests see of it, and how many reads stand
//! at its door.

use crate::stages::{Stages, V1, V2, row, rows};
use serde_json::json;
use std::{fs, net::SocketAddr, time::Duration};
use verge_tests::{
    message::Request,
    node::Node,
    origin::BlackHole,
    patience::eventually,
    scratch::Scratch,
    store::{Door, Layout, Store},
};

/// Few enough for a read that is slowed to end in its time.
const ROWS: usize = 300;

async fn failures(node: &Node) -> f64 {
    node.total("verge_table_refresh_failures_total").await
}

/// Asks for what is there, for what is not and for nothing; each answer is the one that it would be at any other time. Each
/// on a connection of its own: a reload ends connections after the request that they carry.
async fn ask_around(node: &Node) {
    for (request, status, host) in [
        (Request::get("/").version("v1"), 200, V1),
        (Request::get("/").accept("application/vnd.example.v2+json"), 200, V2),
        (Request::get("/").version("made-up"), 403, ""),
        (Request::get("/"), 403, ""),
    ] {
        let answer = node.ask(&request).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(host.is_empty() || answer.json()["host"] == host, "{answer:?}");
    }
}

/// A node, and its store.
async fn open() -> (Stages, Store, Node) {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    store.put_all((1..=ROWS).map(|n| row(&format!("v{n}"), if n == 1 { V1 } else { V2 })));
    let node = stages.reachable().store(&store).start().await;
    (stages, store, node)
}

/// Requests are answered within one and the same read, which goes on.
async fn answers_come_within_a_read(store: &Store, node: &Node) {
    eventually("answers within one read", async || {
        let read = (store.operations().len(), 1);
        ask_around(node).await;
        (store.operations().len(), store.standing()) == read
    })
    .await;
}

/// Has the table read by all means: reloads, and time.
async fn tempt(node: &Node, mut enough: impl AsyncFnMut() -> bool) {
    for _ in 0..3 {
        node.signal("HUP");
        ask_around(node).await;
    }
    eventually("more reads", async || {
        ask_around(node).await;
        enough().await
    })
    .await;
}

#[tokio::test]
async fn a_store_that_says_nothing_has_one_read_at_its_door_and_no_request_waits_for_it() {
    let (_stages, store, node) = open().await;
    store.set_door(Door::Silent);
    answers_come_within_a_read(&store, &node).await;
    let before = failures(&node).await;
    tempt(&node, async || failures(&node).await >= before + 2.0).await;
    assert_eq!(store.most_standing(), 1);
    assert!(node.is_ready().await);

    store.put(&row("v0", V2));
    store.set_door(Door::Open);
    eventually("the store's news", async || node.ask(&Request::get("/").version("v0")).await.status == 200).await;
    assert_eq!(store.most_standing(), 1);
}

#[tokio::test]
async fn a_slow_store_has_one_read_at_its_door_and_its_news_come_all_the_same() {
    let (_stages, store, node) = open().await;
    store.set_door(Door::Slow(Duration::from_millis(400)));
    answers_come_within_a_read(&store, &node).await;
    store.put(&row("v0", V2));
    tempt(&node, async || node.ask(&Request::get("/").version("v0")).await.status == 200).await;
    assert_eq!(store.most_standing(), 1);
}

/// How many connections to this address are asked for now, and not made yet.
fn dialling(address: SocketAddr) -> usize {
    const SYN_SENT: &str = "02";
    let port = format!(":{:04X}", address.port());
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let rows = table.lines().map(|line| line.split_whitespace().skip(2).take(2).collect::<Vec<_>>());
    rows.filter(|columns| matches!(columns[..], [remote, SYN_SENT] if remote.ends_with(&port))).count()
}

#[tokio::test]
async fn a_store_in_a_black_hole_is_dialled_once_at_a_time_and_no_request_waits_for_it() {
    let (stages, hole, disk) = (Stages::start().await, BlackHole::dig().await, Scratch::new());
    let copy = disk.write("copy.json", json!({ "Items": rows() }).to_string());
    let table = format!(
        "source = \"dynamodb\"\nname = \"api-versions\"\nregion = \"us-east-1\"\nendpoint = \"http://{}\"\n\
         refresh = \"1s\"\npoll = \"100ms\"\nbootstrap = {:?}\n",
        hole.address(),
        copy.display().to_string()
    );
    let node = stages.reachable().table(&table).start_unready().await;
    let mut most = 0;
    eventually("two reads in vain", async || {
        ask_around(&node).await;
        // The list is written while it is read: one that ends and the next one may both be in it, but not twice.
        most = most.max(dialling(hole.address()).min(dialling(hole.address())));
        failures(&node).await >= 2.0
    })
    .await;
    assert_eq!(most, 1);
    assert!(node.is_ready().await);
}
