//! Proxies in front: whose word about a client is taken, and what the origin is told of the way.

use crate::stages::{Stages, V1, V2};
use serde_json::json;
use verge_tests::{books::answered, client::Connection, message::Request, node::Node, origin::Behaviour};

/// Every address of the machine's own network but this one is a trusted proxy.
const TRUSTED: &str = "trusted = [\"127.0.0.0/9\"]";
const PROXY: &str = "127.0.0.1";
const STRANGER: &str = "127.200.0.1";

fn get(fields: &[(&str, &str)]) -> Request {
    fields.iter().fold(Request::get("/orders").version("v1"), |request, (name, value)| request.field(name, value))
}

async fn ask_from(node: &Node, source: &str, request: &Request) -> u16 {
    Connection::open_from(source.parse().unwrap(), node.http()).await.ask(request).await.status
}

#[tokio::test]
async fn what_a_trusted_proxy_says_is_kept_and_added_to() {
    let stages = Stages::start().await;
    let node = stages.setup().listen(TRUSTED).start().await;
    let fields = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "192.0.2.7, 127.0.0.9"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example.com"),
        ("x-forwarded-port", "1"),
        ("x-request-id", "abc-123"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        ("verge-client-subject", "CN=admin"),
    ];
    assert_eq!(ask_from(&node, PROXY, &get(&fields)).await, 200);
    let seen = stages.v1.only_seen();
    for (name, expected) in [
        ("x-forwarded-for", &["6.6.6.6, 192.0.2.7, 127.0.0.9, 127.0.0.1"][..]),
        ("x-forwarded-proto", &["https"]),
        ("x-forwarded-host", &["shop.example.com"]),
        ("x-forwarded-port", &[]),
        ("x-request-id", &["abc-123"]),
        ("traceparent", &["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"]),
        ("verge-client-subject", &[]),
    ] {
        assert_eq!(seen.lines(name), expected, "{name}");
    }
    let line = node.log_of(1).await.remove(0);
    for text in ["\"client\":\"192.0.2.7\"", "\"proxy\":\"127.0.0.1\"", "\"request_id\":\"abc-123\""] {
        assert!(line.contains(text), "{text} is not in {line}");
    }
}

#[tokio::test]
async fn what_anybody_else_says_is_replaced() {
    let stages = Stages::start().await;
    let node = stages.setup().listen(TRUSTED).start().await;
    let fields = [
        ("x-forwarded-for", "6.6.6.6, 127.0.0.1"),
        ("forwarded", "for=6.6.6.6"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "shop.example.com"),
        ("x-request-id", "abc-123"),
        ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
    ];
    let books = stages.books(&node).await;
    assert_eq!(ask_from(&node, STRANGER, &get(&fields)).await, 200);
    books.balance("a stranger", 1, &[answered(2)]).await;
    let seen = stages.v1.only_seen();
    for (name, expected) in [
        ("x-forwarded-for", Some(STRANGER)),
        ("forwarded", None),
        ("x-forwarded-proto", Some("http")),
        ("x-forwarded-host", Some("api.example.com")),
    ] {
        assert_eq!(seen.field(name), expected, "{name}");
    }
    assert_ne!(seen.field("x-request-id"), Some("abc-123"));
    assert!(!seen.field("traceparent").unwrap().contains("4bf92f3577b34da6a3ce929d0e0e4736"));
    let line = node.log_of(1).await.remove(0);
    assert!(line.contains(&format!("\"client\":\"{STRANGER}\"")) && !line.contains("\"proxy\""), "{line}");
}

