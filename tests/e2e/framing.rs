//! Where a body ends: every way to make two readers disagree is refused, and no origin takes a half for a whole.

use crate::stages::{Stages, V1, assert_problem, is_refused, is_told_so, row};
use serde_json::json;
use verge_tests::{
    books::{Books, answered, replied},
    certs::Authority,
    message::{Answer, Request},
    node::{Node, Setup},
    origin::{Behaviour, Gate, Origin},
};

const HEAD: &str = "POST /framed HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\n";

#[tokio::test]
async fn a_body_with_two_ends_is_refused_before_any_origin() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let framings = [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "transfer-encoding: chunked, chunked",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: xchunked",
        "transfer-encoding: \"chunked\"",
        "transfer-encoding:",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer_encoding: chunked",
        "content_length: 4",
        "content-length: 4\r\ncontent-length: 4",
        "content-length: 4\r\ncontent-length: 5",
        "content-length: 4, 4",
        "content-length: +4",
        "content-length: -4",
        "content-length: 0x4",
        "content-length: 4 4",
        "content-length: 4.0",
        "content-length: \"4\"",
        "content-length:",
        "content-length: 18446744073709551620",
        "content-length: 99999999999999999999999999",
    ];
    for framing in framings {
        let bytes = format!("{HEAD}{framing}\r\n\r\n0\r\n\r\n");
        is_refused(&node, &[&stages.v1, &stages.v2], bytes.as_bytes(), 400, "bad_request").await;
    }
    let old = HEAD.replace("HTTP/1.1", "HTTP/1.0");
    let bytes = format!("{old}transfer-encoding: chunked\r\n\r\n0\r\n\r\n");
    is_refused(&node, &[&stages.v1, &stages.v2], bytes.as_bytes(), 400, "bad_request").await;
}

const CHUNKED: &str =
    "POST /framed HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ntransfer-encoding: chunked\r\n\r\n";

/// What is not the chunked coding, after two sound chunks or at once.
const BAD_CHUNKS: &[&str] = &[
    "\r\n\r\n",
    "x\r\n\r\n",
    "-1\r\n",
    "+4\r\nfour\r\n0\r\n\r\n",
    "0x4\r\nfour\r\n0\r\n\r\n",
    "4 \r\nfour\r\n0\r\n\r\n",
    "4\t\r\nfour\r\n0\r\n\r\n",
    " 4\r\nfour\r\n0\r\n\r\n",
    ";ext\r\n\r\n",
    "4\nfour\n0\n\n",
    "4\nfour\r\n0\r\n\r\n",
    "4\r\nfour\n0\r\n\r\n",
    "4\r\nfour0\r\n\r\n",
    "4\r\nfourfive\r\n0\r\n\r\n",
    "4\rfour\r\n0\r\n\r\n",
    "4;a\nb\r\nfour\r\n0\r\n\r\n",
    "ffffffffffffffff\r\nfour",
    "10000000000000000\r\nfour",
    "0\r\n\n",
    "0\n\r\n",
    "0\r\nno colon\r\n\r\n",
    "0\r\nname : v\r\n\r\n",
    "0\r\na: b\r\n folded\r\n\r\n",
    "0\r\na: b\n\r\n",
];

/// All that, and what is of the right form and too much of it: an extension, a trailer, and trailers.
fn bad_chunks() -> Vec<String> {
    let large = [
        format!("4;{}\r\nfour\r\n0\r\n\r\n", "e".repeat(5000)),
        format!("0\r\na: {}\r\n\r\n", "b".repeat(9000)),
        format!("0\r\n{}\r\n", "a: b\r\n".repeat(1500)),
    ];
    BAD_CHUNKS.iter().map(|bad| (*bad).to_owned()).chain(large).collect()
}

/// A node before an origin that speaks these protocols alone.
async fn before(protocols: &[&str]) -> (Origin, Node) {
    let authority = Authority::new();
    let origin = Origin::speaking(protocols, &authority.certify(&[V1]), &[V1]).await;
    let node = Setup::new().rows(json!([row("v1", V1)])).trusting(&authority).dialling(&origin).start().await;
    (origin, node)
}

