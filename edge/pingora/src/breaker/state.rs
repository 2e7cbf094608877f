//! What is known of each arm besides its counters, and how it is shown.

use super::{
    tally::Count,
    verdict::{Cause, Verdict},
    window::Window,
};
use hashbrown::{HashMap, HashSet};
use serde::Serialize;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use verge_mappings::Held;

/// All that only the watcher touches.
#[derive(Default)]
pub(super) struct Watch {
    /// The table that was followed last.
    pub(super) held: Option<Arc<Held>>,
    pub(super) arms: HashMap<u64, ArmWatch>,
    /// Arms that were out by that table's word.
    pub(super) told: HashSet<u64>,
    /// Trips since the start.
    pub(super) trips: u64,
    /// Trips that could not be written to the table.
    pub(super) unshared: u64,
}

/// One arm.
#[derive(Debug, Default)]
pub(super) struct ArmWatch {
    window: Window,
    /// What came within the window, when it was last looked at.
    pub(super) seen: Count,
    pub(super) state: State,
    /// Since when it is slower than it may be.
    slow_since: Option<Instant>,
}

/// An arm's state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum State {
    /// Too little to tell.
    #[default]
    Inconclusive,
    Passing,
    /// Worse than stable, and not yet for long enough.
    Failing(Cause),
    /// Out, by this node's own judgement.
    Tripped {
        cause: Cause,
        /// The weights of the row then: an operator who changes them gives the arm another chance.
        weights: Vec<u16>,
    },
}

impl ArmWatch {
    /// Takes the counters as they stand.
    pub(super) fn look(&mut self, now: Instant, count: Count, length: Duration) {
        self.seen = self.window.look(now, count, length);
    }

    /// Takes a verdict; whether it trips the arm. Failures trip at once, slowness when it has lasted for a window more.
    pub(super) fn judge(&mut self, verdict: Verdict, now: Instant, length: Duration) -> Option<Cause> {
        let cause = match verdict {
            Verdict::Failing(cause) => cause,
            verdict => {
                self.slow_since = None;
                self.state = if verdict == Verdict::Passing { State::Passing } else { State::Inconclusive };
                return None;
            }
        };
        if cause.reason == "latency" {
            let since = *self.slow_since.get_or_insert(now);
            if now.saturating_duration_since(since) < length {
                self.state = State::Failing(cause);
                return None;
            }
        }
        Some(cause)
    }

    pub(super) fn trip(&mut self, cause: Cause, weights: Vec<u16>) {
        self.state = State::Tripped { cause, weights };
    }

    /// The arm has another chance: what was is forgotten.
    pub(super) fn begin_anew(&mut self, now: Instant, count: Count) {
        *self = Self::default();
        self.window.begin_anew(now, count);
    }

    pub(super) fn is_tripped(&self) -> bool {
        matches!(self.state, State::Tripped { .. })
    }
}

/// An arm as operators are shown it: what came within the window, and what was made of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ArmReport {
    pub(crate) api: String,
    pub(crate) version: String,
    pub(crate) arm: String,
    /// Its weight now.
    pub(crate) weight: u16,
    /// Requests within the window.
    pub(crate) requests: u64,
    pub(crate) failures: u64,
    pub(crate) client_errors: u64,
    /// Its part of the row's requests within the window, 0 to 1.
    pub(crate) share: f64,
    pub(crate) p50_ms: Option<f64>,
    pub(crate) p99_ms: Option<f64>,
    /// `stable`, `inconclusive`, `passing`, `failing`, `tripped`.
    pub(crate) state: &'static str,
    pub(crate) reason: Option<String>,
    pub(crate) detail: Option<String>,
    /// Since the start.
    pub(crate) total: Totals,
}

/// Counters since the start.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Totals {
    pub(crate) answered: u64,
    pub(crate) client_errors: u64,
    pub(crate) failed: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cause(reason: &'static str) -> Verdict {
        Verdict::Failing(Cause { reason, detail: String::new() })
    }

    #[test]
    fn failures_trip_at_once_and_slowness_when_it_lasts() {
        let (start, length) = (Instant::now(), Duration::from_secs(10));
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut arm = ArmWatch::default();
        assert!(arm.judge(cause("errors"), at(0), length).is_some());
        assert!(arm.judge(cause("latency"), at(0), length).is_none());
        assert!(matches!(arm.state, State::Failing(_)));
        assert!(arm.judge(cause("latency"), at(9), length).is_none());
        assert!(arm.judge(Verdict::Passing, at(9), length).is_none());
        assert!(arm.judge(cause("latency"), at(12), length).is_none(), "it passed in between");
        assert!(arm.judge(cause("latency"), at(22), length).is_some());
    }
}
