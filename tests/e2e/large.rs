//! Tables of many pages, and clients who ask for much that is not there.

use crate::stages::{Stages, V1, V2, assert_problem, row};
use serde_json::json;
use std::{env, fs, path::PathBuf, time::Duration};
use tokio::task::JoinSet;
use verge_tests::{
    client::Connection,
    message::Request,
    node::Node,
    patience::eventually,
    store::{Door, Layout, Store},
};

/// A number of the environment, for those who have the time: `VERGE_ROWS=100000`.
pub(crate) fn many(name: &str, else_: usize) -> usize {
    env::var(name).map_or(else_, |text| text.parse().unwrap())
}

pub(crate) fn store_of(rows: usize) -> Store {
    let store = Store::start(Layout::Verge);
    store.put_all((1..=rows).map(|n| row(&format!("v{n}"), V1)));
    store
}

/// Waits for a scan of so many pages, page by page: as a whole it may take long.
async fn scanned(store: &Store, pages: usize) {
    let mut seen = store.count("Scan");
    while seen < pages {
        eventually("the next page", async || store.count("Scan") > seen).await;
        seen = store.count("Scan");
    }
}

/// As Verge's own writes do.
pub(crate) fn bump(store: &Store, generation: u64) {
    store.put(&json!({"api": "#verge", "version": "#generation", "generation": generation}));
}

/// Its threads that serve: name and time on a processor.
pub(crate) fn serving(node: &Node) -> Vec<(String, Duration)> {
    let tasks = fs::read_dir(format!("/proc/{}/task", node.pid())).unwrap();
    let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
    let thread = |task: fs::DirEntry| {
        let name = read(task.path().join("comm")).trim().to_owned();
        // Nanoseconds that it ran, that it waited, and how often.
        let ran = read(task.path().join("schedstat"));
        let ran = ran.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok());
        (name, Duration::from_nanos(ran.unwrap_or_default()))
    };
    let mut threads: Vec<_> =
        tasks.map(|task| thread(task.unwrap())).filter(|(name, _)| name.starts_with("verge-serve")).collect();
    threads.sort();
    threads
}

/// Its memory, in KiB: `VmRSS` now, `VmHWM` at most so far.
fn memory(node: &Node, which: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(which)?.strip_prefix(':')).unwrap();
    line.split_whitespace().next().unwrap().parse().unwrap()
}

/// What a table of a hundred thousand rows may take, in KiB, above what a node without one does; twice that while it is read.
const STEADY: u64 = 40 << 10;

#[tokio::test]
async fn all_pages_are_read_and_threads_that_serve_have_no_part_in_it() {
    let rows = many("VERGE_ROWS", 100_000);
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    let asked_for = [1, rows / 2, rows];
    // Each has a domain of its own, as stages have.
    store.put_all((1..=rows).map(|n| match asked_for.contains(&n) {
        true => row(&format!("v{n}"), V1),
        false => row(&format!("v{n}"), &format!("a{n:09}.execute-api.us-east-1.amazonaws.com")),
    }));
    bump(&store, 1);
    store.set_door(Door::HoldingPages);
    let table = format!("{}refresh = \"1h\"\npoll = \"100ms\"\n", store.config());
    let node = stages.reachable().table(&table).start_unready().await;
    let empty = memory(&node, "VmRSS");
    store.set_door(Door::Open);
    // A page holds a thousand items.
    scanned(&store, rows / 1000).await;
    eventually("readiness", async || node.is_ready().await).await;
    assert_eq!(node.metric("verge_table_rows").await, rows as f64);
    let pages = store.count("Scan");
    assert!(pages >= rows / 1000, "{pages} pages");
    for version in asked_for {
        let answer = node.ask(&Request::get("/").version(&format!("v{version}"))).await;
        assert_eq!(answer.status, 200, "v{version}: {answer:?}");
    }

    // What nobody needs any more is given back after a while.
    eventually("its memory at rest", async || memory(&node, "VmRSS") <= empty + STEADY).await;

    let before = serving(&node);
    assert!(!before.is_empty());
    store.put(&row("v1", V2));
    bump(&store, 2);
    scanned(&store, pages + rows / 1000).await;
    eventually("the next table", async || node.metric("verge_table_generation").await == 2.0).await;
    assert!(store.count("Scan") >= pages + rows / 1000);
    for ((name, before), (_, after)) in before.iter().zip(&serving(&node)) {
        // Of what takes seconds, what waking up takes.
        assert!(*after - *before <= Duration::from_millis(10 + pages as u64), "{name} ran {:?}", *after - *before);
    }
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.json()["host"], V2);

    let most = memory(&node, "VmHWM");
    assert!(most <= empty + 2 * STEADY, "{empty} KiB without a table, {most} at most");
}

