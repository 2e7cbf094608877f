//! Clients that are slow, silent or too many: each has a deadline or a limit, and everybody else is served meanwhile.

use crate::stages::Stages;
use std::{
    future::Future,
    time::{Duration, Instant},
};
use verge_tests::{
    books::{Books, too_slow},
    client::Connection,
    frames::{DATA, END_HEADERS, END_STREAM, End, HEADERS, SETTINGS, ends, frame, preface, request},
    message::Request,
    node::Node,
    origin::Behaviour,
    patience::{eventually, within},
};

const NAME: &str = "api.example.com";

/// Waits for a client's end, while another one is answered at once, again and again.
async fn meanwhile_others_are_served(node: &Node, client: impl Future<Output = ()>) {
    let probing = async {
        loop {
            let begin = Instant::now();
            assert_eq!(node.ask(&Request::get("/probe").version("v2")).await.status, 200);
            assert!(begin.elapsed() < Duration::from_secs(1), "a probe took {:?}", begin.elapsed());
        }
    };
    tokio::select! {
        () = within("the client's end", client) => {}
        () = probing => {}
    }
}

/// Sends a byte now and then until the peer has closed.
async fn drip(connection: &mut Connection, byte: &[u8]) {
    let mut drops = tokio::time::interval(Duration::from_millis(20));
    while connection.try_send(byte).await.is_ok() {
        drops.tick().await;
    }
}

async fn timeouts(node: &Node, waiting_for: &str) -> f64 {
    node.metric(&format!("verge_client_timeouts_total{{waiting_for=\"{waiting_for}\"}}")).await
}

#[tokio::test]
async fn a_body_that_is_dripped_has_an_end() {
    let stages = Stages::start().await;
    let setup = stages.setup().limits("body_timeout = \"1s\"\nbody_rate = \"1KiB\"");
    let node = setup.tls(&stages.authority, NAME).start().await;
    let books = Books::open(&node, &[]).await;
    let head = "POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\n";
    let by_length = async {
        let mut connection = node.connect().await;
        connection.send(format!("{head}content-length: 100000\r\n\r\n")).await;
        drip(&mut connection, b"x").await;
    };
    let by_chunks = async {
        let mut connection = node.connect().await;
        connection.send(format!("{head}transfer-encoding: chunked\r\n\r\n")).await;
        drip(&mut connection, b"1\r\nx\r\n").await;
    };
    let by_frames = async {
        let config = stages.authority.client_config(&["h2"]);
        let (mut connection, _) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
        let head = frame(HEADERS, END_HEADERS, 1, &request("POST", "/", &[("apiver", b"v1")]));
        connection.send([preface(), head].concat()).await;
        let mut drops = tokio::time::interval(Duration::from_millis(20));
        // What comes after the end of its stream is ignored.
        while timeouts(&node, "body").await < 3.0 {
            drops.tick().await;
            connection.send(frame(DATA, 0, 1, b"x")).await;
        }
        let end = ends(&mut connection, &[1]).await;
        assert!(matches!(end[..], [End::Reset(_)]), "{end:?}");
    };
    meanwhile_others_are_served(&node, async {
        tokio::join!(by_length, by_chunks, by_frames);
    })
    .await;
    books.balance("three bodies", 0, &vec![too_slow("body"); 3]).await;
    assert!(stages.v1.seen().iter().all(|seen| !seen.complete));
}

#[tokio::test]
async fn a_body_that_keeps_the_pace_may_take_longer_than_any_wait() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("body_timeout = \"300ms\"\nbody_rate = \"1KiB\"").start().await;
    let mut connection = node.connect().await;
    connection.send("POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ncontent-length: 60000\r\n\r\n").await;
    let mut pieces = tokio::time::interval(Duration::from_millis(50));
    for _ in 0..20 {
        pieces.tick().await;
        connection.send([b'x'; 3000]).await;
    }
    assert_eq!(connection.answer().await.expect("cut off").status, 200);
    assert_eq!(stages.v1.only_seen().body.len(), 60_000);
}

