//! What comes back to the client, as only a whole process can show it: lines that stay apart, answers to faults, lists.

use crate::stages::{Stages, V1, assert_problem, row};
use serde_json::json;
use verge_tests::{message::Request, origin::Behaviour};

const POLICY: &str = "[[api]]\nname = \"orders\"\nhosts = [\"*\"]\nadvertise = [\"fields\", \"well_known\"]\n\
                      [api.cors]\norigins = [\"https://app.example.com\"]\n";

#[tokio::test]
async fn cookies_are_mapped_back_line_by_line() {
    let stages = Stages::start().await;
    let domain = format!("b=2; Domain={V1}");
    let cookies = [("set-cookie", "a=1; Path=/prod"), ("set-cookie", &*domain), ("set-cookie", "c=3, 4; Path=/")];
    stages.v1.now_on("", Behaviour::answer(200, &cookies, ""));
    let node = stages.setup().start().await;
    let answer = node.ask(&Request::get("/").version("v1")).await;
    assert_eq!(answer.lines("set-cookie"), ["a=1; Path=/", "b=2", "c=3, 4; Path=/"]);
}

#[tokio::test]
async fn a_page_may_read_why_there_is_no_answer() {
    let stages = Stages::start().await;
    stages.v1.now_on("", Behaviour::HangUp);
    let node = stages.setup().apis(POLICY).start().await;
    let request = Request::post("/", "x").version("v1");
    let answer = node.ask(&request.clone().field("origin", "https://app.example.com")).await;
    assert_problem(&answer, 502, "origin_unreachable");
    assert_eq!(answer.field("access-control-allow-origin"), Some("https://app.example.com"));
    assert!(answer.members("access-control-expose-headers").contains(&"verge-reason".to_owned()), "{answer:?}");
    assert_eq!(answer.members("vary"), ["accept", "apiver", "origin"]);
    assert_eq!(answer.field("api-version"), Some("v1"));
    let denied = node.ask(&request.field("origin", "https://evil.example.com")).await;
    assert_problem(&denied, 502, "origin_unreachable");
    assert_eq!(denied.field("access-control-allow-origin"), None);
}

#[tokio::test]
async fn the_versions_are_listed_without_asking_for_one() {
    let stages = Stages::start().await;
    let old = json!({"deprecated_at": "2020-01-01T00:00:00Z", "sunset_at": "2099-01-01T00:00:00Z", "successor": "v2"});
    let mut v1 = row("v1", V1);
    v1.as_object_mut().unwrap().extend(old.as_object().unwrap().clone());
    let node = stages.reachable().rows(json!([v1, row("v2", V1)])).apis(POLICY).start().await;
    let mut connection = node.connect().await;
    let answer = connection.ask(&Request::get("/.well-known/api-versions")).await;
    assert_eq!((answer.status, answer.field("content-type")), (200, Some("application/json")), "{answer:?}");
    assert_eq!(answer.field("api-supported-versions"), Some("v2"));
    let versions = json!([
        {"version": "v2", "status": "active"},
        {"version": "v1", "status": "deprecated", "deprecated_at": "2020-01-01T00:00:00Z",
         "sunset_at": "2099-01-01T00:00:00Z", "successor": "v2"},
    ]);
    assert_eq!(answer.json(), json!({"apis": [{"api": "orders", "path": "/", "versions": versions}]}));
    let head = connection.ask(&Request::new("HEAD", "/.well-known/api-versions")).await;
    assert_eq!((head.status, head.body.len()), (200, 0), "{head:?}");
    stages.saw_nothing();
}
