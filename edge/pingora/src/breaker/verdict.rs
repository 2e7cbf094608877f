//! Whether an arm does worse than stable did in the same window. Pure.

use super::tally::Count;
use verge_config::Breaker;

/// What a window says of an arm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too little to tell.
    Inconclusive,
    /// As well as stable, as far as can be told.
    Passing,
    /// Worse.
    Failing(Cause),
}

/// In what it is worse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    /// `errors` or `latency`.
    pub(super) reason: &'static str,
    /// In figures.
    pub(super) detail: String,
}

/// The share of failures that trips an arm where stable has too few requests to compare with.
const HALF: f64 = 0.5;

/// Judges an arm by its window and stable's.
pub(super) fn judge(arm: &Count, stable: &Count, limits: &Breaker) -> Verdict {
    if arm.telling() < limits.sample {
        return Verdict::Inconclusive;
    }
    let rate = |count: &Count| count.failed as f64 / count.telling().max(1) as f64;
    let (own, comparable) = (rate(arm), stable.telling() >= limits.sample);
    let detail =
        || format!("{} of {} failed, of stable's {} of {}", arm.failed, arm.telling(), stable.failed, stable.telling());
    let worse = if comparable {
        // More than chance may do: even the lowest rate that would give this sample lies above stable's.
        let excess = (own - rate(stable)) * 100.0;
        excess > limits.errors as f64 && lower_bound(arm.failed, arm.telling()) > rate(stable)
    } else {
        own > HALF
    };
    if worse {
        return Verdict::Failing(Cause { reason: "errors", detail: detail() });
    }
    if !comparable {
        return Verdict::Inconclusive;
    }
    if let (Some(percent), Some(own), Some(stable)) = (limits.latency, arm.percentile(95), stable.percentile(95))
        && arm.answered >= limits.sample
        && own.as_micros() * 100 > stable.as_micros() * u128::from(percent)
    {
        let detail = format!("95 % within {own:?}, of stable's within {stable:?}");
        return Verdict::Failing(Cause { reason: "latency", detail });
    }
    Verdict::Passing
}

/// The lower end of Wilson's interval for a rate, at three standard deviations.
fn lower_bound(failed: u64, of: u64) -> f64 {
    const Z2: f64 = 9.0;
    let (failed, of) = (failed as f64, of as f64);
    let rate = failed / of;
    let middle = rate + Z2 / (2.0 * of);
    let spread = (Z2 * (rate * (1.0 - rate) / of + Z2 / (4.0 * of * of))).sqrt();
    (middle - spread) / (1.0 + Z2 / of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    fn check(arm: (u64, u64, Duration), stable: (u64, u64, Duration), expected: &str) {
        let count = |(answered, failed, latency)| Count::of(answered, failed, latency);
        let verdict = judge(&count(arm), &count(stable), &Breaker::default());
        let said = match &verdict {
            Verdict::Inconclusive => "inconclusive",
            Verdict::Passing => "passing",
            Verdict::Failing(cause) => cause.reason,
        };
        assert_eq!(said, expected, "{arm:?} {stable:?} {verdict:?}");
    }

    #[test]
    fn too_few_requests_tell_nothing() {
        check((10, 39, MS), (5000, 0, MS), "inconclusive");
        check((50, 0, MS), (10, 0, MS), "inconclusive");
        check((0, 0, MS), (0, 0, MS), "inconclusive");
    }

    #[test]
    fn failures_beyond_stables_trip() {
        check((60, 0, MS), (500, 0, MS), "passing");
        check((44, 6, MS), (500, 0, MS), "errors");
        check((98, 2, MS), (500, 0, MS), "passing");
        // Both suffer: the canary is no worse.
        check((40, 60, MS), (200, 300, MS), "passing");
        // Two of fifty beside one of a hundred is chance.
        check((46, 4, MS), (97, 3, MS), "passing");
    }

    #[test]
    fn alone_an_arm_trips_when_half_of_it_fails() {
        check((40, 60, MS), (0, 0, MS), "errors");
        check((60, 40, MS), (0, 0, MS), "inconclusive");
    }

    #[test]
    fn slowness_trips_by_a_factor() {
        check((100, 0, 10 * MS), (500, 0, MS), "latency");
        check((100, 0, 2 * MS), (500, 0, MS), "passing");
        let any = Breaker { latency: None, ..Breaker::default() };
        let slow = Count::of(100, 0, 100 * MS);
        assert_eq!(judge(&slow, &Count::of(500, 0, MS), &any), Verdict::Passing);
    }
}
