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

/// Deviations that chance does not bring about. Windows are looked at four times a second for as long as a canary runs, so
/// what happens once in a thousand samples would happen within the hour: an arm as good as stable trips less than once in
/// a hundred days.
const BEYOND_CHANCE: f64 = 5.0;

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
        (own - rate(stable)) * 100.0 > limits.errors as f64 && deviation(arm, stable) > BEYOND_CHANCE
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

/// How many standard deviations lie between what both samples say and what both would say were their rates the same: the
/// signed root of the likelihood ratio, which holds for the few failures of small samples, too.
fn deviation(arm: &Count, stable: &Count) -> f64 {
    let part = |hits: u64, of: u64, rate: f64| {
        if hits == 0 { 0.0 } else { hits as f64 * (hits as f64 / of as f64 / rate).ln() }
    };
    let all = (arm.telling() + stable.telling()).max(1) as f64;
    let (failing, well) = ((arm.failed + stable.failed) as f64 / all, (arm.answered + stable.answered) as f64 / all);
    let of = |count: &Count| part(count.failed, count.telling(), failing) + part(count.answered, count.telling(), well);
    (2.0 * (of(arm) + of(stable))).max(0.0).sqrt()
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

    /// A day of windows of half a minute, looked at each second, with an arm that is exactly as good as stable.
    #[test]
    fn an_arm_as_good_as_stable_is_not_tripped_in_a_day() {
        for (rate, canary, stable) in [(0.005, 2, 20), (0.02, 2, 20), (0.02, 5, 5), (0.1, 3, 30)] {
            let mut random = fastrand::Rng::with_seed(7);
            let mut failed = |requests: u64| (0..requests).filter(|_| random.f64() < rate).count() as u64;
            let mut seconds = std::collections::VecDeque::from([(0, 0); 30]);
            let (mut arm, mut other) = (0, 0);
            for second in 0..86_400 {
                let (new, old) = ((failed(canary), failed(stable)), seconds.pop_front().unwrap());
                seconds.push_back(new);
                (arm, other) = (arm + new.0 - old.0, other + new.1 - old.1);
                let own = Count::of(30 * canary - arm, arm, MS);
                let verdict = judge(&own, &Count::of(30 * stable - other, other, MS), &Breaker::default());
                assert!(!matches!(verdict, Verdict::Failing(_)), "{second} s at {rate}: {verdict:?}");
            }
        }
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
