//! What people are told about the live table.

use super::{DemandStatus, LiveTable, slot::Slot};
use crate::{item::Layout, parse::Scope, source::LoadError};
use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

/// The live table at one moment.
#[derive(Debug, Clone)]
pub struct Status {
    /// Whether a table is held.
    pub ready: bool,
    /// Where it is not: why.
    pub waiting: Option<String>,
    /// Rows held, good or not.
    pub rows: usize,
    /// The table's generation.
    pub generation: Option<u64>,
    /// How long ago its oldest part was read.
    pub age: Option<Duration>,
    /// Items not served as they stand.
    pub invalid: usize,
    /// Readings since the start that succeeded, and that are in the table held or are held back.
    pub succeeded: u64,
    /// Readings that failed since the start, by [`LoadError::code`].
    pub failed: BTreeMap<&'static str, u64>,
    /// Polls that failed since the start, by [`LoadError::code`].
    pub polls_failed: BTreeMap<&'static str, u64>,
    /// Snapshots that could not be read or written since the start, by reason.
    pub snapshots_failed: BTreeMap<&'static str, u64>,
    /// Whether what is served, or a part of it, is from the disk and was not read from its source since.
    pub restored: bool,
    /// Whether a table was frozen by operators when it was last read.
    pub frozen: bool,
    /// What is read and not served, and why; `None` where nothing is held back.
    pub held_back: Option<String>,
    /// The last failure and when it was; it may be over.
    pub last_error: Option<(LoadError, SystemTime)>,
    /// Where APIs are loaded on demand.
    pub demand: Option<DemandStatus>,
    /// Each source; of a table that is loaded on demand, its index.
    pub sources: Vec<SourceStatus>,
}

/// One source at one moment.
#[derive(Debug, Clone)]
pub struct SourceStatus {
    /// Where it is.
    pub place: String,
    /// Whose it is.
    pub scope: Scope,
    /// Its layout, where the store tells.
    pub layout: Option<Layout>,
    /// Items that are not Verge's own.
    pub rows: Option<usize>,
    /// Its generation.
    pub generation: Option<u64>,
    /// How long ago what is served was read.
    pub age: Option<Duration>,
    /// Why the last reading failed; `None` where it did not.
    pub error: Option<LoadError>,
    /// Why the last reading is not served; `None` where it is.
    pub held_back: Option<String>,
}

impl LiveTable {
    /// What is known about the live table now.
    #[must_use]
    pub fn status(&self) -> Status {
        let held = self.load();
        let state = self.state();
        let sources: Vec<SourceStatus> = state
            .slots
            .iter()
            .filter(|slot| !matches!(slot.feed.scope, Scope::Within(_)))
            .map(SourceStatus::of)
            .collect();
        Status {
            ready: held.is_some(),
            waiting: if held.is_some() { None } else { Some(waiting(&sources)) },
            rows: held.as_ref().map_or(0, |held| held.rows),
            generation: held.as_ref().and_then(|held| held.generation),
            age: held.as_ref().map(|held| held.age()),
            invalid: held.as_ref().map_or(0, |held| held.invalid.len()),
            succeeded: state.succeeded,
            failed: state.failed.clone(),
            polls_failed: state.polls_failed.clone(),
            snapshots_failed: state.snapshots_failed.clone(),
            frozen: state.slots.iter().any(Slot::is_frozen),
            restored: state.slots.iter().any(|slot| slot.restored),
            held_back: held_back(&state.slots.iter().map(SourceStatus::of).collect::<Vec<_>>()),
            last_error: state.last_error.clone(),
            demand: state.demand_status(),
            sources,
        }
    }
}

impl SourceStatus {
    fn of(slot: &Slot) -> Self {
        let reading = slot.reading.as_deref();
        Self {
            place: slot.feed.source.place(),
            scope: slot.feed.scope.clone(),
            layout: reading.and_then(|reading| reading.facts.layout),
            rows: reading.map(|reading| reading.facts.rows.lines()),
            generation: reading.and_then(|reading| reading.facts.generation),
            age: slot.read_at.map(|(at, _)| at.elapsed()),
            error: slot.error.clone(),
            held_back: slot.held_back(),
        }
    }
}

/// What of them is read and not served.
fn held_back(sources: &[SourceStatus]) -> Option<String> {
    let why = |source: &SourceStatus| Some(format!("{}: {}", source.place, source.held_back.as_ref()?));
    let said: Vec<String> = sources.iter().filter_map(why).collect();
    (!said.is_empty()).then(|| said.join("; "))
}

/// Why no table is held.
fn waiting(sources: &[SourceStatus]) -> String {
    let why = |source: &SourceStatus| match (&source.error, &source.held_back) {
        (Some(error), _) => Some(error.to_string()),
        (None, Some(reason)) => Some(format!("{}: {reason}", source.place)),
        (None, None) => None,
    };
    let said: Vec<String> = sources.iter().filter_map(why).collect();
    if said.is_empty() { "the mapping table was not read yet".to_owned() } else { said.join("; ") }
}
