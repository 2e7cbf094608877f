//! The table in memory, refreshed beside serving.
//!
//! Readers take one immutable [`Held`] and keep it for as long as they need it; reading stores, parsing and building
//! happen elsewhere and replace it whole. A failed read changes nothing but the table's age.

mod pause;
mod status;

pub use status::{SourceStatus, Status};

use crate::{
    item::Layout,
    parse::{InvalidItem, Part, Scope, only_api, parse_all},
    source::{LoadError, Reading, Source},
};
use arc_swap::{ArcSwap, Guard};
use std::{
    collections::{BTreeMap, HashSet},
    pin::pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::Notify;
use verge_router::{ApiDraft, MappingTable, origin::OriginRules};

/// How often sources are asked between refreshes whether they have changed.
pub const POLL: Duration = Duration::from_secs(1);

/// A table that is held, with what is known about it.
#[derive(Debug)]
pub struct Held {
    /// The table.
    pub table: Arc<MappingTable>,
    /// Its generation, where the store keeps one.
    pub generation: Option<u64>,
    /// When its oldest part was read, by the monotonic clock.
    pub loaded_at: Instant,
    /// The same by the wall clock.
    pub read_at: SystemTime,
    /// Rows held, good or not.
    pub rows: usize,
    /// Items that are not served as they stand.
    pub invalid: Arc<[InvalidItem]>,
    /// Places that were never read.
    unread: Vec<String>,
}

impl Held {
    /// How long ago its oldest part was read.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.loaded_at.elapsed()
    }
}

/// What a refresh came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// Another table is held.
    Published,
    /// The sources hold what they held before.
    Unchanged,
    /// What was read is not served, for this reason; what was held is kept.
    HeldBack(String),
}

/// The table that is live on this node.
pub struct LiveTable {
    held: ArcSwap<Held>,
    /// Whether `held` is a table that was read; before that there is none.
    ready: AtomicBool,
    state: Mutex<State>,
    /// One reading at a time.
    reading: tokio::sync::Mutex<()>,
    /// One building at a time: a reload need not wait for a slow store.
    building: tokio::sync::Mutex<()>,
    wake: Notify,
}

impl std::fmt::Debug for LiveTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveTable").field("status", &self.status()).finish_non_exhaustive()
    }
}

struct State {
    drafts: Arc<[(String, ApiDraft)]>,
    rules: Arc<OriginRules>,
    refresh: Duration,
    slots: Vec<Slot>,
    /// Whether something but a reading changed since the last build.
    stale: bool,
    succeeded: u64,
    failed: BTreeMap<&'static str, u64>,
    last_error: Option<(LoadError, SystemTime)>,
}

/// A source and what it gave last.
struct Slot {
    scope: Scope,
    source: Arc<dyn Source>,
    reading: Option<Arc<Reading>>,
    read_at: Option<(Instant, SystemTime)>,
    error: Option<LoadError>,
    held_back: Option<&'static str>,
}

impl Slot {
    fn new((scope, source): (Scope, Arc<dyn Source>)) -> Self {
        Self { scope, source, reading: None, read_at: None, error: None, held_back: None }
    }
}

const EMPTY: &str = "the table has no rows";

impl LiveTable {
    /// A table that is not read yet: nothing is held before the first refresh.
    #[must_use]
    pub fn new(
        sources: Vec<(Scope, Arc<dyn Source>)>,
        drafts: Vec<(String, ApiDraft)>,
        rules: OriginRules,
        refresh: Duration,
    ) -> Self {
        let nothing = Held {
            table: Arc::default(),
            generation: None,
            loaded_at: Instant::now(),
            read_at: SystemTime::UNIX_EPOCH,
            rows: 0,
            invalid: Arc::default(),
            unread: Vec::new(),
        };
        Self {
            held: ArcSwap::from_pointee(nothing),
            ready: AtomicBool::new(false),
            state: Mutex::new(State {
                drafts: drafts.into(),
                rules: Arc::new(rules),
                refresh,
                slots: sources.into_iter().map(Slot::new).collect(),
                stale: false,
                succeeded: 0,
                failed: BTreeMap::new(),
                last_error: None,
            }),
            reading: tokio::sync::Mutex::new(()),
            building: tokio::sync::Mutex::new(()),
            wake: Notify::new(),
        }
    }

    /// The table held now; `None` until one was read. Wait-free, and no counter is shared between readers; what is kept
    /// beyond one decision should be [`LiveTable::load_full`].
    #[must_use]
    pub fn load(&self) -> Option<Guard<Arc<Held>>> {
        self.is_ready().then(|| self.held.load())
    }

