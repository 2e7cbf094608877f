//! Loading: what is asked for comes in.

use super::weight;
use crate::{
    cache::{
        Feed, LiveTable,
        refresh::{ours, read, read_again},
        run::now,
        slot::{Looked, Slot, State},
        stored::Stored,
    },
    parse::Scope,
    source::{LoadError, partitioned::OneApi},
};
use std::{
    collections::HashMap,
    sync::Arc,
    time::{Instant, SystemTime},
};
use tokio::task::{JoinSet, spawn_blocking};

/// One load, begun.
struct Load {
    feed: Feed,
    source: OneApi,
    /// Whether operators want what is known of it to stay as it is: nothing is read.
    frozen: bool,
    /// How often the APIs in memory had begun to be read again by then.
    turns: u64,
}

impl LiveTable {
    /// Loads what is asked for, until it is dropped.
    pub(in crate::cache) async fn load_wanted(self: Arc<Self>) {
        let mut wanted = self.wanted.1.lock().await;
        let mut loading = HashMap::new();
        let mut loads = JoinSet::new();
        loop {
            tokio::select! {
                Some(api) = wanted.recv() => {
                    if self.is_cold(&api) && !loading.values().any(|other| *other == api) {
                        let (this, to_load) = (self.clone(), api.clone());
                        let load = loads.spawn(async move {
                            this.load_api(&to_load).await;
                            this.bury_soon();
                            this.save_soon();
                        });
                        loading.insert(load.id(), api);
                    }
                }
                Some(loaded) = loads.join_next_with_id() => {
                    let id = loaded.as_ref().map_or_else(|panic| panic.id(), |(id, ())| *id);
                    if let (Some(api), Err(panic)) = (loading.remove(&id), loaded) {
                        self.load_failed(&api, &ours(&panic));
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
        let Some(load) = self.state().begin_load(api) else { return };
        let started = (now(), SystemTime::now());
        let reading = if load.frozen { None } else { Some(read(&load.source).await) };
        let reading = match reading {
            Some(Err(error)) => {
                self.load_failed(api, &error);
                None
            }
            Some(Ok(reading)) => Some(reading),
            None => None,
        };
        self.take_in(api, load.feed, reading.map(|reading| (reading, started))).await;
        // A change that was heard of meanwhile was not asked for of an API that was not in memory yet.
        if self.state().turns != load.turns {
            self.read_one_again(api).await;
        }
    }

    /// Has an API in memory, whatever must go for it: as it was read, or, where it was not or is not believed, as it was
    /// when it was dropped.
    async fn take_in(&self, api: &Arc<str>, feed: Feed, reading: Option<(Stored, (Instant, SystemTime))>) {
        let scope = Scope::Within(api.clone());
        {
            let mut state = self.state();
            // A reload may have come in between, and the table may be another one.
            let Some(fresh) = state.adopt(Slot::new(feed)) else { return };
            let (Some(demand), Some((_, limit))) = (state.demand.clone(), state.index()) else { return };
            let memory = limit.memory;
            let mut slot = state.past.take(&scope).and_then(|past| state.adopt(past)).unwrap_or(fresh);
            if let Some((reading, started)) = reading {
                slot.take_first(reading, &state, started);
            }
            let Some(reading) = slot.reading.clone() else { return };
            let bytes = weight(&reading);
            if u64::from(bytes) > memory {
                demand.too_large.insert(api.clone(), ());
                state.demanded.failures += 1;
                drop(state);
                super::too_large(api, bytes, memory);
                return;
            }
            state.slots.retain(|slot| slot.feed.scope != scope);
            demand.weigh(api, &reading);
            state.slots.push(slot);
            state.demanded.loads += 1;
            state.stale = true;
        }
        self.drop_evicted();
        if let Err(error) = self.publish().await {
            tracing::error!(api = &**api, "an API was loaded and makes no table: {error}");
        }
    }

    /// Reads one API in memory once more.
    async fn read_one_again(&self, api: &Arc<str>) {
        let reading = {
            let state = self.state();
            state.slots.iter().find(|slot| slot.feed.scope == Scope::Within(api.clone())).map(read_again)
        };
        let Some(reading) = reading else { return };
        let returned = reading.await;
        // What failed is counted, and read again with the next refresh; what is held back is said.
        let _ = self.state().take(returned);
        self.settle_demand();
        if let Err(error) = self.publish().await {
            tracing::error!(api = &**api, "an API was read again and makes no table: {error}");
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
                demand.weigh(&api, &stored);
            }
            state.slots.push(Slot { reading: Some(Arc::new(stored)), ..slot });
            state.stale = true;
        }
    }
}

impl State {
    fn begin_load(&self, api: &Arc<str>) -> Option<Load> {
        let (index, demand) = self.index()?;
        let frozen = self.is_index_frozen() && self.past.holds(&Scope::Within(api.clone()));
        Some(Load { feed: demand.feed(index, api), source: demand.first(api), frozen, turns: self.turns })
    }
}

impl Slot {
    /// Takes the first reading of an API that is loaded, or judges it by what was held before the API was dropped.
    fn take_first(&mut self, reading: Stored, state: &State, started: (Instant, SystemTime)) {
        self.error = None;
        if self.reading.is_none() {
            (self.reading, self.read_at) = (Some(Arc::new(reading)), Some(started));
            return;
        }
        let told = state.told(Some(&self.feed.scope), &reading);
        let doubted = self.doubted.as_ref().map(|doubted| doubted.reading.clone());
        let looked = Looked::over(reading, self.reading.clone().as_deref(), doubted.as_deref());
        // What is held back says so itself.
        self.judge(looked, told, started);
    }
}