#[tokio::test]
async fn hostile_lists_name_nobody_new() {
    let stages = Stages::start().await;
    let node = stages.setup().listen(TRUSTED).start().await;
    let many = vec!["6.6.6.6"; 1000].join(",") + ", 192.0.2.7";
    let cases = [
        (&[("x-forwarded-for", "6.6.6.6, 192.0.2.7:4711")][..], "192.0.2.7"),
        (&[("x-forwarded-for", "6.6.6.6, [2001:db8::7]:4711")], "2001:db8::7"),
        (&[("x-forwarded-for", "6.6.6.6, junk")], PROXY),
        (&[("x-forwarded-for", "6.6.6.6, junk, 127.0.0.4")], "127.0.0.4"),
        (&[("x-forwarded-for", many.as_str())], "192.0.2.7"),
        (&[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.7")], "192.0.2.7"),
        (&[("forwarded", "for=6.6.6.6, for=\"[2001:db8::7]\"")], "2001:db8::7"),
        (&[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.7")], "192.0.2.7"),
        (&[], PROXY),
    ];
    for (place, (fields, client)) in cases.iter().enumerate() {
        assert_eq!(ask_from(&node, PROXY, &get(fields)).await, 200, "{fields:?}");
        // Its line comes after its answer, and may come after the next one's.
        let log = node.log_of(place + 1).await;
        assert!(log[place].contains(&format!("\"client\":\"{client}\"")), "{fields:?}: {}", log[place]);
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_not_taken() {
    let stages = Stages::start().await;
    let node = stages.setup().listen(TRUSTED).start().await;
    let long = "a".repeat(129);
    for id in ["", "a b", "a\"b", long.as_str()] {
        assert_eq!(ask_from(&node, PROXY, &get(&[("x-request-id", id)])).await, 200);
        assert_eq!(stages.v1.last_seen().field("x-request-id").map(str::len), Some(32), "{id:?}");
    }
    let twice = get(&[("x-request-id", "one"), ("x-request-id", "two")]);
    assert_eq!(ask_from(&node, PROXY, &twice).await, 200);
    assert_eq!(stages.v1.last_seen().lines("x-request-id").len(), 1);
}

#[tokio::test]
async fn the_client_so_found_is_whom_arms_stick_to_and_testers_are_told_by() {
    let stages = Stages::start().await;
    let split = json!([{"api": "orders", "version": "v1", "sticky": ["ip"], "split": [
        {"name": "canary", "weight": 0, "domain": V2},
        {"name": "stable", "weight": 100, "domain": V1},
    ]}]);
    let apis = "[canary]\ntesters = [\"192.0.2.0/24\"]\n[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n[api.version]\nvendor = \"example\"\n";
    let node = stages.reachable().rows(split).listen(TRUSTED).apis(apis).start().await;
    let tester = [("x-forwarded-for", "192.0.2.7"), ("verge-override", "canary")];
    assert_eq!(ask_from(&node, PROXY, &get(&tester)).await, 200);
    assert_eq!((stages.v1.seen().len(), stages.v2.seen().len()), (0, 1), "a tester behind a trusted proxy");
    assert_eq!(ask_from(&node, STRANGER, &get(&tester)).await, 200);
    assert_eq!((stages.v1.seen().len(), stages.v2.seen().len()), (1, 1), "nobody makes himself a tester");
}

#[tokio::test]
async fn a_link_back_has_the_scheme_that_the_client_used() {
    let stages = Stages::start().await;
    let elsewhere = [("location", format!("https://{V1}/prod/new"))];
    let elsewhere: Vec<_> = elsewhere.iter().map(|(name, value)| (*name, value.as_str())).collect();
    stages.v1.now_on("/orders", Behaviour::answer(302, &elsewhere, ""));
    let node = stages.setup().listen(TRUSTED).start().await;
    for (proto, expected) in [("https", "https://api.example.com/new"), ("http", "http://api.example.com/new")] {
        let mut connection = Connection::open_from(PROXY.parse().unwrap(), node.http()).await;
        let answer = connection.ask(&get(&[("x-forwarded-proto", proto)])).await;
        assert_eq!((answer.status, answer.field("location")), (302, Some(expected)));
    }
}