#[tokio::test]
async fn what_is_not_the_chunked_coding_at_once_reaches_no_origin() {
    let (origin, node) = before(&["http/1.1"]).await;
    for bad in BAD_CHUNKS {
        is_refused(&node, &[&origin], format!("{CHUNKED}{bad}").as_bytes(), 400, "bad_request").await;
    }
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn what_ceases_to_be_the_chunked_coding_never_reaches_an_origin_whole() {
    let (origin, node) = before(&["http/1.1"]).await;
    let all = bad_chunks();
    for (turn, bad) in all.iter().enumerate() {
        let books = Books::open(&node, &[&origin]).await;
        let mut connection = node.connect().await;
        connection.send(format!("{CHUNKED}5\r\nhello\r\n")).await;
        origin.has_connections(turn + 1).await;
        connection.send(bad).await;
        is_told_so(&mut connection, 400, "bad_request", bad).await;
        books.balance(bad, 1, &[replied("bad_request"), answered(4)]).await;
        let seen = origin.last_seen();
        assert!(!seen.complete, "{bad:?}: {seen:?}");
        assert_eq!(seen.turn, 1, "a connection was used again: {bad:?}: {seen:?}");
    }
    assert_eq!(node.ask(&Request::get("/next").version("v1")).await.status, 200);
    assert_eq!(origin.last_seen().connection, all.len() + 1, "a connection with half a request was kept");
}

#[tokio::test]
async fn an_http2_origin_never_sees_half_a_body_end() {
    let (origin, node) = before(&["h2"]).await;
    for bad in &bad_chunks() {
        // Streams that are reset before they are read are not seen at all, so that nobody can say how many are.
        let books = Books::open(&node, &[]).await;
        let mut connection = node.connect().await;
        connection.send(format!("{CHUNKED}5\r\nhello\r\n")).await;
        origin.has_connections(1).await;
        connection.send(bad).await;
        is_told_so(&mut connection, 400, "bad_request", bad).await;
        books.balance(bad, 0, &[replied("bad_request"), answered(4)]).await;
    }
    assert!(origin.seen().iter().all(|seen| !seen.complete), "{:#?}", origin.seen());
    assert_eq!(node.ask(&Request::get("/next").version("v1")).await.status, 200);
    assert!(origin.last_seen().complete);
}

#[tokio::test]
async fn extensions_and_trailers_are_bounded_and_dropped() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    let trailers = "x-checksum: 1\r\ncontent-length: 99\r\n";
    let books = stages.books(&node).await;
    connection.send(format!("{CHUNKED}4;name=\"a b\"\r\nfour\r\n0;last\r\n{trailers}\r\n")).await;
    assert_eq!(connection.answer().await.unwrap().status, 200);
    books.balance("extensions and trailers", 1, &[answered(2)]).await;
    let seen = stages.v1.only_seen();
    assert_eq!((seen.body.as_ref(), seen.complete), (&b"four"[..], true));
    assert_eq!((seen.field("x-checksum"), seen.field("content-length")), (None, None));
    assert_eq!(connection.ask(&Request::get("/next").version("v2")).await.json()["target"], "/next");

    for bad in bad_chunks().iter().filter(|bad| bad.len() > 1000) {
        let mut connection = node.connect().await;
        let books = Books::open(&node, &[]).await;
        connection.send(format!("{CHUNKED}{bad}")).await;
        is_told_so(&mut connection, 400, "bad_request", bad.get(..100).unwrap()).await;
        books.balance(bad.get(..100).unwrap(), 0, &[replied("bad_request"), answered(4)]).await;
    }
    assert_eq!(stages.v1.seen().iter().filter(|seen| seen.complete).count(), 1);
}

