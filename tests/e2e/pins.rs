//! Consumers' pins: read beside requests, live within a poll, kept through an outage.

use crate::stages::{Stages, assert_problem, rows};
use serde_json::json;
use verge_tests::{
    message::{Answer, Request},
    node::{Node, Setup},
    patience::eventually,
    store::{Door, Layout, Store},
};

const APIS: &str = r#"
[[api]]
name = "orders"
hosts = ["*"]
[api.version]
vendor = "example"
missing = "pin"
[api.pin]
subject = "header:x-consumer"
unpinned = "v2"
"#;

struct Scene {
    _stages: Stages,
    store: Store,
    node: Node,
    desk: Setup,
}

impl Scene {
    async fn start() -> Self {
        let store = Store::start(Layout::Verge);
        rows().as_array().unwrap().iter().for_each(|row| store.put(row));
        let stages = Stages::start().await;
        let setup = || stages.reachable().store(&store).apis(APIS);
        let node = setup().start().await;
        Self { desk: setup(), node, store, _stages: stages }
    }

    fn versions(&self, words: &[&str]) {
        let (code, out, err) = self.desk.run(&[&["versions"], words].concat());
        assert_eq!(code, Some(0), "{words:?}: {out}{err}");
    }

    async fn ask(&self, consumer: &str) -> Answer {
        self.node.ask(&Request::get("/").field("x-consumer", consumer)).await
    }

    async fn gets(&self, consumer: &str, version: &str) {
        eventually(version, async || self.ask(consumer).await.field("api-version") == Some(version)).await;
    }
}

#[tokio::test]
async fn a_consumer_is_put_off_once_and_then_gets_its_pin() {
    let scene = Scene::start().await;
    scene.versions(&["pin", "orders", "ann", "v1"]);
    let first = scene.ask("ann").await;
    assert_problem(&first, 503, "no_table");
    assert_eq!(first.field("retry-after"), Some("1"), "{first:?}");
    scene.gets("ann", "v1").await;
    let answer = scene.ask("ann").await;
    assert!(answer.members("vary").contains(&"x-consumer".to_owned()), "{answer:?}");
    scene.gets("eve", "v2").await;
    let line = scene.node.log().into_iter().rev().find(|line| line["source"] == "pin");
    assert!(line.is_some(), "the log says that a pin decided");
    // Nobody who is not told apart is loaded.
    assert_eq!(scene.node.ask(&Request::get("/")).await.field("api-version"), Some("v2"));
}

#[tokio::test]
async fn an_upgrade_is_live_within_a_poll_and_can_be_taken_back() {
    let scene = Scene::start().await;
    scene.versions(&["pin", "orders", "ann", "v1"]);
    scene.gets("ann", "v1").await;
    scene.versions(&["upgrade", "orders", "ann", "v2"]);
    scene.gets("ann", "v2").await;
    scene.versions(&["rollback", "orders", "ann"]);
    scene.gets("ann", "v1").await;
    scene.versions(&["unpin", "orders", "ann"]);
    scene.gets("ann", "v2").await;
}

#[tokio::test]
async fn an_outage_leaves_pins_as_they_are_and_makes_nobody_unpinned() {
    let scene = Scene::start().await;
    scene.versions(&["pin", "orders", "ann", "v1"]);
    scene.versions(&["pin", "orders", "bob", "v1"]);
    scene.gets("ann", "v1").await;
    scene.store.set_door(Door::Failing { status: 500, error: "InternalServerError" });
    for _ in 0..20 {
        assert_eq!(scene.ask("ann").await.field("api-version"), Some("v1"));
        assert_problem(&scene.ask("bob").await, 503, "no_table");
    }
    let failed = "verge_pin_loads_total{outcome=\"failed\"}";
    eventually("a load fails", async || scene.node.metric(failed).await >= 1.0).await;
    scene.store.set_door(Door::Open);
    scene.gets("bob", "v1").await;
}

#[tokio::test]
async fn a_flood_of_made_up_consumers_costs_few_reads() {
    let scene = Scene::start().await;
    scene.versions(&["pin", "orders", "ann", "v1"]);
    scene.gets("ann", "v1").await;
    let before = scene.store.count("GetItem");
    let began = std::time::Instant::now();
    for made_up in 0..2000 {
        assert!(matches!(scene.ask(&format!("made-up-{made_up}")).await.status, 200 | 503));
    }
    let reads = scene.store.count("GetItem") - before;
    // 200 loads a second, as many to refresh, and polls.
    let most = began.elapsed().as_secs_f64() * 420.0 + 60.0;
    assert!((reads as f64) < most, "{reads} reads of {most}");
    assert_eq!(scene.ask("ann").await.field("api-version"), Some("v1"));
}

#[tokio::test]
async fn nobody_is_put_off_where_the_policy_says_so() {
    let stages = Stages::start().await;
    let mut items = rows();
    items.as_array_mut().unwrap().push(json!({"api": "orders", "version": "#pin#ann", "pinned_to": "v1"}));
    let apis = format!("{APIS}until_known = \"unpinned\"\n");
    let node = stages.reachable().rows(items).apis(&apis).start().await;
    let ask = async || node.ask(&Request::get("/").field("x-consumer", "ann")).await;
    let first = ask().await;
    assert_eq!((first.status, first.field("api-version")), (200, Some("v2")), "{first:?}");
    eventually("the pin", async || ask().await.field("api-version") == Some("v1")).await;
}

#[tokio::test]
async fn a_file_says_what_consumers_are_pinned_to() {
    let stages = Stages::start().await;
    let mut items = rows();
    items.as_array_mut().unwrap().push(json!({"api": "orders", "version": "#pin#ann", "pinned_to": "v1"}));
    let node = stages.reachable().rows(items).apis(APIS).start().await;
    let ask = async || node.ask(&Request::get("/").field("x-consumer", "ann")).await;
    eventually("the pin", async || ask().await.field("api-version") == Some("v1")).await;
    let mut items = rows();
    items.as_array_mut().unwrap().push(json!({"api": "orders", "version": "#pin#ann", "pinned_to": "v2"}));
    node.scratch().write("table.json", items.to_string());
    eventually("the change", async || ask().await.field("api-version") == Some("v2")).await;
}
