//! The access log: a line a request, and nothing in it that should not be.

use crate::stages::{Stages, V1};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use verge_tests::{message::Request, patience::eventually};

#[tokio::test]
async fn every_request_is_one_line() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let served = node.ask(&Request::get("/orders/7?token=hidden").version("v1")).await;
    assert_eq!(served.status, 200);
    let rejected = node.ask(&Request::get("/orders").version("v9")).await;
    node.log_of(2).await;
    let log = node.log();
    assert_eq!(log.len(), 2, "{log:#?}");
    let line = |id: &str| log.iter().find(|line| line["request_id"] == id).cloned().unwrap_or_default();
    let first = line(stages.v1.only_seen().field("x-request-id").unwrap());
    for (field, value) in [
        ("method", Json::from("GET")),
        ("host", "api.example.com".into()),
        ("path", "/orders/7".into()),
        ("status", 200.into()),
        ("api", "orders".into()),
        ("version", "v1".into()),
        ("source", "header".into()),
        ("origin", V1.into()),
        ("client", "127.0.0.1".into()),
        ("protocol", "http/1.1".into()),
    ] {
        assert_eq!(first[field], value, "{field}: {first}");
    }
    let second = line(rejected.field("x-request-id").unwrap());
    assert_eq!((&second["status"], &second["reason"]), (&403.into(), &"unknown_version".into()), "{second}");
    assert_eq!(second["requested"], "v9");
}

#[tokio::test]
async fn a_version_that_stands_in_for_another_is_said_to_be_so() {
    let stages = Stages::start().await;
    let apis = "[[api]]\nname = \"orders\"\nhosts = [\"api.example.com\"]\n[api.version]\nunknown = \"back\"";
    let node = stages.setup().apis(apis).start().await;
    let fallen = node.ask(&Request::get("/orders").version("v7")).await;
    assert_eq!((fallen.field("api-version"), fallen.field("verge-fallback")), (Some("v2"), Some("back")), "{fallen:?}");
    let known = node.ask(&Request::get("/orders").version("v2")).await;
    assert_eq!(known.field("verge-fallback"), None, "{known:?}");
    node.log_of(2).await;
    let said: Vec<Json> = node.log().iter().map(|line| line["fallback"].clone()).collect();
    assert!(said.contains(&"back".into()) && said.contains(&Json::Null), "{said:?}");
}

#[tokio::test]
async fn a_head_that_is_refused_is_a_line_without_the_head() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    connection.send("GET /SECRET HTTP/1.1\nHost: api.example.com\n\n").await;
    let answer = connection.answer().await.unwrap();
    let line = node.log_of(1).await.join("\n");
    assert!(!line.contains("SECRET"), "{line}");
    let line: Json = serde_json::from_str(&line).unwrap();
    assert_eq!((&line["status"], &line["reason"]), (&400.into(), &"bad_request".into()), "{line}");
    assert_eq!(line["request_id"].as_str(), answer.field("x-request-id"), "{line}");
    assert_eq!(line["client"], "127.0.0.1");
}

#[tokio::test]
async fn secrets_stay_out_of_every_log() {
    let stages = Stages::start().await;
    let node = stages.setup().log("level = \"debug\"").start().await;
    let request = Request::post("/orders?key=QUERYSECRET", "BODYSECRET")
        .field("authorization", "Bearer AUTHSECRET")
        .field("cookie", "session=COOKIESECRET")
        .field("x-api-key", "KEYSECRET")
        .field("proxy-authorization", "Basic PROXYSECRET");
    node.ask(&request.clone().version("v1")).await;
    node.ask(&request.version("v9")).await;
    let log = node.log_of(2).await.join("\n") + &node.stderr().join("\n");
    assert!(!log.contains("SECRET"), "{log}");
}

#[tokio::test]
async fn hostile_input_stays_inside_its_line() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let path = "/%0d%0a{\"status\":200}%1b[31m\"\\'{x}";
    let odd = node.ask(&Request::get(path).version("v1")).await;
    assert_eq!(odd.status, 200, "{odd:?}");
    node.ask(&Request::get("/").version("v1\",\"status\":\"200")).await;
    let lines = node.log_of(2).await;
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert!(line.bytes().all(|b| b >= 0x20), "{line:?}");
    }
    let log = node.log();
    assert!(log.iter().any(|line| line["path"] == path), "{log:#?}");
    assert!(log.iter().any(|line| line["status"] == 403), "{log:#?}");
}

#[tokio::test]
async fn what_clients_make_up_is_no_label() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let names =
        async || node.metrics().await.lines().filter_map(|line| Some(line.rsplit_once(' ')?.0.to_owned())).collect();
    let ask = async |turn: usize| {
        let secret = format!("SECRET{turn}");
        for request in [
            Request::get(&format!("/{secret}")).version("v1"),
            Request::get(&format!("/?key={secret}")).version("v2"),
            Request::get("/").version(&secret),
            Request::get("/").version("v1").to(&format!("{secret}.example.com")),
            Request::new(&secret, "/").version("v1"),
            Request::get("/").version("v1").field("authorization", &secret).field("cookie", &secret),
            Request::get("/").accept(&format!("application/vnd.{secret}.v1+json")),
            Request::post("/", secret.clone()).version("v1"),
        ] {
            node.ask(&request).await;
        }
    };
    ask(0).await;
    // Series of versions come with the first who asks for one.
    let before: BTreeSet<String> = names().await;
    for turn in 1..50 {
        ask(turn).await;
    }
    let now: BTreeSet<String> = names().await;
    assert_eq!(before.symmetric_difference(&now).collect::<Vec<_>>(), Vec::<&String>::new());
    assert!(!now.iter().any(|name| name.contains("SECRET")));
    assert!(now.len() < 300, "{}", now.len());
}

#[tokio::test]
async fn the_log_may_go_to_a_file_or_nowhere() {
    let stages = Stages::start().await;
    let node = stages.setup().log("access = \"access.log\"").start().await;
    node.ask(&Request::get("/").version("v1")).await;
    eventually("a line in the file", async || node.scratch().read("access.log").lines().count() == 1).await;
    assert!(node.log().is_empty());

    let quiet = stages.setup().log("access = \"off\"").start().await;
    quiet.ask(&Request::get("/").version("v1")).await;
    quiet.signal("TERM");
    assert_eq!(quiet.exit_code().await, Some(0));
    assert!(quiet.log().is_empty());
}

#[tokio::test]
async fn a_fault_says_what_happened() {
    let authority = verge_tests::certs::Authority::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rows = serde_json::json!([crate::stages::row("v1", V1)]);
    let setup = verge_tests::node::Setup::new().rows(rows).trusting(&authority).dialling_at(V1, nobody);
    let node = setup.start().await;
    node.ask(&Request::get("/").version("v1")).await;
    node.log_of(1).await;
    let line = &node.log()[0];
    assert_eq!((&line["status"], &line["reason"]), (&502.into(), &"origin_unreachable".into()));
    assert!(line["fault"].as_str().is_some_and(|fault| !fault.is_empty()), "{line}");
    assert!(line["attempts"].as_u64().is_some_and(|attempts| attempts <= 2), "{line}");
}
