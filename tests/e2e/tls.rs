//! The TLS listener.

use crate::stages::{Stages, assert_problem};
use verge_tests::{
    books::{Books, answered, replied, too_slow},
    certs::Authority,
    client::{Connection, Http2},
    message::Request,
};

const NAME: &str = "api.example.com";
const MALFORMED: &str = "verge_http2_malformed_total{ended=\"connection\"}";

#[tokio::test]
async fn the_protocol_is_agreed_on_in_the_handshake() {
    let stages = Stages::start().await;
    let node = stages.setup().tls(&stages.authority, NAME).start().await;
    for (offered, agreed) in
        [(&["http/1.1"][..], Some(&b"http/1.1"[..])), (&["h2", "http/1.1"], Some(b"h2")), (&[], None)]
    {
        let config = stages.authority.client_config(offered);
        let (mut connection, protocol) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
        assert_eq!(protocol.as_deref(), agreed, "{offered:?}");
        if agreed != Some(b"h2") {
            let books = stages.books(&node).await;
            let answer = connection.ask(&Request::get("/").version("v1")).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(stages.v1.last_seen().field("x-forwarded-proto"), Some("https"));
            assert_eq!(connection.ask(&Request::get("/2").version("v1")).await.status, 200);
            books.balance("two requests", 2, &[answered(2), answered(2)]).await;
        }
    }
}

#[tokio::test]
async fn many_streams_share_a_connection() {
    let stages = Stages::start().await;
    let node = stages.setup().tls(&stages.authority, NAME).start().await;
    let client = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    let books = stages.books(&node).await;
    let mut streams = tokio::task::JoinSet::new();
    for n in 0..50 {
        let mut client = client.clone();
        streams.spawn(async move {
            let version = if n % 2 == 0 { "v1" } else { "v2" };
            let answer = client.ask(&Request::post(&format!("/{n}"), format!("body {n}")).version(version)).await;
            assert_eq!((answer.status, answer.field("api-version")), (200, Some(version)));
            assert_eq!(answer.json()["body"], format!("body {n}"));
        });
    }
    while let Some(stream) = streams.join_next().await {
        stream.unwrap();
    }
    books.balance("fifty streams", 50, &vec![answered(2); 50]).await;
}

#[tokio::test]
async fn a_client_that_does_not_trust_us_hears_nothing() {
    let stages = Stages::start().await;
    let node = stages.setup().tls(&stages.authority, NAME).start().await;
    let stranger = Authority::new();
    let books = stages.books(&node).await;
    assert!(Connection::open_tls(node.https(), NAME, stranger.client_config(&["h2"])).await.is_err());
    let mut plain = Connection::open(node.https()).await;
    plain.send(Request::get("/").version("v1").to_http1()).await;
    assert!(plain.is_closed().await);
    books.balance("two handshakes", 0, &vec!["verge_tls_handshakes_failed_total".to_owned(); 2]).await;
    let config = stages.authority.client_config(&["http/1.1"]);
    let (mut connection, _) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
    assert_eq!(connection.ask(&Request::get("/").version("v1")).await.status, 200);
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_is_named_at_the_start() {
    let stages = Stages::start().await;
    let setup = stages.setup().tls(&stages.authority, NAME);
    setup.scratch().write("listener.pem", "this is no certificate");
    let (code, out, err) = setup.run(&["serve"]);
    assert_eq!(code, Some(78), "{out}{err}");
    assert!(err.contains("listener.pem"), "{err}");
}

#[tokio::test]
async fn an_http2_head_is_held_to_what_an_http1_head_is() {
    let stages = Stages::start().await;
    let node = stages.setup().tls(&stages.authority, NAME).start().await;
    let mut client = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    let get = |target: &str| Request::get(target).version("v1");
    let many = (0..120).fold(get("/"), |request, n| request.field(&format!("x-{n}"), "a"));
    for (request, status, code) in [
        (get(&format!("/{}", "a".repeat(8200))), 414, "target_too_long"),
        (get("/").field("x-large", &"a".repeat(17_000)), 431, "head_too_large"),
        (many, 431, "head_too_large"),
        (get("/").field("content_length", "5"), 400, "bad_request"),
        (get("/").field("transfer_encoding", "chunked"), 400, "bad_request"),
    ] {
        let books = stages.books(&node).await;
        let answer = client.ask(&request).await;
        assert_problem(&answer, status, code);
        books.balance(code, 0, &[replied(code), answered(4)]).await;
    }
    assert_eq!(client.ask(&get("/")).await.status, 200);
}

#[tokio::test]
async fn a_connection_that_agrees_on_http2_and_says_nothing_is_closed() {
    let stages = Stages::start().await;
    let setup = stages.setup().tls(&stages.authority, NAME);
    let node = setup.limits("head_timeout = \"500ms\"\nidle_timeout = \"1s\"").start().await;
    let slow = || vec![too_slow("head")];
    for (said, moved) in [
        ("", slow()),
        ("PRI * HTTP/2.0\r\n", slow()),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0", Vec::new()),
        // No preface at all.
        ("GET / HTTP/1.1\r\nHost: api.example.com\r\n\r\n", vec![MALFORMED.to_owned()]),
    ] {
        let books = Books::open(&node, &[&stages.v1, &stages.v2]).await;
        let config = stages.authority.client_config(&["h2"]);
        let (mut connection, _) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
        connection.send(said).await;
        assert!(connection.is_closed().await, "{said:?}");
        books.balance(said, 0, &moved).await;
    }
}

#[tokio::test]
async fn a_cookie_in_crumbs_reaches_the_origin_whole() {
    let stages = Stages::start().await;
    let node = stages.setup().tls(&stages.authority, NAME).start().await;
    let mut client = Http2::open(node.https(), NAME, stages.authority.client_config(&["h2"])).await;
    let request = Request::get("/").version("v1").field("cookie", "a=1").field("cookie", "b=2");
    assert_eq!(client.ask(&request).await.status, 200);
    assert_eq!(stages.v1.last_seen().field("cookie"), Some("a=1; b=2"));
}
