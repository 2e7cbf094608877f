//! More than an origin, or this node, can take: each has its limit, says so, and hurts nobody else.

use crate::stages::{Stages, V1, V2, assert_problem, row};
use serde_json::json;
use verge_tests::{
    certs::Authority,
    client::Connection,
    message::Request,
    node::{Node, Setup},
    origin::{Behaviour, Gate, Origin},
    patience::eventually,
};

async fn replies(node: &Node, reason: &str) -> f64 {
    node.metric(&format!("verge_replies_total{{reason=\"{reason}\"}}")).await
}

/// So many requests that wait at the first stage.
async fn hold(node: &Node, stages: &Stages, count: usize) -> Vec<Connection> {
    let mut held = Vec::new();
    for _ in 0..count {
        let mut connection = node.connect().await;
        connection.send(Request::get("/held").version("v1").to_http1()).await;
        held.push(connection);
    }
    stages.v1.has_seen(count).await;
    held
}

#[tokio::test]
async fn an_origin_gets_no_more_requests_than_it_may_have() {
    let stages = Stages::start().await;
    let gate = Gate::closed();
    stages.v1.now_on("/held", Behaviour::Held(gate.clone()));
    let node = stages.setup().and_origins("in_flight = 3\nqueue = \"0s\"").start().await;
    let held = hold(&node, &stages, 3).await;
    for request in [Request::get("/").version("v1"), Request::post("/", "x").version("v1")] {
        let answer = node.ask(&request).await;
        assert_problem(&answer, 503, "origin_overloaded");
        assert_eq!(answer.field("retry-after"), Some("1"), "{answer:?}");
        assert_eq!(answer.field("api-version"), Some("v1"), "{answer:?}");
    }
    assert_eq!(stages.v1.seen().len(), 3, "no more came through");
    assert_eq!(replies(&node, "origin_overloaded").await, 2.0);
    // The others have places of their own.
    for _ in 0..20 {
        assert_eq!(node.ask(&Request::get("/").version("v2")).await.status, 200);
    }
    gate.open();
    for mut connection in held {
        assert_eq!(connection.answer().await.unwrap().status, 200);
    }
    eventually("a place", async || node.ask(&Request::get("/").version("v1")).await.status == 200).await;
}

#[tokio::test]
async fn a_request_waits_for_a_place_and_gets_the_one_that_becomes_free() {
    let stages = Stages::start().await;
    let gate = Gate::closed();
    stages.v1.now_on("/held", Behaviour::Held(gate.clone()));
    let node = stages.setup().and_origins("in_flight = 2\nqueue = \"30s\"").start().await;
    let held = hold(&node, &stages, 2).await;
    let mut waiting = Vec::new();
    for _ in 0..2 {
        let mut connection = node.connect().await;
        connection.send(Request::post("/late", "x").version("v1").to_http1()).await;
        waiting.push(connection);
    }
    eventually("both wait", async || node.metric("verge_requests").await == 4.0).await;
    assert_eq!(stages.v1.seen().len(), 2);
    // As many wait as are served: the next one is told at once.
    assert_problem(&node.ask(&Request::get("/").version("v1")).await, 503, "origin_overloaded");
    gate.open();
    for mut connection in held.into_iter().chain(waiting) {
        assert_eq!(connection.answer().await.unwrap().status, 200);
    }
    assert_eq!(stages.v1.seen().len(), 4);
}

#[tokio::test]
async fn who_waited_in_vain_is_told() {
    let stages = Stages::start().await;
    stages.v1.now_on("/held", Behaviour::Silent);
    let node = stages.setup().and_origins("in_flight = 1\nqueue = \"200ms\"").start().await;
    let held = hold(&node, &stages, 1).await;
    assert_problem(&node.ask(&Request::get("/").version("v1")).await, 503, "origin_overloaded");
    // A client that goes away gives its place back.
    drop(held);
    eventually("a place", async || node.ask(&Request::get("/").version("v1")).await.status == 200).await;
}

#[tokio::test]
async fn an_outage_is_not_doubled_by_second_attempts() {
    let authority = Authority::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let setup = Setup::new().rows(json!([row("v1", V1)])).trusting(&authority).dialling_at(V1, nobody);
    let node = setup.start().await;
    for _ in 0..200 {
        assert_problem(&node.ask(&Request::get("/").version("v1")).await, 502, "origin_unreachable");
    }
    let again = node.metric("verge_upstream_retries_total").await;
    assert!((1.0..=70.0).contains(&again), "the reserve of 50 and a tenth: {again}");
    assert_eq!(again + node.metric("verge_upstream_retries_denied_total").await, 200.0);
}

#[tokio::test]
async fn one_origins_outage_takes_no_second_attempt_from_another() {
    let authority = Authority::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let well = Origin::speaking(&["http/1.1"], &authority.certify(&[V2]), &[V2]).await;
    let well = well.on("/", Behaviour::ResetOnceUsed);
    let setup = Setup::new().rows(json!([row("v1", V1), row("v2", V2)])).trusting(&authority);
    let node = setup.dialling_at(V1, nobody).dialling(&well).listen("threads = 1").start().await;
    for _ in 0..100 {
        assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 502);
    }
    for _ in 0..2 {
        let answer = node.ask(&Request::get("/").version("v2")).await;
        assert_eq!(answer.status, 200, "a stale connection is replaced: {answer:?}");
    }
}

#[tokio::test]
async fn requests_over_the_nodes_limit_are_shed_and_readiness_stays() {
    let stages = Stages::start().await;
    let gate = Gate::closed();
    stages.v1.now_on("/held", Behaviour::Held(gate.clone()));
    let node = stages.setup().limits("in_flight = 2").start().await;
    let held = hold(&node, &stages, 2).await;
    let answer = node.ask(&Request::get("/").version("v2")).await;
    assert_problem(&answer, 503, "overloaded");
    assert_eq!(answer.field("retry-after"), Some("1"), "{answer:?}");
    assert!(stages.v2.seen().is_empty());
    assert_eq!(replies(&node, "overloaded").await, 1.0);
    assert!(node.is_ready().await);
    gate.open();
    for mut connection in held {
        assert_eq!(connection.answer().await.unwrap().status, 200);
    }
    eventually("a place", async || node.ask(&Request::get("/").version("v2")).await.status == 200).await;
}

#[tokio::test]
async fn load_is_shed_before_memory_runs_out() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("memory = \"1MiB\"").start().await;
    for _ in 0..3 {
        let answer = node.ask(&Request::get("/").version("v1")).await;
        assert_problem(&answer, 503, "overloaded");
    }
    stages.saw_nothing();
    assert_eq!(replies(&node, "overloaded").await, 3.0);
    assert_eq!(node.metric("verge_memory_short").await, 1.0);
    assert!(node.metric("verge_memory_resident_bytes").await > 1_048_576.0);
    assert!(node.is_ready().await, "what is taken away from clients is not taken away from probes");
    node.has_said("memory is short").await;

    // With room it serves again.
    let file = node.scratch().path().join("verge.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("1MiB", "100GiB")).unwrap();
    node.signal("HUP");
    eventually("room", async || node.ask(&Request::get("/").version("v1")).await.status == 200).await;
    assert_eq!(node.metric("verge_memory_short").await, 0.0);
}
