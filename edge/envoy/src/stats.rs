//! Every name this edge emits, among Envoy's own statistics (`wasmcustom.` before each).

use crate::edge::Edge;
use proxy_wasm::{hostcalls, types::MetricType};
use std::collections::HashMap;
use verge_router::Reason;

/// Statistics, defined when they are first needed. Labels come from the router's closed list of reasons.
#[derive(Default)]
pub(crate) struct Stats {
    ids: HashMap<&'static str, u32>,
    replies: HashMap<&'static str, u32>,
}

impl Stats {
    /// A request goes to an origin.
    pub(crate) fn forwarded(&mut self) {
        self.count("verge_forwarded");
    }

    /// A request is answered here.
    pub(crate) fn replied(&mut self, reason: Reason) {
        let code = reason.code();
        let id = self.replies.get(code).copied().or_else(|| {
            let id = hostcalls::define_metric(MetricType::Counter, &format!("verge_replies.{code}")).ok()?;
            self.replies.insert(code, id);
            Some(id)
        });
        if let Some(id) = id {
            let _ = hostcalls::increment_metric(id, 1);
        }
    }

    /// A table was fetched, or found unchanged.
    pub(crate) fn refreshed(&mut self) {
        self.count("verge_table_refreshes");
    }

    /// A table could not be fetched.
    pub(crate) fn failed(&mut self) {
        self.count("verge_table_failures");
    }

    /// Seconds since the oldest table was confirmed.
    pub(crate) fn age(&mut self, seconds: u64) {
        self.record("verge_table_age_seconds", seconds);
    }

    /// What is held.
    pub(crate) fn hold(&mut self, edge: &Edge) {
        self.record("verge_table_loaded", u64::from(edge.loaded().is_some()));
        self.record("verge_table_generation", edge.generation().unwrap_or(0));
        self.record("verge_table_changes", edge.published());
    }

    fn count(&mut self, name: &'static str) {
        if let Some(id) = self.id(MetricType::Counter, name) {
            let _ = hostcalls::increment_metric(id, 1);
        }
    }

    fn record(&mut self, name: &'static str, value: u64) {
        if let Some(id) = self.id(MetricType::Gauge, name) {
            let _ = hostcalls::record_metric(id, value);
        }
    }

    fn id(&mut self, kind: MetricType, name: &'static str) -> Option<u32> {
        if let Some(id) = self.ids.get(name) {
            return Some(*id);
        }
        let id = hostcalls::define_metric(kind, name).ok()?;
        self.ids.insert(name, id);
        Some(id)
    }
}
