//! Request bodies: streamed, bounded, refused in a way the client can read.

use crate::stages::{Stages, V1, assert_problem, is_sound_or_closed, is_told_so, row};
use serde_json::json;
use std::time::{Duration, Instant};
use verge_tests::{
    books::{Books, answered, replied},
    certs::Authority,
    client::{Connection, Http2},
    frames::{DATA, END_HEADERS, END_STREAM, End, HEADERS, ends, frame, preface, request},
    message::Request,
    node::Setup,
    origin::{Behaviour, Origin},
};

fn chunked(target: &str, version: &str, chunks: &[&[u8]]) -> Vec<u8> {
    let mut out = format!(
        "POST {target} HTTP/1.1\r\nhost: api.example.com\r\napiver: {version}\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    .into_bytes();
    for chunk in chunks {
        out.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n\r\n");
    out
}

#[tokio::test]
async fn a_chunked_body_arrives_whole() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    connection.send(chunked("/chunks", "v1", &[b"one ", b"two ", &[b'3'; 50_000]])).await;
    assert_eq!(connection.answer().await.unwrap().status, 200);
    let seen = stages.v1.only_seen();
    assert!(seen.complete && seen.body.starts_with(b"one two 333") && seen.body.len() == 50_008, "{}", seen.body.len());
    assert_eq!(connection.ask(&Request::get("/next").version("v1")).await.json()["target"], "/prod/next");
}

#[tokio::test]
async fn a_body_over_its_limit_by_length_is_refused_at_once() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("body = \"64KiB\"").start().await;
    let head = "POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ncontent-length: 65537\r\n\r\n";
    let books = stages.books(&node).await;
    let mut connection = node.connect().await;
    // The answer comes before the body, of which not a byte does.
    connection.send(head).await;
    is_told_so(&mut connection, 413, "body_too_large", head).await;
    books.balance(head, 0, &[replied("body_too_large"), answered(4)]).await;

    let enough = Request::post("/", vec![b'x'; 65_536]).version("v1");
    assert_eq!(node.ask(&enough).await.status, 200);
    assert_eq!(stages.v1.only_seen().body.len(), 65_536);
}

#[tokio::test]
async fn without_a_word_a_body_may_have_ten_mebibytes() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let head = "POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ncontent-length: 10485761\r\n\r\n";
    let books = stages.books(&node).await;
    let mut connection = node.connect().await;
    connection.send(head).await;
    is_told_so(&mut connection, 413, "body_too_large", head).await;
    books.balance(head, 0, &[replied("body_too_large"), answered(4)]).await;
    assert_eq!(node.ask(&Request::post("/", vec![b'x'; 10_485_760]).version("v1")).await.status, 200);
    assert_eq!(stages.v1.only_seen().body.len(), 10_485_760);
}

/// RFC 9112 §9.6: our side ends, what comes is read for a second or 64 KiB, and then it is over.
#[tokio::test]
async fn after_an_early_answer_our_side_ends_and_the_clients_is_read_for_a_while() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("body = \"64KiB\"").start().await;
    let head = "POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ncontent-length: 90000000\r\n\r\n";
    for version in ["v1", "v9"] {
        // Whoever says nothing more has a second.
        let mut silent = node.connect().await;
        silent.send(head.replace("v1", version)).await;
        let begin = Instant::now();
        assert_eq!(silent.answer().await.unwrap().field("connection"), Some("close"), "{version}");
        assert!(silent.is_closed().await, "{version}: our side ends at once");
        assert_eq!(node.metric("verge_connections").await, 1.0, "{version}: the client's side is still read");
        // What it sends in that time is no reason for a reset.
        silent.send([b'x'; 16 << 10]).await;
        verge_tests::patience::eventually("its end", async || node.metric("verge_connections").await == 0.0).await;
        let took = begin.elapsed();
        assert!((Duration::from_millis(700)..Duration::from_secs(5)).contains(&took), "{version}: {took:?}");
        // Whoever goes on is read for 64 KiB, and what the kernel has taken besides.
        let mut endless = node.connect().await;
        endless.send(head.replace("v1", version)).await;
        let mut sent = 0_usize;
        while endless.try_send([b'x'; 16 << 10]).await.is_ok() {
            sent += 16 << 10;
            assert!(sent < 64 << 20, "{version}: it is read without end");
        }
    }
    stages.saw_nothing();
}

