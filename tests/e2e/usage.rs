//! Who still uses which version: counted by nodes, put together by the command.

use crate::stages::{Stages, V1, row};
use serde_json::{Value as Json, json};
use verge_tests::{message::Request, node::Node, patience::eventually};

/// Two versions, one of them over, told apart by key.
fn apis() -> String {
    "[usage]\nconsumer = [\"header:x-api-key\", \"network\"]\n[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n".to_owned()
}

fn rows() -> Json {
    let mut over = row("v0", V1);
    over["sunset_at"] = "2020-01-01T00:00:00Z".into();
    json!([over, row("v1", V1), row("v2", V1)])
}

async fn ask(node: &Node, version: &str, key: &str) {
    let request = Request::get("/").version(version);
    let request = if key.is_empty() { request } else { request.field("x-api-key", key) };
    let status = node.ask(&request).await.status;
    assert_eq!(status, if version == "v0" { 410 } else { 200 });
}

#[tokio::test]
async fn requests_are_counted_by_version_and_consumer() {
    let stages = Stages::start().await;
    let setup = || stages.setup().rows(rows()).apis(&apis());
    let (one, two) = tokio::join!(setup().start(), setup().start());
    for node in [&one, &two] {
        for key in ["alpha", "alpha", "beta", ""] {
            ask(node, "v1", key).await;
        }
    }
    ask(&one, "v0", "gamma").await;
    // What is counted is counted when the answer has gone out.
    let counted = "verge_version_requests_total{api=\"orders\",version=\"v1\",outcome=\"served\"}";
    let retired = "verge_version_requests_total{api=\"orders\",version=\"v0\",outcome=\"retired\"}";
    eventually("the counts", async || {
        one.metric(counted).await == 4.0 && two.metric(counted).await == 4.0 && one.metric(retired).await == 1.0
    })
    .await;

    let desk = setup();
    let nodes = [format!("http://{}", one.admin()), format!("http://{}", two.admin())];
    let arguments =
        ["versions", "usage", "orders", "--node", &nodes[0], "--node", &nodes[1], "--json"].map(ToOwned::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (code, out, err) = desk.run(&arguments);
    assert_eq!(code, Some(0), "{out}{err}");
    let report: Json = serde_json::from_str(&out).unwrap();
    assert_eq!(report["complete"], true, "{report:#}");
    let version = |name: &str| {
        let versions = report["versions"].as_array().unwrap().iter();
        versions
            .clone()
            .find(|version| version["version"] == name)
            .unwrap_or_else(|| panic!("{name}: {report:#}"))
            .clone()
    };
    let v1 = version("v1");
    assert_eq!((&v1["requests"], &v1["consumers"], &v1["status"]), (&json!(8), &json!(3), &json!("active")), "{v1:#}");
    // `printf alpha | sha256sum`
    assert_eq!(
        (&v1["top"][0]["consumer"], &v1["top"][0]["requests"]),
        (&json!("key:8ed3f6ad685b"), &json!(4)),
        "{v1:#}"
    );
    assert!(v1["top"].as_array().unwrap().iter().any(|one| one["consumer"] == "net:127.0.0.0/24"), "{v1:#}");
    let v0 = version("v0");
    assert_eq!((&v0["requests"], &v0["retired"], &v0["status"]), (&json!(0), &json!(1), &json!("retired")), "{v0:#}");
    let v2 = version("v2");
    assert_eq!((&v2["requests"], &v2["last_seen"]), (&json!(0), &Json::Null), "{v2:#}");
    assert!(!out.contains("alpha"), "no key is shown");
    let page = String::from_utf8_lossy(&one.ask_admin("/metrics").await.body).into_owned();
    assert!(!page.contains("8ed3f6ad685b"), "no consumer is a label");

    let (code, text, err) = desk.run(&arguments[..arguments.len() - 1]);
    assert_eq!(code, Some(0), "{text}{err}");
    assert!(text.contains("never") && text.contains("0 (+1 got 410)") && text.contains("counts since"), "{text}");
    let since = [&arguments[..], &["--since", "2100-01-01T00:00:00Z"]].concat();
    let report: Json = serde_json::from_str(&desk.run(&since).1).unwrap();
    assert!(report["versions"].as_array().unwrap().iter().all(|version| version["requests"] == 0), "{report:#}");
}

#[tokio::test]
async fn nobody_is_told_apart_unasked_and_a_node_that_is_gone_is_named() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    node.ask(&Request::get("/").version("v1").field("x-api-key", "alpha")).await;
    let page = async || node.ask_admin("/usage?api=orders").await.json();
    eventually("the count", async || page().await["apis"][0]["versions"][0]["requests"] == 1).await;
    let version = page().await["apis"][0]["versions"][0].clone();
    assert_eq!((&version["consumers"], &version["top"]), (&json!(0), &json!([])), "{version}");
    assert_eq!(node.ask_admin("/usage?api=nobody").await.json()["apis"], json!([]));

    let desk = stages.setup();
    let there = format!("http://{}", node.admin());
    // Nobody listens on port 1.
    let gone = "http://127.0.0.1:1";
    let (code, out, _) = desk.run(&["versions", "usage", "orders", "--node", &there, "--node", gone]);
    assert_eq!(code, Some(0), "{out}");
    assert!(out.contains(&format!("{gone} was not asked, all figures are too low")), "{out}");
    let (code, out, _) = desk.run(&["versions", "usage", "orders", "--node", gone]);
    assert_eq!(code, Some(69), "{out}");
}
