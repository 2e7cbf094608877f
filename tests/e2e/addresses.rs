//! Names with several addresses, some of which are bad, and name servers that change their mind or are gone.

use crate::stages::{V1, assert_problem};
use serde_json::json;
use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};
use verge_tests::{
    books::{Books, answered, replied},
    certs::Authority,
    dns::NameServer,
    message::Request,
    node::{Node, Setup},
    origin::{BlackHole, Origin},
    patience::eventually,
};

const GOOD: Ipv4Addr = Ipv4Addr::LOCALHOST;
/// Nobody listens there.
const BAD: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
const OTHER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// A node with one row, whose domain is looked up at this server.
async fn node_for(authority: &Authority, port: u16, dns: &NameServer, rules: &str) -> Node {
    let rows = json!([{"api": "orders", "version": "v1", "domain": V1, "port": port}]);
    let rules = format!("loopback = true\ndns = \"{}\"\n{rules}", dns.address());
    Setup::new().rows(rows).trusting(authority).and_origins(&rules).listen("threads = 1").start().await
}

/// The counter of lookups without an address.
const LOOKUPS_FAILED: &str = "verge_origin_lookups_failed_total";

async fn retries(node: &Node) -> f64 {
    node.metric("verge_upstream_retries_total").await
}

#[tokio::test]
async fn an_address_that_refuses_costs_one_request_a_second_attempt_and_is_then_passed_over() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[V1]).await;
    let dns = NameServer::start(&[BAD, GOOD], 300).await;
    let node = node_for(&authority, origin.address().port(), &dns, "").await;
    // Even what has an effect: nothing was sent to the address that refused.
    for count in 1..=10 {
        let answer = node.ask(&Request::post("/", "pay 5").version("v1")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(origin.seen().len(), count);
    }
    assert_eq!(node.metric("verge_origin_addresses_set_back_total").await, 1.0);
    assert_eq!(retries(&node).await, 1.0);
    node.has_said("an address is set back").await;
}

#[tokio::test]
async fn an_address_that_takes_no_connection_in_time_is_set_back_too() {
    let authority = Authority::new();
    let hole = BlackHole::dig().await;
    let port = hole.address().port();
    // The hole is at the first address; the origin has the same port at the second.
    let origin = Origin::start_at(SocketAddr::from((OTHER, port)), &authority, &[V1]).await;
    let dns = NameServer::start(&[GOOD, OTHER], 300).await;
    let node = node_for(&authority, port, &dns, "connect_timeout = \"500ms\"").await;
    for _ in 0..5 {
        let answer = node.ask(&Request::post("/", "pay 5").version("v1")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }
    assert_eq!(origin.seen().len(), 5);
    assert_eq!(retries(&node).await, 1.0, "the others did not go there");
}

#[tokio::test]
async fn an_address_that_is_well_again_is_found_by_requests() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[V1]).await;
    let port = origin.address().port();
    let dns = NameServer::start(&[OTHER, GOOD], 300).await;
    let node = node_for(&authority, port, &dns, "idle_timeout = \"0s\"").await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    assert_eq!(origin.seen().len(), 1);
    let well = Origin::start_at(SocketAddr::from((OTHER, port)), &authority, &[V1]).await;
    eventually("a request at the first address", async || {
        assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
        !well.seen().is_empty()
    })
    .await;
}

#[tokio::test]
async fn where_all_addresses_are_bad_they_are_tried_all_the_same() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[V1]).await;
    let port = origin.address().port();
    drop(origin);
    let dns = NameServer::start(&[BAD, OTHER], 300).await;
    let node = node_for(&authority, port, &dns, "").await;
    for _ in 0..5 {
        let answer = node.ask(&Request::get("/").version("v1")).await;
        assert_problem(&answer, 502, "origin_unreachable");
    }
    assert!(node.log_of(5).await.iter().all(|line| line.contains("\"attempts\":2")), "{:?}", node.log());
    let well = Origin::start_at(SocketAddr::from((OTHER, port)), &authority, &[V1]).await;
    eventually("an answer", async || node.ask(&Request::get("/").version("v1")).await.status == 200).await;
    assert!(!well.seen().is_empty());
}

