//! Tunnels: WebSocket and no other protocol, and only once the origin has agreed.

use crate::stages::{Stages, V1, assert_problem, is_told_so, row};
use serde_json::json;
use std::net::SocketAddr;
use verge_tests::{
    books::{Books, answered, replied, too_slow},
    certs::Authority,
    client::{Connection, Http2},
    message::Request,
    node::{Node, Setup},
    origin::{RawOrigin, WebSocket},
    patience::eventually,
};

const NAME: &str = "api.example.com";

const HANDSHAKE: &str = "GET /socket HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\nconnection: Upgrade\r\n\
    upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// A node before an origin that speaks WebSocket.
async fn before(authority: &Authority, origin: SocketAddr) -> Node {
    let setup = Setup::new().rows(json!([row("v1", V1)])).trusting(authority).dialling_at(V1, origin);
    setup.tls(authority, NAME).start().await
}

/// A frame (RFC 6455 §5.2), masked with zeros, as a client may.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ ..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend_from_slice(payload);
    frame
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;

/// A connection that is a tunnel now.
async fn tunnel(node: &Node) -> Connection {
    let mut connection = node.connect().await;
    connection.send(HANDSHAKE).await;
    assert_eq!(connection.head().await.unwrap().0, 101);
    connection
}

/// Everything that a client hears after the handshake, while it says this in two pieces and ends its side.
async fn conversation(mut connection: Connection, said: &[u8]) -> Vec<u8> {
    connection.send(HANDSHAKE).await;
    let (status, fields) = connection.head().await.expect("closed without an answer");
    assert_eq!(status, 101, "{fields:?}");
    assert!(fields.iter().any(|(name, value)| name == "upgrade" && value.eq_ignore_ascii_case("websocket")));
    connection.exchange(said).await
}

#[tokio::test]
async fn a_websocket_is_a_tunnel_byte_for_byte() {
    let authority = Authority::new();
    let origin = WebSocket::start(&authority.certify(&[V1])).await;
    let node = before(&authority, origin.address()).await;
    let large: Vec<u8> = (0..32 << 10).map(|n: u32| n.to_le_bytes()[0]).collect();
    let said = [
        frame(TEXT, "grüß dich".as_bytes()),
        frame(BINARY, &large),
        frame(PING, b"are you there"),
        frame(BINARY, &large),
        frame(BINARY, b""),
        frame(CLOSE, &[0x0f, 0xa1, b'b', b'y', b'e']),
    ]
    .concat();
    let direct = {
        let config = authority.client_config(&["http/1.1"]);
        conversation(Connection::open_tls(origin.address(), V1, config).await.unwrap().0, &said).await
    };
    assert!(direct.len() > 64 << 10, "{}", direct.len());
    let books = Books::open(&node, &[&origin]).await;
    assert_eq!(conversation(node.connect().await, &said).await, direct, "in the clear");
    let config = authority.client_config(&["http/1.1"]);
    let (secure, _) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
    assert_eq!(conversation(secure, &said).await, direct, "over TLS");
    eventually("the ends of all tunnels", async || node.metric("verge_connections").await == 0.0).await;
    books.balance("two tunnels", 2, &[answered(1), answered(1)]).await;
}

#[tokio::test]
async fn a_browser_with_an_http2_page_opens_its_websocket_beside() {
    let authority = Authority::new();
    let origin = WebSocket::start(&authority.certify(&[V1])).await;
    let node = before(&authority, origin.address()).await;
    let mut page = Http2::open(node.https(), NAME, authority.client_config(&["h2", "http/1.1"])).await;
    let books = Books::open(&node, &[&origin]).await;
    let answer = page.ask(&Request::get("/socket").version("v9")).await;
    assert_problem(&answer, 403, "unknown_version");
    // RFC 8441 is not offered, so browsers open a connection of HTTP/1.1 for it.
    let (socket, protocol) =
        Connection::open_tls(node.https(), NAME, authority.client_config(&["http/1.1"])).await.unwrap();
    assert_eq!(protocol.as_deref(), Some(&b"http/1.1"[..]));
    assert!(!conversation(socket, &frame(CLOSE, &[0x03, 0xe8])).await.is_empty());
    books.balance("a page and its socket", 1, &[replied("unknown_version"), answered(4), answered(1)]).await;
}

#[tokio::test]
async fn what_is_sent_ahead_of_an_agreement_that_never_comes_goes_nowhere() {
    let authority = Authority::new();
    let origin = RawOrigin::start(&authority.certify(&[V1]), "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno").await;
    let node = before(&authority, origin.address()).await;
    for ahead in ["", "GET /smuggled HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\n\r\n", "\x01\x02\x03"] {
        let books = Books::open(&node, &[&origin]).await;
        let mut connection = node.connect().await;
        connection.send(format!("{HANDSHAKE}{ahead}")).await;
        let answer = connection.answer().await.expect("closed without an answer");
        assert_eq!((answer.status, answer.body.as_ref()), (200, &b"no"[..]), "{answer:?}");
        assert_eq!(answer.field("connection"), Some("close"));
        assert!(connection.answer().await.is_none(), "{ahead:?}");
        books.balance(ahead, 1, &[answered(2)]).await;
        assert!(!String::from_utf8_lossy(&origin.heard()).contains("smuggled"), "{ahead:?}");
    }
}

