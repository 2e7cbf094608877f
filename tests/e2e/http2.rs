//! HTTP/2 by hand: what is malformed reaches no origin, and ends its stream where the codec can still tell streams apart.

use crate::stages::{Stages, assert_problem};
use verge_tests::{
    client::{Connection, Http2},
    frames::{DATA, END_HEADERS, END_STREAM, HEADERS, frame, preface, request},
    message::Request,
    node::Node,
    origin::{Behaviour, Seen},
};

const NAME: &str = "api.example.com";

async fn node(stages: &Stages) -> Node {
    stages.setup().tls(&stages.authority, NAME).start().await
}

/// Sends frames of stream 1, then a sound request on the same connection.
async fn send(stages: &Stages, node: &Node, frames: Vec<u8>) -> Connection {
    let config = stages.authority.client_config(&["h2"]);
    let (mut connection, _) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
    let sibling = frame(HEADERS, END_HEADERS | END_STREAM, 3, &request("GET", "/sibling", &[("apiver", b"v2")]));
    connection.send([preface(), frames, sibling].concat()).await;
    connection
}

/// A request without body on stream 1.
fn get(path: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let fields: Vec<_> = [("apiver", &b"v1"[..])].iter().chain(more).copied().collect();
    frame(HEADERS, END_HEADERS | END_STREAM, 1, &request("GET", path, &fields))
}

#[tokio::test]
async fn a_malformed_head_ends_its_stream_and_no_other() {
    let stages = Stages::start().await;
    let node = node(&stages).await;
    let heads = [
        get("/", &[("connection", b"close")]),
        get("/", &[("transfer-encoding", b"chunked")]),
        get("/", &[("upgrade", b"websocket")]),
        get("/", &[("keep-alive", b"1")]),
        get("/", &[("proxy-connection", b"close")]),
        get("/", &[("te", b"gzip")]),
        get("/", &[("host", b"other.example.com")]),
        get("/", &[("content-length", b"1"), ("content-length", b"2")]),
        get("/", &[("content-length", b"-1")]),
        get("/", &[("content_length", b"0")]),
        get("/", &[("x", b" leading")]),
        get("/", &[("x", b"trailing\t")]),
        get("/a b", &[]),
        get("/a\tb", &[]),
        get("/\u{e4}", &[]),
        get("a", &[]),
        get("http://api.example.com/", &[]),
    ];
    for (turn, head) in heads.iter().enumerate() {
        let _open = send(&stages, &node, head.clone()).await;
        stages.v2.has_seen(turn + 1).await;
        assert!(stages.v1.seen().is_empty(), "{turn}: {:#?}", stages.v1.seen());
    }
}

/// Its codec cuts a fragment off before anybody can see it.
#[tokio::test]
async fn a_fragment_goes_nowhere() {
    let stages = Stages::start().await;
    let node = node(&stages).await;
    let _open = send(&stages, &node, get("/a#b", &[])).await;
    stages.v1.has_seen(1).await;
    assert_eq!(stages.v1.only_seen().target, "/prod/a");
}

#[tokio::test]
async fn what_the_codec_cannot_read_ends_the_connection() {
    let stages = Stages::start().await;
    let node = node(&stages).await;
    let heads = [
        get("/", &[("X-Capital", b"v")]),
        get("/", &[("a b", b"c")]),
        get("/", &[("a:b", b"c")]),
        get("/", &[("", b"c")]),
        get("/", &[("x", b"a\nb: c")]),
        get("/", &[("x", b"a\rb")]),
        get("/", &[("x", b"a\0b")]),
        get("/", &[(":version", b"1")]),
        frame(HEADERS, END_HEADERS | END_STREAM, 1, &[0x80 | 100]),
        frame(HEADERS, END_HEADERS | END_STREAM, 2, &request("GET", "/", &[])),
        frame(HEADERS, END_HEADERS | END_STREAM, 0, &request("GET", "/", &[])),
        frame(DATA, 0, 1, b"before any head"),
    ];
    for (turn, head) in heads.iter().enumerate() {
        let mut connection = send(&stages, &node, head.clone()).await;
        assert!(connection.is_closed().await, "{turn}");
        assert!(stages.v1.seen().is_empty(), "{turn}: {:#?}", stages.v1.seen());
    }
    let mut client = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    assert_eq!(client.ask(&Request::get("/").version("v1")).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_it_says_is_never_a_whole_one() {
    let stages = Stages::start().await;
    let node = node(&stages).await;
    let bodies = [(&b"9"[..], &b"four"[..]), (b"2", b"four"), (b"0", b"four")];
    for (turn, (length, body)) in bodies.iter().enumerate() {
        let mut frames =
            frame(HEADERS, END_HEADERS, 1, &request("POST", "/", &[("apiver", b"v1"), ("content-length", length)]));
        frames.extend(frame(DATA, END_STREAM, 1, body));
        let _open = send(&stages, &node, frames).await;
        stages.v2.has_seen(turn + 1).await;
    }
    // Where none was promised none is read: that request is whole without it.
    let whole = |seen: &Seen| seen.complete && !seen.body.is_empty();
    assert!(!stages.v1.seen().iter().any(whole), "{:#?}", stages.v1.seen());
}

#[tokio::test]
async fn connect_and_trace_are_refused_in_our_own_words() {
    let stages = Stages::start().await;
    let node = node(&stages).await;
    let mut client = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    let answer = client.ask(&Request::new("TRACE", "/").version("v1")).await;
    assert_problem(&answer, 405, "method_not_allowed");
    let answer = client.connect(NAME).await;
    assert_problem(&answer, 405, "method_not_allowed");
    assert_eq!(answer.field("server"), None);
    stages.saw_nothing();
}

#[tokio::test]
async fn grpc_passes_with_its_trailers() {
    let stages = Stages::start().await;
    let message = [&[0, 0, 0, 0, 5][..], b"hello"].concat();
    stages.v1.now_on("/Say", Behaviour::Grpc);
    let node = node(&stages).await;
    let mut client = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    let call = Request::post("/greeter.Greeter/Say", message.clone())
        .version("v1")
        .field("content-type", "application/grpc")
        .field("te", "trailers");
    let answer = client.ask(&call).await;
    assert_eq!((answer.status, answer.body.as_ref()), (200, message.as_slice()), "{answer:?}");
    assert_eq!(answer.field("content-type"), Some("application/grpc"));
    assert_eq!(answer.trailers, [("grpc-status".to_owned(), "0".to_owned())]);
    assert_eq!(stages.v1.only_seen().field("te"), Some("trailers"));
}
