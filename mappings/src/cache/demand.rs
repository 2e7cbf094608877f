//! APIs loaded when they are asked for: a table of thousands, of which a node serves some.
//!
//! The index is always held: which APIs there are, and their hosts. A request for an API that is not in memory is refused
//! for now and has it loaded, once however many ask; hosts and versions nobody knows cost no read. What is in memory is
//! bounded in bytes, and what was used last stays: nothing is dropped by its age.

use super::{
    Feed, LiveTable,
    refresh::read,
    run::now,
    slot::{Slot, State, discard},
    stored::Stored,
};
use crate::{
    parse::Scope,
    source::{
        LoadError,
        partitioned::{OneApi, Partitioned},
    },
};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{Semaphore, mpsc},
    task::{JoinSet, spawn_blocking},
};

/// How soon an API whose loading failed, or is under way, may be asked for again: what clients are told, too.
const AGAIN: Duration = Duration::from_secs(1);
/// The same for one that does not fit.
const AGAIN_TOO_LARGE: Duration = Duration::from_secs(60);
/// How many APIs are remembered as asked for.
const ASKED: u64 = 10_000;
/// How many may wait to be loaded; more are asked for again by their clients.
const WAITING: usize = 1024;
/// How many APIs are read at once.
const AT_ONCE: usize = 8;
/// What a row takes in the table, in bytes, and what an API takes besides its rows: both rounded up.
const ROW: usize = 448;
const API: usize = 4096;

/// How the APIs of a table are loaded, where that is not all at once.
#[derive(Clone)]
pub(super) struct OnDemand {
    table: Arc<dyn Partitioned>,
    permits: Arc<Semaphore>,
    /// In bytes.
    memory: u64,
}

impl OnDemand {
    pub(super) fn new(table: Arc<dyn Partitioned>, memory: u64) -> Self {
        Self { table, memory, permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// How one API of the table is followed.
    fn feed(&self, index: &Feed, api: &Arc<str>) -> Feed {
        let source = OneApi { table: self.table.clone(), api: api.clone(), permits: self.permits.clone() };
        Feed {
            poll: Duration::ZERO,
            snapshot: index.snapshot.as_ref().map(|snapshot| snapshot.of_api(api)),
            shrink_hold: index.shrink_hold,
            ..Feed::new(Scope::Within(api.clone()), Arc::new(source))
        }
    }
}

/// Which APIs are in memory, and which are asked for.
pub(super) struct Demand {
    /// With what each takes, in bytes.
    resident: Cache<Arc<str>, u32>,
    evicted: Arc<Mutex<Vec<Arc<str>>>>,
    asked: Cache<Arc<str>, ()>,
    too_large: Cache<Arc<str>, ()>,
    wanted: mpsc::Sender<Arc<str>>,
}

impl std::fmt::Debug for Demand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Demand").field("apis", &self.resident.entry_count()).finish_non_exhaustive()
    }
}

impl Demand {
    fn new(memory: u64, wanted: mpsc::Sender<Arc<str>>) -> Self {
        let evicted = Arc::<Mutex<Vec<Arc<str>>>>::default();
        let list = evicted.clone();
        let resident = Cache::builder()
            .max_capacity(memory)
            .weigher(|_: &Arc<str>, bytes: &u32| *bytes)
            .eviction_policy(EvictionPolicy::lru())
            .eviction_listener(move |api: Arc<Arc<str>>, _, cause| {
                if cause.was_evicted() {
                    list.lock().unwrap_or_else(PoisonError::into_inner).push((*api).clone());
                }
            })
            .build();
        let brief = |time| Cache::builder().max_capacity(ASKED).time_to_live(time).build();
        Self { resident, evicted, asked: brief(AGAIN), too_large: brief(AGAIN_TOO_LARGE), wanted }
    }

    /// An API was used.
    pub(super) fn touch(&self, api: &str) {
        let _ = self.resident.get(api);
    }

    /// An API is not in memory, and somebody asked for it. Costs no wait; what cannot be noted is asked for again.
    pub(super) fn want(&self, api: &str) {
        if self.asked.contains_key(api) || self.too_large.contains_key(api) {
            return;
        }
        let api: Arc<str> = api.into();
        self.asked.insert(api.clone(), ());
        let _ = self.wanted.try_send(api);
    }

    fn keep(&self, api: &Arc<str>, reading: &Stored) {
        self.resident.insert(api.clone(), weight(reading));
        self.resident.run_pending_tasks();
    }
}

