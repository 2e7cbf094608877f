//! A table of which a node holds the index, and the APIs that are asked for.

use crate::stages::{Stages, V1, V2, assert_problem};
use serde_json::{Value as Json, json};
use verge_tests::{
    client::Connection,
    message::{Answer, Request},
    node::{Node, Setup},
    patience::eventually,
    scratch::Scratch,
    store::{Door, Layout, Store},
};

/// A store with APIs `books` and `pets`, and many more that nobody asks for.
struct Site {
    stages: Stages,
    store: Store,
    disk: Scratch,
}

const OTHERS: usize = 40;

fn api(name: &str) -> Json {
    json!({"api": name, "version": "#api", "hosts": [format!("{name}.example.com")], "read": ["header"]})
}

fn row(api: &str, version: &str, domain: &str) -> Json {
    json!({"api": api, "version": version, "domain": domain})
}

impl Site {
    async fn open() -> Self {
        let store = Store::start(Layout::Verge);
        for (name, domain) in [("books", V1), ("pets", V2)] {
            store.put(&api(name));
            store.put(&row(name, "v1", domain));
        }
        for n in 0..OTHERS {
            store.put(&api(&format!("other{n}")));
            store.put(&row(&format!("other{n}"), "v1", V1));
        }
        Self { stages: Stages::start().await, store, disk: Scratch::new() }
    }

    fn setup(&self, lines: &str) -> Setup {
        let snapshot = self.disk.path().join("table.snapshot").display().to_string();
        let own = format!("load = \"on_demand\"\nsnapshot = {snapshot:?}\n");
        let pace = if lines.contains("refresh") { "" } else { "refresh = \"1s\"\npoll = \"100ms\"\n" };
        self.stages.reachable().apis("").table(&format!("{}{own}{pace}{lines}", self.store.config()))
    }

    fn queries(&self) -> usize {
        self.store.count("Query")
    }

    /// As Verge's own writes do.
    fn bump(&self, generation: u64) {
        self.store.put(&json!({"api": "#verge", "version": "#generation", "generation": generation}));
    }
}

async fn ask(node: &Node, api: &str, version: &str) -> Answer {
    node.ask(&Request::get("/").to(&format!("{api}.example.com")).version(version)).await
}

async fn answers(node: &Node, api: &str, version: &str, status: u16) {
    eventually("the API's rows", async || ask(node, api, version).await.status == status).await;
}

#[tokio::test]
async fn an_api_is_loaded_once_it_is_asked_for_and_by_one_read() {
    let site = Site::open().await;
    let node = site.setup("refresh = \"1h\"\npoll = \"0s\"\n").start().await;
    assert_eq!((site.queries(), node.metric("verge_table_rows").await), (0, 0.0));
    let first = ask(&node, "books", "v1").await;
    assert_problem(&first, 503, "no_table");
    assert_eq!(first.field("retry-after"), Some("1"));
    // A crowd at a cold door.
    let mut crowd = tokio::task::JoinSet::new();
    for _ in 0..50 {
        let (address, request) = (node.http(), Request::get("/").to("books.example.com").version("v1"));
        crowd.spawn(async move { Connection::open(address).await.ask(&request).await });
    }
    for answer in crowd.join_all().await {
        assert!(answer.status == 200 || answer.code() == "no_table", "{answer:?}");
    }
    answers(&node, "books", "v1", 200).await;
    assert_eq!(site.queries(), 1);
    assert_eq!(node.metric("verge_table_loaded_apis").await, 1.0);
    assert_problem(&ask(&node, "books", "v9").await, 403, "unknown_version");
    // Nobody asked for the others.
    assert_eq!(node.metric("verge_table_rows").await, 1.0);
    answers(&node, "pets", "v1", 200).await;
    assert_eq!(site.queries(), 2);
    answers(&node, "books", "v1", 200).await;
}

#[tokio::test]
async fn hosts_and_versions_nobody_knows_cost_no_read() {
    let site = Site::open().await;
    let node = site.setup("refresh = \"1h\"\npoll = \"0s\"\n").start().await;
    answers(&node, "books", "v1", 200).await;
    let before = site.store.operations().len();
    let mut connection = node.connect().await;
    for n in 0..2000 {
        let stranger = Request::get("/").to(&format!("h{n}.example.com")).version("v1");
        assert_eq!(connection.ask(&stranger).await.status, 421);
        let version = Request::get("/").to("books.example.com").version(&format!("v{}", n + 2));
        assert_eq!(connection.ask(&version).await.status, 403);
    }
    assert_eq!(site.store.operations().len(), before);
}