#[tokio::test]
async fn a_write_that_comes_into_a_scan_is_read_whole() {
    tokio::join!(a_write_comes_into_a_scan("100ms"), a_write_comes_into_a_scan("0s"));
}

async fn a_write_comes_into_a_scan(poll: &str) {
    let stages = Stages::start().await;
    let store = store_of(2500);
    bump(&store, 1);
    let table = format!("{}refresh = \"1h\"\npoll = {poll:?}\n", store.config());
    let node = stages.reachable().table(&table).start().await;
    // Rows come by key: `v1` is on the first page, `v999` on the second.
    let hosts = async || {
        let mut hosts = Vec::new();
        for version in ["v999", "v1"] {
            hosts.push(node.ask(&Request::get("/").version(version)).await.json()["host"].as_str().unwrap().to_owned());
        }
        hosts
    };
    assert_eq!(hosts().await, [V1, V1]);

    let scans = store.count("Scan");
    store.set_door(Door::HoldingPages);
    bump(&store, 2);
    // Where nothing tells of it, something else has the table read.
    node.signal("HUP");
    eventually("a scan in its second page", async || store.count("Scan") >= scans + 2).await;
    // One write, of two rows that belong together.
    store.put(&row("v1", V2));
    store.put(&row("v999", V2));
    bump(&store, 3);
    assert_eq!(hosts().await, [V1, V1]);
    store.set_door(Door::Open);
    eventually("both rows", async || {
        let hosts = hosts().await;
        // Asked for after the other one: it may be newer, and never older.
        assert!(hosts != [V2, V1], "half of a write was served");
        hosts == [V2, V2]
    })
    .await;
    assert_eq!(node.metric("verge_table_generation").await, 3.0);
}

#[tokio::test]
async fn versions_and_hosts_that_are_made_up_cost_no_read_and_no_memory() {
    const CLIENTS: usize = 8;
    let requests = many("VERGE_VERSIONS", 40_000);
    let stages = Stages::start().await;
    let store = store_of(3);
    let table = format!("{}refresh = \"1h\"\npoll = \"0s\"\n", store.config());
    let node = stages.reachable().table(&table).log("access = \"off\"\n").start().await;
    let flood = async |requests: usize| {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let address = node.http();
            clients.spawn(async move {
                let mut connection = Connection::open(address).await;
                for n in 0..requests / CLIENTS {
                    let version = format!("v{client}x{n}-{:x}", n * 2_654_435_761 % 4_294_967_291);
                    let request = Request::get("/").to(&format!("h{n}.c{client}.example.com"));
                    let answer = match n % 2 {
                        0 => connection.ask(&request.version(&version)).await,
                        _ => connection.ask(&request.accept(&format!("application/vnd.example.{version}+json"))).await,
                    };
                    assert_problem(&answer, 403, "unknown_version");
                }
            });
        }
        clients.join_all().await;
    };
    // What a node needs for so many clients it has after the first ones.
    flood(requests / 4).await;
    let (operations, before) = (store.operations().len(), memory(&node, "VmRSS"));
    flood(requests).await;
    let grown = memory(&node, "VmRSS").saturating_sub(before);
    assert!(grown < 2048, "{grown} KiB more after {requests} requests");
    assert_eq!(store.operations().len(), operations);
}