#[tokio::test]
async fn a_websocket_that_is_rejected_reaches_no_origin() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let books = stages.books(&node).await;
    let mut connection = node.connect().await;
    connection.send(HANDSHAKE.replace("v1", "v9") + "\x01\x02").await;
    is_told_so(&mut connection, 403, "unknown_version", "a rejected handshake").await;
    books.balance("a rejected handshake", 0, &[replied("unknown_version"), answered(4)]).await;
}

#[tokio::test]
async fn a_wish_for_another_protocol_is_not_passed_on() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let body = "content-length: 4\r\n";
    for (upgrade, more) in [
        ("upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n", ""),
        ("upgrade: TLS/1.0\r\n", ""),
        ("upgrade: websocket, h2c\r\n", ""),
        ("upgrade: websocket\r\nupgrade: h2c\r\n", ""),
        ("upgrade: websocket\r\n", body),
    ] {
        let books = stages.books(&node).await;
        let mut connection = node.connect().await;
        let method = if more.is_empty() { "GET" } else { "POST" };
        let content = if more.is_empty() { "" } else { "body" };
        let head = format!("{method} / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\nconnection: upgrade\r\n");
        connection.send(format!("{head}{upgrade}{more}\r\n{content}")).await;
        let answer = connection.answer().await.unwrap();
        assert_eq!(answer.status, 200, "{upgrade:?}: {answer:?}");
        books.balance(upgrade, 1, &[answered(2)]).await;
        let seen = stages.v1.last_seen();
        assert_eq!((seen.field("upgrade"), seen.field("http2-settings")), (None, None), "{upgrade:?}");
        assert_eq!(seen.body.as_ref(), content.as_bytes());
        let next = connection.ask(&Request::get("/next").version("v2")).await;
        assert_eq!(next.json()["target"], "/next", "{upgrade:?}");
    }
}

#[tokio::test]
async fn an_origin_that_switches_protocols_unasked_is_not_followed() {
    let authority = Authority::new();
    let switched =
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";
    let origin = RawOrigin::start(&authority.certify(&[V1]), switched).await;
    let node = before(&authority, origin.address()).await;
    let books = Books::open(&node, &[&origin]).await;
    let mut connection = node.connect().await;
    connection.send(Request::get("/").version("v1").to_http1()).await;
    is_told_so(&mut connection, 502, "origin_unreachable", "switched").await;
    books.balance("switched", 1, &[replied("origin_unreachable"), answered(5)]).await;
}

#[tokio::test]
async fn a_silent_tunnel_ends() {
    let authority = Authority::new();
    let origin = WebSocket::start(&authority.certify(&[V1])).await;
    let setup = Setup::new().rows(json!([row("v1", V1)])).trusting(&authority).dialling_at(V1, origin.address());
    let node = setup.limits("body_timeout = \"200ms\"\ntunnel_timeout = \"2s\"").start().await;
    let books = Books::open(&node, &[&origin]).await;
    let mut connection = tunnel(&node).await;
    let begin = std::time::Instant::now();
    assert!(connection.is_closed().await);
    books.balance("a silent tunnel", 1, &[answered(1), too_slow("tunnel")]).await;
    assert!(begin.elapsed() >= std::time::Duration::from_secs(1), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_tunnel_that_is_open_at_sigterm_is_used_to_its_end() {
    let authority = Authority::new();
    let origin = WebSocket::start(&authority.certify(&[V1])).await;
    let node = before(&authority, origin.address()).await;
    let mut connection = tunnel(&node).await;
    node.signal("TERM");
    eventually("closed listeners", async || tokio::net::TcpStream::connect(node.http()).await.is_err()).await;
    let heard = connection.exchange(&[frame(TEXT, b"still there"), frame(CLOSE, &[0x03, 0xe8])].concat()).await;
    assert!(heard.windows(11).any(|window| window == b"still there"), "{heard:?}");
    assert_eq!(node.exit_code().await, Some(0), "nothing is waited for after it");
    assert!(!node.stderr().iter().any(|line| line.contains("still open")), "{:?}", node.stderr());
}

#[tokio::test]
async fn a_tunnel_that_outlasts_the_drain_ends_with_it() {
    let authority = Authority::new();
    let origin = WebSocket::start(&authority.certify(&[V1])).await;
    let setup = Setup::new().rows(json!([row("v1", V1)])).trusting(&authority).dialling_at(V1, origin.address());
    let node = setup.listen("drain = \"1s\"").start().await;
    let mut connection = tunnel(&node).await;
    node.signal("TERM");
    assert!(connection.is_closed().await);
    assert_eq!(node.exit_code().await, Some(0));
    node.has_said("still open").await;
}