/// The channel that asked-for APIs come by.
pub(super) fn channel() -> (mpsc::Sender<Arc<str>>, mpsc::Receiver<Arc<str>>) {
    mpsc::channel(WAITING)
}

fn weight(reading: &Stored) -> u32 {
    let bytes = API + reading.frame.len() + reading.size().rows * ROW;
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// What is known about APIs loaded on demand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DemandStatus {
    /// How many are in memory.
    pub apis: usize,
    /// What they take, about, in bytes.
    pub bytes: u64,
    /// How many were loaded since the start.
    pub loads: u64,
    /// How many loads failed since the start.
    pub failures: u64,
    /// How many were dropped for others since the start.
    pub evictions: u64,
}

impl State {
    /// Begins to load on demand, or goes on, or ends, as the sources have it.
    pub(super) fn follow_demand(&mut self, wanted: &mpsc::Sender<Arc<str>>) {
        let memory = self.slots.iter().find_map(|slot| Some(slot.feed.demand.as_ref()?.memory));
        self.demand = memory.map(|memory| Arc::new(Demand::new(memory, wanted.clone())));
        let Some(demand) = &self.demand else {
            self.slots.retain(|slot| !matches!(slot.feed.scope, Scope::Within(_)));
            return;
        };
        for slot in &self.slots {
            if let (Scope::Within(api), Some(reading)) = (&slot.feed.scope, &slot.reading) {
                demand.keep(api, reading);
            }
        }
    }

    /// An API of the table before a reload, as an API of the same table after it.
    pub(super) fn adopt(&self, slot: Slot) -> Option<Slot> {
        let Scope::Within(api) = &slot.feed.scope else { return None };
        let (index, demand) = self.index()?;
        let feed = demand.feed(index, api);
        slot.feed.is_like(&feed).then(|| Slot { feed, ..slot })
    }

    pub(super) fn demand_status(&self) -> Option<DemandStatus> {
        let demand = self.demand.as_ref()?;
        let apis = self.slots.iter().filter(|slot| matches!(slot.feed.scope, Scope::Within(_))).count();
        Some(DemandStatus { apis, bytes: demand.resident.weighted_size(), ..self.demanded })
    }

    fn index(&self) -> Option<(&Feed, &OnDemand)> {
        self.slots.iter().find_map(|slot| Some((&slot.feed, slot.feed.demand.as_ref()?)))
    }
}

impl LiveTable {
    /// Loads what is asked for, until it is dropped.
    pub(super) async fn load_wanted(self: Arc<Self>) {
        let mut wanted = self.wanted.1.lock().await;
        let mut loading = HashSet::new();
        let mut loads = JoinSet::new();
        loop {
            tokio::select! {
                Some(api) = wanted.recv() => {
                    if self.is_cold(&api) && loading.insert(api.clone()) {
                        let this = self.clone();
                        loads.spawn(async move {
                            this.load_api(&api).await;
                            this.bury_soon();
                            api
                        });
                    }
                }
                Some(loaded) = loads.join_next() => {
                    if let Ok(api) = loaded {
                        loading.remove(&api);
                    }
                }
                else => return,
            }
        }
    }

    /// Whether an API is known, and neither in memory nor another table's.
    fn is_cold(&self, api: &str) -> bool {
        let is_followed = |slot: &Slot| match &slot.feed.scope {
            Scope::Api(name) => name == api,
            Scope::Within(name) => **name == *api,
            Scope::All | Scope::Index => false,
        };
        let followed = self.state().slots.iter().any(is_followed);
        !followed && self.load().is_some_and(|held| held.table.api(api).is_some_and(|part| !part.is_read()))
    }

    /// Loads one API.
    async fn load_api(&self, api: &Arc<str>) {
        let Some(feed) = self.state().index().map(|(index, demand)| demand.feed(index, api)) else { return };
        let started = (now(), SystemTime::now());
        match read(&*feed.source).await {
            Ok(reading) => self.take_in(api, Slot { read_at: Some(started), ..Slot::new(feed) }, reading).await,
            Err(error) => self.load_failed(api, &error),
        }
    }

