//! Breakers: each arm of a split is watched beside stable, and taken out where it does worse.
//!
//! Serving threads count ([`Breakers::count`]) and ask ([`Health`]); both are a look-up in a map that is only replaced.
//! What the counts mean is found out beside serving, a few times in each window (`breaker/watch.rs`). A trip takes new
//! traffic off the arm on this node at once, and is written to the table, so that all nodes follow
//! (`breaker/share.rs`). It stays until the row's next change: an arm that was bad is not tried again by itself.

mod share;
mod state;
mod tally;
mod verdict;
mod watch;
mod window;

pub(crate) use share::Stores;
pub(crate) use state::{ArmReport, Totals};
pub(crate) use tally::Ending;

use arc_swap::ArcSwap;
use hashbrown::{HashMap, HashSet};
use state::Watch;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tally::{Count, Tally};
use verge_config::Breaker;
use verge_mappings::Held;
use verge_router::{
    Choice, SplitRow,
    split::{By, Health, HeldArm},
};

/// Arms that are watched, at most: what bounds the memory of their counters.
const MAX_ARMS: usize = 2048;

/// The breakers of all arms on this node.
pub(crate) struct Breakers {
    threads: usize,
    /// When an arm is taken out; `None`: never.
    limits: ArcSwap<Option<Breaker>>,
    arms: ArcSwap<Arms>,
    /// Arms that are out, by their fingerprints: tripped here, or by a node that wrote it to the table.
    out: ArcSwap<HashSet<u64>>,
    watch: Mutex<Watch>,
}

/// Arms by their fingerprints.
type Arms = HashMap<u64, Arm>;

/// An arm with its counters, one set for each serving thread.
#[derive(Debug)]
struct Arm {
    api: Box<str>,
    row: Box<str>,
    name: Box<str>,
    /// The fingerprint of the arm it is compared with; its own where it is stable itself.
    stable: u64,
    tallies: Arc<[Tally]>,
}

impl Arm {
    fn sum(&self) -> Count {
        let mut sum = Count::default();
        self.tallies.iter().for_each(|tally| tally.add_to(&mut sum));
        sum
    }
}

impl Breakers {
    pub(crate) fn new(threads: usize, limits: Option<Breaker>) -> Self {
        Self {
            threads,
            limits: ArcSwap::from_pointee(limits),
            arms: ArcSwap::default(),
            out: ArcSwap::default(),
            watch: Mutex::default(),
        }
    }

    /// Takes other limits; what was tripped stays so.
    pub(crate) fn reload(&self, limits: Option<Breaker>) {
        self.limits.store(Arc::new(limits));
    }

    /// How a request to an arm ended, on this serving thread. What testers asked for tells nothing.
    pub(crate) fn count(&self, thread: usize, choice: &Choice, ending: Ending) {
        if choice.by() == By::Override {
            return;
        }
        self.with_tally(thread, choice.arm(), |tally| {
            tally.count(ending);
            if choice.is_stable() && choice.by() != By::Fallback {
                tally.earn();
            }
        });
    }

    /// Whether stable may be given a request that this choice's arm failed: within a tenth of what it has by right.
    pub(crate) fn may_fall_back(&self, thread: usize, choice: &Choice) -> bool {
        self.with_tally(thread, choice.row().arms().last(), Tally::spend).unwrap_or(false)
    }

    fn with_tally<T>(&self, thread: usize, arm: Option<&HeldArm>, with: impl FnOnce(&Tally) -> T) -> Option<T> {
        let arms = self.arms.load();
        arms.get(&arm?.fingerprint())?.tallies.get(thread).map(with)
    }

    fn watch(&self) -> MutexGuard<'_, Watch> {
        self.watch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a table: which arms there are, and which of them other nodes tripped.
    fn follow(&self, held: &Held) {
        let mut arms = Arms::new();
        let before = self.arms.load();
        for row in held.table.apis().iter().flat_map(verge_router::table::ApiTable::splits) {
            let Some(stable) = row.arms().last().map(HeldArm::fingerprint) else { continue };
            if arms.len() + row.arms().len() > MAX_ARMS {
                tracing::warn!(most = MAX_ARMS, "more arms than are watched: breakers do not see the others");
                break;
            }
            for arm in row.arms() {
                let fingerprint = arm.fingerprint();
                // Compared with another stable, it is still the arm it was: its counters go on.
                let tallies = before.get(&fingerprint).map(|known| known.tallies.clone());
                arms.insert(fingerprint, self.arm(row, arm, stable, tallies));
            }
        }
        self.arms.store(Arc::new(arms));
    }

    fn arm(&self, row: &SplitRow, arm: &HeldArm, stable: u64, tallies: Option<Arc<[Tally]>>) -> Arm {
        Arm {
            api: row.api().name().into(),
            row: row.key().into(),
            name: arm.name().into(),
            stable,
            tallies: tallies.unwrap_or_else(|| (0..self.threads).map(|_| Tally::default()).collect()),
        }
    }
}

impl Health for Breakers {
    fn is_tripped(&self, _: &SplitRow, arm: &HeldArm) -> bool {
        self.out.load().contains(&arm.fingerprint())
    }
}
