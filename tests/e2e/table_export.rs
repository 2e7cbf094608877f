//! The table given away at the admin listener, for edges that read no store.

use serde_json::{Value as Json, json};
use verge_tests::{
    client::Connection,
    message::{Answer, Request},
    node::Setup,
    patience::eventually,
};

const V1: &str = "v1.execute-api.eu-central-1.amazonaws.com";

fn row(version: &str) -> Json {
    json!({"api": "orders", "version": version, "domain": V1})
}

/// The keys of what was given away, in order.
fn keys(answer: &Answer) -> Vec<String> {
    let page = answer.json();
    let mut keys: Vec<String> = page["Items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["version"]["S"].as_str().unwrap().to_owned())
        .collect();
    keys.sort();
    keys
}

#[tokio::test]
async fn the_table_is_given_away_once_for_each_change() {
    let node = Setup::new().rows(json!([row("v1")])).start().await;
    let answer = node.ask_admin("/table").await;
    assert_eq!((answer.status, answer.field("verge-table")), (200, Some("served")));
    assert_eq!(answer.json()["Items"][0]["version"], json!({"S": "v1"}));
    let tag = answer.field("etag").unwrap().to_owned();
    let again = node.ask_admin("/table").await;
    assert_eq!((again.status, again.field("etag"), &again.body), (200, Some(&*tag), &answer.body));

    let mut admin = Connection::open(node.admin()).await;
    let same = admin.ask(&Request::get("/table").field("If-None-Match", &tag)).await;
    assert_eq!((same.status, same.field("etag"), same.body.len()), (304, Some(&*tag), 0));
    let other = admin.ask(&Request::get("/table").field("If-None-Match", "\"0\"")).await;
    assert_eq!((other.status, keys(&other)), (200, vec!["v1".to_owned()]));
    assert_eq!(node.ask_admin("/table?api=bills").await.status, 404);

    node.scratch().write("table.json", json!([row("v1"), row("v2")]).to_string());
    let changed = async || {
        let answer = node.ask_admin("/table").await;
        (answer.field("etag") != Some(&*tag)).then_some(answer)
    };
    eventually("another tag", async || changed().await.is_some()).await;
    let answer = admin.ask(&Request::get("/table").field("If-None-Match", &tag)).await;
    assert_eq!((answer.status, keys(&answer)), (200, vec!["v1".to_owned(), "v2".to_owned()]));
    let next = answer.field("etag").unwrap().to_owned();
    let same = admin.ask(&Request::get("/table").field("If-None-Match", &format!("\"0\", {next}"))).await;
    assert_eq!((same.status, same.field("etag")), (304, Some(&*next)));
}

#[tokio::test]
async fn pins_are_not_given_away_and_what_describes_apis_is() {
    let pin = json!({"api": "orders", "version": "#pin#ann", "pinned_to": "v1"});
    let api = json!({"api": "orders", "version": "#api", "missing": "v1"});
    let node = Setup::new().rows(json!([row("v1"), pin, api])).start().await;
    assert_eq!(keys(&node.ask_admin("/table").await), ["#api", "v1"]);
}