#[tokio::test]
async fn a_body_over_its_limit_by_chunks_is_refused_at_the_limit() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("body = \"64KiB\"").start().await;
    let books = Books::open(&node, &[]).await;
    let mut connection = node.connect().await;
    connection.send(chunked("/", "v1", &[&[b'x'; 40_000], &[b'y'; 40_000]])).await;
    is_told_so(&mut connection, 413, "body_too_large", "chunks").await;
    books.balance("chunks", 0, &[replied("body_too_large"), answered(4)]).await;
    assert!(stages.v1.seen().iter().all(|seen| !seen.complete), "the origin must not take it for a whole request");
}

#[tokio::test]
async fn a_body_over_its_limit_is_refused_over_http2() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("body = \"64KiB\"").tls(&stages.authority, "api.example.com").start().await;
    let mut client = Http2::open(node.https(), "api.example.com", stages.authority.client_config(&["h2"])).await;
    let books = stages.books(&node).await;
    let answer =
        client.ask(&Request::post("/", vec![b'x'; 70_000]).version("v1").field("content-length", "70000")).await;
    assert_problem(&answer, 413, "body_too_large");
    books.balance("over HTTP/2", 0, &[replied("body_too_large"), answered(4)]).await;
    assert_eq!(client.ask(&Request::get("/").version("v1")).await.status, 200);
}

#[tokio::test]
async fn a_body_over_its_limit_by_frames_is_refused_at_the_limit() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("body = \"32KiB\"").tls(&stages.authority, "api.example.com").start().await;
    let books = Books::open(&node, &[]).await;
    let config = stages.authority.client_config(&["h2"]);
    let (mut connection, _) = Connection::open_tls(node.https(), "api.example.com", config).await.unwrap();
    let head = frame(HEADERS, END_HEADERS, 1, &request("POST", "/", &[("apiver", b"v1")]));
    let parts = frame(DATA, 0, 1, &[b'x'; 16 << 10]).repeat(3);
    let sibling = frame(HEADERS, END_HEADERS | END_STREAM, 3, &request("GET", "/", &[("apiver", b"v2")]));
    connection.send([preface(), head, parts, sibling].concat()).await;
    // 413 is none of the statuses that HPACK knows.
    assert_eq!(ends(&mut connection, &[1, 3]).await, [End::Answered(0), End::Answered(200)]);
    books.balance("frames", 0, &[replied("body_too_large"), answered(4), answered(2)]).await;
    assert!(stages.v1.seen().iter().all(|seen| !seen.complete), "the origin must not take it for a whole request");
}

#[tokio::test]
async fn a_rejected_upload_can_read_its_answer() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    for size in [10, 60_000, 1_000_000] {
        let books = Books::open(&node, &[&stages.v1]).await;
        let mut connection = node.connect().await;
        let request = Request::post("/upload", vec![b'x'; size]).version("v9").to_http1();
        // The proxy may close before it has read all of it.
        let _ = connection.try_send(&request).await;
        let answer = connection.answer().await.unwrap_or_else(|| panic!("{size} bytes: closed without an answer"));
        assert_problem(&answer, 403, "unknown_version");
        is_sound_or_closed(&mut connection).await;
        books.balance("a rejected upload", 0, &[replied("unknown_version"), answered(4)]).await;
    }
}

#[tokio::test]
async fn the_start_of_a_body_is_not_taken_for_a_request() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let smuggled = Request::get("/smuggled").version("v2").to_http1();
    let mut connection = node.connect().await;
    connection.send(Request::post("/", smuggled).version("v9").to_http1()).await;
    assert_problem(&connection.answer().await.unwrap(), 403, "unknown_version");
    assert!(connection.is_closed().await || connection.answer().await.is_none());
    stages.saw_nothing();
}

fn expecting(version: &str) -> String {
    format!(
        "POST /expects HTTP/1.1\r\nhost: api.example.com\r\napiver: {version}\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n"
    )
}

#[tokio::test]
async fn leave_to_send_is_relayed_from_the_origin() {
    let authority = Authority::new();
    let origin = Origin::speaking(&["http/1.1"], &authority.certify(&[V1]), &[V1]).await;
    let setup = Setup::new().rows(json!([row("v1", V1)])).trusting(&authority).dialling(&origin);
    let node = setup.start().await;
    let books = Books::open(&node, &[&origin]).await;
    let mut connection = node.connect().await;
    connection.send(expecting("v1")).await;
    let (status, _) = connection.head().await.unwrap();
    assert_eq!(status, 100);
    connection.send("body").await;
    let answer = connection.answer().await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    books.balance("leave to send", 1, &[answered(2)]).await;
    assert_eq!(origin.only_seen().body.as_ref(), b"body");
    assert_eq!(connection.ask(&Request::get("/next").version("v1")).await.json()["target"], "/next");
}

