//! APIs that were dropped for others: their readings, packed, for as long as there is room.
//!
//! What an API lost since, and whether operators want it to stay as it is, is judged by what was held of it. And where the
//! store is away when it is asked for again, what was held is better than nothing.

use crate::{
    cache::{retire::discard, slot::Slot, stored::Stored},
    parse::Scope,
};
use std::collections::VecDeque;

/// The part of what APIs in memory may take that those dropped may take besides, packed.
const SHARE: u64 = 8;
/// What one takes besides its readings, in bytes: rounded up.
const SLOT: usize = 512;

/// APIs that were dropped, the last one last.
#[derive(Default)]
pub(in crate::cache) struct Past(VecDeque<Slot>);

impl Past {
    /// Keeps an API that is dropped, within a share of `memory`; those that were dropped first make room.
    pub(super) fn put(&mut self, slot: Slot, memory: u64) {
        self.0.retain(|other| other.feed.scope != slot.feed.scope);
        self.0.push_back(slot);
        let mut bytes: u64 = self.0.iter().map(weight).sum();
        while bytes > memory / SHARE
            && let Some(first) = self.0.pop_front()
        {
            bytes -= weight(&first);
            discard((first.reading, first.doubted));
        }
    }

    /// Takes an API out, where it is known.
    pub(super) fn take(&mut self, scope: &Scope) -> Option<Slot> {
        self.0.remove(self.0.iter().position(|slot| slot.feed.scope == *scope)?)
    }

    /// Whether this API can be served as it was.
    pub(super) fn holds(&self, scope: &Scope) -> bool {
        self.0.iter().any(|slot| slot.feed.scope == *scope)
    }

    /// Forgets what is not to be served any more.
    pub(super) fn retain(&mut self, is_wanted: impl Fn(&Slot) -> bool) {
        self.0.retain(is_wanted);
    }

    /// All of it.
    pub(super) fn into_slots(self) -> impl Iterator<Item = Slot> {
        self.0.into_iter()
    }
}

fn weight(slot: &Slot) -> u64 {
    let packed = |stored: Option<&Stored>| stored.map_or(0, |stored| stored.frame.len());
    let doubted = slot.doubted.as_ref().map(|doubted| &*doubted.reading);
    (SLOT + packed(slot.reading.as_deref()) + packed(doubted)) as u64
}
