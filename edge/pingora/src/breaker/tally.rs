//! What serving threads count of an arm: each thread its own, so that no cache line is shared between cores.

use std::{
    sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// Two bits below the highest one: each bucket is at most a quarter wider than the one before.
const BUCKETS: usize = 4 * 37;

/// How one request to an arm ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// It was answered, with this latency to the response head.
    Answered(Duration),
    /// The client's own mistake (4xx): neither for the arm nor against it.
    Refused,
    /// 5xx, or no answer at all.
    Failed,
}

/// One thread's counters; they only grow.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Tally {
    answered: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
    latency: [AtomicU64; BUCKETS],
    /// Retries that stable may still be given, in hundredths.
    budget: AtomicI64,
}

/// What a retry takes of the budget.
const RETRY: i64 = 100;
/// What a request that stable answers adds to it: one retry for ten.
const EARNED: i64 = 10;
/// What can be saved up.
const SAVED: i64 = 20 * RETRY;

impl Default for Tally {
    fn default() -> Self {
        Self {
            answered: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            latency: [const { AtomicU64::new(0) }; BUCKETS],
            budget: AtomicI64::new(SAVED / 2),
        }
    }
}

impl Tally {
    pub(super) fn count(&self, ending: Ending) {
        let counter = match ending {
            Ending::Answered(latency) => {
                if let Some(bucket) = self.latency.get(bucket(latency)) {
                    bucket.fetch_add(1, Relaxed);
                }
                &self.answered
            }
            Ending::Refused => &self.refused,
            Ending::Failed => &self.failed,
        };
        counter.fetch_add(1, Relaxed);
    }

    /// A request was stable's by right.
    pub(super) fn earn(&self) {
        // Only this thread writes; what another reads meanwhile may be old.
        let budget = self.budget.load(Relaxed);
        self.budget.store((budget + EARNED).min(SAVED), Relaxed);
    }

    /// Whether stable may be given a request that another arm failed, which is then taken off.
    pub(super) fn spend(&self) -> bool {
        let budget = self.budget.load(Relaxed);
        let may = budget >= RETRY;
        if may {
            self.budget.store(budget - RETRY, Relaxed);
        }
        may
    }

    /// Adds what was counted so far.
    pub(super) fn add_to(&self, sum: &mut Count) {
        sum.answered += self.answered.load(Relaxed);
        sum.refused += self.refused.load(Relaxed);
        sum.failed += self.failed.load(Relaxed);
        for (sum, bucket) in sum.latency.iter_mut().zip(&self.latency) {
            *sum += bucket.load(Relaxed);
        }
    }
}

/// Counters of all threads at one moment, or what came between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) answered: u64,
    pub(super) refused: u64,
    pub(super) failed: u64,
    latency: Box<[u64]>,
}

impl Default for Count {
    fn default() -> Self {
        Self { answered: 0, refused: 0, failed: 0, latency: vec![0; BUCKETS].into() }
    }
}

impl Count {
    /// What came since another.
    pub(super) fn since(&self, before: &Self) -> Self {
        let latency = self.latency.iter().zip(&before.latency).map(|(now, then)| now.saturating_sub(*then)).collect();
        Self {
            answered: self.answered.saturating_sub(before.answered),
            refused: self.refused.saturating_sub(before.refused),
            failed: self.failed.saturating_sub(before.failed),
            latency,
        }
    }

    /// Requests that tell about the arm.
    pub(super) fn telling(&self) -> u64 {
        self.answered + self.failed
    }

    /// All requests.
    pub(super) fn requests(&self) -> u64 {
        self.telling() + self.refused
    }

    /// The latency that so many per cent of the answers stayed within; `None` where there are none.
    pub(super) fn percentile(&self, percent: u64) -> Option<Duration> {
        let rank = (self.answered * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let at = self.latency.iter().position(|count| {
            seen += count;
            seen >= rank
        })?;
        Some(Duration::from_micros(upper(at)))
    }

    #[cfg(test)]
    pub(super) fn of(answered: u64, failed: u64, latency: Duration) -> Self {
        let mut count = Self { answered, failed, ..Self::default() };
        count.latency[bucket(latency)] = answered;
        count
    }
}

fn bucket(latency: Duration) -> usize {
    let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX).max(4);
    let highest = u64::from(micros.ilog2());
    let quarter = (micros >> (highest - 2)) & 3;
    usize::try_from((highest - 2) * 4 + quarter).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The upper end of a bucket, in microseconds.
fn upper(at: usize) -> u64 {
    let (highest, quarter) = (at / 4 + 2, (at % 4) as u64);
    (5 + quarter) << (highest - 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_at_most_a_quarter_apart() {
        let mut last = 0;
        for micros in [4_u64, 5, 7, 8, 9, 100, 1000, 1023, 1024, 35_000, 1_000_000, 60_000_000] {
            let at = bucket(Duration::from_micros(micros));
            assert!(at >= last);
            assert!(upper(at) > micros && upper(at) <= micros * 5 / 4 + 1, "{micros}: {}", upper(at));
            last = at;
        }
        assert_eq!(bucket(Duration::MAX), BUCKETS - 1);
        assert_eq!(bucket(Duration::ZERO), 0);
    }

    #[test]
    fn a_percentile_is_read_off_the_buckets() {
        let tally = Tally::default();
        (1..=100).for_each(|millis| tally.count(Ending::Answered(Duration::from_millis(millis))));
        let mut count = Count::default();
        tally.add_to(&mut count);
        let p95 = count.percentile(95).unwrap();
        assert!((95..=119).contains(&p95.as_millis()), "{p95:?}");
        assert_eq!(Count::default().percentile(95), None);
    }

    #[test]
    fn retries_are_earned_and_cannot_be_hoarded() {
        let tally = Tally::default();
        let spent = |tally: &Tally| (0..1000).take_while(|_| tally.spend()).count();
        assert_eq!(spent(&tally), 10);
        (0..25).for_each(|_| tally.earn());
        assert_eq!(spent(&tally), 2);
        (0..100_000).for_each(|_| tally.earn());
        assert_eq!(spent(&tally), 20);
    }
}
