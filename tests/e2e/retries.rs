//! What may be sent again, and what never is.

use crate::stages::{V1, assert_problem, row};
use serde_json::json;
use verge_tests::{
    books::{Books, answered, replied},
    certs::Authority,
    message::Request,
    node::{Node, Setup},
    origin::{Behaviour, Origin},
};

/// The counter of second attempts.
fn again() -> String {
    "verge_upstream_retries_total".to_owned()
}

/// A node that uses one connection for as long as it can.
async fn node_for(authority: &Authority, origin: &Origin) -> Node {
    let setup = Setup::new().rows(json!([row("v1", V1)])).trusting(authority).dialling(origin);
    setup.listen("threads = 1").start().await
}

async fn http1(authority: &Authority) -> Origin {
    Origin::speaking(&["http/1.1"], &authority.certify(&[V1]), &[V1]).await
}

#[tokio::test]
async fn a_get_on_a_connection_that_had_ended_is_sent_once_more() {
    let authority = Authority::new();
    for behaviour in [Behaviour::ResetOnceUsed, Behaviour::HangUpOnceUsed] {
        let origin = http1(&authority).await.on("/", behaviour.clone());
        let node = node_for(&authority, &origin).await;
        let mut connection = node.connect().await;
        assert_eq!(connection.ask(&Request::get("/").version("v1")).await.status, 200);
        let books = Books::open(&node, &[&origin]).await;
        let second = connection.ask(&Request::get("/").version("v1")).await;
        assert_eq!(second.status, 200, "{behaviour:?}: {second:?}");
        books.balance("a second attempt", 2, &[answered(2), again()]).await;
        let turns: Vec<_> = origin.seen().iter().map(|seen| (seen.connection, seen.turn)).collect();
        assert_eq!(turns, [(1, 1), (1, 2), (2, 1)], "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_post_is_never_sent_twice() {
    let authority = Authority::new();
    for behaviour in [Behaviour::ResetOnceUsed, Behaviour::HangUpOnceUsed] {
        for request in [
            Request::post("/", "pay 5").version("v1"),
            Request::new("POST", "/").version("v1").field("content-length", "0"),
        ] {
            let origin = http1(&authority).await.on("/", behaviour.clone());
            let node = node_for(&authority, &origin).await;
            assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
            let books = Books::open(&node, &[&origin]).await;
            let answer = node.ask(&request).await;
            assert_problem(&answer, 502, "origin_unreachable");
            books.balance("a POST", 1, &[replied("origin_unreachable"), answered(5)]).await;
            assert_eq!(origin.last_seen().method, "POST", "{behaviour:?}");
        }
    }
}

#[tokio::test]
async fn no_request_goes_out_more_than_twice() {
    let authority = Authority::new();
    for protocols in [&["h2"][..], &["http/1.1"]] {
        let origin = Origin::speaking(protocols, &authority.certify(&[V1]), &[V1]).await.on("/reset", Behaviour::Reset);
        let node = node_for(&authority, &origin).await;
        assert_eq!(node.ask(&Request::get("/first").version("v1")).await.status, 200);
        let answer = node.ask(&Request::get("/reset").version("v1")).await;
        assert_problem(&answer, 502, "origin_unreachable");
        let sent = origin.seen().iter().filter(|seen| seen.target == "/reset").count();
        assert!((1..=2).contains(&sent), "{protocols:?}: sent {sent} times");
        // On a connection that is used already, and is reset with the request on it.
        assert_eq!(node.ask(&Request::get("/again").version("v1")).await.status, 200);
        let books = Books::open(&node, &[&origin]).await;
        let answer = node.ask(&Request::post("/reset", "pay 5").version("v1")).await;
        assert_problem(&answer, 502, "origin_unreachable");
        books.balance("a POST", 1, &[replied("origin_unreachable"), answered(5)]).await;
    }
}

#[tokio::test]
async fn what_the_origin_answers_is_never_asked_again() {
    let authority = Authority::new();
    let origin = http1(&authority).await.on("/", Behaviour::answer(503, &[("retry-after", "0")], "later"));
    let node = node_for(&authority, &origin).await;
    for _ in 0..3 {
        let books = Books::open(&node, &[&origin]).await;
        assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 503);
        books.balance("503", 1, &[answered(5)]).await;
    }
}

#[tokio::test]
async fn a_connection_that_an_origin_closed_while_idle_costs_nothing() {
    let authority = Authority::new();
    let origin = http1(&authority).await.on("/bye", Behaviour::answer(200, &[("connection", "close")], "bye"));
    let node = node_for(&authority, &origin).await;
    for _ in 0..3 {
        assert_eq!(node.ask(&Request::post("/bye", "x").version("v1")).await.status, 200);
    }
    assert_eq!(origin.seen().len(), 3);
    assert_eq!(origin.connections(), 3);
}

#[tokio::test]
async fn what_an_origin_says_is_passed_on_as_it_is() {
    let authority = Authority::new();
    let origin = http1(&authority).await;
    let node = node_for(&authority, &origin).await;
    let elsewhere = [("location", "https://elsewhere.example.com/"), ("set-cookie", "a=1"), ("set-cookie", "b=2")];
    let mut connection = node.connect().await;
    for status in [429, 503, 301, 302, 303, 307, 308, 404, 500, 502, 504] {
        origin.now_on("/", Behaviour::answer(status, &elsewhere, "as it is"));
        // Neither asked again nor followed.
        let books = Books::open(&node, &[&origin]).await;
        let answer = connection.ask(&Request::get("/").version("v1")).await;
        assert_eq!((answer.status, answer.body.as_ref()), (status, &b"as it is"[..]), "{answer:?}");
        assert_eq!(answer.field("location"), Some("https://elsewhere.example.com/"));
        assert_eq!(answer.lines("set-cookie"), ["a=1", "b=2"]);
        assert_eq!(answer.field("verge-reason"), None);
        books.balance(&status.to_string(), 1, &[answered(status / 100)]).await;
    }
    for (method, status) in [("GET", 204), ("GET", 304), ("HEAD", 200)] {
        origin.now_on("/", Behaviour::answer(status, &[("etag", "\"x\"")], ""));
        let books = Books::open(&node, &[&origin]).await;
        let answer = connection.ask(&Request::new(method, "/").version("v1")).await;
        assert_eq!((answer.status, answer.field("etag"), answer.body.len()), (status, Some("\"x\""), 0));
        books.balance(method, 1, &[answered(status / 100)]).await;
    }
}