#[tokio::test]
async fn a_body_that_ends_too_early_is_never_a_whole_one() {
    let (origin, node) = before(&["http/1.1"]).await;
    let halves = [
        format!("{HEAD}content-length: 9\r\n\r\nfour"),
        format!("{CHUNKED}9\r\nfour"),
        format!("{CHUNKED}4\r\nfour\r\n0\r\n"),
    ];
    for (turn, half) in halves.iter().enumerate() {
        let books = Books::open(&node, &[&origin]).await;
        let mut connection = node.connect().await;
        connection.send(half).await;
        origin.has_connections(turn + 1).await;
        connection.finish_sending().await;
        assert!(connection.answer().await.is_none(), "{half:?}");
        // Nobody is left to be answered, so nothing is but the request itself.
        books.balance(half, 1, &[]).await;
    }
    assert!(origin.seen().iter().all(|seen| !seen.complete), "{:#?}", origin.seen());
}

/// Sends requests in one write, and returns the answers that come.
async fn pipeline(node: &Node, requests: &[Vec<u8>]) -> Vec<Answer> {
    let mut connection = node.connect().await;
    connection.send(requests.concat()).await;
    let mut answers = Vec::new();
    for _ in requests {
        answers.push(connection.answer().await.expect("a pipelined request was dropped"));
    }
    answers
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let chunked = |n: usize| {
        let head =
            format!("POST /{n} HTTP/1.1\r\nhost: api.example.com\r\napiver: v2\r\ntransfer-encoding: chunked\r\n\r\n");
        format!("{head}3\r\nabc\r\n3;x\r\ndef\r\n0\r\nt: v\r\n\r\n").into_bytes()
    };
    let requests: Vec<Vec<u8>> = (0..40)
        .map(|n| match n % 4 {
            0 => Request::get(&format!("/{n}")).version("v2").to_http1(),
            1 => Request::post(&format!("/{n}"), vec![b'x'; 3000]).version("v2").to_http1(),
            2 => chunked(n),
            // Rejected here, between two that are not.
            _ => Request::get(&format!("/{n}")).version("v9").to_http1(),
        })
        .collect();
    let books = stages.books(&node).await;
    let answers = pipeline(&node, &requests).await;
    let rejected = vec![replied("unknown_version"); 10];
    books.balance("pipelined", 30, &[rejected, vec![answered(2); 30], vec![answered(4); 10]].concat()).await;
    for (n, answer) in answers.iter().enumerate() {
        match n % 4 {
            3 => assert_problem(answer, 403, "unknown_version"),
            _ => assert_eq!(answer.json()["target"], format!("/{n}"), "{answer:?}"),
        }
        if n % 4 == 2 {
            assert_eq!(answer.json()["body"], "abcdef");
        }
    }
    let targets: Vec<String> = stages.v2.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(targets, (0..40).filter(|n| n % 4 != 3).map(|n| format!("/{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_pipelined_behind_a_request_is_checked_as_the_first_is() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    let books = stages.books(&node).await;
    let mut bytes = Request::post("/first", "body").version("v2").to_http1();
    bytes.extend_from_slice(b"GET /second HTTP/1.1\nhost: api.example.com\n\n");
    connection.send(bytes).await;
    assert_eq!(connection.answer().await.unwrap().json()["target"], "/first");
    is_told_so(&mut connection, 400, "bad_request", "a second request with bare LF").await;
    books.balance("a second request", 1, &[answered(2), replied("bad_request"), answered(4)]).await;
    assert_eq!(stages.v2.only_seen().body.as_ref(), b"body");
}

#[tokio::test]
async fn a_request_that_is_sent_while_the_first_waits_is_answered_after_it() {
    let stages = Stages::start().await;
    let gate = Gate::closed();
    stages.v1.now_on("/held", Behaviour::Held(gate.clone()));
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    connection.send(Request::get("/held").version("v1").to_http1()).await;
    stages.v1.has_seen(1).await;
    connection.send(Request::get("/behind").version("v2").to_http1()).await;
    gate.open();
    assert_eq!(connection.answer().await.unwrap().json()["target"], "/prod/held");
    assert_eq!(connection.answer().await.unwrap().json()["target"], "/behind");
}
