//! APIs loaded when they are asked for: a table of thousands, of which a node serves some.
//!
//! The index is always held: which APIs there are, and their hosts. A request for an API that is not in memory is refused
//! for now and has it loaded, once however many ask; hosts and versions nobody knows cost no read. What is in memory is
//! bounded in bytes, and what was used last stays: nothing is dropped by its age.

mod load;
mod past;
mod settle;

pub(in crate::cache) use past::Past;

use super::{Feed, stored::Stored};
use crate::{
    parse::Scope,
    source::partitioned::{OneApi, Partitioned},
};
use moka::{policy::EvictionPolicy, sync::Cache};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::{Semaphore, mpsc};

/// How soon an API whose loading failed, or is under way, may be asked for again: what clients are told, too.
const AGAIN: Duration = Duration::from_secs(1);
/// The same for one that does not fit.
const AGAIN_TOO_LARGE: Duration = Duration::from_secs(60);
/// How many APIs are remembered as asked for.
const ASKED: u64 = 10_000;
/// How many may wait to be loaded; more are asked for again by their clients.
const WAITING: usize = 1024;
/// How many APIs are read at once because they are asked for; and as many besides because it is time to.
const AT_ONCE: usize = 8;
/// What a row takes in the table, in bytes, and what an API takes besides its rows: both rounded up.
const ROW: usize = 448;
const API: usize = 4096;

/// How the APIs of a table are loaded, where that is not all at once.
#[derive(Clone)]
pub(super) struct OnDemand {
    table: Arc<dyn Partitioned>,
    /// To load; to refresh. Clients who wait do not wait for what nobody waits for.
    loading: Arc<Semaphore>,
    refreshing: Arc<Semaphore>,
    /// In bytes.
    memory: u64,
}

impl OnDemand {
    pub(super) fn new(table: Arc<dyn Partitioned>, memory: u64) -> Self {
        let permits = || Arc::new(Semaphore::new(AT_ONCE));
        Self { table, memory, loading: permits(), refreshing: permits() }
    }

    /// How one API of the table is read for the first time.
    fn first(&self, api: &Arc<str>) -> OneApi {
        OneApi { table: self.table.clone(), api: api.clone(), permits: self.loading.clone() }
    }

    /// How one API of the table is followed.
    fn feed(&self, index: &Feed, api: &Arc<str>) -> Feed {
        let source = OneApi { permits: self.refreshing.clone(), ..self.first(api) };
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

    /// An API is in memory, and takes what it takes: others may have to go.
    fn weigh(&self, api: &Arc<str>, reading: &Stored) {
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

fn too_large(api: &str, bytes: u32, memory: u64) {
    tracing::error!(api, "an API takes {bytes} bytes and only {memory} may be in use: raise `[table] memory`");
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
