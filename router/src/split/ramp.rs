//! A weight that grows by itself: computed from the row and the clock, so that all nodes agree and nobody drives it.

use super::InvalidSplit;
use crate::UnixTime;
use alloc::vec::Vec;

/// More pauses than this are no ramp.
const MAX_PAUSES: usize = 32;

/// The growth of the first arm's weight, at the cost of the last arm's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ramp {
    /// From when.
    pub start: UnixTime,
    /// What is added each time.
    pub step: u16,
    /// Seconds between two steps.
    pub interval: i64,
    /// The weight it ends at.
    pub until: u16,
    /// Spans that do not count, begin inclusive and end exclusive; one without end goes on.
    pub pauses: Vec<(UnixTime, Option<UnixTime>)>,
}

impl Ramp {
    /// Checks it against the weights it moves.
    pub(super) fn check(&self, first: u16, last: u16) -> Result<(), InvalidSplit> {
        if self.step == 0 || self.interval < 1 {
            return Err(InvalidSplit::Ramp("`step` and `interval` must be above zero"));
        }
        match self.until.checked_sub(first) {
            None => Err(InvalidSplit::Ramp("`until` lies below the first arm's own weight")),
            Some(gain) if gain > last => {
                Err(InvalidSplit::Ramp("the last arm has less weight than the first is to gain"))
            }
            Some(_) if self.pauses.len() > MAX_PAUSES => Err(InvalidSplit::Ramp("it has more than 32 pauses")),
            Some(_) if self.pauses.iter().any(|(from, to)| to.is_some_and(|to| to <= *from)) => {
                Err(InvalidSplit::Ramp("a pause ends before it begins"))
            }
            Some(_) => Ok(()),
        }
    }

    /// What the first arm has gained at this time over its own weight.
    pub(super) fn gain(&self, first: u16, now: UnixTime) -> u16 {
        let most = self.until.saturating_sub(first);
        let elapsed = now.saturating_sub(self.start);
        if elapsed <= 0 {
            return 0;
        }
        let steps = elapsed.saturating_sub(self.paused(now)).checked_div(self.interval).unwrap_or(0).max(0);
        u16::try_from(steps.saturating_mul(i64::from(self.step))).map_or(most, |gain| gain.min(most))
    }

    /// Whether a pause is on.
    #[must_use]
    pub fn is_paused(&self, now: UnixTime) -> bool {
        self.pauses.iter().any(|(from, to)| *from <= now && to.is_none_or(|to| now < to))
    }

    /// Seconds of pauses between the start and now; where two overlap, their seconds count once.
    fn paused(&self, now: UnixTime) -> i64 {
        let mut sum = 0_i64;
        for (place, (from, to)) in self.pauses.iter().enumerate() {
            let (mut from, to) = ((*from).max(self.start), to.unwrap_or(now).min(now));
            // Each second belongs to the first pause that covers it, and pauses are few.
            while from < to {
                let before = self.pauses.iter().take(place);
                let cover = before.clone().find(|(f, t)| *f <= from && t.is_none_or(|t| from < t));
                from = match cover {
                    Some((_, end)) => end.unwrap_or(now),
                    None => {
                        let begins = before.map(|(f, _)| *f).filter(|f| *f > from).min().unwrap_or(to).min(to);
                        sum = sum.saturating_add(begins - from);
                        begins
                    }
                };
            }
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    fn ramp(pauses: Vec<(UnixTime, Option<UnixTime>)>) -> Ramp {
        Ramp { start: 1000, step: 500, interval: 100, until: 5000, pauses }
    }

    #[test]
    fn a_weight_grows_by_its_steps_up_to_its_end() {
        let ramp = ramp(vec![]);
        for (now, gain) in [(0, 0), (1000, 0), (1099, 0), (1100, 500), (1250, 1000), (2000, 4900), (i64::MAX, 4900)] {
            assert_eq!(ramp.gain(100, now), gain, "{now}");
        }
    }

    #[test]
    fn pauses_stop_it_once_however_they_overlap() {
        for pauses in [
            vec![(1100, Some(1200))],
            vec![(1100, Some(1150)), (1150, Some(1200))],
            vec![(1120, Some(1180)), (1100, Some(1200))],
            vec![(1100, Some(1200)), (1120, Some(1180))],
            vec![(1100, Some(1180)), (1120, Some(1200))],
        ] {
            let ramp = ramp(pauses);
            assert_eq!(ramp.paused(5000), 100, "{ramp:?}");
            assert_eq!(ramp.gain(0, 1199), 500, "{ramp:?}");
            assert_eq!(ramp.gain(0, 1300), 1000, "{ramp:?}");
        }
        let open = ramp(vec![(1250, None)]);
        assert_eq!((open.gain(0, 1250), open.gain(0, 9999)), (1000, 1000));
        assert!(open.is_paused(9999) && !open.is_paused(1249));
    }
}