    /// The same, to keep.
    #[must_use]
    pub fn load_full(&self) -> Option<Arc<Held>> {
        self.is_ready().then(|| self.held.load_full())
    }

    /// Whether a table is held. Once it is, it stays.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// How long ago the oldest part of the table was read.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        self.load().map(|held| held.age())
    }

    /// Reads all sources once and publishes what they hold.
    ///
    /// # Errors
    /// The first source's that failed; what others gave is published all the same, and what the failed one gave before
    /// goes on serving.
    pub async fn refresh_once(&self) -> Result<Refreshed, LoadError> {
        let _one_at_a_time = self.reading.lock().await;
        let sources: Vec<_> = self.state().slots.iter().map(|slot| slot.source.clone()).collect();
        let mut readings = tokio::task::JoinSet::new();
        for source in sources {
            readings.spawn(async move {
                let started = (Instant::now(), SystemTime::now());
                (source.read().await, started, source)
            });
        }
        // One after the other as they come: a source that hangs does not keep the others' news.
        let mut errors = Vec::new();
        let mut held_back = None;
        let mut outcome = Refreshed::Unchanged;
        while let Some(reading) = readings.join_next().await {
            let Ok((reading, started, source)) = reading else { continue };
            match self.take(reading, started, &source) {
                Err(error) => errors.push(error),
                Ok(Some(reason)) => held_back = Some(reason),
                Ok(None) => match self.publish().await? {
                    Refreshed::Unchanged => {}
                    other => outcome = other,
                },
            }
        }
        match (errors.into_iter().next(), held_back) {
            (Some(error), _) => Err(error),
            (None, Some(reason)) => Ok(Refreshed::HeldBack(reason)),
            (None, None) => Ok(outcome),
        }
    }

    /// Keeps a reading, or says why not.
    fn take(
        &self,
        reading: Result<Reading, LoadError>,
        started: (Instant, SystemTime),
        source: &Arc<dyn Source>,
    ) -> Result<Option<String>, LoadError> {
        let mut state = self.state();
        let state = &mut *state;
        let own: HashSet<&str> = own_tables(&state.slots);
        // A source that was replaced in the meantime has no say any more.
        let Some(at) = state.slots.iter().position(|slot| Arc::ptr_eq(&slot.source, source)) else {
            return Ok(None);
        };
        let only = state.slots.get(at).and_then(|slot| only_api(&slot.scope, &state.drafts, &own)).is_some();
        let Some(slot) = state.slots.get_mut(at) else { return Ok(None) };
        let checked = reading.and_then(|reading| {
            if reading.holds(Layout::Sample) && !only {
                let reason = "configure exactly one API, or give it to one with [api.table]".to_owned();
                return Err(LoadError::WhichApi { place: slot.source.place(), reason });
            }
            Ok(reading)
        });
        match checked {
            Ok(reading) => {
                state.succeeded += 1;
                slot.error = None;
                if reading.rows() == 0 {
                    slot.held_back = Some(EMPTY);
                    return Ok(Some(format!("{}: {EMPTY}", slot.source.place())));
                }
                slot.held_back = None;
                slot.read_at = Some(started);
                if slot.reading.as_deref() != Some(&reading) {
                    slot.reading = Some(Arc::new(reading));
                    state.stale = true;
                }
                Ok(None)
            }
            Err(error) => {
                tracing::warn!(code = error.code(), "the mapping table could not be read: {error}");
                *state.failed.entry(error.code()).or_default() += 1;
                state.last_error = Some((error.clone(), SystemTime::now()));
                slot.error = Some(error.clone());
                Err(error)
            }
        }
    }

    /// Builds a table from the last readings, and holds it.
    async fn publish(&self) -> Result<Refreshed, LoadError> {
        let _one_at_a_time = self.building.lock().await;
        let held = self.load_full();
        let (parts, drafts, rules, unread, oldest, build) = {
            let mut state = self.state();
            let parts: Vec<Part> = state
                .slots
                .iter()
                .map(|slot| Part { reading: slot.reading.clone(), scope: slot.scope.clone() })
                .collect();
            let unread: Vec<String> =
                state.slots.iter().filter(|slot| slot.reading.is_none()).map(|slot| slot.source.place()).collect();
            let Some(oldest) = state.slots.iter().filter_map(|slot| slot.read_at).min() else {
                return Ok(Refreshed::HeldBack("no source was read yet".to_owned()));
            };
            // A reload that names another table keeps the old one until the new one is read.
            if let Some(held) = &held
                && let Some(place) = unread.iter().find(|place| !held.unread.contains(place))
            {
                return Ok(Refreshed::HeldBack(format!("{place} was not read yet")));
            }
            let build = std::mem::take(&mut state.stale) || held.is_none();
            (parts, state.drafts.clone(), state.rules.clone(), unread, oldest, build)
        };
        let generation = parts.iter().filter_map(|part| part.reading.as_ref()?.generation).max();
        let (table, invalid) = match &held {
            Some(held) if !build => (held.table.clone(), held.invalid.clone()),
            _ => {
                let previous = held.clone();
                let built = tokio::task::spawn_blocking(move || {
                    parse_all(&parts, &drafts, &rules, previous.as_ref().map(|held| &*held.table))
                });
                let (table, invalid) = built.await.map_err(|error| {
                    self.state().stale = true;
                    LoadError::Malformed { place: "the mapping table".to_owned(), reason: error.to_string() }
                })?;
                (Arc::new(table), invalid.into())
            }
        };
        let rows = table.rows();
        if build {
            report(&invalid, held.as_deref());
            tracing::info!(rows, generation, invalid = invalid.len(), "the mapping table is live");
        }
        let (loaded_at, read_at) = oldest;
        self.held.store(Arc::new(Held { table, generation, loaded_at, read_at, rows, invalid, unread }));
        self.ready.store(true, Ordering::Release);
        Ok(if build { Refreshed::Published } else { Refreshed::Unchanged })
    }

    /// Takes another configuration. Sources at a place that was read before keep their reading, so that a reload does not
    /// need the store; the table held stays until all of the new sources were read.
    ///
    /// # Errors
    /// The table could not be built.
    pub async fn replace(
        &self,
        sources: Vec<(Scope, Arc<dyn Source>)>,
        drafts: Vec<(String, ApiDraft)>,
        rules: OriginRules,
        refresh: Duration,
    ) -> Result<Refreshed, LoadError> {
        {
            let mut state = self.state();
            let mut old = std::mem::take(&mut state.slots);
            state.slots = sources
                .into_iter()
                .map(|new| {
                    let same = |slot: &Slot| slot.scope == new.0 && slot.source.place() == new.1.place();
                    match old.iter().position(same) {
                        Some(at) => Slot { source: new.1, ..old.swap_remove(at) },
                        None => Slot::new(new),
                    }
                })
                .collect();
            (state.drafts, state.rules, state.refresh) = (drafts.into(), Arc::new(rules), refresh);
            state.stale = true;
        }
        self.wake.notify_one();
        self.publish().await
    }

    /// Takes other APIs and rules, over the same sources.
    ///
    /// # Errors
    /// The table could not be built.
    pub async fn set_drafts(
        &self,
        drafts: Vec<(String, ApiDraft)>,
        rules: OriginRules,
    ) -> Result<Refreshed, LoadError> {
        {
            let mut state = self.state();
            (state.drafts, state.rules, state.stale) = (drafts.into(), Arc::new(rules), true);
        }
        self.publish().await
    }

    /// Has the table read at once.
    pub fn wake(&self) {
        self.wake.notify_one();
    }

    /// Refreshes until `shutdown` is done: at start, every `refresh` (±10 %), and when a source has changed.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        let mut failures = 0;
        loop {
            let outcome = tokio::select! {
                biased;
                () = &mut shutdown => return,
                outcome = self.refresh_once() => outcome,
            };
            failures = if outcome.is_err() { failures + 1 } else { 0 };
            let refresh = self.state().refresh;
            let until = tokio::time::Instant::now() + pause::next(refresh, failures, self.is_ready());
            loop {
                let now = tokio::time::Instant::now();
                if now >= until {
                    break;
                }
                let woken = tokio::select! {
                    biased;
                    () = &mut shutdown => return,
                    () = self.wake.notified() => true,
                    changed = self.changed_within((until - now).min(POLL)) => changed,
                };
                if woken {
                    break;
                }
            }
        }
    }

    /// Waits, then asks the sources whether they have changed.
    async fn changed_within(&self, span: Duration) -> bool {
        tokio::time::sleep(span).await;
        let sources: Vec<_> = self.state().slots.iter().map(|slot| slot.source.clone()).collect();
        for source in sources {
            if source.has_changed().await {
                return true;
            }
        }
        false
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
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

/// Logs what became invalid; what was so before is not said again.
fn report(invalid: &[InvalidItem], held: Option<&Held>) {
    let known: HashSet<&InvalidItem> = held.iter().flat_map(|held| held.invalid.iter()).collect();
    for item in invalid.iter().filter(|item| !known.contains(item)).take(100) {
        let InvalidItem { api, key, reason, kept } = item;
        tracing::warn!(api, key, kept, "quarantined: {reason}");
    }
}

#[cfg(test)]
mod tests;
