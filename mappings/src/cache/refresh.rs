//! One refresh: read every source, build what they hold into a table, hold it.

use super::{
    Held, LiveTable, Refreshed,
    demand::Demand,
    last_good::parts_before,
    run::now,
    slot::{Looked, Returned, Slot, State},
    stored::{Packer, Stored},
};
use crate::{
    parse::{InvalidItem, Parsed, Part, Scope, parse_items},
    source::{LoadError, Reading, Source},
};
use std::{
    collections::HashSet,
    sync::{Arc, atomic::Ordering},
    time::{Instant, SystemTime},
};
use tokio::task::{JoinSet, spawn_blocking};

/// What a table is built from, taken out of the state at one moment.
struct Plan {
    parts: Vec<Part<Stored>>,
    /// Where nothing is held yet: what last good values are made of.
    before: Option<Vec<Part<Reading>>>,
    unread: Vec<String>,
    oldest: (Instant, SystemTime),
    generation: Option<u64>,
    demand: Option<Arc<Demand>>,
    /// Whether the table held would not do.
    build: bool,
}

impl LiveTable {
    /// Reads all sources once and publishes what they hold.
    ///
    /// # Errors
    /// The first source's that failed; what others gave is published all the same, and what the failed one gave before
    /// goes on serving.
    pub async fn refresh_once(&self) -> Result<Refreshed, LoadError> {
        let _one_at_a_time = self.reading.lock().await;
        let mut errors = Vec::new();
        let mut outcome = Refreshed::Unchanged;
        let mut held_back = None;
        // An index tells which APIs there are, and whether they are to stay as they are.
        for within in [false, true] {
            let mut readings = self.start_readings(within);
            // As they come: a source that hangs does not keep the others' news.
            while let Some(first) = readings.join_next().await {
                let mut next = Some(first);
                while let Some(returned) = next {
                    let taken = match returned {
                        Ok(returned) => self.state().take(returned),
                        Err(panic) => Err(self.state().failed(ours(&panic))),
                    };
                    match taken {
                        Ok(None) => {}
                        Ok(Some(reason)) => held_back = Some(reason),
                        Err(error) => errors.push(error),
                    }
                    next = readings.try_join_next();
                }
                self.settle_demand();
                match self.publish().await? {
                    Refreshed::Published => outcome = Refreshed::Published,
                    Refreshed::HeldBack(reason) if held_back.is_none() => held_back = Some(reason),
                    _ => {}
                }
            }
        }
        match (errors.into_iter().next(), held_back) {
            (Some(error), _) => Err(error),
            (None, Some(reason)) => Ok(Refreshed::HeldBack(reason)),
            (None, None) => Ok(outcome),
        }
    }

    /// Begins to read every table; or every API of an index, unless that is frozen.
    fn start_readings(&self, within: bool) -> JoinSet<Returned> {
        let mut state = self.state();
        state.turns += u64::from(within);
        let skip = within && state.is_index_frozen();
        let of_this_turn = |slot: &&Slot| matches!(slot.feed.scope, Scope::Within(_)) == within && !skip;
        state.slots.iter().filter(of_this_turn).map(read_again).collect()
    }

    /// Builds a table from the last readings, and holds it. Only then are they counted: whoever sees the count sees the table.
    pub(super) async fn publish(&self) -> Result<Refreshed, LoadError> {
        let _one_at_a_time = self.building.lock().await;
        let taken = std::mem::take(&mut self.state().taken);
        let outcome = self.build().await;
        self.state().succeeded += taken;
        outcome
    }

