//! Weights over the wire: nobody goes where nothing weighs, and a row whose weights are none is not guessed at.

use crate::stages::{Stages, V1, V2, assert_problem, row};
use serde_json::{Value as Json, json};
use verge_tests::{
    books::{answered, replied},
    message::Request,
};

fn split(version: &str, canary: Json, stable: Json) -> Json {
    json!({"api": "orders", "version": version, "sticky": ["header:x-user"], "split": [
        {"name": "canary", "weight": canary, "domain": V2},
        {"name": "stable", "weight": stable, "domain": V1},
    ]})
}

#[tokio::test]
async fn an_arm_that_weighs_nothing_gets_nobody() {
    let stages = Stages::start().await;
    let rows = json!([split("v1", json!(0), json!(10_000)), split("v2", json!(10_000), json!(0))]);
    let node = stages.reachable().rows(rows).start().await;
    for (version, arm, origin) in [("v1", "stable", &stages.v1), ("v2", "canary", &stages.v2)] {
        let books = stages.books(&node).await;
        let before = origin.seen().len();
        let mut connection = node.connect().await;
        for user in 0..500 {
            let answer = connection.ask(&Request::get("/").version(version).field("x-user", &user.to_string())).await;
            assert_eq!((answer.status, answer.field("verge-arm")), (200, Some(arm)), "{answer:?}");
        }
        books.balance(version, 500, &vec![answered(2); 500]).await;
        assert_eq!(origin.seen().len(), before + 500);
    }
}

#[tokio::test]
async fn a_row_whose_weights_are_none_is_quarantined() {
    let stages = Stages::start().await;
    let bad = [
        ("v1", json!(0), json!(0)),
        ("v2", json!(-1), json!(10)),
        ("v3", json!(10_001), json!(10)),
        ("v4", json!(0.5), json!(10)),
        ("v5", json!("many"), json!(10)),
        ("v6", Json::Null, json!(10)),
    ];
    let mut rows: Vec<Json> =
        bad.iter().map(|(version, canary, stable)| split(version, canary.clone(), stable.clone())).collect();
    rows.push(row("v9", V2));
    let node = stages.reachable().rows(json!(rows)).start().await;
    assert_eq!(node.metric("verge_table_invalid_rows").await, bad.len() as f64);
    let mut connection = node.connect().await;
    for (version, ..) in bad {
        let books = stages.books(&node).await;
        assert_problem(&connection.ask(&Request::get("/").version(version)).await, 503, "invalid_mapping");
        books.balance(version, 0, &[replied("invalid_mapping"), answered(5)]).await;
    }
    // The others are served.
    assert_eq!(connection.ask(&Request::get("/").version("v9")).await.status, 200);
}
