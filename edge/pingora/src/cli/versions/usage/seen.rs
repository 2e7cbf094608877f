//! What nodes counted: `GET /usage` of their admin listeners, put together.

use crate::{
    cli::node::{Node, Operator},
    usage::Distinct,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use tokio::task::JoinSet;
use verge_router::{UnixTime, lifecycle::parse_rfc3339};

/// A node's page.
#[derive(Debug, Deserialize)]
pub(super) struct Page {
    #[serde(default)]
    pub(super) node: String,
    #[serde(default)]
    pub(super) since: String,
    #[serde(default)]
    pub(super) missed: u64,
    #[serde(default)]
    pub(super) untold: u64,
    apis: Vec<ApiPage>,
}

#[derive(Debug, Deserialize)]
struct ApiPage {
    versions: Vec<VersionPage>,
}

#[derive(Debug, Deserialize)]
struct VersionPage {
    version: String,
    requests: u64,
    #[serde(default)]
    retired: u64,
    last_seen: String,
    #[serde(default)]
    registers: String,
    #[serde(default)]
    top: Vec<ConsumerPage>,
}

#[derive(Debug, Deserialize)]
struct ConsumerPage {
    consumer: String,
    requests: u64,
    #[serde(default)]
    over: u64,
    last_seen: String,
}

/// A node, and what it said.
pub(super) struct Asked {
    pub(super) place: String,
    pub(super) page: Result<Page, String>,
}

/// Asks all nodes at a time.
pub(super) async fn ask(nodes: Vec<Node>, operator: Operator, api: &str) -> Vec<Asked> {
    let mut asked = JoinSet::new();
    let path = format!("/usage?api={api}");
    for (turn, node) in nodes.into_iter().enumerate() {
        let (operator, path) = (operator.clone(), path.clone());
        asked.spawn(async move {
            let said = node.get(&path, &operator).await;
            (turn, Asked { place: node.to_string(), page: said.and_then(read) })
        });
    }
    let mut all = asked.join_all().await;
    all.sort_by_key(|(turn, _)| *turn);
    all.into_iter().map(|(_, asked)| asked).collect()
}

fn read(page: Json) -> Result<Page, String> {
    serde_json::from_value(page).map_err(|error| format!("/usage is not understood: {error}"))
}

/// What all of them saw.
#[derive(Default)]
pub(super) struct Seen(BTreeMap<String, VersionSeen>);

/// The use of one version.
#[derive(Debug, Default)]
pub(super) struct VersionSeen {
    pub(super) requests: u64,
    pub(super) retired: u64,
    pub(super) last: Option<UnixTime>,
    pub(super) distinct: Distinct,
    top: BTreeMap<String, ConsumerSeen>,
}

/// What one consumer asked.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct ConsumerSeen {
    pub(super) requests: u64,
    pub(super) over: u64,
    pub(super) last: UnixTime,
}

impl Seen {
    pub(super) fn merge(&mut self, page: &Page) {
        for version in page.apis.iter().flat_map(|api| &api.versions) {
            let seen = self.0.entry(version.version.clone()).or_default();
            seen.requests += version.requests;
            seen.retired += version.retired;
            seen.last = seen.last.max(parse_rfc3339(&version.last_seen));
            if let Some(distinct) = STANDARD.decode(&version.registers).ok().and_then(Distinct::of) {
                seen.distinct.merge(&distinct);
            }
            for consumer in &version.top {
                let one = seen.top.entry(consumer.consumer.clone()).or_default();
                one.requests += consumer.requests;
                one.over += consumer.over;
                one.last = one.last.max(parse_rfc3339(&consumer.last_seen).unwrap_or_default());
            }
        }
    }

    /// Versions, and their consumers, that were seen at this time or later.
    pub(super) fn after(mut self, since: Option<UnixTime>) -> BTreeMap<String, VersionSeen> {
        let Some(since) = since else { return self.0 };
        self.0.retain(|_, seen| seen.last.is_some_and(|last| last >= since));
        for seen in self.0.values_mut() {
            seen.top.retain(|_, one| one.last >= since);
        }
        self.0
    }
}

impl VersionSeen {
    /// The consumers that asked most.
    pub(super) fn most(&self, count: usize) -> Vec<(&str, &ConsumerSeen)> {
        let mut all: Vec<_> = self.top.iter().map(|(name, one)| (name.as_str(), one)).collect();
        all.sort_by_key(|(_, one)| std::cmp::Reverse(one.requests));
        all.truncate(count);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn page(requests: u64, last: &str, consumer: &str) -> Page {
        let top = json!([{"consumer": consumer, "requests": requests, "over": 1, "last_seen": last}]);
        let version = json!({"version": "v1", "requests": requests, "retired": 2, "last_seen": last, "registers": "x", "top": top});
        read(json!({"node": "n", "since": last, "apis": [{"api": "orders", "versions": [version]}]})).unwrap()
    }

    #[test]
    fn what_nodes_say_is_added() {
        let mut seen = Seen::default();
        seen.merge(&page(3, "2026-01-02T00:00:00Z", "key:a"));
        seen.merge(&page(4, "2026-01-01T00:00:00Z", "key:a"));
        seen.merge(&page(5, "2026-01-01T00:00:00Z", "key:b"));
        let all = seen.after(None);
        let version = &all["v1"];
        assert_eq!((version.requests, version.retired, version.last), (12, 6, parse_rfc3339("2026-01-02T00:00:00Z")));
        let names: Vec<_> = version.most(9).iter().map(|(name, one)| (*name, one.requests, one.over)).collect();
        assert_eq!(names, [("key:a", 7, 2), ("key:b", 5, 1)]);
        assert_eq!(version.most(1).len(), 1);
    }

    #[test]
    fn what_was_seen_before_is_left_out() {
        let mut seen = Seen::default();
        seen.merge(&page(3, "2026-01-02T00:00:00Z", "key:a"));
        seen.merge(&page(4, "2026-01-01T00:00:00Z", "key:b"));
        let after = |seen: Seen, since| seen.after(parse_rfc3339(since));
        let all = after(seen, "2026-01-02T00:00:00Z");
        assert_eq!(all["v1"].most(9).iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["key:a"]);
        let mut seen = Seen::default();
        seen.merge(&page(3, "2026-01-02T00:00:00Z", "key:a"));
        assert!(after(seen, "2026-01-03T00:00:00Z").is_empty());
    }
}
