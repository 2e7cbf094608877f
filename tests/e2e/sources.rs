//! Where tables come from, as users have them.

use crate::stages::{Stages, V1, V2, assert_problem, row, rows};
use serde_json::{Value as Json, json};
use verge_mappings::{Embedded, Expect, Item, Keep, Store as _};
use verge_tests::{
    message::Request,
    patience::eventually,
    store::{Layout, Store, attributes},
};

/// The AWS sample's table: media types and header values.
fn sample() -> Vec<Json> {
    vec![
        json!({"hk": "application/vnd.example.v1+json", "dn": V1, "dp": "/prod"}),
        json!({"hk": "application/vnd.example.v2+json", "dn": V2}),
        json!({"hk": "2021-06-30", "dn": V2, "dp": "/stage"}),
    ]
}

const SAMPLE_API: &str = "[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n";

#[tokio::test]
async fn the_samples_table_is_served_as_it_stands() {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Sample);
    for row in sample() {
        store.put(&row);
    }
    let node = stages.reachable().store(&store).apis(SAMPLE_API).start().await;
    for (request, origin, target, version) in [
        (Request::get("/pets?a=1").accept("application/vnd.example.v1+json"), &stages.v1, "/prod/pets?a=1", "v1"),
        (Request::get("/pets").accept("text/html, APPLICATION/vnd.example.V2+json;q=0.5"), &stages.v2, "/pets", "v2"),
        (Request::get("/pets").version("application/vnd.example.v1+json"), &stages.v1, "/prod/pets", "v1"),
        (Request::get("/pets").version("2021-06-30"), &stages.v2, "/stage/pets", "2021-06-30"),
    ] {
        let answer = node.ask(&request).await;
        assert_eq!(answer.status, 200, "{request:?}: {answer:?}");
        assert_eq!(origin.last_seen().target, target, "{request:?}");
        let got = answer.field("api-version").unwrap();
        assert!(got == version || got.contains(version), "{request:?}: {got}");
    }
    assert_problem(&node.ask(&Request::get("/pets").accept("application/json")).await, 403, "missing_version");
    assert_problem(&node.ask(&Request::get("/pets").version("2020-01-01")).await, 403, "unknown_version");
}

#[tokio::test]
async fn verges_own_layout_serves_several_apis() {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    store.put(&json!({"api": "orders", "version": "v1", "domain": V1, "base_path": "/prod"}));
    store.put(&json!({"api": "users", "version": "v1", "domain": V2}));
    let apis = "[[api]]\nname = \"orders\"\nhosts = [\"orders.example.com\"]\n[[api]]\nname = \"users\"\nhosts = [\"users.example.com\"]\n";
    let node = stages.reachable().store(&store).apis(apis).start().await;
    let orders = node.ask(&Request::get("/a").to("orders.example.com").version("v1")).await;
    let users = node.ask(&Request::get("/a").to("users.example.com").version("v1")).await;
    assert_eq!((&orders.json()["host"], &users.json()["host"]), (&json!(V1), &json!(V2)));
}

#[tokio::test]
async fn an_api_may_live_in_the_table() {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    store.put(
        &json!({"api": "pets", "version": "#api", "hosts": ["pets.example.com"], "header": "x-pets", "missing": "v1"}),
    );
    store.put(&json!({"api": "pets", "version": "v1", "domain": V1}));
    store.put(&json!({"api": "pets", "version": "v2", "domain": V2}));
    let node = stages.reachable().store(&store).apis("").start().await;
    let missing = node.ask(&Request::get("/").to("pets.example.com")).await;
    assert_eq!((missing.status, missing.field("api-version")), (200, Some("v1")), "{missing:?}");
    let named = node.ask(&Request::get("/").to("pets.example.com").field("x-pets", "v2")).await;
    assert_eq!(named.field("api-version"), Some("v2"), "{named:?}");
    assert_problem(&node.ask(&Request::get("/")).await, 421, "unknown_host");
}

#[tokio::test]
async fn a_file_may_be_what_aws_prints() {
    let stages = Stages::start().await;
    let items: Vec<Json> = sample().iter().map(attributes).collect();
    let scan = json!({"Items": items, "Count": 3, "ScannedCount": 3, "ConsumedCapacity": null});
    let node = stages.reachable().rows(scan).apis(SAMPLE_API).start().await;
    let answer = node.ask(&Request::get("/pets").accept("application/vnd.example.v1+json")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(stages.v1.only_seen().target, "/prod/pets");
}

#[tokio::test]
async fn a_file_is_read_again_when_it_changes() {
    let stages = Stages::start().await;
    let node = stages.reachable().rows(json!([row("v1", V1)])).start().await;
    assert_problem(&node.ask(&Request::get("/").version("v2")).await, 403, "unknown_version");
    node.scratch().write("table.json", rows().to_string());
    eventually("the new row", async || node.ask(&Request::get("/").version("v2")).await.status == 200).await;

    // A broken file changes nothing.
    node.scratch().write("table.json", "{ this is no JSON");
    eventually("a failed read", async || {
        let page = node.ask_admin("/metrics").await;
        let text = String::from_utf8_lossy(&page.body).into_owned();
        text.lines().any(|line| line.starts_with("verge_table_refresh_failures_total{") && !line.ends_with(" 0"))
    })
    .await;
    assert_eq!(node.ask(&Request::get("/").version("v2")).await.status, 200);
    assert!(node.is_ready().await);
}

#[tokio::test]
async fn an_embedded_table_needs_nothing_but_a_path() {
    let stages = Stages::start().await;
    let setup =
        stages.reachable().table("source = \"embedded\"\npath = \"data/table.db\"\nrefresh = \"1s\"\npoll = \"100ms\"");
    let file = setup.scratch().path().join("data/table.db");
    let embedded = Embedded::start(Keep::File(file), "verge-mappings").await.unwrap();
    let item = Item::from_json(&json!({"api": "orders", "version": "v1", "domain": V1, "base_path": "/prod"})).unwrap();
    embedded.put(item, Expect::Absent, "a test").await.unwrap();
    drop(embedded);
    let node = setup.start().await;
    let answer = node.ask(&Request::get("/orders").version("v1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(stages.v1.only_seen().target, "/prod/orders");
}

#[tokio::test]
async fn an_api_may_have_a_table_of_its_own() {
    let stages = Stages::start().await;
    let sample_store = Store::start(Layout::Sample);
    for row in sample() {
        sample_store.put(&row);
    }
    let own: String = sample_store.config();
    let apis = format!(
        "[[api]]\nname = \"orders\"\nhosts = [\"orders.example.com\"]\n[[api]]\nname = \"pets\"\nhosts = [\"pets.example.com\"]\n[api.table]\n{own}\n"
    );
    let node = stages.reachable().rows(rows()).apis(&apis).start().await;
    let pets = Request::get("/p").to("pets.example.com").accept("application/vnd.example.v1+json");
    eventually("the second table", async || node.ask(&pets).await.status == 200).await;
    assert_eq!(stages.v1.last_seen().target, "/prod/p");
    let orders = node.ask(&Request::get("/o").to("orders.example.com").version("v2")).await;
    assert_eq!(orders.status, 200, "{orders:?}");
}