    async fn build(&self) -> Result<Refreshed, LoadError> {
        let held = self.load_full();
        let (plan, drafts, rules) = {
            let mut state = self.state();
            match plan(&mut state, held.as_deref()) {
                Ok(plan) => (plan, state.drafts.clone(), state.rules.clone()),
                Err(reason) => return Ok(Refreshed::HeldBack(reason)),
            }
        };
        let Plan { parts, before, unread, oldest: (loaded_at, read_at), generation, demand, build } = plan;
        let (table, invalid, trips) = match &held {
            Some(held) if !build => (held.table.clone(), held.invalid.clone(), held.trips.clone()),
            _ => {
                self.bury();
                let previous = held.clone();
                let built = spawn_blocking(move || {
                    let before = before.map(|parts| {
                        let Ok(Parsed { table, .. }) = parse_items(&parts, &drafts, &rules, None);
                        table
                    });
                    let before = previous.as_ref().map(|held| &*held.table).or(before.as_ref());
                    parse_items(&parts, &drafts, &rules, before)
                });
                let built =
                    built.await.map_err(|error| ours(&error)).and_then(|built| built.map_err(|error| ours(&error)));
                let Parsed { table, invalid, trips } = built.inspect_err(|_| self.state().stale = true)?;
                (Arc::new(table), invalid.into(), trips.into())
            }
        };
        let rows = table.rows();
        if build {
            report(&invalid, held.as_deref());
            tracing::info!(rows, generation, invalid = invalid.len(), "the mapping table is live");
        }
        let held_now = Held { table, generation, loaded_at, read_at, rows, invalid, trips, unread, demand };
        self.held.store(Arc::new(held_now));
        self.ready.store(true, Ordering::Release);
        if !build {
            return Ok(Refreshed::Unchanged);
        }
        self.state().retired = held.map(|held| held.table.clone());
        Ok(Refreshed::Published)
    }
}

/// What there is to build from, or why nothing can be published now.
fn plan(state: &mut State, held: Option<&Held>) -> Result<Plan, String> {
    let unread = state.slots.iter().filter(|slot| slot.reading.is_none());
    let unread: Vec<String> = unread.map(|slot| slot.feed.source.place()).collect();
    let oldest = state.slots.iter().filter_map(|slot| slot.read_at).min();
    let oldest = oldest.ok_or_else(|| "nothing was read yet".to_owned())?;
    // A reload that names another table keeps the old one until the new one is read.
    if let Some(held) = held
        && let Some(place) = unread.iter().find(|place| !held.unread.contains(place))
    {
        return Err(format!("{place} was not read yet"));
    }
    let part = |slot: &Slot| Part { reading: slot.reading.clone(), scope: slot.feed.scope.clone() };
    let parts: Vec<_> = state.slots.iter().map(part).collect();
    let generation = parts.iter().filter_map(|part| part.reading.as_ref()?.facts.generation).max();
    let before = if held.is_none() { parts_before(&state.slots) } else { None };
    let build = std::mem::take(&mut state.stale) || held.is_none();
    Ok(Plan { parts, before, unread, oldest, generation, demand: state.demand.clone(), build })
}

/// Reads a source once more, and looks over what it gives.
pub(super) fn read_again(slot: &Slot) -> impl Future<Output = Returned> + Send + 'static {
    let (source, before) = (slot.feed.source.clone(), slot.reading.clone());
    let doubted = slot.doubted.as_ref().map(|doubted| doubted.reading.clone());
    async move {
        let started = (now(), SystemTime::now());
        let looked = read(&*source).await.map(|reading| Looked::over(reading, before.as_deref(), doubted.as_deref()));
        Returned { source, started, looked }
    }
}

/// Reads a source, packing what it gives.
pub(super) async fn read(source: &dyn Source) -> Result<Stored, LoadError> {
    let mut packer = Packer::new().map_err(|error| ours(&error))?;
    source.read_into(&mut packer).await?;
    packer.finish().map_err(|error| ours(&error))
}

/// A bug of ours: the table goes on as it is.
pub(super) fn ours(error: &dyn std::error::Error) -> LoadError {
    LoadError::Malformed { place: "the mapping table".to_owned(), reason: error.to_string() }
}

/// How many items are named in the log at once; the count is always given.
const NAMED: usize = 100;

/// Logs what became invalid; what was so before is not said again.
fn report(invalid: &[InvalidItem], held: Option<&Held>) {
    let known: HashSet<&InvalidItem> = held.iter().flat_map(|held| held.invalid.iter()).collect();
    for item in invalid.iter().filter(|item| !known.contains(item)).take(NAMED) {
        let InvalidItem { api, key, reason, kept } = item;
        tracing::warn!(api, key, kept, "quarantined: {reason}");
    }
}
