//! What operators tell a fleet through the table: freeze, accept, roll back.

use crate::stages::{Stages, V1, V2, row, rows};
use serde_json::json;
use verge_tests::{
    message::Request,
    node::{Node, Setup},
    patience::eventually,
    store::{Layout, Store},
};

/// Two nodes on one store, and a command line beside them.
struct Fleet {
    _stages: Stages,
    store: Store,
    nodes: [Node; 2],
    desk: Setup,
}

impl Fleet {
    async fn start(layout: Layout) -> Self {
        let store = Store::start(layout);
        for row in rows().as_array().unwrap() {
            store.put(&in_layout(layout, row.clone()));
        }
        let stages = Stages::start().await;
        let setup = || stages.reachable().store(&store);
        let (one, two) = tokio::join!(setup().start(), setup().start());
        let desk = setup();
        Self { store, nodes: [one, two], desk, _stages: stages }
    }

    /// Runs `verge mappings WORD -c FILE REST`.
    fn mappings(&self, words: &[&str]) -> String {
        let (first, rest) = words.split_first().unwrap();
        let arguments: Vec<&str> = ["mappings", first].into_iter().chain(rest.iter().copied()).collect();
        let (code, out, err) = self.desk.run(&arguments);
        assert_eq!(code, Some(0), "{words:?}: {out}{err}");
        out + &err
    }

    async fn all_answer(&self, version: &str, status: u16, host: &str) {
        for node in &self.nodes {
            eventually("both nodes", async || {
                let answer = node.ask(&Request::get("/").version(version)).await;
                answer.status == status && (host.is_empty() || answer.json()["host"] == host)
            })
            .await;
        }
    }

    async fn all_show(&self, metric: &str, value: f64) {
        for node in &self.nodes {
            eventually(metric, async || node.metric(metric).await == value).await;
        }
    }
}

fn in_layout(layout: Layout, mut row: serde_json::Value) -> serde_json::Value {
    if layout == Layout::Sample {
        let row = row.as_object_mut().unwrap();
        row.remove("api");
        for (from, to) in [("version", "hk"), ("domain", "dn"), ("base_path", "dp")] {
            if let Some(value) = row.remove(from) {
                row.insert(to.to_owned(), value);
            }
        }
    }
    row
}

async fn a_frozen_fleet_keeps_its_table(layout: Layout) {
    let fleet = Fleet::start(layout).await;
    assert!(fleet.mappings(&["freeze"]).contains("nodes keep what they serve"));
    fleet.all_show("verge_table_frozen", 1.0).await;
    fleet.store.put(&in_layout(layout, row("v1", V2)));
    fleet.store.put(&in_layout(layout, row("v3", V2)));
    // Said again, it is read again: the rows come along, and change nothing.
    assert!(fleet.mappings(&["freeze"]).contains("already so"));
    for node in &fleet.nodes {
        let reads = node.metric("verge_table_refreshes_total").await;
        eventually("a read", async || node.metric("verge_table_refreshes_total").await > reads).await;
        let answer = node.ask(&Request::get("/").version("v1")).await;
        assert_eq!((answer.status, &answer.json()["host"]), (200, &json!(V1)));
        assert_eq!(node.ask(&Request::get("/").version("v3")).await.status, 403);
        assert!(node.is_ready().await);
        assert_eq!(node.ask_admin("/readyz").await.json()["table"]["frozen"], true);
    }
    fleet.mappings(&["freeze", "--off"]);
    fleet.all_answer("v1", 200, V2).await;
    fleet.all_answer("v3", 200, V2).await;
    fleet.all_show("verge_table_frozen", 0.0).await;
}

#[tokio::test]
async fn a_frozen_fleet_keeps_its_table_in_both_layouts() {
    tokio::join!(a_frozen_fleet_keeps_its_table(Layout::Verge), a_frozen_fleet_keeps_its_table(Layout::Sample));
}

#[tokio::test]
async fn a_shrunken_table_is_believed_when_it_is_accepted_and_only_as_it_was_then() {
    let fleet = Fleet::start(Layout::Verge).await;
    for n in 3..=8 {
        fleet.store.put(&row(&format!("v{n}"), V2));
    }
    fleet.all_answer("v8", 200, V2).await;
    for n in 2..=6 {
        fleet.store.delete(&json!({"api": "orders", "version": format!("v{n}")}));
    }
    fleet.all_show("verge_table_held_back", 1.0).await;
    fleet.all_answer("v2", 200, V2).await;
    assert!(fleet.mappings(&["accept", "--dry-run"]).contains("the table of 3 rows (--dry-run"));
    assert!(fleet.mappings(&["accept"]).contains("nodes believe the table of 3 rows"));
    fleet.all_answer("v2", 403, "").await;
    fleet.all_show("verge_table_held_back", 0.0).await;
    // What was accepted then says nothing of what is lost now.
    for n in [1, 7] {
        fleet.store.delete(&json!({"api": "orders", "version": format!("v{n}")}));
    }
    fleet.all_show("verge_table_held_back", 1.0).await;
    fleet.all_answer("v7", 200, V2).await;
}

#[tokio::test]
async fn a_wrong_row_is_rolled_back_everywhere_within_a_poll() {
    let fleet = Fleet::start(Layout::Verge).await;
    fleet.mappings(&["put", "orders", "v1", "--domain", V2, "--unset", "base_path"]);
    fleet.all_answer("v1", 200, V2).await;
    fleet.mappings(&["rollback", "orders", "v1"]);
    fleet.all_answer("v1", 200, V1).await;
}