#[tokio::test]
async fn a_body_that_stops_has_an_end() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("body_timeout = \"500ms\"").start().await;
    let books = Books::open(&node, &[&stages.v1]).await;
    let client = async {
        let mut connection = node.connect().await;
        connection
            .send("POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ncontent-length: 9\r\n\r\nfour")
            .await;
        assert!(connection.answer().await.is_none());
    };
    meanwhile_others_are_served(&node, client).await;
    books.balance("half a body", 1, &[too_slow("body")]).await;
    assert!(!stages.v1.only_seen().complete);
}

/// An answer larger than all buffers between origin and client.
fn endless() -> Behaviour {
    Behaviour::Streamed(vec![vec![b'x'; 64 << 10].into(); 500])
}

#[tokio::test]
async fn an_answer_that_nobody_reads_has_an_end() {
    let stages = Stages::start().await;
    stages.v1.now_on("/endless", endless());
    let setup = stages.setup().tls(&stages.authority, NAME).limits("body_timeout = \"500ms\"");
    let node = setup.start().await;
    let books = Books::open(&node, &[&stages.v1]).await;
    let mut plain = node.connect().await;
    plain.send(Request::get("/endless").version("v1").to_http1()).await;
    let config = stages.authority.client_config(&["http/1.1"]);
    let (mut secure, _) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
    secure.send(Request::get("/endless").version("v1").to_http1()).await;
    meanwhile_others_are_served(&node, async {
        eventually("two timeouts", async || timeouts(&node, "answer").await == 2.0).await;
    })
    .await;
    eventually("closed connections", async || node.metric("verge_connections").await == 0.0).await;
    books.balance("two readers", 2, &[too_slow("answer"), too_slow("answer")]).await;
}

#[tokio::test]
async fn an_answer_that_is_read_in_drips_has_an_end() {
    let stages = Stages::start().await;
    stages.v1.now_on("/endless", endless());
    let node = stages.setup().limits("body_timeout = \"500ms\"\nbody_rate = \"1MiB\"").start().await;
    let books = Books::open(&node, &[&stages.v1]).await;
    let mut connection = node.connect().await;
    connection.send(Request::get("/endless").version("v1").to_http1()).await;
    meanwhile_others_are_served(&node, async {
        // Something is taken now and then, so that no single write waits for too long.
        let mut drips = tokio::time::interval(Duration::from_millis(50));
        while timeouts(&node, "answer").await == 0.0 {
            drips.tick().await;
            let _ = connection.read_exactly(4096).await;
        }
    })
    .await;
    books.balance("a reader", 1, &[too_slow("answer")]).await;
    eventually("a closed connection", async || node.metric("verge_connections").await == 0.0).await;
}

#[tokio::test]
async fn a_window_that_never_opens_ends_the_stream() {
    let stages = Stages::start().await;
    stages.v1.now_on("/endless", endless());
    let setup = stages.setup().tls(&stages.authority, NAME).limits("body_timeout = \"500ms\"\nidle_timeout = \"1s\"");
    let node = setup.start().await;
    let config = stages.authority.client_config(&["h2"]);
    let (mut connection, _) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
    connection.send(preface()).await;
    // SETTINGS_INITIAL_WINDOW_SIZE: not a byte.
    connection.send(frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0])).await;
    let head = request("GET", "/endless", &[("apiver", b"v1")]);
    let books = Books::open(&node, &[&stages.v1]).await;
    connection.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, &head)).await;
    meanwhile_others_are_served(&node, async { assert!(connection.is_closed().await) }).await;
    books.balance("a window that never opens", 1, &[too_slow("answer")]).await;
}

