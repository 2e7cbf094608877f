//! What a request may take in all, whoever is slow; and what is excepted.

use crate::stages::{Stages, V1, assert_problem};
use serde_json::json;
use std::time::Duration;
use verge_tests::{client::Http2, message::Request, node::Node, origin::Behaviour, patience::eventually};

const NAME: &str = "api.example.com";
const PAUSE: Duration = Duration::from_millis(50);

async fn cut(node: &Node) -> f64 {
    node.metric("verge_answers_cut_total{reason=\"origin_timeout\"}").await
}

#[tokio::test]
async fn an_answer_that_never_ends_is_cut_at_the_total_time() {
    let stages = Stages::start().await;
    stages.v1.now_on("/drip", Behaviour::Dripping("application/json", PAUSE));
    let setup = stages.setup().tls(&stages.authority, NAME).and_origins("total_timeout = \"600ms\"");
    let node = setup.start().await;
    let mut connection = node.connect().await;
    let answer = connection.ask(&Request::get("/drip").version("v1")).await;
    assert_eq!((answer.status, answer.complete), (200, false), "{answer:?}");
    assert!(!answer.body.is_empty());
    let mut client = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    let answer = client.ask(&Request::get("/drip").version("v1")).await;
    assert_eq!((answer.status, answer.complete), (200, false), "{answer:?}");
    assert_eq!(client.ask(&Request::get("/").version("v1")).await.status, 200, "other streams live");
    assert_eq!(cut(&node).await, 2.0);
    let log = node.log_of(3).await;
    assert_eq!(log.iter().filter(|line| line.contains("\"reason\":\"origin_timeout\"")).count(), 2, "{log:?}");
}

#[tokio::test]
async fn an_origin_that_does_not_answer_in_the_total_time_is_504() {
    let stages = Stages::start().await;
    stages.v1.now_on("/silent", Behaviour::Silent);
    let rows = json!([{"api": "orders", "version": "v1", "domain": V1, "total_timeout": "300ms"}]);
    let node = stages.reachable().rows(rows).start().await;
    let answer = node.ask(&Request::get("/silent").version("v1")).await;
    assert_problem(&answer, 504, "origin_timeout");
    assert_eq!(stages.v1.seen().len(), 1, "it is not asked again");
    assert_eq!(node.metric("verge_replies_total{reason=\"origin_timeout\"}").await, 1.0);
}

#[tokio::test]
async fn events_may_go_on_for_longer() {
    let stages = Stages::start().await;
    stages.v1.now_on("/events", Behaviour::Dripping("text/event-stream; charset=utf-8", PAUSE));
    let limits = "request_timeout = \"1s\"";
    let node = stages.setup().limits(limits).and_origins("total_timeout = \"500ms\"").start().await;
    let mut connection = node.connect().await;
    connection.send(Request::get("/events").version("v1").to_http1()).await;
    let (status, _) = connection.head().await.unwrap();
    assert_eq!(status, 200);
    // As long as three times what any other answer may take.
    let begin = std::time::Instant::now();
    while begin.elapsed() < Duration::from_secs(3) {
        let line = connection.line().await.expect("the stream was cut");
        assert!(line.is_ascii());
    }
    assert_eq!(cut(&node).await, 0.0);
}

#[tokio::test]
async fn a_request_has_its_time_too() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("request_timeout = \"1s\"\nbody_rate = \"0B\"").start().await;
    let mut connection = node.connect().await;
    connection.send("POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ncontent-length: 100000\r\n\r\n").await;
    // The deadline is looked at after each drop: often, so that no wait for the origin ends at the same moment.
    let mut drops = tokio::time::interval(PAUSE / 25);
    while connection.try_send(b"x").await.is_ok() {
        drops.tick().await;
    }
    assert!(connection.is_closed().await);
    let counted = async || node.metric("verge_client_timeouts_total{waiting_for=\"request\"}").await == 1.0;
    eventually("its metric", counted).await;
    stages.v1.has_seen(1).await;
    assert!(!stages.v1.only_seen().complete);
    assert!(node.log_of(1).await[0].contains("request took too long"), "{:?}", node.log());
}

#[tokio::test]
async fn a_body_over_http2_that_comes_too_slowly_is_in_the_log() {
    let stages = Stages::start().await;
    let setup = stages.setup().tls(&stages.authority, NAME).limits("body_timeout = \"300ms\"");
    let node = setup.start().await;
    let mut client = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    let begun = client.begin(&Request::new("POST", "/slow?secret=1").version("v1")).await;
    assert!(begun.is_reset().await);
    eventually("its metric", async || node.metric("verge_client_timeouts_total{waiting_for=\"body\"}").await == 1.0)
        .await;
    node.log_of(1).await;
    let line = node.log()[0].clone();
    assert_eq!((&line["path"], &line["method"], &line["protocol"]), (&json!("/slow"), &json!("POST"), &json!("h2")));
    assert!(line["fault"].as_str().unwrap().contains("too slowly"), "{line}");
    stages.v1.has_seen(1).await;
    let seen = stages.v1.only_seen();
    assert_eq!(seen.field("x-request-id"), line["request_id"].as_str(), "{line}");
}
