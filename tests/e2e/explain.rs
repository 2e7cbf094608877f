//! `verge explain --node`: what a running node would do, by what it holds.

use crate::{
    canary::{split, trip},
    stages::{Stages, V1},
};
use serde_json::{Value as Json, json};
use verge_tests::{
    client::Connection,
    message::Request,
    node::{Node, Setup},
    origin::Behaviour,
    store::{Layout, Store},
};

const API: &str = "[canary]\nsample = 20\nwindow = \"10s\"\n[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n";
const TOKEN: &str = "address = \"127.0.0.1:0\"\ntoken = \"env:VERGE_TEST_TOKEN\"";

fn admin(node: &Node) -> String {
    format!("http://{}", node.admin())
}

/// What is said of a request, by the node, or without one by the store.
fn explain(desk: &Setup, node: Option<&Node>, words: &[&str]) -> Json {
    let node = node.map(admin);
    let mut all = vec!["explain", "--json"];
    all.extend(node.iter().flat_map(|node| ["--node", node.as_str()]));
    let (code, out, err) = desk.run(&[&all, words].concat());
    assert_eq!(code, Some(0), "{err}");
    serde_json::from_str(&out).unwrap()
}

fn steps(said: &Json) -> String {
    said["steps"].as_array().unwrap().iter().map(|step| format!("{}\n", step.as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_node_says_what_the_command_says_of_the_same_table() {
    let stages = Stages::start().await;
    let setup = || stages.setup().environment("VERGE_TEST_TOKEN", "s3cret").admin(TOKEN);
    let (node, desk) = (setup().start().await, setup());
    for words in [
        &["-H", "APIVER: v1", "-H", "X-Forwarded-For: 10.0.0.1", "https://a/orders?x=1"][..],
        &["-X", "POST", "-H", "APIVER: v9", "http://a/"],
        &["--now", "2030-01-01T00:00:00Z", "--client", "2001:db8::1", "http://a/"],
    ] {
        let (mut here, mut there) = (explain(&desk, None, words), explain(&desk, Some(&node), words));
        assert!(there["node"].as_str().unwrap().starts_with("verge@"), "{there:#}");
        there.as_object_mut().unwrap().remove("node");
        for said in [&mut here, &mut there] {
            said["table"]["age"] = json!(0);
            // The second in which it was asked.
            if !words.contains(&"--now") {
                said["steps"][0] = json!("");
            }
        }
        assert_eq!(here, there, "{words:?}");
    }
    assert!(stages.v1.seen().is_empty(), "nothing is sent");
}

#[tokio::test]
async fn a_node_speaks_of_its_own_table_and_its_own_breakers() {
    let (stages, store) = (Stages::start().await, Store::start(Layout::Verge));
    store.put(&split(5000, json!({})));
    stages.v2.now_on("", Behaviour::answer(500, &[], "no"));
    let table = format!("{}refresh = \"1h\"\npoll = \"1h\"\n", store.config());
    let setup = || stages.reachable().store(&store).table(&table).document(API);
    let (node, desk) = (setup().start().await, setup());
    let words = ["-H", "APIVER: v2", "http://a/"];
    assert!(!steps(&explain(&desk, Some(&node), &words)).contains("a breaker took"));
    trip(&node).await;
    assert_eq!(node.metric("verge_arm_trips_total").await, 1.0);
    let said = explain(&desk, Some(&node), &words);
    assert!(steps(&said).contains("a breaker took `canary` out"), "{said:#}");
    assert_eq!(said["arm"], "stable");

    // A row that the node has not read yet is in what the store says alone.
    store.put(&json!({"api": "orders", "version": "v3", "domain": V1}));
    let words = ["-H", "APIVER: v3", "http://a/"];
    assert_eq!(explain(&desk, None, &words)["outcome"], "forward");
    assert_eq!(explain(&desk, Some(&node), &words)["code"], "unknown_version");
}

#[tokio::test]
async fn who_may_not_ask_and_what_is_no_question_are_refused() {
    let stages = Stages::start().await;
    let setup = || stages.setup().environment("VERGE_TEST_TOKEN", "s3cret").admin(TOKEN);
    let node = setup().start().await;
    let here = admin(&node);
    for (token, node, said) in [
        ("PATH", here.as_str(), "it wants another admin token"),
        ("VERGE_TEST_TOKEN", "http://127.0.0.1:1", "Connection refused"),
    ] {
        let words = ["explain", "--node", node, "--token", &format!("env:{token}"), "http://a/"];
        let (code, _, err) = setup().run(&words);
        assert_eq!(code, Some(69), "{err}");
        assert!(err.contains(said), "{err}");
    }
    let ask = |request: Request| request.field("authorization", "Bearer s3cret");
    let question = |url: &str| json!({"url": url, "client": "192.0.2.1", "request_id": "1"}).to_string();
    for (request, status) in [
        (Request::get("/explain"), 405),
        (Request::post("/explain", question("http://a/")), 200),
        (Request::post("/explain", question("/orders")), 400),
        (Request::post("/explain", "{}"), 400),
        (Request::post("/explain", "{\"url\": "), 400),
        (Request::post("/explain", vec![b' '; 300_000]), 400),
        (Request::post("/metrics", "{}"), 405),
    ] {
        let told = format!("{request:?}");
        let answer = Connection::open(node.admin()).await.ask(&ask(request)).await;
        assert_eq!(answer.status, status, "{}: {answer:?}", &told[..told.len().min(200)]);
    }
    let unasked = Connection::open(node.admin()).await.ask(&Request::post("/explain", question("http://a/"))).await;
    assert_eq!(unasked.status, 401);
}

#[tokio::test]
async fn a_node_without_a_table_says_so() {
    let (stages, store) = (Stages::start().await, Store::start(Layout::Verge));
    let setup = || stages.reachable().store(&store).document(API);
    let node = setup().start_unready().await;
    let (code, _, err) = setup().run(&["explain", "--node", &admin(&node), "http://a/"]);
    assert_eq!(code, Some(69), "{err}");
    assert!(err.contains("no table is held"), "{err}");
}
