//! What must go goes: APIs that were dropped for others, that nothing names any more, or that a reload left behind.

use super::{Demand, DemandStatus, OnDemand, too_large, weight};
use crate::{
    cache::{
        Feed, LiveTable,
        slot::{Slot, State},
    },
    parse::Scope,
};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, PoisonError},
};
use tokio::sync::mpsc;

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
                demand.weigh(api, reading);
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

    /// The same of all that were dropped.
    pub(in crate::cache) fn adopt_past(&mut self) {
        for slot in std::mem::take(&mut self.past).into_slots() {
            if let (Some(slot), Some((_, OnDemand { memory, .. }))) = (self.adopt(slot), self.index()) {
                let memory = *memory;
                self.past.put(slot, memory);
            }
        }
    }

    pub(in crate::cache) fn demand_status(&self) -> Option<DemandStatus> {
        let demand = self.demand.as_ref()?;
        let apis = self.slots.iter().filter(|slot| matches!(slot.feed.scope, Scope::Within(_))).count();
        Some(DemandStatus { apis, bytes: demand.resident.weighted_size(), ..self.demanded })
    }

    pub(super) fn index(&self) -> Option<(&Feed, &OnDemand)> {
        self.slots.iter().find_map(|slot| Some((&slot.feed, slot.feed.demand.as_ref()?)))
    }

    /// What is not in memory needs no snapshot: the disk, too, is bounded.
    fn forget(&mut self, slot: &Slot) {
        self.forgotten.extend(slot.feed.snapshot.clone());
    }
}

impl LiveTable {
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
            let is_named = |slot: &Slot| match &slot.feed.scope {
                Scope::Within(api) => named.contains(&**api),
                _ => true,
            };
            state.past.retain(is_named);
            let weighed: HashMap<Arc<str>, u32> =
                demand.resident.iter().map(|(api, bytes)| ((*api).clone(), bytes)).collect();
            let slots = std::mem::take(&mut state.slots);
            for slot in slots {
                let (Scope::Within(api), Some(reading)) = (&slot.feed.scope, &slot.reading) else {
                    state.slots.push(slot);
                    continue;
                };
                let bytes = weight(reading);
                let outgrown = u64::from(bytes) > memory;
                if is_named(&slot) && !outgrown {
                    if weighed.get(api).is_some_and(|weighed| *weighed != bytes) {
                        demand.weigh(api, reading);
                    }
                    state.slots.push(slot);
                    continue;
                }
                if outgrown {
                    // Alone: the cache would drop all others first.
                    demand.too_large.insert(api.clone(), ());
                    too_large(api, bytes, memory);
                }
                demand.resident.invalidate(api);
                state.forget(&slot);
                state.stale = true;
                state.demanded.evictions += 1;
            }
        }
        self.drop_evicted();
    }

    /// Takes out what had to go; the next table is built without it.
    pub(super) fn drop_evicted(&self) {
        let mut state = self.state();
        let Some(demand) = state.demand.clone() else { return };
        let evicted = std::mem::take(&mut *demand.evicted.lock().unwrap_or_else(PoisonError::into_inner));
        for api in evicted.into_iter().filter(|api| !demand.resident.contains_key(api)) {
            let Some(at) = state.slots.iter().position(|slot| slot.feed.scope == Scope::Within(api.clone())) else {
                continue;
            };
            let slot = state.slots.swap_remove(at);
            state.forget(&slot);
            if let Some((_, OnDemand { memory, .. })) = state.index() {
                let memory = *memory;
                state.past.put(slot, memory);
            }
            state.demanded.evictions += 1;
            state.stale = true;
        }
    }
}
