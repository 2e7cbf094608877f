//! Every rejection there is, over the wire: status, code, and a body that helps. (Faults of origins are in `faults`.)

use crate::stages::{Stages, V1, V2, assert_problem, is_sound_or_closed, row};
use serde_json::json;
use verge_tests::{
    books::{answered, replied},
    message::Request,
};

#[tokio::test]
async fn every_rejection_has_its_status_and_code() {
    let stages = Stages::start().await;
    let rows = json!([
        row("v1", V1),
        row("v2", V2),
        {"api": "orders", "version": "v0", "domain": V1, "sunset_at": "2020-01-01T00:00:00Z", "successor": "v1"},
        {"api": "orders", "version": "v3", "domain": V1, "brownouts": [{"from": "2020-01-01T00:00:00Z", "to": "2999-01-01T00:00:00Z"}]},
        {"api": "orders", "version": "v4", "domain": "169.254.169.254"},
    ]);
    let apis = "[[api]]\nname = \"orders\"\nhosts = [\"api.example.com\"]\n[api.version]\nvendor = \"example\"\n";
    let node = stages.reachable().rows(rows).apis(apis).limits("body = \"1KiB\"").start().await;
    let get = || Request::get("/orders");
    for (request, status, code) in [
        (get(), 403, "missing_version"),
        (get().version("not a version"), 403, "malformed_version"),
        (get().accept("application/vnd.example.!!+json"), 403, "malformed_version"),
        (get().version("v9"), 403, "unknown_version"),
        (get().accept("application/vnd.example.v9+json"), 403, "unknown_version"),
        (get().version("v1").version("v2"), 403, "ambiguous_version"),
        (get().accept("application/vnd.example.v1+json;q=0"), 403, "not_acceptable"),
        (get().version("v1").accept("application/vnd.example.v1+json;q=0"), 403, "not_acceptable"),
        (get().version("v0"), 410, "retired_version"),
        (get().version("v3"), 410, "retired_version"),
        (get().version("v4"), 503, "invalid_mapping"),
        (get().to("elsewhere.example.com").version("v1"), 421, "unknown_host"),
        (get().version("v1").field("cdn-loop", "other, verge"), 508, "loop_detected"),
        (get().version("v1").field("via", "1.1 verge"), 508, "loop_detected"),
        (Request::new("TRACE", "/orders").version("v1"), 405, "method_not_allowed"),
        (Request::post("/orders", "x".repeat(2000)).version("v1"), 413, "body_too_large"),
    ] {
        let books = stages.books(&node).await;
        let mut connection = node.connect().await;
        connection.send(request.to_http1()).await;
        assert_problem(&connection.answer().await.expect(code), status, code);
        books.balance(code, 0, &[replied(code), answered(status / 100)]).await;
        is_sound_or_closed(&mut connection).await;
    }
}

#[tokio::test]
async fn a_rejection_names_what_was_asked_and_what_there_is() {
    let stages = Stages::start().await;
    let rows = json!([
        row("v1", V1), row("v10", V1), row("v2", V2),
        {"api": "orders", "version": "v3", "domain": V2, "status": "hidden"},
        {"api": "orders", "version": "latest", "alias_of": "v2"},
    ]);
    let node = stages.reachable().rows(rows).start().await;
    let answer = node.ask(&Request::get("/").version("v9")).await;
    assert_problem(&answer, 403, "unknown_version");
    let problem = answer.json();
    assert_eq!(problem["requested"], "v9");
    let supported: Vec<_> = problem["supported"].as_array().unwrap().iter().map(|v| v.as_str().unwrap()).collect();
    assert_eq!(supported, ["v10", "v2", "v1"], "newest first, hidden ones and other names left out");

    let hostile = node.ask(&Request::get("/").version("<script>\"\\alert(1)</script>")).await;
    assert_problem(&hostile, 403, "malformed_version");
    assert_eq!(hostile.json()["requested"], "<script>\"\\alert(1)</script>");
    let long = node.ask(&Request::get("/").version(&"x".repeat(4000))).await;
    assert!(long.json()["requested"].as_str().unwrap().len() <= 64 && long.body.len() < 2000, "{long:?}");
}