#[tokio::test]
async fn a_write_reaches_what_is_loaded_and_what_is_listed() {
    let site = Site::open().await;
    site.bump(1);
    let node = site.setup("refresh = \"1h\"\npoll = \"100ms\"\n").start().await;
    answers(&node, "books", "v1", 200).await;
    site.store.put(&row("books", "v2", V2));
    site.store.put(&api("films"));
    site.store.put(&row("films", "v1", V1));
    site.bump(2);
    answers(&node, "books", "v2", 200).await;
    answers(&node, "films", "v1", 200).await;
    // And what is listed no more is nobody's.
    site.store.delete(&json!({"api": "films", "version": "#api"}));
    site.bump(3);
    answers(&node, "films", "v1", 421).await;
    eventually("one API less", async || node.metric("verge_table_loaded_apis").await == 1.0).await;
}

#[tokio::test]
async fn what_is_loaded_goes_on_while_the_store_is_away_and_what_is_not_comes_with_it() {
    let site = Site::open().await;
    let node = site.setup("").start().await;
    answers(&node, "books", "v1", 200).await;
    site.store.set_door(Door::Failing { status: 500, error: "InternalServerError" });
    eventually("a failed read", async || {
        node.metric("verge_table_refresh_failures_total{kind=\"failed\"}").await >= 1.0
    })
    .await;
    assert_problem(&ask(&node, "pets", "v1").await, 503, "no_table");
    assert_eq!(ask(&node, "books", "v1").await.status, 200);
    assert!(node.is_ready().await);
    site.store.set_door(Door::Open);
    answers(&node, "pets", "v1", 200).await;
    assert_eq!(ask(&node, "books", "v1").await.status, 200);
}

#[tokio::test]
async fn an_api_that_lost_its_rows_keeps_them_for_a_while() {
    let site = Site::open().await;
    let node = site.setup("shrink_hold = \"1h\"\n").start().await;
    answers(&node, "books", "v1", 200).await;
    site.store.delete(&json!({"api": "books", "version": "v1"}));
    node.has_said("held back").await;
    assert_eq!(ask(&node, "books", "v1").await.status, 200);
    site.store.put(&row("books", "v1", V1));
    node.has_said("is believed again").await;
    assert_eq!(ask(&node, "books", "v1").await.status, 200);
}

#[tokio::test]
async fn what_is_accepted_reaches_apis_that_are_loaded_on_demand() {
    let site = Site::open().await;
    site.bump(1);
    for (api, n) in [("books", 2), ("books", 3), ("pets", 2), ("pets", 3)] {
        site.store.put(&row(api, &format!("v{n}"), V1));
    }
    let lines = "refresh = \"1h\"\npoll = \"100ms\"\nshrink_hold = \"1h\"\n";
    let node = site.setup(lines).start().await;
    answers(&node, "books", "v3", 200).await;
    answers(&node, "pets", "v3", 200).await;
    for (api, version) in [("books", "v2"), ("books", "v3"), ("pets", "v2"), ("pets", "v3")] {
        site.store.delete(&json!({"api": api, "version": version}));
    }
    site.bump(2);
    eventually("the doubt", async || node.metric("verge_table_held_back").await == 1.0).await;
    let accept = |words: &[&str]| {
        let words: Vec<&str> = ["mappings", "accept"].iter().chain(words).copied().collect();
        let (code, out, err) = site.setup(lines).run(&words);
        assert_eq!(code, Some(0), "{out}{err}");
    };
    accept(&["books"]);
    answers(&node, "books", "v3", 403).await;
    assert_eq!(ask(&node, "pets", "v3").await.status, 200);
    accept(&[]);
    answers(&node, "pets", "v3", 403).await;
    assert_eq!(node.metric("verge_table_held_back").await, 0.0);
}

