//! What a start takes from the disk, with the store away.

use super::*;
use crate::snapshot::SnapshotFile;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde_json::Value as Json;
use std::path::PathBuf;
use verge_router::{Moment, Request, route};

/// A place on disk, and a store before it.
struct Site {
    directory: PathBuf,
    sources: Vec<(Scope, Arc<Told>)>,
    drafts: Vec<(String, ApiDraft)>,
}

impl Site {
    fn new(name: &str, scopes: &[Scope], drafts: &[(String, ApiDraft)]) -> Self {
        let directory = std::env::temp_dir().join(format!("verge-restart-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        let sources = scopes.iter().map(|scope| (scope.clone(), Told::new("store"))).collect();
        Self { directory, sources, drafts: drafts.to_vec() }
    }

    fn of_orders(name: &str) -> Self {
        Self::new(name, &[Scope::All], &[open("orders", "*")])
    }

    fn gives(&self, at: usize, items: Json) {
        let items = items.as_array().unwrap().iter().map(|item| Item::from_json(item).unwrap()).collect::<Vec<_>>();
        let layout = items[0].layout();
        *self.sources[at].1.answer.lock().unwrap() = Some(Ok(Reading::new(items, layout)));
    }

    fn file(&self, at: usize) -> SnapshotFile {
        SnapshotFile::new(self.directory.join(format!("{at}.snapshot")), "t".to_owned())
    }

    fn node(&self) -> Arc<LiveTable> {
        let feed = |(at, (scope, source)): (usize, &(Scope, Arc<Told>))| Feed {
            snapshot: Some(self.file(at)),
            ..Feed::new(scope.clone(), source.clone())
        };
        let feeds = self.sources.iter().enumerate().map(feed).collect();
        Arc::new(LiveTable::new(feeds, self.drafts.clone(), rules(), REFRESH))
    }

    /// A node that reads, and writes its snapshots.
    async fn read(&self, node: &LiveTable) {
        node.refresh_once().await.unwrap();
        node.save().await;
    }

    /// A node that starts while the store is away.
    async fn restart(&self) -> Arc<LiveTable> {
        let node = self.node();
        node.restore().await;
        node
    }
}

fn ask(live: &LiveTable, host: &str, version: &str) -> String {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("apiver"), HeaderValue::from_str(version).unwrap());
    let request = Request { method: &Method::GET, host, path: "/", query: None, headers: &headers };
    match route(&request, &live.load().unwrap().table, &Moment::at(0), &mut ()) {
        Ok(forward) => format!("{} {}", forward.origin().domain(), forward.mapping().key()),
        Err(rejection) => rejection.reason.code().to_owned(),
    }
}

fn row(version: &str, domain: &str) -> Json {
    json!({"api": "orders", "version": version, "domain": domain})
}

fn alias(version: &str, of: &str) -> Json {
    json!({"api": "orders", "version": version, "alias_of": of})
}

#[tokio::test]
async fn an_alias_that_leads_nowhere_outlasts_restarts_as_what_it_led_to() {
    let site = Site::of_orders("alias");
    let node = site.node();
    site.gives(
        0,
        json!([
            row("v1", "one.example.com"),
            row("v2", "two.example.com"),
            alias("latest", "stable"),
            alias("stable", "v2")
        ]),
    );
    site.read(&node).await;
    site.gives(0, json!([row("v1", "one.example.com"), alias("latest", "stable"), alias("stable", "v2")]));
    site.read(&node).await;
    let mut node = node;
    for round in 0..3 {
        assert_eq!(ask(&node, "h", "latest"), "two.example.com v2", "{round}");
        assert_eq!(ask(&node, "h", "stable"), "two.example.com v2", "{round}");
        // What is not there is not there for that.
        assert_eq!(ask(&node, "h", "v2"), "unknown_version", "{round}");
        // And each node hands it on to the next one.
        site.read(&node).await;
        node = site.restart().await;
    }
}

#[tokio::test]
async fn an_alias_in_a_circle_goes_on_as_what_it_led_to_be_that_good_or_not() {
    for (name, second) in [("good", "new.example.com"), ("bad", "169.254.169.254")] {
        let site = Site::of_orders(name);
        let node = site.node();
        site.gives(0, json!([row("v1", "one.example.com"), alias("latest", "v1")]));
        site.read(&node).await;
        site.gives(0, json!([row("v1", second), alias("latest", "latest")]));
        site.read(&node).await;
        assert_eq!(ask(&node, "h", "latest"), "one.example.com v1");
        assert_eq!(ask(&*site.restart().await, "h", "latest"), "one.example.com v1", "{name}");
    }
}

#[tokio::test]
async fn a_split_whose_arm_leads_nowhere_is_kept_with_what_it_led_to() {
    let site = Site::of_orders("split");
    let node = site.node();
    let arms = json!([{"name": "canary", "weight": 100, "version": "v2"}, {"name": "stable", "weight": 0, "domain": "one.example.com"}]);
    let split = json!({"api": "orders", "version": "v1", "split": arms});
    site.gives(0, json!([split, row("v2", "two.example.com"), row("v3", "three.example.com")]));
    site.read(&node).await;
    assert_eq!(ask(&node, "h", "v1"), "two.example.com v2");
    site.gives(0, json!([split, row("v3", "three.example.com")]));
    site.read(&node).await;
    let (before, after) = (ask(&node, "h", "v1"), ask(&*site.restart().await, "h", "v1"));
    assert_eq!(before, after);
    let keys: Vec<_> = node.state().slots[0].last_good.keys().map(|(_, key)| key.clone()).collect();
    assert_eq!(keys, ["v1", "v2"]);
}

#[tokio::test]
async fn an_api_that_was_good_before_the_start_is_kept() {
    let site = Site::new("api", &[Scope::All], &[]);
    let api = |read: &str| json!({"api": "orders", "version": "#api", "hosts": ["*"], "read": [read]});
    let node = site.node();
    site.gives(0, json!([api("header"), row("v1", "one.example.com")]));
    site.read(&node).await;
    site.gives(0, json!([api("nonsense"), row("v1", "two.example.com")]));
    site.read(&node).await;
    let node = site.restart().await;
    assert_eq!(ask(&node, "h", "v1"), "two.example.com v1");
    assert!(node.load().unwrap().invalid.iter().all(|item| item.kept));
}

#[tokio::test]
async fn an_api_that_never_was_good_stays_so() {
    let site = Site::of_orders("never");
    let node = site.node();
    let api = json!({"api": "orders", "version": "#api", "allow": 7});
    site.gives(0, json!([api, row("v1", "one.example.com"), row("v2", "169.254.169.254")]));
    site.read(&node).await;
    assert_eq!(ask(&*site.restart().await, "h", "v1"), "no_table");
}

#[tokio::test]
async fn a_last_good_value_of_one_table_is_nothing_to_another() {
    let scopes = [Scope::Api("a".to_owned()), Scope::Api("b".to_owned())];
    let site = Site::new("own", &scopes, &[open("a", "a.example"), open("b", "b.example")]);
    let node = site.node();
    let of = |domain: &str| json!([{"hk": "v1", "dn": domain}, {"hk": "v2", "dn": "two.example.com"}]);
    site.gives(0, json!([{"hk": "v1", "dn": "169.254.169.254"}, {"hk": "v2", "dn": "two.example.com"}]));
    site.gives(1, of("b.example.com"));
    site.read(&node).await;
    site.gives(1, of("169.254.169.254"));
    site.read(&node).await;
    let node = site.restart().await;
    assert_eq!(
        (ask(&node, "b.example", "v1").as_str(), ask(&node, "a.example", "v1").as_str()),
        ("b.example.com v1", "invalid_mapping")
    );
}

#[tokio::test]
async fn a_snapshot_of_a_clock_that_was_set_back_since_is_new() {
    let site = Site::of_orders("clock");
    let node = site.node();
    site.gives(0, json!([row("v1", "one.example.com")]));
    site.read(&node).await;
    let stored = node.state().slots[0].reading.clone().unwrap();
    let hour = Duration::from_secs(3600);
    let now = SystemTime::now();
    for (read_at, age) in [(now + hour, Duration::ZERO), (now - hour, hour)] {
        site.file(0).save(&stored, &[], read_at).unwrap();
        let node = site.restart().await;
        assert_eq!(ask(&node, "h", "v1"), "one.example.com v1");
        let found = node.age().unwrap();
        assert!(found >= age && found < age + hour / 2, "{found:?}");
    }
}