#[tokio::test]
async fn more_connections_than_there_may_be_are_closed_at_once() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("connections = 5\nhead_timeout = \"2s\"").start().await;
    let mut probe = node.connect().await;
    assert_eq!(probe.ask(&Request::get("/").version("v1")).await.status, 200);
    let mut loris = Vec::new();
    for _ in 0..4 {
        let mut connection = node.connect().await;
        connection.send("GET / HTTP/1.1\r\n").await;
        loris.push(connection);
    }
    eventually("five connections", async || node.metric("verge_connections").await == 5.0).await;
    let books = stages.books(&node).await;
    assert!(node.connect().await.is_closed().await);
    assert!(node.connect().await.is_closed().await);
    books
        .balance("two too many", 0, &vec!["verge_connections_refused_total{limit=\"connections\"}".to_owned(); 2])
        .await;
    // They have their deadline, and then there is room. Who is in is served at once all the while.
    let probing = async {
        loop {
            let begin = Instant::now();
            assert_eq!(probe.ask(&Request::get("/probe").version("v2")).await.status, 200);
            assert!(begin.elapsed() < Duration::from_secs(1), "a probe took {:?}", begin.elapsed());
        }
    };
    tokio::select! {
        () = async {
            for connection in &mut loris {
                assert!(connection.is_closed().await);
            }
        } => {}
        () = probing => {}
    }
    drop(probe);
    eventually("room", async || node.metric("verge_connections").await == 0.0).await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    eventually("four timeouts", async || timeouts(&node, "head").await == 4.0).await;
}

#[tokio::test]
async fn one_address_has_its_share_of_connections() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("connections_per_address = 3").start().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut connection = node.connect().await;
        assert_eq!(connection.ask(&Request::get("/").version("v1")).await.status, 200);
        held.push(connection);
    }
    let books = stages.books(&node).await;
    assert!(node.connect().await.is_closed().await);
    books.balance("a fourth", 0, &["verge_connections_refused_total{limit=\"address\"}".to_owned()]).await;
    let mut other = Connection::open_from("127.0.0.2".parse().unwrap(), node.http()).await;
    assert_eq!(other.ask(&Request::get("/").version("v1")).await.status, 200, "another address has its own");
    held.pop();
    eventually("a place", async || node.metric("verge_connections").await == 3.0).await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
}

#[tokio::test]
async fn handshakes_have_a_deadline_and_a_limit() {
    let stages = Stages::start().await;
    let setup = stages.setup().tls(&stages.authority, NAME);
    let node = setup.limits("handshake_timeout = \"2s\"\nhandshakes = 2").start().await;
    let mut silent = Connection::open(node.https()).await;
    let mut half = Connection::open(node.https()).await;
    half.send(b"\x16\x03\x01\x02\x00\x01\x00").await;
    eventually("two handshakes", async || node.metric("verge_connections").await == 2.0).await;
    assert!(Connection::open(node.https()).await.is_closed().await);
    assert_eq!(node.metric("verge_connections_refused_total{limit=\"handshakes\"}").await, 1.0);
    assert!(silent.is_closed().await && half.is_closed().await);
    eventually("two timeouts", async || timeouts(&node, "handshake").await == 2.0).await;
    let config = stages.authority.client_config(&["http/1.1"]);
    let (mut connection, _) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
    assert_eq!(connection.ask(&Request::get("/").version("v1")).await.status, 200);
}

/// The processor time that the node has used, in ticks of a hundredth of a second.
fn ticks(node: &Node) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", node.pid())).unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test]
async fn without_descriptors_it_waits_and_recovers() {
    let stages = Stages::start().await;
    let node = stages.setup().descriptors(64).start().await;
    node.has_said("LimitNOFILE").await;
    let mut answered = node.connect().await;
    assert_eq!(answered.ask(&Request::get("/").version("v1")).await.status, 200);
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(node.connect().await);
    }
    node.has_said("accepting fails").await;
    let begin = Instant::now();
    // Who is connected is served, over the connections to origins that are there.
    while begin.elapsed() < Duration::from_secs(1) {
        assert_eq!(answered.ask(&Request::get("/").version("v1")).await.status, 200);
    }
    let before = ticks(&node);
    let mut seconds = tokio::time::interval(Duration::from_secs(1));
    seconds.tick().await;
    seconds.tick().await;
    let spent = ticks(&node) - before;
    assert!(spent < 30, "it spins: {spent} hundredths of a second in one");
    assert!(node.stderr().iter().filter(|line| line.contains("accepting fails")).count() <= 4);
    let served = stages.v1.seen().len();
    drop(held);
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    assert_eq!(stages.v1.seen().len(), served + 1);
    assert!(node.metric("verge_accept_failures_total").await >= 1.0);
    assert_eq!(node.total("verge_replies_total").await, 0.0, "nobody was answered with an error");
    assert_eq!(node.metric("verge_responses_total{class=\"2xx\"}").await, stages.v1.seen().len() as f64);
}
