//! Another configuration while it runs: taken whole or not at all, and no request notices.

use crate::stages::{Stages, V1, V2, assert_problem, row};
use serde_json::json;
use verge_tests::{
    message::Request,
    node::Node,
    origin::{Behaviour, Gate},
    patience::eventually,
};

/// Changes the configuration's text, and says so.
fn reconfigure(node: &Node, from: &str, to: &str) {
    let text = node.scratch().read("verge.toml");
    assert!(text.contains(from), "{text}");
    node.scratch().write("verge.toml", text.replace(from, to));
    node.signal("HUP");
}

#[tokio::test]
async fn another_configuration_is_taken_without_a_pause() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    assert_problem(&connection.ask(&Request::get("/")).await, 403, "missing_version");
    reconfigure(&node, "vendor = \"example\"", "vendor = \"example\"\nmissing = \"v2\"\nheader = \"x-version\"");
    eventually("the new policy", async || node.ask(&Request::get("/")).await.status == 200).await;
    let answer = node.ask(&Request::get("/").field("x-version", "v1")).await;
    assert_eq!(
        (answer.field("api-version"), answer.members("vary")),
        (Some("v1"), vec!["accept".to_owned(), "x-version".to_owned()])
    );
    assert!(node.is_ready().await);
}

#[tokio::test]
async fn a_bad_configuration_changes_nothing() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    reconfigure(&node, "vendor = \"example\"", "vendor = \"example\"\nmising = \"v2\"");
    node.has_said("mising").await;
    let said: Vec<_> = node.stderr().into_iter().filter(|line| line.contains("mising")).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert_problem(&node.ask(&Request::get("/")).await, 403, "missing_version");
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
}

#[tokio::test]
async fn a_request_in_flight_is_finished_where_it_was() {
    let stages = Stages::start().await;
    let gate = Gate::closed();
    stages.v1.now_on("/held", Behaviour::Held(gate.clone()));
    let node = stages.reachable().rows(json!([row("v1", V1), row("v2", V2)])).start().await;
    let mut connection = node.connect().await;
    connection.send(Request::get("/held").version("v1").to_http1()).await;
    stages.v1.has_seen(1).await;
    node.scratch().write("table.json", json!([row("v1", V2), row("v2", V2)]).to_string());
    reconfigure(&node, "vendor = \"example\"", "vendor = \"example\"\nmissing = \"v1\"");
    let moved = async || node.ask(&Request::get("/")).await.status == 200 && !stages.v2.seen().is_empty();
    eventually("the new table and policy", moved).await;
    gate.open();
    let answer = connection.answer().await.expect("the request in flight was cut off");
    assert_eq!((answer.status, &answer.json()["host"]), (200, &json!(V1)), "{answer:?}");
}

#[tokio::test]
async fn new_limits_hold_for_new_connections() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("body = \"1KiB\"").start().await;
    let large = Request::post("/", vec![b'x'; 4096]).version("v1");
    assert_problem(&node.ask(&large).await, 413, "body_too_large");
    reconfigure(&node, "body = \"1KiB\"", "body = \"1MiB\"");
    eventually("the new limit", async || node.ask(&large).await.status == 200).await;
}

#[tokio::test]
async fn no_request_is_lost_while_it_reloads() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let reloads = async {
        for n in 0..5_u16 {
            let (from, to) = (format!("head_timeout = \"{}s\"", 10 + n), format!("head_timeout = \"{}s\"", 11 + n));
            if n == 0 {
                reconfigure(&node, "[origins]", &format!("[limits]\n{to}\n[origins]"));
            } else {
                reconfigure(&node, &from, &to);
            }
            let said =
                async || node.stderr().iter().filter(|line| line.contains("is reloaded")).count() > usize::from(n);
            eventually("the reload", said).await;
        }
    };
    let client = || async {
        let mut connection = node.connect().await;
        for n in 0..150 {
            let version = if n % 2 == 0 { "v1" } else { "v2" };
            let answer = connection.ask(&Request::post("/", "body").version(version)).await;
            assert_eq!((answer.status, answer.field("api-version")), (200, Some(version)), "{answer:?}");
            if answer.field("connection") == Some("close") {
                connection = node.connect().await;
            }
        }
    };
    tokio::join!(reloads, client(), client(), client());
}
