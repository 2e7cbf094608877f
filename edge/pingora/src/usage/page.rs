//! `GET /usage`: what this node counted, for people and for `verge versions usage`.

use super::{Usage, VersionUse};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value as Json, json};
use std::sync::atomic::Ordering::Relaxed;
use verge_router::lifecycle::rfc3339;

/// The use of one version, as metrics have it.
pub(crate) struct VersionGauge {
    pub(crate) api: Box<str>,
    pub(crate) version: Box<str>,
    pub(crate) served: u64,
    pub(crate) retired: u64,
    pub(crate) last: i64,
    pub(crate) consumers: u64,
}

impl Usage {
    /// The page, of one API or of all.
    pub(crate) fn page(&self, node: &str, api: Option<&str>) -> Json {
        let sum = self.sum(api);
        let apis = sum.apis.iter().map(|(api, versions)| {
            let versions = versions.iter().map(|(version, used)| version_json(version, used));
            json!({"api": api, "versions": versions.collect::<Vec<_>>()})
        });
        json!({
            "node": node,
            "since": rfc3339(self.since),
            "missed": self.missed.load(Relaxed),
            "untold": sum.untold,
            "apis": apis.collect::<Vec<_>>(),
        })
    }

    /// The same for metrics: without consumers' names.
    pub(crate) fn gauges(&self) -> Vec<VersionGauge> {
        let gauge = |(api, (version, used)): (Box<str>, (Box<str>, Box<VersionUse>))| VersionGauge {
            api,
            version,
            served: used.served,
            retired: used.retired,
            last: used.last,
            consumers: used.distinct.estimate(),
        };
        let apis = self.sum(None).apis.into_iter();
        apis.flat_map(|(api, versions)| versions.into_iter().map(move |one| (api.clone(), one))).map(gauge).collect()
    }
}

fn version_json(version: &str, used: &VersionUse) -> Json {
    let top = used.top.most().into_iter().map(|frequent| {
        json!({
            "consumer": frequent.consumer.name(),
            "requests": frequent.requests,
            "over": frequent.over,
            "last_seen": rfc3339(frequent.last),
        })
    });
    json!({
        "version": version,
        "requests": used.served,
        "retired": used.retired,
        "last_seen": rfc3339(used.last),
        "consumers": used.distinct.estimate(),
        "registers": STANDARD.encode(used.distinct.registers()),
        "top": top.collect::<Vec<_>>(),
    })
}
