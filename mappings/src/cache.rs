//! The table in memory, refreshed beside serving.
//!
//! Readers take one immutable [`Held`] and keep it for as long as they need it; reading stores, parsing and building
//! happen elsewhere and replace it whole. A failed read changes nothing but the table's age.

mod demand;
mod disk;
mod export;
mod feed;
mod last_good;
mod pause;
mod refresh;
mod retire;
mod run;
mod slot;
mod status;
pub(crate) mod stored;

pub use demand::DemandStatus;
pub use export::Export;
pub use feed::Feed;
pub use status::{SourceStatus, Status};

use crate::{item::Trips, parse::InvalidItem, source::LoadError};
use arc_swap::{ArcSwap, Guard};
use demand::{Demand, Past};
use slot::{Slot, State};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};
use tokio::sync::{Notify, mpsc};
use verge_router::{ApiDraft, MappingTable, origin::OriginRules};

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
    /// Arms that breakers took out, as nodes tell one another.
    pub trips: Arc<Trips>,
    /// Places that were never read.
    unread: Vec<String>,
    /// Where APIs are loaded on demand.
    demand: Option<Arc<Demand>>,
}

impl Held {
    /// How long ago its oldest part was read.
    #[must_use]
    pub fn age(&self) -> Duration {
        self.loaded_at.elapsed()
    }

    /// An API was used: where APIs are loaded on demand, those used last stay.
    #[inline]
    pub fn touch(&self, api: &str) {
        if let Some(demand) = &self.demand {
            demand.touch(api);
        }
    }

    /// An API's rows are not here, and were asked for: where APIs are loaded on demand, this one will be. Never waits.
    pub fn want(&self, api: &str) {
        if let Some(demand) = &self.demand {
            demand.want(api);
        }
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
    /// One writing of snapshots at a time: a disk that hangs holds up nothing else.
    saving: tokio::sync::Mutex<()>,
    /// APIs that are asked for, from requests to whoever loads them.
    wanted: (mpsc::Sender<Arc<str>>, tokio::sync::Mutex<mpsc::Receiver<Arc<str>>>),
    wake: Notify,
}

impl std::fmt::Debug for LiveTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LiveTable").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl LiveTable {
    /// A table that is not read yet: nothing is held before the first refresh.
    #[must_use]
    pub fn new(feeds: Vec<Feed>, drafts: Vec<(String, ApiDraft)>, rules: OriginRules, refresh: Duration) -> Self {
        let nothing = Held {
            table: Arc::default(),
            generation: None,
            loaded_at: Instant::now(),
            read_at: SystemTime::UNIX_EPOCH,
            rows: 0,
            invalid: Arc::default(),
            trips: Arc::default(),
            unread: Vec::new(),
            demand: None,
        };
        let (wanted, receiver) = demand::channel();
        let mut state = State {
            drafts: drafts.into(),
            rules: Arc::new(rules),
            refresh,
            slots: feeds.into_iter().map(Slot::new).collect(),
            stale: false,
            taken: 0,
            succeeded: 0,
            failed: BTreeMap::new(),
            polls_failed: BTreeMap::new(),
            snapshots_failed: BTreeMap::new(),
            last_error: None,
            retired: None,
            demand: None,
            demanded: DemandStatus::default(),
            past: Past::default(),
            turns: 0,
            forgotten: Vec::new(),
        };
        state.follow_demand(&wanted);
        Self {
            held: ArcSwap::from_pointee(nothing),
            ready: AtomicBool::new(false),
            state: Mutex::new(state),
            wanted: (wanted, tokio::sync::Mutex::new(receiver)),
            reading: tokio::sync::Mutex::new(()),
            building: tokio::sync::Mutex::new(()),
            saving: tokio::sync::Mutex::new(()),
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

    /// Takes another configuration. Sources at a place that was read before keep their reading, so that a reload does not
    /// need the store; the table held stays until all of the new sources were read.
    ///
    /// # Errors
    /// The table could not be built.
    pub async fn replace(
        &self,
        feeds: Vec<Feed>,
        drafts: Vec<(String, ApiDraft)>,
        rules: OriginRules,
        refresh: Duration,
    ) -> Result<Refreshed, LoadError> {
        {
            let mut state = self.state();
            let mut old = std::mem::take(&mut state.slots);
            state.slots = feeds
                .into_iter()
                .map(|feed| match old.iter().position(|slot| slot.feed.is_like(&feed)) {
                    Some(at) => Slot { feed, ..old.swap_remove(at) },
                    None => Slot::new(feed),
                })
                .collect();
            // APIs that were loaded from a table go with it.
            let apis: Vec<Slot> = old.into_iter().filter_map(|slot| state.adopt(slot)).collect();
            state.slots.extend(apis);
            state.adopt_past();
            state.follow_demand(&self.wanted.0);
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

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
