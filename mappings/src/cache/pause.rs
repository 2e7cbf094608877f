//! How long to wait before the next read.

use std::time::Duration;

/// The first back-off, doubled with each failure.
const FIRST: Duration = Duration::from_millis(500);
/// The least pause after a failure: full jitter may draw zero, and a loop must not spin.
const LEAST: Duration = Duration::from_millis(100);
/// The least upper bound of the back-off.
const CAP: Duration = Duration::from_secs(10);
/// With no table held, clients get 503: the store is tried more often.
const CAP_UNREADY: Duration = Duration::from_secs(5);

/// The pause: `refresh` ±10 % after a success, full-jitter back-off after `failures` in a row.
pub(super) fn next(refresh: Duration, failures: u32, ready: bool) -> Duration {
    let longest = if ready { refresh.max(CAP) } else { CAP_UNREADY };
    if failures == 0 {
        let usual = refresh.mul_f64(0.9 + 0.2 * fastrand::f64());
        return if ready { usual } else { usual.min(longest) };
    }
    let bound = FIRST.saturating_mul(1 << failures.min(16)).min(longest);
    bound.mul_f64(fastrand::f64()).max(LEAST)
}

/// The pause before a source is asked again: `poll` ±10 %, doubled with each failure in a row up to the cap.
pub(super) fn poll(poll: Duration, failures: u32) -> Duration {
    let bound = poll.saturating_mul(1 << failures.min(16)).min(poll.max(CAP));
    bound.mul_f64(0.9 + 0.2 * fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refresh_is_jittered_by_a_tenth() {
        for _ in 0..1000 {
            let pause = next(Duration::from_secs(60), 0, true).as_secs_f64();
            assert!((54.0..=66.0).contains(&pause), "{pause}");
        }
    }

    #[test]
    fn polls_keep_their_pace_and_slow_down_while_they_fail() {
        for _ in 0..1000 {
            let usual = poll(Duration::from_secs(1), 0).as_secs_f64();
            assert!((0.9..=1.1).contains(&usual), "{usual}");
            let failing = poll(Duration::from_secs(1), 100).as_secs_f64();
            assert!((9.0..=11.0).contains(&failing), "{failing}");
            assert!(poll(Duration::from_secs(3600), 3) >= Duration::from_secs(3200));
        }
    }

    #[test]
    fn a_back_off_never_exceeds_its_bound() {
        for failures in (1..100).chain([u32::MAX]) {
            for _ in 0..50 {
                assert!(next(Duration::from_secs(60), failures, true) <= Duration::from_secs(60));
                assert!(next(Duration::from_secs(1), failures, true) <= Duration::from_secs(10));
                assert!(next(Duration::from_secs(60), failures, false) <= Duration::from_secs(5));
                assert!(next(Duration::from_secs(1), failures, true) >= LEAST);
            }
        }
    }
}
