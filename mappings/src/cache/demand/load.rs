//! Loading: what is asked for comes in, and what must go for it goes.

use super::{Demand, DemandStatus, OnDemand, weight};
use crate::{
    cache::{
        Feed, LiveTable,
        refresh::read,
        run::now,
        slot::{Slot, State, discard},
        stored::Stored,
    },
    parse::Scope,
    source::LoadError,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
    time::SystemTime,
};
use tokio::{
    sync::mpsc,
    task::{JoinSet, spawn_blocking},
};

impl State {
    /// Begins to load on demand, or goes on, or ends, as the sources have it.
    pub(in crate::cache) fn follow_demand(&mut self, wanted: &mpsc::Sender<Arc<str>>) {
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
    pub(in crate::cache) fn adopt(&self, slot: Slot) -> Option<Slot> {
        let Scope::Within(api) = &slot.feed.scope else { return None };
        let has_own = self.slots.iter().any(|slot| slot.feed.scope == Scope::Api((**api).to_owned()));
        let (index, demand) = self.index().filter(|_| !has_own)?;
        let feed = demand.feed(index, api);
        slot.feed.is_like(&feed).then(|| Slot { feed, ..slot })
    }

    pub(in crate::cache) fn demand_status(&self) -> Option<DemandStatus> {
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
    pub(in crate::cache) async fn load_wanted(self: Arc<Self>) {
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
    pub(in crate::cache) async fn load_api(&self, api: &Arc<str>) {
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
            // A reload may have come in between, and the table may be another one.
            let Some(slot) = state.adopt(slot) else { return };
            let (Some(demand), Some((_, limit))) = (state.demand.clone(), state.index()) else { return };
            if u64::from(bytes) > limit.memory {
                let memory = limit.memory;
                demand.too_large.insert(api.clone(), ());
                state.demanded.failures += 1;
                drop(state);
                too_large(api, bytes, memory);
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
    pub(in crate::cache) fn settle_demand(&self) {
        {
            let mut state = self.state();
            let (Some(demand), Some((_, limit))) = (state.demand.clone(), state.index()) else { return };
            let memory = limit.memory;
            let drafts = state.drafts.clone();
            let index = state.slots.iter().find(|slot| slot.feed.scope == Scope::Index);
            // An index that was not read names nothing, and that means nothing.
            let Some(reading) = index.and_then(|slot| slot.reading.clone()) else { return };
            let mut named: HashSet<&str> = drafts.iter().map(|(name, _)| name.as_str()).collect();
            named.extend(reading.facts.apis.iter().filter_map(|item| item.text("api")));
            let weighed: HashMap<Arc<str>, u32> =
                demand.resident.iter().map(|(api, bytes)| ((*api).clone(), bytes)).collect();
            let mut gone = 0;
            state.slots.retain(|slot| {
                let (Scope::Within(api), Some(reading)) = (&slot.feed.scope, &slot.reading) else { return true };
                let bytes = weight(reading);
                let outgrown = u64::from(bytes) > memory;
                if named.contains(&**api) && !outgrown {
                    if weighed.get(api).is_some_and(|weighed| *weighed != bytes) {
                        demand.keep(api, reading);
                    }
                    return true;
                }
                if outgrown {
                    // Alone: the cache would drop all others first.
                    demand.too_large.insert(api.clone(), ());
                    too_large(api, bytes, memory);
                }
                demand.resident.invalidate(api);
                forget(slot);
                gone += 1;
                false
            });
            state.stale |= gone > 0;
            state.demanded.evictions += gone;
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
    pub(in crate::cache) async fn restore_apis(&self) {
        let index = self.state().index().map(|(index, demand)| (index.clone(), demand.clone()));
        let Some((index, demand)) = index else { return };
        let Some(snapshot) = index.snapshot.clone() else { return };
        let Ok(files) = spawn_blocking(move || snapshot.apis()).await else { return };
        let mut room = demand.memory;
        for api in files {
            let feed = demand.feed(&index, &api);
            let Some(Slot { feed, .. }) = self.state().adopt(Slot::new(feed)) else { continue };
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

fn too_large(api: &str, bytes: u32, memory: u64) {
    tracing::error!(api, "an API takes {bytes} bytes and only {memory} may be in use: raise `[table] memory`");
}

/// What is not in memory needs no snapshot: the disk, too, is bounded.
fn forget(slot: &Slot) {
    if let Some(snapshot) = slot.feed.snapshot.clone() {
        drop(spawn_blocking(move || snapshot.remove()));
    }
}