#[tokio::test]
async fn leave_to_send_does_not_depend_on_the_origins_protocol() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    connection.send(expecting("v1")).await;
    let (status, _) = connection.head().await.unwrap();
    assert_eq!(status, 100);
    connection.send("body").await;
    let answer = connection.answer().await.unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = stages.v1.only_seen();
    assert_eq!((seen.protocol, seen.body.as_ref(), seen.field("expect")), ("h2", &b"body"[..], None));
    assert_eq!(connection.ask(&Request::get("/next").version("v2")).await.json()["target"], "/next");
}

#[tokio::test]
async fn an_early_answer_is_read_by_a_client_that_goes_on_sending() {
    let stages = Stages::start().await;
    let setup = stages.setup().limits("body = \"64KiB\"").tls(&stages.authority, "api.example.com");
    let node = setup.start().await;
    let head = "POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\n";
    let long = format!("{head}content-length: 10000000\r\n\r\n");
    let chunks = format!("{head}transfer-encoding: chunked\r\n\r\n");
    for secure in [false, true] {
        for (start, piece) in
            [(&long, vec![b'x'; 16 << 10]), (&chunks, [b"4000\r\n", &[b'x'; 0x4000][..], b"\r\n"].concat())]
        {
            let mut connection = match secure {
                false => node.connect().await,
                true => {
                    let config = stages.authority.client_config(&["http/1.1"]);
                    Connection::open_tls(node.https(), "api.example.com", config).await.unwrap().0
                }
            };
            connection.send(start).await;
            // A client that looks for an answer only when it has sent everything, or cannot send any more.
            for _ in 0..8 {
                if connection.try_send(&piece).await.is_err() {
                    break;
                }
            }
            let answer = connection.answer().await.unwrap_or_else(|| panic!("closed without an answer: {start}"));
            assert_problem(&answer, 413, "body_too_large");
            assert_eq!(answer.field("connection"), Some("close"));
            assert!(connection.is_closed().await);
        }
    }
    assert!(stages.v1.seen().iter().all(|seen| !seen.complete));
    assert_eq!(node.metric("verge_replies_total{reason=\"body_too_large\"}").await, 4.0);
}

#[tokio::test]
async fn what_is_rejected_gets_no_leave_to_send() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let books = stages.books(&node).await;
    let mut connection = node.connect().await;
    connection.send(expecting("v9")).await;
    let answer = connection.answer().await.unwrap();
    assert_problem(&answer, 403, "unknown_version");
    assert!(answer.interim.is_empty(), "{answer:?}");
    is_sound_or_closed(&mut connection).await;
    books.balance("no leave to send", 0, &[replied("unknown_version"), answered(4)]).await;
}

#[tokio::test]
async fn a_client_that_does_not_wait_for_leave_is_served() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    connection.send(expecting("v1") + "body").await;
    assert_eq!(connection.answer().await.unwrap().status, 200);
    assert_eq!(stages.v1.only_seen().body.as_ref(), b"body");
}

#[tokio::test]
async fn an_answer_is_streamed_as_it_comes() {
    let stages = Stages::start().await;
    let parts: Vec<_> = (0..50).map(|n| format!("part {n};").into()).collect();
    let whole: Vec<u8> = parts.iter().flat_map(|part: &bytes::Bytes| part.to_vec()).collect();
    stages.v1.now_on("/stream", Behaviour::Streamed(parts));
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    let answer = connection.ask(&Request::get("/stream").version("v1")).await;
    assert!(answer.complete);
    assert_eq!(answer.body, whole);
    assert_eq!(connection.ask(&Request::get("/next").version("v1")).await.status, 200);
}

#[tokio::test]
async fn a_client_that_goes_away_leaves_the_node_well() {
    let stages = Stages::start().await;
    stages.v1.now_on("/silent", Behaviour::Silent);
    let node = stages.setup().start().await;
    for _ in 0..5 {
        let mut connection = node.connect().await;
        connection.send(Request::get("/silent").version("v1").to_http1()).await;
    }
    let mut half = node.connect().await;
    half.send("POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ncontent-length: 100\r\n\r\nhalf").await;
    drop(half);
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    verge_tests::patience::eventually("the connections' end", async || node.metric("verge_connections").await == 0.0)
        .await;
}
