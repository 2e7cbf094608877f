//! HTTP/2 clients that make work and want nothing: their connections end, and everybody else is served meanwhile.

use crate::stages::Stages;
use std::time::{Duration, Instant};
use verge_tests::{
    books::{Books, answered, too_slow},
    client::{Connection, Http2},
    frames::{
        CONTINUATION, DATA, END_HEADERS, END_STREAM, End, HEADERS, PING, RST_STREAM, SETTINGS, WINDOW_UPDATE, ends,
        frame, preface, request, string,
    },
    message::Request,
    node::Node,
    origin::Behaviour,
    patience::eventually,
};

const NAME: &str = "api.example.com";

/// A raw HTTP/2 connection.
async fn raw(stages: &Stages, node: &Node) -> Connection {
    let config = stages.authority.client_config(&["h2"]);
    let (mut connection, protocol) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
    assert_eq!(protocol.as_deref(), Some(&b"h2"[..]));
    connection.send(preface()).await;
    connection
}

/// Sends this again and again until the connection ends, and says how often. Another client is answered all the while.
async fn flood(stages: &Stages, node: &Node, start: &[u8], bytes: impl FnMut(u32) -> Vec<u8>) -> u32 {
    let mut connection = raw(stages, node).await;
    connection.send(start).await;
    let probing = async {
        loop {
            let begin = Instant::now();
            assert_eq!(node.ask(&Request::get("/probe").version("v2")).await.status, 200);
            assert!(begin.elapsed() < Duration::from_secs(3), "a probe took {:?}", begin.elapsed());
        }
    };
    tokio::select! {
        turns = connection.send_until_closed(bytes) => turns,
        () = probing => unreachable!("a probe never ends"),
    }
}

/// An odd stream's number.
fn stream(turn: u32) -> u32 {
    2 * turn + 1
}

/// The counter of connections that were ended for their frames.
fn flooded() -> String {
    "verge_http2_floods_total".to_owned()
}

/// So many connections were ended so far, each for its frames or by the codec, whichever looked first.
async fn is_counted_once(node: &Node, connections: f64) {
    eventually("its count", async || {
        let by_codec = node.metric("verge_http2_malformed_total{ended=\"connection\"}").await;
        node.metric("verge_http2_floods_total").await + by_codec == connections
    })
    .await;
}

/// The node's resident memory, in KiB.
fn memory(node: &Node) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

async fn node(stages: &Stages) -> Node {
    stages.setup().tls(&stages.authority, NAME).start().await
}

#[tokio::test]
async fn frames_that_make_work_for_nothing_end_the_connection() {
    let stages = Stages::start().await;
    stages.v1.now_on("/silent", Behaviour::Silent);
    let node = node(&stages).await;
    let before = memory(&node);
    let open = frame(HEADERS, END_HEADERS, 1, &request("POST", "/silent", &[("apiver", b"v1")]));
    for (name, start, flood_of) in [
        ("PING", &[][..], frame(PING, 0, 0, &[0; 8])),
        ("SETTINGS", &[], frame(SETTINGS, 0, 0, &[])),
        ("SETTINGS that change", &[], frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255])),
        ("empty DATA", &open, frame(DATA, 0, 1, &[])),
        ("PRIORITY", &[], frame(2, 0, 1, &[0, 0, 0, 3, 16])),
        ("WINDOW_UPDATE", &open, frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
        ("unknown frames", &[], frame(0x42, 0, 0, &[0; 4])),
    ] {
        // The probes go to the other stage. A request whose body never comes is given up with its connection.
        let books = Books::open(&node, &[]).await;
        let turns = flood(&stages, &node, start, |_| flood_of.repeat(10)).await;
        assert!(turns < 20_000, "{name}: {turns}");
        books.balance(name, 0, &[flooded()]).await;
    }
    assert!(stages.v1.seen().iter().all(|seen| !seen.complete));
    let grown = memory(&node).saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB");
    eventually("the ends of all connections", async || node.metric("verge_connections").await == 0.0).await;
    assert_eq!(node.metric("verge_panics_total").await, 0.0);
}

#[tokio::test]
async fn rapid_resets_cost_the_origin_little() {
    let stages = Stages::start().await;
    stages.v1.now_on("/silent", Behaviour::Silent);
    let node = node(&stages).await;
    let head = request("GET", "/silent", &[("apiver", b"v1")]);
    let reset = |turn: u32| {
        let mut bytes = frame(HEADERS, END_HEADERS | END_STREAM, stream(turn), &head);
        bytes.extend(frame(RST_STREAM, 0, stream(turn), &[0, 0, 0, 8]));
        bytes
    };
    // In one segment, the stream is gone before it is accepted; apart, it is at work already.
    let turns = flood(&stages, &node, &[], |turn| (10 * turn..10 * turn + 10).flat_map(reset).collect()).await;
    assert!(turns < 5000, "{turns}");
    is_counted_once(&node, 1.0).await;
    let apart = flood(&stages, &node, &[], |turn| match turn % 2 {
        0 => frame(HEADERS, END_HEADERS | END_STREAM, stream(turn), &head),
        _ => frame(RST_STREAM, 0, stream(turn - 1), &[0, 0, 0, 8]),
    })
    .await;
    assert!(apart < 5000, "{apart}");
    is_counted_once(&node, 2.0).await;
    let seen = stages.v1.seen().len();
    assert!(seen < 500, "the origin was asked {seen} times");
    eventually("the ends of all connections", async || node.metric("verge_connections").await == 0.0).await;
}

