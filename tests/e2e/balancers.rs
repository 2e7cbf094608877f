//! Balancers in front that speak the PROXY protocol: whom a connection is from, and who is not believed.

use crate::stages::Stages;
use verge_tests::{client::Connection, message::Request, node::Node};

fn get() -> Request {
    Request::get("/orders").version("v1")
}

const BALANCED: &str = "proxy_protocol = [\"127.0.0.0/9\"]";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n";

fn version2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&b"\r\n\r\n\0\r\nQUIT\n"[..], &[command, family], &length, body].concat()
}

async fn refusals(node: &Node) -> f64 {
    node.metric("verge_connections_refused_total{limit=\"proxy_protocol\"}").await
}

#[tokio::test]
async fn a_balancer_says_for_whom_it_connects() {
    let stages = Stages::start().await;
    let node = stages.setup().listen(BALANCED).tls(&stages.authority, "api.example.com").start().await;
    let four = version2(0x21, 0x11, &[192, 0, 2, 8, 10, 0, 0, 1, 1, 1, 1, 187, 4, 0, 1, 0]);
    let six = [&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 1][..], &[1; 15], &[1, 1, 1, 187]].concat();
    let six = version2(0x21, 0x21, &six);
    let itself = version2(0x20, 0, &[]);
    for (header, client) in [(LINE, "192.0.2.7"), (&four, "192.0.2.8"), (&six, "2001:db8::7"), (&itself, "127.0.0.1")] {
        let mut connection = node.connect().await;
        // In pieces, and together with what follows.
        let (first, rest) = header.split_at(13);
        connection.send(first).await;
        connection.send([rest, &get().to_http1()].concat()).await;
        assert_eq!(connection.answer().await.expect("no answer").status, 200);
        assert_eq!(stages.v1.last_seen().field("x-forwarded-for"), Some(client));
        assert_eq!(connection.ask(&get()).await.status, 200, "once a connection, not once a request");
        let config = stages.authority.client_config(&["http/1.1"]);
        let (mut tls, _) = Connection::open_tls_after(header, node.https(), "api.example.com", config).await.unwrap();
        assert_eq!(tls.ask(&get()).await.status, 200);
        assert_eq!(stages.v1.last_seen().field("x-forwarded-for"), Some(client));
    }
    assert_eq!(refusals(&node).await, 0.0);
}

#[tokio::test]
async fn without_a_header_that_can_be_believed_there_is_no_connection() {
    let stages = Stages::start().await;
    let node = stages.setup().listen(BALANCED).limits("handshake_timeout = \"500ms\"").start().await;
    let request = get().to_http1();
    let short = version2(0x21, 0x11, &[1; 11]);
    let endless = format!("PROXY UNKNOWN {}", "a".repeat(200)).into_bytes();
    let cases =
        [b"".as_slice(), b"PROXY TCP4 192.0.2.7 10.0.0.1 1 2\n", b"PROXY TCP4 junk 10.0.0.1 1 2\r\n", &short, &endless];
    for (count, header) in cases.iter().enumerate() {
        let mut connection = node.connect().await;
        let _ = connection.try_send([header, &request[..]].concat()).await;
        assert!(connection.answer().await.is_none(), "{header:?} was believed");
        assert_eq!(refusals(&node).await, (count + 1) as f64);
    }
    // The right words from the wrong mouth.
    let mut stranger = Connection::open_from("127.200.0.1".parse().unwrap(), node.http()).await;
    let _ = stranger.try_send([LINE, &request[..]].concat()).await;
    assert!(stranger.answer().await.is_none());
    // None at all, and one that stops.
    for header in [&b""[..], &LINE[..20]] {
        let mut silent = node.connect().await;
        silent.send(header).await;
        assert!(silent.is_closed().await);
    }
    assert_eq!(node.metric("verge_client_timeouts_total{waiting_for=\"handshake\"}").await, 2.0);
    stages.saw_nothing();
}

#[tokio::test]
async fn places_are_counted_by_the_client_that_was_announced() {
    let stages = Stages::start().await;
    let node = stages.setup().listen(BALANCED).limits("connections_per_address = 1").start().await;
    let mut first = node.connect().await;
    first.send([LINE, &get().to_http1()].concat()).await;
    assert_eq!(first.answer().await.unwrap().status, 200);
    let mut second = node.connect().await;
    let _ = second.try_send([LINE, &get().to_http1()].concat()).await;
    assert!(second.answer().await.is_none(), "the client has its place");
    assert_eq!(node.metric("verge_connections_refused_total{limit=\"address\"}").await, 1.0);
    let mut other = node.connect().await;
    other.send(b"PROXY TCP4 192.0.2.99 10.0.0.1 1 2\r\n").await;
    assert_eq!(other.ask(&get()).await.status, 200, "the balancer's own address has no share");
}
