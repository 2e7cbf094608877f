//! What nodes saw of a row's arms: `GET /canary` of their admin listeners.

use crate::cli::{
    node::{Node, Operator},
    table::{
        plan::RowId,
        show::{columns, quoted},
    },
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};
use tokio::task::JoinSet;

/// A node's page: what it counted in the breaker's present window.
#[derive(Debug, Deserialize)]
struct Page {
    node: Option<String>,
    #[serde(default)]
    arms: Vec<SeenArm>,
}

/// One arm, as one node saw it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct SeenArm {
    api: String,
    version: String,
    arm: String,
    #[serde(default)]
    requests: u64,
    #[serde(default)]
    failures: u64,
    share: Option<f64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    #[serde(default)]
    state: String,
    reason: Option<String>,
    detail: Option<String>,
    /// What else a node says of it, for scripts.
    #[serde(flatten)]
    more: Map<String, Json>,
}

/// A node, and what it said.
pub(super) struct Observed {
    place: String,
    seen: Result<(Option<String>, Vec<SeenArm>), String>,
}

/// Asks all nodes at a time, and keeps what they say of this row.
pub(super) async fn ask(nodes: Vec<Node>, operator: Operator, id: &RowId) -> Vec<Observed> {
    let mut asked = JoinSet::new();
    for (turn, node) in nodes.into_iter().enumerate() {
        let operator = operator.clone();
        asked.spawn(async move {
            let said = node.get("/canary", &operator).await;
            (turn, node.to_string(), said)
        });
    }
    let mut all = asked.join_all().await;
    all.sort_by_key(|(turn, ..)| *turn);
    all.into_iter().map(|(_, place, said)| Observed { place, seen: said.and_then(|page| read(page, id)) }).collect()
}

fn read(page: Json, id: &RowId) -> Result<(Option<String>, Vec<SeenArm>), String> {
    let page: Page = serde_json::from_value(page).map_err(|error| format!("/canary is not understood: {error}"))?;
    let arms = page.arms.into_iter().filter(|arm| arm.api == id.api && arm.version == id.key).collect();
    Ok((page.node, arms))
}

/// For a script.
pub(super) fn json(observed: &[Observed]) -> Json {
    let one = |node: &Observed| match &node.seen {
        Ok((name, arms)) => json!({"url": node.place, "reachable": true, "node": name, "arms": arms}),
        Err(reason) => json!({"url": node.place, "reachable": false, "error": reason}),
    };
    observed.iter().map(one).collect()
}

/// For people.
pub(super) fn text(observed: &[Observed]) -> String {
    if observed.is_empty() {
        return "no node was asked: the configuration has no [admin] address; name one with --node\n".to_owned();
    }
    let cell = |text: &str| text.to_owned();
    let mut lines = Vec::new();
    let mut silent = String::new();
    for node in observed {
        match &node.seen {
            Ok((_, arms)) if arms.is_empty() => {
                silent.push_str(&format!("{}: no request of this row yet\n", node.place))
            }
            Ok((_, arms)) => lines.extend(arms.iter().map(|arm| line(&node.place, arm))),
            Err(reason) => silent.push_str(&format!("{}: not reached: {}\n", node.place, quoted(reason))),
        }
    }
    let head = ["NODE", "ARM", "REQUESTS", "SHARE", "FAILED", "P50", "P99", "STATE"].map(cell).to_vec();
    let table = if lines.is_empty() { String::new() } else { columns(&[vec![head], lines].concat()) };
    format!("{table}{silent}")
}

fn line(place: &str, arm: &SeenArm) -> Vec<String> {
    let percent = |share: f64| format!("{:.2}%", share * 100.0);
    let time = |millis: Option<f64>| millis.map_or_else(|| "-".to_owned(), |millis| format!("{millis:.0} ms"));
    let failed = if arm.requests == 0 { "-".to_owned() } else { percent(ratio(arm.failures, arm.requests)) };
    let words: Vec<String> = [Some(&arm.state), arm.reason.as_ref(), arm.detail.as_ref()]
        .into_iter()
        .flatten()
        .map(|text| quoted(text))
        .collect();
    vec![
        place.to_owned(),
        quoted(&arm.arm),
        arm.requests.to_string(),
        arm.share.map_or_else(|| "-".to_owned(), percent),
        failed,
        time(arm.p50_ms),
        time(arm.p99_ms),
        words.join(", "),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(json: Json) -> Observed {
        Observed { place: "http://a:1".to_owned(), seen: read(json, &RowId::new("orders", "v2")) }
    }

    fn page() -> Json {
        json!({"node": "n1", "arms": [
            {"api": "orders", "version": "v2", "arm": "canary", "weight": 500, "requests": 200, "failures": 3,
             "share": 0.051, "p50_ms": 12, "p99_ms": 80.4, "state": "tripped", "reason": "errors",
             "detail": "3 of 200 failed", "total": {"failed": 9}},
            {"api": "orders", "version": "v2", "arm": "stable", "weight": 9500, "requests": 0, "failures": 0,
             "share": 0.0, "p50_ms": null, "p99_ms": null, "state": "inconclusive", "reason": null},
            {"api": "bills", "version": "v2", "arm": "canary", "requests": 9, "failures": 9, "state": "failing"},
        ]})
    }

    #[test]
    fn a_node_says_what_it_saw_of_this_row() {
        assert_eq!(
            text(&[seen(page())]),
            "NODE        ARM     REQUESTS  SHARE  FAILED  P50    P99    STATE\n\
             http://a:1  canary  200       5.10%  1.50%   12 ms  80 ms  tripped, errors, 3 of 200 failed\n\
             http://a:1  stable  0         0.00%  -       -      -      inconclusive\n"
        );
        let json = json(&[seen(page())]);
        assert_eq!((&json[0]["reachable"], &json[0]["node"]), (&json!(true), &json!("n1")));
        assert_eq!(json[0]["arms"].as_array().unwrap().len(), 2);
        assert_eq!((&json[0]["arms"][0]["failures"], &json[0]["arms"][0]["total"]["failed"]), (&json!(3), &json!(9)));
    }

    #[test]
    fn a_node_that_says_nothing_is_named() {
        let gone = Observed { place: "http://b:2".to_owned(), seen: Err("refused\u{1b}".to_owned()) };
        let said = text(&[seen(json!({"node": "n1", "arms": []})), gone]);
        assert_eq!(said, "http://a:1: no request of this row yet\nhttp://b:2: not reached: refused\\u{1b}\n");
        assert!(text(&[seen(json!({"arms": 1}))]).contains("/canary is not understood"));
        assert!(text(&[]).contains("--node"));
    }
}
