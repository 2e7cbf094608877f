//! What the live table keeps besides the table: its configuration, and each source with what it gave last.

use crate::{
    item::Layout,
    parse::{Scope, only_api},
    source::{LoadError, Reading, Source},
};
use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use verge_router::{ApiDraft, MappingTable, origin::OriginRules};

/// Why a reading without rows is not served: a table that was just created, or just emptied by mistake, looks like that.
pub(super) const EMPTY: &str = "the table has no rows";

pub(super) struct State {
    pub(super) drafts: Arc<[(String, ApiDraft)]>,
    pub(super) rules: Arc<OriginRules>,
    pub(super) refresh: Duration,
    pub(super) slots: Vec<Slot>,
    /// Whether the table held is not what the rest of this would build.
    pub(super) stale: bool,
    pub(super) succeeded: u64,
    pub(super) failed: BTreeMap<&'static str, u64>,
    pub(super) last_error: Option<(LoadError, SystemTime)>,
    /// The table before the one held, kept so that no request is the one to take it down.
    pub(super) retired: Option<Arc<MappingTable>>,
}

/// A source and what it gave last.
pub(super) struct Slot {
    pub(super) scope: Scope,
    pub(super) source: Arc<dyn Source>,
    pub(super) reading: Option<Arc<Reading>>,
    pub(super) read_at: Option<(Instant, SystemTime)>,
    pub(super) error: Option<LoadError>,
    pub(super) held_back: Option<&'static str>,
}

impl Slot {
    pub(super) fn new((scope, source): (Scope, Arc<dyn Source>)) -> Self {
        Self { scope, source, reading: None, read_at: None, error: None, held_back: None }
    }
}

/// A reading, looked over where that disturbs nobody.
pub(super) struct Looked {
    reading: Arc<Reading>,
    rows: usize,
    sample: bool,
    /// Whether it is what the source gave before.
    same: bool,
}

impl Looked {
    pub(super) fn over(reading: Reading, before: Option<&Reading>) -> Self {
        Self {
            rows: reading.rows(),
            sample: reading.holds(Layout::Sample),
            same: before == Some(&reading),
            reading: Arc::new(reading),
        }
    }
}

/// One reading's way home.
pub(super) struct Returned {
    pub(super) source: Arc<dyn Source>,
    pub(super) started: (Instant, SystemTime),
    pub(super) looked: Result<Looked, LoadError>,
}

impl State {
    /// Keeps a reading, or says why not.
    pub(super) fn take(&mut self, returned: Returned) -> Result<Option<String>, LoadError> {
        let Returned { source, started, looked } = returned;
        // A source that was replaced in the meantime has no say any more.
        let Some(at) = self.slots.iter().position(|slot| Arc::ptr_eq(&slot.source, &source)) else {
            return Ok(None);
        };
        let own = own_tables(&self.slots);
        let homeless = self.slots.get(at).is_some_and(|slot| only_api(&slot.scope, &self.drafts, &own).is_none());
        let Some(slot) = self.slots.get_mut(at) else { return Ok(None) };
        let looked = looked.and_then(|looked| {
            if looked.sample && homeless {
                let reason = "configure exactly one API, or give it to one with [api.table]".to_owned();
                return Err(LoadError::WhichApi { place: source.place(), reason });
            }
            Ok(looked)
        });
        match looked {
            Ok(looked) => {
                self.succeeded += 1;
                slot.error = None;
                if looked.rows == 0 {
                    slot.held_back = Some(EMPTY);
                    return Ok(Some(format!("{}: {EMPTY}", source.place())));
                }
                slot.held_back = None;
                slot.read_at = Some(started);
                if !(looked.same && slot.reading.is_some()) {
                    discard(slot.reading.replace(looked.reading));
                    self.stale = true;
                }
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(code = error.code(), "the mapping table could not be read: {error}");
                *self.failed.entry(error.code()).or_default() += 1;
                self.last_error = Some((error.clone(), SystemTime::now()));
                slot.error = Some(error.clone());
                Err(error)
            }
        }
    }
}

/// Takes something large apart on a thread that serves nobody.
pub(super) fn discard<T: Send + 'static>(large: T) {
    drop(tokio::task::spawn_blocking(move || drop(large)));
}

/// APIs with a table of their own.
fn own_tables(slots: &[Slot]) -> HashSet<&str> {
    slots
        .iter()
        .filter_map(|slot| match &slot.scope {
            Scope::Api(name) => Some(name.as_str()),
            Scope::All => None,
        })
        .collect()
}