#[tokio::test]
async fn an_api_chooses_its_own_statuses_and_may_hide_its_versions() {
    let stages = Stages::start().await;
    let apis = r#"
        [[api]]
        name = "orders"
        hosts = ["*"]
        supported = false
        [api.version]
        vendor = "example"
        [api.status]
        unknown_version = 404
        missing_version = 400
    "#;
    let node = stages.setup().apis(apis).start().await;
    let unknown = node.ask(&Request::get("/").version("v9")).await;
    assert_problem(&unknown, 404, "unknown_version");
    assert_eq!(unknown.json().get("supported"), None);
    assert_problem(&node.ask(&Request::get("/")).await, 400, "missing_version");
}

#[tokio::test]
async fn a_retired_version_tells_its_successor() {
    let stages = Stages::start().await;
    let rows = json!([
        row("v2", V2),
        {"api": "orders", "version": "v1", "domain": V1, "deprecated_at": "2020-01-01T00:00:00Z",
         "sunset_at": "2021-01-01T00:00:00Z", "successor": "v2", "docs": "https://docs.example.com/v1"},
    ]);
    let node = stages.reachable().rows(rows).start().await;
    let answer = node.ask(&Request::get("/").version("v1")).await;
    assert_problem(&answer, 410, "retired_version");
    assert_eq!(answer.field("sunset"), Some("Fri, 01 Jan 2021 00:00:00 GMT"));
    assert_eq!(answer.field("deprecation"), Some("@1577836800"));
    assert_eq!(answer.field("api-version"), Some("v1"));
    stages.saw_nothing();
}

#[tokio::test]
async fn a_head_request_is_rejected_without_body() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    let answer = connection.ask(&Request::new("HEAD", "/").version("v9")).await;
    assert_eq!((answer.status, answer.field("verge-reason")), (403, Some("unknown_version")));
    let next = connection.ask(&Request::get("/").version("v1")).await;
    assert_eq!(next.status, 200, "{next:?}");
}

fn preflight() -> Request {
    Request::new("OPTIONS", "/orders")
        .field("origin", "https://app.example.com")
        .field("access-control-request-method", "PUT")
        .field("access-control-request-headers", "apiver")
}

#[tokio::test]
async fn a_preflight_goes_where_a_missing_version_goes() {
    let stages = Stages::start().await;
    let apis = "[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n[api.version]\nmissing = \"v2\"\n";
    let node = stages.setup().apis(apis).start().await;
    let books = stages.books(&node).await;
    assert_eq!(node.ask(&preflight()).await.status, 200);
    books.balance("a preflight", 1, &[answered(2)]).await;
    assert_eq!(stages.v2.only_seen().method, "OPTIONS");
}

#[tokio::test]
async fn a_preflight_is_answered_by_the_policy() {
    let stages = Stages::start().await;
    let apis = "[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n[api.version]\nvendor = \"example\"\n\
        [api.cors]\norigins = [\"https://app.example.com\"]\n";
    let node = stages.setup().apis(apis).start().await;
    let mut connection = node.connect().await;
    let books = stages.books(&node).await;
    let answer = connection.ask(&preflight()).await;
    assert_eq!((answer.status, answer.field("verge-reason")), (204, Some("preflight")), "{answer:?}");
    assert_eq!(answer.field("access-control-allow-origin"), Some("https://app.example.com"), "{answer:?}");
    books.balance("a preflight", 0, &[replied("preflight"), answered(2)]).await;
    is_sound_or_closed(&mut connection).await;
}

#[tokio::test]
async fn a_preflight_with_nowhere_to_go_is_answered_without_content() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    let books = stages.books(&node).await;
    let answer = connection.ask(&preflight()).await;
    assert_eq!((answer.status, answer.field("verge-reason")), (204, Some("preflight")));
    books.balance("a preflight", 0, &[replied("preflight"), answered(2)]).await;
    assert_eq!((answer.field("content-length"), answer.field("access-control-allow-origin")), (None, None));
    let next = connection.ask(&Request::get("/").version("v1")).await;
    assert_eq!(next.status, 200, "{next:?}");
    assert_eq!(stages.v1.only_seen().method, "GET");
}
