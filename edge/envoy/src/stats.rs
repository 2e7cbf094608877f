//! Every name this edge emits, among Envoy's own statistics (`wasmcustom.` before each).

use crate::{
    edge::Edge,
    host::{self, Metric},
};
use verge_router::Reason;

/// Statistics, defined when they are first needed: a few dozen at most, for labels come from the router's closed list of
/// reasons.
#[derive(Default)]
pub(crate) struct Stats {
    ids: Vec<(&'static str, u32)>,
    replies: Vec<(&'static str, u32)>,
}

impl Stats {
    /// A request goes to an origin.
    pub(crate) fn forwarded(&mut self) {
        self.count("verge_forwarded");
    }

    /// A request is answered here.
    pub(crate) fn replied(&mut self, reason: Reason) {
        let code = reason.code();
        let define = || host::define(Metric::Counter, &format!("verge_replies.{code}"));
        if let Some(id) = id(&mut self.replies, code, &define) {
            host::increment(id);
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
        if let Some(id) = id(&mut self.ids, name, &|| host::define(Metric::Counter, name)) {
            host::increment(id);
        }
    }

    fn record(&mut self, name: &'static str, value: u64) {
        if let Some(id) = id(&mut self.ids, name, &|| host::define(Metric::Gauge, name)) {
            host::record(id, value);
        }
    }
}

/// What Envoy calls a statistic of this name.
fn id(known: &mut Vec<(&'static str, u32)>, name: &'static str, define: &dyn Fn() -> Option<u32>) -> Option<u32> {
    if let Some((_, id)) = known.iter().find(|(known, _)| *known == name) {
        return Some(*id);
    }
    let id = define()?;
    known.push((name, id));
    Some(id)
}
