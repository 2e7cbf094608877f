//! The admin listener, the one for probes, and what the public one never shows.

use crate::stages::{Stages, assert_problem};
use verge_tests::{client::Connection, message::Request};

#[tokio::test]
async fn health_readiness_and_metrics_are_the_operators() {
    let stages = Stages::start().await;
    let node = stages.setup().probes().start().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(node.ask_admin(path).await.status, 200, "{path}");
        let public = node.ask(&Request::get(path)).await;
        assert_problem(&public, 403, "missing_version");
        // With a version the path is the origin's.
        let forwarded = node.ask(&Request::get(path).version("v2")).await;
        assert_eq!(forwarded.json()["target"], path);
    }
    for (path, status) in [("/healthz", 200), ("/readyz", 200), ("/metrics", 404), ("/", 404)] {
        let answer = Connection::open(node.health()).await.ask(&Request::get(path)).await;
        assert_eq!(answer.status, status, "{path}: {answer:?}");
    }
    let post = Connection::open(node.admin()).await.ask(&Request::post("/metrics", "x")).await;
    assert_eq!(post.status, 405);
}

#[tokio::test]
async fn readiness_tells_about_the_table() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let ready = node.ask_admin("/readyz").await.json();
    assert_eq!((&ready["ready"], &ready["table"]["rows"]), (&true.into(), &2.into()), "{ready}");
}

#[tokio::test]
async fn metrics_count_what_happened() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    node.ask(&Request::get("/").version("v1")).await;
    node.ask(&Request::get("/").version("v9")).await;
    node.ask(&Request::get("/").version("v9")).await;
    node.connect().await.ask(&Request::get("/").version("v1").field("x", &"a".repeat(20_000))).await;
    verge_tests::patience::eventually("the counts", async || {
        node.metric("verge_responses_total{class=\"2xx\"}").await == 1.0
            && node.metric("verge_replies_total{reason=\"unknown_version\"}").await == 2.0
            && node.metric("verge_replies_total{reason=\"head_too_large\"}").await == 1.0
            && node.metric("verge_responses_total{class=\"4xx\"}").await == 3.0
    })
    .await;
    assert_eq!(node.metric("verge_table_rows").await, 2.0);
    assert_eq!(node.metric("verge_table_loaded").await, 1.0);
    let page = String::from_utf8_lossy(&node.ask_admin("/metrics").await.body).into_owned();
    assert!(!page.contains("v9"), "what clients send is no label:\n{page}");
}

#[tokio::test]
async fn a_token_guards_the_admin_listener() {
    let stages = Stages::start().await;
    let setup = stages.setup().admin("address = \"127.0.0.1:0\"\ntoken = \"env:VERGE_TEST_TOKEN\"");
    let node = setup.environment("VERGE_TEST_TOKEN", "s3cret").start().await;
    let refused = node.ask_admin("/metrics").await;
    assert_eq!((refused.status, refused.field("www-authenticate")), (401, Some("Bearer")));
    for (token, status) in
        [("Bearer s3cret", 200), ("Bearer s3cre", 401), ("Bearer s3cret ", 200), ("Basic s3cret", 401)]
    {
        let request = Request::get("/metrics").field("authorization", token);
        assert_eq!(Connection::open(node.admin()).await.ask(&request).await.status, status, "{token}");
    }
    assert_eq!(node.ask_admin("/healthz").await.status, 200, "probes carry no token");
}

#[tokio::test]
async fn off_loopback_a_token_is_required() {
    let stages = Stages::start().await;
    let setup = stages.setup().admin("address = \"0.0.0.0:0\"");
    let (code, _, err) = setup.run(&["serve"]);
    assert_eq!(code, Some(78), "{err}");
    assert!(err.contains("token"), "{err}");
    let unset = stages.setup().admin("address = \"0.0.0.0:0\"\ntoken = \"env:VERGE_NOT_SET\"");
    let (code, _, err) = unset.run(&["serve"]);
    assert_eq!(code, Some(78), "{err}");
    assert!(err.contains("VERGE_NOT_SET"), "{err}");
}

#[tokio::test]
async fn a_bad_configuration_is_one_clear_message() {
    let stages = Stages::start().await;
    let (code, _, err) = stages.setup().limits("bdoy = \"1MiB\"").run(&["serve"]);
    assert_eq!(code, Some(78), "{err}");
    assert!(err.contains("limits.bdoy") && err.contains("`body`"), "{err}");
    let (code, _, err) = stages.setup().run(&["serve", "--nonsense"]);
    assert_eq!(code, Some(64), "{err}");
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let stages = Stages::start().await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, _, err) = stages.setup().admin(&format!("address = \"{address}\"")).run(&["serve"]);
    assert_ne!(code, Some(0));
    assert!(err.contains(&address), "{err}");
}