#[tokio::test]
async fn a_write_that_comes_into_a_load_is_read_whole() {
    let site = Site::open().await;
    for n in 2..2500 {
        site.store.put(&row("books", &format!("v{n}"), V1));
    }
    site.bump(1);
    let node = site.setup("refresh = \"1h\"\npoll = \"100ms\"\n").start().await;
    site.store.set_door(Door::HoldingPages);
    assert_problem(&ask(&node, "books", "v1").await, 503, "no_table");
    // The first page, once to see that there are more, and the second one.
    eventually("a query in its second page", async || site.queries() >= 3).await;
    for version in ["v1", "v999"] {
        site.store.put(&row("books", version, V2));
    }
    site.bump(2);
    site.store.set_door(Door::Open);
    // What is asked for later may be newer, and never older.
    let host = async |version: &str| {
        let answer = ask(&node, "books", version).await;
        if answer.status == 200 { answer.json()["host"].as_str().map(str::to_owned) } else { None }
    };
    eventually("both rows", async || {
        let (last, first) = (host("v999").await, host("v1").await);
        assert!(last.as_deref() != Some(V2) || first.as_deref() == Some(V2), "half of a write was served");
        first.as_deref() == Some(V2) && last.as_deref() == Some(V2)
    })
    .await;
}

#[tokio::test]
async fn memory_is_bounded_and_what_was_used_last_stays() {
    let site = Site::open().await;
    // Each takes some 600 KiB, and 1 MiB is the bound.
    for name in ["books", "pets"] {
        for n in 2..1300 {
            site.store.put(&row(name, &format!("v{n}"), V1));
        }
    }
    let node = site.setup("refresh = \"1h\"\npoll = \"0s\"\nmemory = \"1MiB\"\n").start().await;
    answers(&node, "books", "v1299", 200).await;
    answers(&node, "pets", "v1299", 200).await;
    assert_eq!(node.metric("verge_table_loaded_apis").await, 1.0);
    assert_eq!(node.metric("verge_table_api_evictions_total").await, 1.0);
    assert!(node.metric("verge_table_loaded_bytes").await <= f64::from(1 << 20));
    // The one that went comes again when it is asked for.
    answers(&node, "books", "v1", 200).await;
    // One that can never fit says so, and is not read with every request.
    for n in 1300..2600 {
        site.store.put(&row("pets", &format!("v{n}"), V1));
    }
    let queries = site.queries();
    assert_problem(&ask(&node, "pets", "v1").await, 503, "no_table");
    node.has_said("raise `[table] memory`").await;
    for _ in 0..50 {
        assert_problem(&ask(&node, "pets", "v1").await, 503, "no_table");
    }
    assert!(site.queries() - queries <= 4, "{} pages", site.queries() - queries);
    assert_eq!(ask(&node, "books", "v1").await.status, 200);
}

#[tokio::test]
async fn a_node_starts_with_the_apis_it_had() {
    let mut site = Site::open().await;
    let node = site.setup("").start().await;
    answers(&node, "books", "v1", 200).await;
    let file = |name: &str| site.disk.path().join("table.snapshot.apis").join(name);
    eventually("both snapshots", async || {
        file("books.api").exists() && site.disk.path().join("table.snapshot").exists()
    })
    .await;
    node.signal("KILL");
    drop(node);
    site.store.stop();
    let node = site.setup("").start_unready().await;
    assert_eq!(ask(&node, "books", "v1").await.status, 200);
    assert_problem(&ask(&node, "pets", "v1").await, 503, "no_table");
    assert_problem(&ask(&node, "nobody", "v1").await, 421, "unknown_host");
    site.store.restart().await;
    answers(&node, "pets", "v1", 200).await;
}

#[tokio::test]
async fn a_reload_keeps_what_is_loaded() {
    let site = Site::open().await;
    let node = site.setup("refresh = \"1h\"\npoll = \"0s\"\n").start().await;
    answers(&node, "books", "v1", 200).await;
    // The store is away: what answers was there before.
    site.store.set_door(Door::Failing { status: 500, error: "InternalServerError" });
    node.signal("HUP");
    node.has_said("reloaded").await;
    for _ in 0..20 {
        assert_eq!(ask(&node, "books", "v1").await.status, 200);
    }
    assert_eq!((site.queries(), node.metric("verge_table_loaded_apis").await), (1, 1.0));
}

#[tokio::test]
async fn a_table_without_apis_cannot_be_loaded_so() {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Sample);
    store.put(&json!({"hk": "v1", "dn": V1}));
    let node = stages.reachable().table(&format!("{}load = \"on_demand\"\n", store.config())).start_unready().await;
    node.has_said("no APIs to load on demand").await;
    assert!(!node.is_ready().await);
}