#[tokio::test]
async fn a_head_in_endless_crumbs_ends_the_connection() {
    let stages = Stages::start().await;
    let node = node(&stages).await;
    let before = memory(&node);
    let start = frame(HEADERS, END_STREAM, 1, &request("GET", "/", &[("apiver", b"v1")]));
    let mut ended = 0.0;
    for crumb in [vec![], vec![0, 1, b'a', 1, b'b'], {
        let mut block = vec![0];
        string(&mut block, b"x-large");
        string(&mut block, &[b'v'; 16_000]);
        block
    }] {
        let turns = flood(&stages, &node, &start, |_| frame(CONTINUATION, 0, 1, &crumb)).await;
        assert!(turns < 20_000, "{turns}");
        ended += 1.0;
        is_counted_once(&node, ended).await;
    }
    stages.v1.seen().is_empty().then_some(()).expect("no head was whole");
    let grown = memory(&node).saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB");
}

#[tokio::test]
async fn a_small_head_that_says_much_is_not_unpacked() {
    let stages = Stages::start().await;
    let node = node(&stages).await;
    let before = memory(&node);
    let mut connection = raw(&stages, &node).await;
    // A field of 3 KB that HPACK remembers, and thousands of bytes that each mean it.
    let mut bomb = request("GET", "/", &[("apiver", b"v1")]);
    bomb.push(0x40);
    string(&mut bomb, b"x-bomb");
    string(&mut bomb, &[b'b'; 3000]);
    bomb.extend([0x80 | 62; 12_000]);
    for turn in 0..20 {
        if connection.try_send(frame(HEADERS, END_HEADERS | END_STREAM, stream(turn), &bomb)).await.is_err() {
            break;
        }
    }
    // RFC 9113 §7: ENHANCE_YOUR_CALM.
    assert_eq!(ends(&mut connection, &[1, 3]).await, [End::Connection(Some(11)); 2]);
    is_counted_once(&node, 1.0).await;
    let mut other = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    assert_eq!(other.ask(&Request::get("/").version("v2")).await.status, 200);
    assert!(stages.v1.seen().is_empty());
    let grown = memory(&node).saturating_sub(before);
    assert!(grown < 32 << 10, "{grown} KiB");
}

#[tokio::test]
async fn no_connection_has_more_than_its_share_of_streams() {
    let stages = Stages::start().await;
    stages.v1.now_on("/silent", Behaviour::Silent);
    // A hundred at once are a hundred handshakes with the origin, which takes its time on a machine that is busy.
    let setup = stages.setup().tls(&stages.authority, NAME).and_origins("connect_timeout = \"30s\"");
    let node = setup.start().await;
    let mut connection = raw(&stages, &node).await;
    let head = request("GET", "/silent", &[("apiver", b"v1")]);
    let open = |turn| frame(HEADERS, END_HEADERS | END_STREAM, stream(turn), &head);
    connection.send((0..300).flat_map(open).collect::<Vec<u8>>()).await;
    // RFC 9113 §7: REFUSED_STREAM, so that the client may send them again.
    assert_eq!(ends(&mut connection, &[stream(150), stream(299)]).await, [End::Reset(7); 2]);
    stages.v1.has_seen(100).await;
    assert_eq!(node.ask(&Request::get("/").version("v2")).await.status, 200);
    assert!(stages.v1.seen().len() <= 101, "{}", stages.v1.seen().len());
}

#[tokio::test]
async fn a_reset_and_a_stalled_stream_leave_their_siblings_alone() {
    let stages = Stages::start().await;
    let setup = stages.setup().tls(&stages.authority, NAME).limits("body_timeout = \"1s\"");
    let node = setup.start().await;
    let mut client = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    let books = Books::open(&node, &[&stages.v2]).await;
    // A body that is promised and never comes; one that comes and is given up.
    let stalled = client.begin(&Request::new("POST", "/stalled").version("v1")).await;
    let given_up = client.begin(&Request::new("POST", "/given-up").version("v1")).await;
    drop(given_up);
    let mut siblings = tokio::task::JoinSet::new();
    for n in 0..98 {
        let mut client = client.clone();
        siblings.spawn(async move {
            let answer = client.ask(&Request::post(&format!("/{n}"), "body").version("v2")).await;
            assert_eq!((answer.status, answer.json()["target"].as_str()), (200, Some(format!("/{n}").as_str())));
        });
    }
    while let Some(sibling) = siblings.join_next().await {
        sibling.unwrap();
    }
    assert!(stalled.is_reset().await);
    books.balance("a hundred streams", 98, &[vec![answered(2); 98], vec![too_slow("body")]].concat()).await;
    assert_eq!(client.ask(&Request::get("/after").version("v2")).await.status, 200);
    assert!(stages.v1.seen().iter().all(|seen| !seen.complete));
}

#[tokio::test]
async fn a_connection_without_streams_ends_when_it_is_idle() {
    let stages = Stages::start().await;
    let setup = stages.setup().tls(&stages.authority, NAME).limits("idle_timeout = \"1s\"");
    let node = setup.start().await;
    let mut connection = raw(&stages, &node).await;
    let head = frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("GET", "/", &[("apiver", b"v1")]));
    connection.send(head).await;
    assert!(connection.is_closed().await);
    assert_eq!(stages.v1.seen().len(), 1);
}