    /// Has an API in memory, whatever must go for it.
    async fn take_in(&self, api: &Arc<str>, slot: Slot, reading: Stored) {
        let bytes = weight(&reading);
        {
            let mut state = self.state();
            let (Some(demand), Some((_, limit))) = (state.demand.clone(), state.index()) else { return };
            if u64::from(bytes) > limit.memory {
                let memory = limit.memory;
                demand.too_large.insert(api.clone(), ());
                state.demanded.failures += 1;
                drop(state);
                tracing::error!(
                    api = &**api,
                    "an API takes {bytes} bytes and only {memory} may be in use: raise `[table] memory`"
                );
                return;
            }
            state.slots.retain(|slot| slot.feed.scope != Scope::Within(api.clone()));
            demand.keep(api, &reading);
            state.slots.push(Slot { reading: Some(Arc::new(reading)), ..slot });
            state.demanded.loads += 1;
            state.stale = true;
        }
        self.drop_evicted();
        if let Err(error) = self.publish().await {
            tracing::error!(api = &**api, "an API was loaded and makes no table: {error}");
        }
    }

    fn load_failed(&self, api: &str, error: &LoadError) {
        let mut state = self.state();
        state.demanded.failures += 1;
        *state.failed.entry(error.code()).or_default() += 1;
        state.last_error = Some((error.clone(), SystemTime::now()));
        drop(state);
        tracing::warn!(code = error.code(), api, "an API could not be loaded: {error}");
    }

    /// After a refresh: APIs that changed are weighed anew, and those that nothing names any more go.
    pub(super) fn settle_demand(&self) {
        let Some(demand) = self.state().demand.clone() else { return };
        {
            let mut state = self.state();
            let drafts = state.drafts.clone();
            let index = state.slots.iter().find(|slot| slot.feed.scope == Scope::Index);
            let mut named: HashSet<String> = drafts.iter().map(|(name, _)| name.clone()).collect();
            if let Some(reading) = index.and_then(|slot| slot.reading.as_ref()) {
                named.extend(reading.facts.apis.iter().filter_map(|item| item.text("api")).map(str::to_owned));
            }
            state.slots.retain(|slot| match &slot.feed.scope {
                Scope::Within(api) if !named.contains(&**api) => {
                    demand.resident.invalidate(api);
                    forget(slot);
                    false
                }
                _ => true,
            });
            let weighed: HashMap<Arc<str>, u32> =
                demand.resident.iter().map(|(api, bytes)| ((*api).clone(), bytes)).collect();
            for slot in &state.slots {
                if let (Scope::Within(api), Some(reading)) = (&slot.feed.scope, &slot.reading)
                    && weighed.get(api).is_some_and(|bytes| *bytes != weight(reading))
                {
                    demand.keep(api, reading);
                }
            }
        }
        self.drop_evicted();
    }

    /// Takes out what had to go; the next table is built without it.
    fn drop_evicted(&self) {
        let mut state = self.state();
        let Some(demand) = state.demand.clone() else { return };
        let evicted = std::mem::take(&mut *demand.evicted.lock().unwrap_or_else(PoisonError::into_inner));
        for api in evicted.into_iter().filter(|api| !demand.resident.contains_key(api)) {
            let Some(at) = state.slots.iter().position(|slot| slot.feed.scope == Scope::Within(api.clone())) else {
                continue;
            };
            let slot = state.slots.swap_remove(at);
            forget(&slot);
            discard(slot.reading);
            state.demanded.evictions += 1;
            state.stale = true;
        }
    }

    /// Takes APIs from their snapshots, as many as may be in memory.
    pub(super) async fn restore_apis(&self) {
        let index = self.state().index().map(|(index, demand)| (index.clone(), demand.clone()));
        let Some((index, demand)) = index else { return };
        let Some(snapshot) = index.snapshot.clone() else { return };
        let Ok(files) = spawn_blocking(move || snapshot.apis()).await else { return };
        let mut room = demand.memory;
        for api in files {
            let feed = demand.feed(&index, &api);
            let Some(start) = self.start_of(&feed).await else { continue };
            let Some(left) = room.checked_sub(weight(&start.stored).into()) else { return };
            room = left;
            let mut slot = Slot::new(feed);
            let stored = start.give(&mut slot);
            let mut state = self.state();
            if let Some(demand) = &state.demand {
                demand.keep(&api, &stored);
            }
            state.slots.push(Slot { reading: Some(Arc::new(stored)), ..slot });
            state.stale = true;
        }
    }
}

/// What is not in memory needs no snapshot: the disk, too, is bounded.
fn forget(slot: &Slot) {
    if let Some(snapshot) = slot.feed.snapshot.clone() {
        drop(spawn_blocking(move || snapshot.remove()));
    }
}
