//! Bounded counting: which consumers ask most, and how many there are.
//!
//! The first is Space-Saving (Metwally, Agrawal and El Abbadi, 2005): whoever asks more often than one in so many places is
//! among them, and a count is too high by `over` at most, never too low. The second is HyperLogLog (Flajolet and others,
//! 2007), with linear counting for few.

use super::consumer::Consumer;
use verge_router::UnixTime;

/// Consumers that are kept by name, of each version.
const TOP: usize = 32;

/// Bits of a hash that choose a register.
const BITS: u32 = 10;
const REGISTERS: usize = 1 << BITS;

/// The standard error of an estimate: 1.04 / sqrt(1024).
pub(crate) const ERROR: f64 = 0.0325;

/// A consumer that asks often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frequent {
    pub(super) consumer: Consumer,
    pub(super) requests: u64,
    /// By how much that may be too high.
    pub(super) over: u64,
    pub(super) last: UnixTime,
}

/// The consumers that ask most.
#[derive(Debug, Clone, Default)]
pub(super) struct Top(Vec<Frequent>);

impl Top {
    pub(super) fn count(&mut self, consumer: &Consumer, now: UnixTime) {
        self.add(Frequent { consumer: *consumer, requests: 1, over: 0, last: now });
    }

    fn add(&mut self, new: Frequent) {
        if let Some(known) = self.0.iter_mut().find(|known| known.consumer.hash == new.consumer.hash) {
            known.requests += new.requests;
            known.over += new.over;
            known.last = known.last.max(new.last);
        } else if self.0.len() < TOP {
            self.0.reserve_exact(TOP - self.0.len());
            self.0.push(new);
        } else if let Some(least) = self.0.iter_mut().min_by_key(|known| known.requests) {
            let over = least.requests;
            *least = Frequent { requests: new.requests + over, over: new.over + over, ..new };
        }
    }

    /// Takes another thread's: what it kept by name is added by name.
    pub(super) fn merge(&mut self, other: &Self) {
        // Most first, so that what is driven out is what counts least.
        let mut all = other.0.clone();
        all.sort_by_key(|frequent| std::cmp::Reverse(frequent.requests));
        all.into_iter().for_each(|frequent| self.add(frequent));
    }

    /// Most first.
    pub(super) fn most(&self) -> Vec<Frequent> {
        let mut all = self.0.clone();
        all.sort_by(|a, b| b.requests.cmp(&a.requests).then_with(|| a.consumer.name().cmp(b.consumer.name())));
        all
    }
}

/// About how many consumers there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Distinct(Box<[u8]>);

impl Default for Distinct {
    fn default() -> Self {
        Self(vec![0; REGISTERS].into())
    }
}

impl Distinct {
    pub(super) fn count(&mut self, consumer: &Consumer) {
        let hash = consumer.hash;
        let at = usize::try_from(hash >> (u64::BITS - BITS)).unwrap_or_default();
        // Of the other bits, the place of the first one that is set; they are never all out of reach.
        let rank = ((hash << BITS) | 1).leading_zeros() + 1;
        if let (Some(register), Ok(rank)) = (self.0.get_mut(at), u8::try_from(rank)) {
            *register = rank.max(*register);
        }
    }

    /// Takes what another thread, or node, counted.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = (*mine).max(*theirs);
        }
    }

    /// The registers, to be sent.
    pub(crate) fn registers(&self) -> &[u8] {
        &self.0
    }

    /// What another node sent; `None` where it is something else.
    pub(crate) fn of(registers: Vec<u8>) -> Option<Self> {
        (registers.len() == REGISTERS && registers.iter().all(|rank| *rank <= 64)).then(|| Self(registers.into()))
    }

    /// The estimate.
    pub(crate) fn estimate(&self) -> u64 {
        let m = REGISTERS as f64;
        let sum: f64 = self.0.iter().map(|rank| (-f64::from(*rank)).exp2()).sum();
        let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
        let empty = self.0.iter().filter(|rank| **rank == 0).count() as f64;
        let estimate = if raw <= 2.5 * m && empty > 0.0 { m * (m / empty).ln() } else { raw };
        estimate.round() as u64
    }
}
