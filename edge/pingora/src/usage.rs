//! Who still uses which version: counted by serving threads, each for itself, in bounded memory.
//!
//! A thread never waits to count: its tally is its own, and while an operator's question has it borrowed (microseconds, a few
//! times a minute at most) what cannot be counted is counted as missed. Consumers are told apart only where the configuration
//! says how, and secrets among what tells them apart are kept as hashes alone.

mod consumer;
mod page;
mod sketch;
mod tally;

pub(crate) use consumer::consumer_of;
pub(crate) use page::VersionGauge;
pub(crate) use sketch::{Distinct, ERROR};

use crate::clock::unix_now;
use consumer::Consumer;
use std::sync::{
    Mutex, PoisonError, TryLockError,
    atomic::{AtomicU64, Ordering::Relaxed},
};
use tally::{Tally, VersionUse};
use verge_router::UnixTime;

/// Versions that are counted on a node, at most, of all APIs together.
const MAX_VERSIONS: usize = 512;

/// The use of versions on this node, since it started.
pub(crate) struct Usage {
    threads: Box<[Slot]>,
    since: UnixTime,
    /// Requests that could not be counted, as their thread's tally was being read.
    missed: AtomicU64,
}

/// One thread's tally, on cache lines of its own.
#[repr(align(128))]
#[derive(Default)]
struct Slot(Mutex<Tally>);

/// How a request of a version ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It went to the version's origin.
    Served,
    /// The version is over: 410.
    Retired,
}

impl Usage {
    pub(crate) fn new(threads: usize) -> Self {
        Self { threads: (0..threads).map(|_| Slot::default()).collect(), since: unix_now(), missed: AtomicU64::new(0) }
    }

    /// Counts a request, on this serving thread. Never waits.
    pub(crate) fn count(&self, thread: usize, api: &str, version: &str, ended: Ended, consumer: Option<&Consumer>) {
        let Some(Slot(tally)) = self.threads.get(thread) else { return };
        match tally.try_lock() {
            Ok(mut tally) => tally.count(api, version, ended, consumer, unix_now()),
            Err(TryLockError::Poisoned(poisoned)) => {
                poisoned.into_inner().count(api, version, ended, consumer, unix_now());
            }
            Err(TryLockError::WouldBlock) => {
                self.missed.fetch_add(1, Relaxed);
            }
        }
    }

    /// What all threads counted, of one API or of all.
    fn sum(&self, api: Option<&str>) -> Tally {
        let mut sum = Tally::default();
        for Slot(tally) in &self.threads {
            // Only copied while the thread cannot count.
            let copy = tally.lock().unwrap_or_else(PoisonError::into_inner).copy(api);
            sum.merge(copy);
        }
        sum
    }
}

#[cfg(test)]
mod tests;