#[tokio::test]
async fn the_last_good_address_is_used_while_the_name_server_is_gone_or_denies() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[V1]).await;
    let dns = NameServer::start(&[GOOD], 1).await;
    let node = node_for(&authority, origin.address().port(), &dns, "idle_timeout = \"0s\"").await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    for go in [NameServer::now_is_silent as fn(&NameServer), NameServer::now_denies] {
        go(&dns);
        let before = node.metric(LOOKUPS_FAILED).await;
        let mut asked = 0;
        let seen = origin.seen().len();
        eventually("lookups that fail", async || {
            assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
            asked += 1;
            node.metric(LOOKUPS_FAILED).await >= before + 1.0
        })
        .await;
        assert_eq!(origin.seen().len(), seen + asked);
    }
    assert_eq!(node.total("verge_replies_total").await, 0.0);
}

#[tokio::test]
async fn a_slow_name_server_is_waited_for_once_and_then_by_no_request() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[V1]).await;
    let dns = NameServer::start(&[GOOD], 1).await;
    dns.now_takes(Duration::from_secs(1));
    let node = node_for(&authority, origin.address().port(), &dns, "idle_timeout = \"0s\"").await;
    let books = Books::open(&node, &[&origin]).await;
    let begin = Instant::now();
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
    books.balance("the first", 1, &[answered(2)]).await;
    let before = dns.asked();
    let mut slowest = Duration::ZERO;
    eventually("two more answers", async || {
        let begin = Instant::now();
        assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
        slowest = slowest.max(begin.elapsed());
        dns.asked() >= before + 4
    })
    .await;
    assert!(slowest < Duration::from_millis(900), "a request waited for the name server: {slowest:?}");
    assert_eq!(node.metric(LOOKUPS_FAILED).await, 0.0);
}

#[tokio::test]
async fn a_changed_address_is_followed_after_its_time() {
    let authority = Authority::new();
    let old = Origin::start(&authority, &[V1]).await;
    let port = old.address().port();
    let new = Origin::start_at(SocketAddr::from((OTHER, port)), &authority, &[V1]).await;
    let dns = NameServer::start(&[GOOD], 1).await;
    let node = node_for(&authority, port, &dns, "").await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    assert_eq!((old.seen().len(), new.seen().len()), (1, 0));
    let books = Books::open(&node, &[]).await;
    dns.now_says(&[OTHER], 1);
    eventually("requests at the new address", async || {
        assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
        !new.seen().is_empty()
    })
    .await;
    books.balance("another address", 0, &[]).await;
}

#[tokio::test]
async fn a_name_server_that_never_answered_is_an_unreachable_origin() {
    let authority = Authority::new();
    let dns = NameServer::start(&[], 1).await;
    dns.now_is_silent();
    let node = node_for(&authority, 1, &dns, "").await;
    let books = Books::open(&node, &[]).await;
    let begin = Instant::now();
    assert_problem(&node.ask(&Request::get("/").version("v1")).await, 502, "origin_unreachable");
    assert!(begin.elapsed() < Duration::from_secs(6), "{:?}", begin.elapsed());
    books.balance("silence", 0, &[replied("origin_unreachable"), answered(5), LOOKUPS_FAILED.to_owned()]).await;
    assert!(node.is_ready().await);
}

#[tokio::test]
async fn a_name_that_the_server_denies_is_an_unreachable_origin() {
    let authority = Authority::new();
    let dns = NameServer::start(&[], 1).await;
    dns.now_denies();
    let node = node_for(&authority, 1, &dns, "").await;
    let books = Books::open(&node, &[]).await;
    assert_problem(&node.ask(&Request::get("/").version("v1")).await, 502, "origin_unreachable");
    books.balance("denied", 0, &[replied("origin_unreachable"), answered(5), LOOKUPS_FAILED.to_owned()]).await;
}
