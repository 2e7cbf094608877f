//! HTTP/2 by hand: what is malformed reaches no origin, and ends its stream where the codec can still tell streams apart.

use crate::stages::{Stages, assert_problem};
use verge_tests::{
    books::{Books, answered, replied},
    client::{Connection, Http2},
    frames::{DATA, END_HEADERS, END_STREAM, End, HEADERS, ends, frame, preface, request},
    message::Request,
    node::Node,
    origin::{Behaviour, Seen},
};

const NAME: &str = "api.example.com";

/// RFC 9113 §7.
const PROTOCOL_ERROR: u32 = 1;

/// The counter of what ended because it was not HTTP/2.
fn malformed(ended: &str) -> String {
    format!("verge_http2_malformed_total{{ended=\"{ended}\"}}")
}

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

/// What becomes of a malformed head, and who says so.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// The codec resets its stream before anybody can see it.
    Reset,
    /// pingora answers 400 without a word.
    Bare,
    /// Verge says what it says over HTTP/1.
    Told,
}

impl Fate {
    fn end(self) -> End {
        match self {
            Self::Reset => End::Reset(PROTOCOL_ERROR),
            Self::Bare | Self::Told => End::Answered(400),
        }
    }

    /// What is counted, beside the sibling that is served.
    fn moved(self) -> Vec<String> {
        match self {
            Self::Reset | Self::Bare => vec![answered(2), malformed("stream")],
            Self::Told => vec![answered(2), answered(4), replied("bad_request")],
        }
    }
}

#[tokio::test]
async fn a_malformed_head_ends_its_stream_and_no_other() {
    use Fate::{Bare, Reset, Told};
    let stages = Stages::start().await;
    let node = node(&stages).await;
    for (head, fate) in [
        (get("/", &[("connection", b"close")]), Reset),
        (get("/", &[("transfer-encoding", b"chunked")]), Reset),
        (get("/", &[("upgrade", b"websocket")]), Reset),
        (get("/", &[("keep-alive", b"1")]), Reset),
        (get("/", &[("proxy-connection", b"close")]), Reset),
        (get("/", &[("te", b"gzip")]), Reset),
        (get("/", &[("host", b"other.example.com")]), Bare),
        (get("/", &[("host", b"api.example.com"), ("host", b"api.example.com")]), Bare),
        (get("/", &[("content-length", b"1"), ("content-length", b"2")]), Reset),
        (get("/", &[("content-length", b"-1")]), Reset),
        (get("/", &[("content_length", b"0")]), Told),
        (get("/", &[("x", b" leading")]), Told),
        (get("/", &[("x", b"trailing\t")]), Told),
        (get("/a b", &[]), Reset),
        (get("/a\tb", &[]), Reset),
        (get("/\u{e4}", &[]), Told),
        (get("a", &[]), Reset),
        (get("http://api.example.com/", &[]), Reset),
    ] {
        let case = String::from_utf8_lossy(&head).into_owned();
        let books = stages.books(&node).await;
        let mut connection = send(&stages, &node, head).await;
        assert_eq!(ends(&mut connection, &[1, 3]).await, [fate.end(), End::Answered(200)], "{case:?}");
        // What the origins see is the sibling.
        books.balance(&case, 1, &fate.moved()).await;
        assert_eq!(stages.v2.last_seen().target, "/sibling");
    }
    assert!(stages.v1.seen().is_empty(), "{:#?}", stages.v1.seen());
}

#[tokio::test]
async fn a_connection_of_malformed_heads_ends() {
    let stages = Stages::start().await;
    let node = node(&stages).await;
    let block = request("GET", "/", &[("apiver", b"v1"), ("host", b"other.example.com")]);
    let head = |turn: u32| frame(HEADERS, END_HEADERS | END_STREAM, 2 * turn + 1, &block);
    let books = stages.books(&node).await;
    let config = stages.authority.client_config(&["h2"]);
    let (mut connection, _) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
    connection.send([preface(), (0..40).flat_map(head).collect()].concat()).await;
    assert!(connection.is_closed().await);
    let moved = [vec![malformed("stream"); 33], vec![malformed("connection")]].concat();
    books.balance("forty malformed heads", 0, &moved).await;
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
        let case = format!("head {turn}");
        let books = stages.books(&node).await;
        let mut connection = send(&stages, &node, head.clone()).await;
        let end = End::Connection(Some(PROTOCOL_ERROR));
        assert_eq!(ends(&mut connection, &[1, 3]).await, [end; 2], "{case}");
        assert!(connection.is_closed().await, "{case}");
        books.balance(&case, 0, &[malformed("connection")]).await;
    }
    let mut client = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    assert_eq!(client.ask(&Request::get("/").version("v1")).await.status, 200);
}

#[tokio::test]
async fn a_body_that_is_not_as_long_as_it_says_is_never_a_whole_one() {
    let stages = Stages::start().await;
    let node = node(&stages).await;
    let bodies = [(&b"9"[..], &b"four"[..]), (b"2", b"four"), (b"0", b"four")];
    for (length, body) in bodies {
        let mut frames =
            frame(HEADERS, END_HEADERS, 1, &request("POST", "/", &[("apiver", b"v1"), ("content-length", length)]));
        frames.extend(frame(DATA, END_STREAM, 1, body));
        let case = String::from_utf8_lossy(length).into_owned();
        let books = Books::open(&node, &[&stages.v2]).await;
        let mut connection = send(&stages, &node, frames).await;
        assert_eq!(ends(&mut connection, &[1, 3]).await, [End::Reset(PROTOCOL_ERROR), End::Answered(200)], "{case}");
        books.balance(&case, 1, &[malformed("stream")]).await;
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
    let books = stages.books(&node).await;
    let answer = client.ask(&Request::new("TRACE", "/").version("v1")).await;
    assert_problem(&answer, 405, "method_not_allowed");
    let answer = client.connect(NAME).await;
    assert_problem(&answer, 405, "method_not_allowed");
    assert_eq!(answer.field("server"), None);
    let refused = [replied("method_not_allowed"), answered(4)];
    books.balance("TRACE and CONNECT", 0, &[refused.clone(), refused].concat()).await;
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
    let books = stages.books(&node).await;
    let answer = client.ask(&call).await;
    books.balance("a call", 1, &[answered(2)]).await;
    assert_eq!((answer.status, answer.body.as_ref()), (200, message.as_slice()), "{answer:?}");
    assert_eq!(answer.field("content-type"), Some("application/grpc"));
    assert_eq!(answer.trailers, [("grpc-status".to_owned(), "0".to_owned())]);
    assert_eq!(stages.v1.only_seen().field("te"), Some("trailers"));
}
