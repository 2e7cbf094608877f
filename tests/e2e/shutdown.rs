//! SIGTERM: what has begun is finished, and nothing waits that need not.

use crate::stages::Stages;
use std::time::{Duration, Instant};
use verge_tests::{
    client::Http2,
    message::Request,
    origin::{Behaviour, Gate},
    patience::eventually,
};

#[tokio::test]
async fn an_idle_node_goes_at_once() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut idle = node.connect().await;
    assert_eq!(idle.ask(&Request::get("/").version("v1")).await.status, 200);
    let unused = node.connect().await;
    let begin = Instant::now();
    node.signal("TERM");
    assert_eq!(node.exit_code().await, Some(0));
    assert!(begin.elapsed() < Duration::from_secs(3), "idle connections are not waited for: {:?}", begin.elapsed());
    drop(unused);
}

#[tokio::test]
async fn a_request_in_flight_is_finished() {
    let stages = Stages::start().await;
    let gate = Gate::closed();
    stages.v1.now_on("/held", Behaviour::Held(gate.clone()));
    let node = stages.setup().tls(&stages.authority, "api.example.com").start().await;
    let mut connection = node.connect().await;
    connection.send(Request::get("/held").version("v1").to_http1()).await;
    let mut client = Http2::open(node.https(), "api.example.com", stages.authority.client_config(&["h2"])).await;
    let stream = tokio::spawn(async move { client.ask(&Request::get("/held").version("v1")).await });
    stages.v1.has_seen(2).await;

    node.signal("TERM");
    eventually("red readiness", async || !node.is_ready().await).await;
    assert!(node.is_alive());
    gate.open();
    let answer = connection.answer().await.expect("the request in flight was cut off");
    assert_eq!((answer.status, answer.complete), (200, true), "{answer:?}");
    assert_eq!(stream.await.unwrap().status, 200);
    assert!(connection.is_closed().await);
    assert_eq!(node.exit_code().await, Some(0));
}

#[tokio::test]
async fn the_drain_has_an_end() {
    let stages = Stages::start().await;
    stages.v1.now_on("/silent", Behaviour::Silent);
    let node = stages.setup().listen("drain = \"500ms\"").start().await;
    let mut connection = node.connect().await;
    connection.send(Request::get("/silent").version("v1").to_http1()).await;
    stages.v1.has_seen(1).await;
    node.signal("TERM");
    assert_eq!(node.exit_code().await, Some(0));
}

#[tokio::test]
async fn readiness_turns_red_before_the_listeners_close() {
    let stages = Stages::start().await;
    let node = stages.setup().listen("drain_wait = \"2s\"").start().await;
    node.signal("TERM");
    eventually("red readiness", async || !node.is_ready().await).await;
    let late = node.ask(&Request::get("/late").version("v1")).await;
    assert_eq!(late.status, 200, "the load balancer may not have seen it yet: {late:?}");
    assert_eq!(node.ask_admin("/healthz").await.status, 200);
    assert_eq!(node.exit_code().await, Some(0));
}

#[tokio::test]
async fn an_upload_in_flight_is_finished() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    let request = Request::post("/upload", vec![b'x'; 200_000]).version("v1").to_http1();
    let (first, rest) = request.split_at(100_000);
    connection.send(first).await;
    eventually("the upload's way to the origin", async || stages.v1.connections() == 1).await;
    node.signal("TERM");
    eventually("closed listeners", async || tokio::net::TcpStream::connect(node.http()).await.is_err()).await;
    // In pieces: it goes on for a while.
    for piece in rest.chunks(10_000) {
        assert!(node.is_alive());
        connection.send(piece).await;
    }
    assert_eq!(connection.answer().await.expect("the upload was cut off").status, 200);
    assert_eq!(stages.v1.only_seen().body.len(), 200_000);
    assert_eq!(node.exit_code().await, Some(0));
    assert!(node.log_of(1).await[0].contains("\"status\":200"));
}

#[tokio::test]
async fn sigint_ends_it_alike() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    node.signal("INT");
    assert_eq!(node.exit_code().await, Some(0));
    let refused = tokio::net::TcpStream::connect(node.http()).await;
    assert!(refused.is_err());
}

#[tokio::test]
async fn no_request_is_lost_under_load() {
    let stages = Stages::start().await;
    let node = stages.setup().tls(&stages.authority, "api.example.com").start().await;
    let client = || async {
        let mut connection = node.connect().await;
        let mut count = 0;
        loop {
            let answer = connection.ask(&Request::post("/", "body").version("v1")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            count += 1;
            if answer.field("connection") == Some("close") {
                return count;
            }
        }
    };
    let streams = || async {
        let config = stages.authority.client_config(&["h2"]);
        let mut client = Http2::open(node.https(), "api.example.com", config).await;
        let mut count = 0;
        // Whoever is told to go away asks for nothing more on this connection.
        while let Some(answer) = client.try_ask(&Request::post("/", "body").version("v2")).await {
            assert_eq!((answer.status, answer.complete), (200, true), "{answer:?}");
            count += 1;
        }
        count
    };
    let told = async {
        stages.v1.has_seen(50).await;
        stages.v2.has_seen(50).await;
        node.signal("TERM");
    };
    let ((), one, two, three, four) = tokio::join!(told, client(), client(), streams(), streams());
    assert_eq!(stages.v1.seen().len(), one + two, "each request is answered once");
    assert_eq!(stages.v2.seen().len(), three + four, "each stream is answered once");
    assert!(stages.v1.seen().iter().chain(&stages.v2.seen()).all(|seen| seen.complete && seen.body == "body"));
    assert_eq!(node.exit_code().await, Some(0));
    // Its metrics are gone with it; its log is there.
    let log = node.log_of(one + two + three + four).await;
    assert!(log.iter().all(|line| line.contains("\"status\":200")), "{log:#?}");
}
