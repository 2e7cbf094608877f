//! What a request may take in all, whoever is slow; and what is excepted.

use crate::stages::{Stages, V1, V2, assert_problem, rows};
use serde_json::{Value as Json, json};
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::TlsAcceptor;
use verge_tests::{
    certs::Authority,
    client::Http2,
    message::Request,
    node::{Node, Setup},
    origin::Behaviour,
    patience::eventually,
};

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
    // The wait for the origin ends at about the same moment: whichever is seen first, the client is to blame.
    let mut drops = tokio::time::interval(PAUSE);
    while connection.try_send(b"x").await.is_ok() {
        drops.tick().await;
    }
    assert!(connection.answer().await.is_none(), "closed without an answer");
    let counted = async || node.metric("verge_client_timeouts_total{waiting_for=\"request\"}").await == 1.0;
    eventually("its metric", counted).await;
    assert_eq!(node.total("verge_replies_total").await, 0.0);
    stages.v1.has_seen(1).await;
    assert!(!stages.v1.only_seen().complete);
    assert!(node.log_of(1).await[0].contains("request took too long"), "{:?}", node.log());
}

/// Both stages are arms of `v1`, and all requests go to the canary.
fn split(protocol: &str) -> Json {
    json!([{"api": "orders", "version": "v1", "split": [
        {"name": "canary", "weight": 10_000, "domain": V2, "protocol": protocol},
        {"name": "stable", "weight": 0, "domain": V1, "protocol": protocol},
    ]}])
}

/// What the node saw of the canary.
async fn arm(node: &Node) -> Json {
    let page = node.ask_admin("/canary").await.json();
    page["arms"].as_array().and_then(|arms| arms.iter().find(|arm| arm["arm"] == "canary")).cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_client_that_stops_sending_is_no_fault_of_the_origin_or_its_arm() {
    for protocol in ["h1", "h2"] {
        for (origins, limits) in [("read_timeout = \"300ms\"", ""), ("total_timeout = \"300ms\"", "body_rate = \"0B\"")]
        {
            let stages = Stages::start().await;
            let setup = stages.reachable().rows(split(protocol)).and_origins(origins).limits(limits);
            let node = setup.start().await;
            eventually("the arm watched: what comes before is not counted", async || arm(&node).await.is_object())
                .await;
            let mut connection = node.connect().await;
            // What could be repeated, and would be at stable if the canary were to blame.
            let head = "PUT /half HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ncontent-length: 100000\r\n\r\n";
            connection.send(format!("{head}half")).await;
            if !limits.is_empty() {
                let mut drops = tokio::time::interval(PAUSE);
                while connection.try_send(b"x").await.is_ok() {
                    drops.tick().await;
                }
            }
            let case = format!("{protocol}, {origins}");
            assert!(connection.answer().await.is_none(), "{case}");
            let counted = async || node.metric("verge_client_timeouts_total{waiting_for=\"body\"}").await == 1.0;
            eventually("its metric", counted).await;
            assert_eq!(node.total("verge_replies_total").await, 0.0, "{case}");
            assert_eq!(node.metric("verge_arm_fallbacks_total").await, 0.0, "{case}");
            let line = &node.log_of(1).await[0];
            assert!(line.contains("body came too slowly") && !line.contains("origin_timeout"), "{case}: {line}");
            assert!(stages.v1.seen().is_empty(), "{case}");
            // Whoever has sent all of it waits for the origin, and the arm is to blame.
            stages.v2.now_on("/silent", Behaviour::Silent);
            let answer = node.ask(&Request::post("/silent", "all of it").version("v1")).await;
            assert_problem(&answer, 504, "origin_timeout");
            eventually("the one failure", async || arm(&node).await["failures"] == 1).await;
            assert_eq!(arm(&node).await["requests"], 1, "{case}");
        }
    }
}

/// An origin that takes connections, and neither reads nor answers.
async fn deaf(authority: &Authority, domain: &str, protocol: &str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tls = TlsAcceptor::from(authority.certify(&[domain]).server_config(&[protocol]));
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            held.push(tls.accept(stream).await);
        }
    });
    address
}

#[tokio::test]
async fn a_call_and_a_client_that_waits_for_leave_to_send_wait_for_the_origin() {
    let stages = Stages::start().await;
    let setup = Setup::new().trusting(&stages.authority).dialling_at(V1, deaf(&stages.authority, V1, "http/1.1").await);
    let node = setup.rows(rows()).and_origins("read_timeout = \"300ms\"").start().await;
    let head = "POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ncontent-length: 4\r\n";
    for more in ["expect: 100-continue", "content-type: application/grpc"] {
        let mut connection = node.connect().await;
        connection.send(format!("{head}{more}\r\n\r\n")).await;
        assert_problem(&connection.answer().await.expect(more), 504, "origin_timeout");
    }
}

#[tokio::test]
async fn an_origin_that_does_not_take_the_body_is_to_blame() {
    let stages = Stages::start().await;
    let canary = deaf(&stages.authority, V2, "http/1.1").await;
    let setup = Setup::new().trusting(&stages.authority).dialling(&stages.v1).dialling_at(V2, canary);
    let node = setup.rows(split("h1")).and_origins("read_timeout = \"1s\"\nwrite_timeout = \"1s\"").start().await;
    eventually("the arm watched: what comes before is not counted", async || arm(&node).await.is_object()).await;
    // More than all buffers on the way hold, from a client that sends while it reads; it may not be sent again.
    let (mut reader, mut writer) = TcpStream::connect(node.http()).await.unwrap().into_split();
    let sending = tokio::spawn(async move {
        let head = "POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ncontent-length: 9437184\r\n\r\n";
        let _ = writer.write_all(head.as_bytes()).await;
        let _ = writer.write_all(&vec![b'x'; 9 << 20]).await;
        writer
    });
    let mut answer = vec![0; 4096];
    let length = reader.read(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]).into_owned();
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("origin_timeout"), "{answer}");
    sending.abort();
    eventually("the failure of the arm", async || arm(&node).await["failures"] == 1).await;
    assert_eq!(node.metric("verge_client_timeouts_total{waiting_for=\"body\"}").await, 0.0);
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
