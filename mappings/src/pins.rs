//! What is known of consumers' pins: loaded beside requests, one by one, and kept within bounds.
//!
//! A request never waits for the store. A consumer nobody asked for yet is not known, which is not to have no pin: the
//! decision is put off ([`Pinned::NotKnown`]) while one load runs, however many ask. What is known stays for as long as there
//! is room, is read again for each reading of the table (so a pin is as old as the table is), and is kept where the store
//! cannot be read. Loads are bounded in rate, those of consumers not known and those that refresh apart, so that a flood of
//! made-up consumers costs a bounded number of reads and does not keep pins from changing.

mod key;
mod load;

pub use key::pin_key;
pub use load::PinSource;

use crate::cache::Held;
use arc_swap::ArcSwap;
use key::{ROOM, write_key};
use moka::sync::Cache;
use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};
use tokio::sync::mpsc;
use verge_router::{Pinned, Pins};

/// What consumers with a pin may take, in bytes.
const PINNED: u64 = 32 << 20;
/// What consumers without one may take: made-up ones are among them, and must not drive out the others.
const UNPINNED: u64 = 16 << 20;
/// What an entry takes besides its key, about, in bytes.
const ENTRY: usize = 256;
/// How soon a consumer may be asked for again whose load failed or is under way: what clients are told, too.
const AGAIN: Duration = Duration::from_secs(1);
/// How many are remembered as asked for.
const ASKED: u64 = 10_000;
/// How many may wait to be loaded; more are asked for again by their clients.
const WAITING: usize = 1024;

/// Where an API's pins are read.
type Find = Box<dyn Fn(&str) -> Option<Arc<dyn PinSource>> + Send + Sync>;

/// The pins that this node knows.
pub struct ConsumerPins {
    pinned: Cache<Box<[u8]>, Arc<Entry>>,
    unpinned: Cache<Box<[u8]>, Arc<Entry>>,
    asked: Cache<Box<[u8]>, ()>,
    /// Of consumers not known; and of those that are to be read again.
    cold: mpsc::Sender<Wanted>,
    stale: mpsc::Sender<Wanted>,
    wanted: Mutex<Option<[mpsc::Receiver<Wanted>; 2]>>,
    find: ArcSwap<Find>,
    counts: Counts,
}

/// When a table was read: its generation, and the time of its oldest part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Epoch(Option<u64>, Instant);

/// What is known of one consumer, and since which reading of the table.
struct Entry {
    pinned: Pinned,
    epoch: Epoch,
}

/// A consumer to be loaded.
struct Wanted {
    key: Box<[u8]>,
    epoch: Epoch,
}

#[derive(Default)]
struct Counts {
    put_off: AtomicU64,
    found: AtomicU64,
    absent: AtomicU64,
    unreadable: AtomicU64,
    failed: AtomicU64,
}

/// Figures for operators; counts since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PinStatus {
    /// Consumers in memory, with a pin and without.
    pub held: [u64; 2],
    /// Requests put off, as nothing was known of their consumer yet.
    pub put_off: u64,
    /// Loads that found a pin.
    pub found: u64,
    /// Loads that found none.
    pub absent: u64,
    /// Loads that found one that cannot be read.
    pub unreadable: u64,
    /// Loads that failed.
    pub failed: u64,
}

impl std::fmt::Debug for ConsumerPins {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsumerPins").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl ConsumerPins {
    /// Knows nothing yet. `find` tells where an API's pins are read.
    #[must_use]
    pub fn new(find: impl Fn(&str) -> Option<Arc<dyn PinSource>> + Send + Sync + 'static) -> Self {
        let ((cold, first), (stale, second)) = (mpsc::channel(WAITING), mpsc::channel(WAITING));
        let bounded = |bytes| {
            let weigh = |bytes: usize| u32::try_from(bytes + ENTRY).unwrap_or(u32::MAX);
            Cache::builder()
                .max_capacity(bytes)
                .weigher(move |key: &_, _: &_| weigh(Box::<[u8]>::as_ref(key).len()))
                .build()
        };
        Self {
            pinned: bounded(PINNED),
            unpinned: bounded(UNPINNED),
            asked: Cache::builder().max_capacity(ASKED).time_to_live(AGAIN).build(),
            cold,
            stale,
            wanted: Mutex::new(Some([first, second])),
            find: ArcSwap::from_pointee(Box::new(find)),
            counts: Counts::default(),
        }
    }

    /// Has pins read elsewhere from now on; what is known stays until it was read there.
    pub fn replace(&self, find: impl Fn(&str) -> Option<Arc<dyn PinSource>> + Send + Sync + 'static) {
        self.find.store(Arc::new(Box::new(find)));
    }

    /// What is known, beside a table that is held.
    #[must_use]
    pub fn beside<'p>(&'p self, held: &Held) -> Beside<'p> {
        Beside { pins: self, epoch: Epoch(held.generation, held.loaded_at) }
    }

    /// Figures for operators.
    #[must_use]
    pub fn status(&self) -> PinStatus {
        let Counts { put_off, found, absent, unreadable, failed } = &self.counts;
        let [put_off, found, absent, unreadable, failed] =
            [put_off, found, absent, unreadable, failed].map(|count| count.load(Relaxed));
        let held = [self.pinned.entry_count(), self.unpinned.entry_count()];
        PinStatus { held, put_off, found, absent, unreadable, failed }
    }

    fn want(&self, key: &[u8], epoch: Epoch, by: &mpsc::Sender<Wanted>) {
        if self.asked.contains_key(key) {
            return;
        }
        let key: Box<[u8]> = key.into();
        if self.asked.entry_by_ref(&key).or_insert(()).is_fresh() {
            // What cannot be noted is asked for again.
            let _ = by.try_send(Wanted { key, epoch });
        }
    }
}

/// What is known of pins, to a request that is decided by a table.
#[derive(Debug, Clone, Copy)]
pub struct Beside<'p> {
    pins: &'p ConsumerPins,
    epoch: Epoch,
}

impl Pins for Beside<'_> {
    fn pinned(&self, api: &str, subject: &[u8]) -> Pinned {
        let Self { pins, epoch } = *self;
        let mut room = [0; ROOM];
        let key = write_key(api, subject, &mut room);
        match pins.pinned.get(key).or_else(|| pins.unpinned.get(key)) {
            Some(entry) => {
                if entry.epoch != epoch {
                    pins.want(key, epoch, &pins.stale);
                }
                entry.pinned.clone()
            }
            None => {
                pins.counts.put_off.fetch_add(1, Relaxed);
                pins.want(key, epoch, &pins.cold);
                Pinned::NotKnown
            }
        }
    }
}

#[cfg(test)]
mod tests;
