//! Which of many versions in a row still lives: found without looking at each.

use crate::UnixTime;
use alloc::{vec, vec::Vec};
use core::ops::Range;

/// So many of one level are one of the next.
const FAN: usize = 8;

/// Until when each of a list of versions lives, and on every level above, the latest of each eight below. So a stretch of
/// dead ones, however long, is passed over in steps that grow: finding a living one takes a number of steps that is
/// logarithmic in the list. Without a list all live.
#[derive(Debug, Default)]
pub(super) struct Living {
    levels: Vec<Vec<UnixTime>>,
}

impl Living {
    /// Of the times from which on each is dead; [`UnixTime::MIN`] for what never lived.
    pub(super) fn new(until: Vec<UnixTime>) -> Self {
        let mut levels = vec![until];
        while let Some(last) = levels.last()
            && last.len() > FAN
        {
            let above = last.chunks(FAN).map(|eight| eight.iter().copied().max().unwrap_or(UnixTime::MIN)).collect();
            levels.push(above);
        }
        Self { levels }
    }

    /// The last of these places that lives.
    pub(super) fn last(&self, places: Range<usize>, now: UnixTime) -> Option<usize> {
        let mut end = places.end;
        while end > places.start {
            match self.dead(now, |size| (end.checked_rem(size) == Some(0)).then(|| end / size - 1)) {
                Some(size) => end = end.saturating_sub(size),
                None => return Some(end - 1),
            }
        }
        None
    }

    /// The first of these places that lives.
    pub(super) fn first(&self, places: Range<usize>, now: UnixTime) -> Option<usize> {
        let mut start = places.start;
        while start < places.end {
            match self.dead(now, |size| (start.checked_rem(size) == Some(0)).then(|| start / size)) {
                Some(size) => start += size,
                None => return Some(start),
            }
        }
        None
    }

    /// The size of the largest dead block among those at one place, each level's told by its size; `None` where even the
    /// single one lives.
    fn dead(&self, now: UnixTime, block: impl Fn(usize) -> Option<usize>) -> Option<usize> {
        let mut size = 1;
        let mut dead = None;
        for level in &self.levels {
            match block(size).and_then(|at| level.get(at)) {
                Some(until) if *until <= now => dead = Some(size),
                _ => break,
            }
            size *= FAN;
        }
        dead
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_living_place_is_found_whatever_lies_between() {
        for len in [0, 1, 7, 8, 9, 64, 65, 500, 513] {
            // Alike on every run, and irregular.
            let until: Vec<UnixTime> = (0..len).map(|n: i64| n.wrapping_mul(7919) % 101).collect();
            let living = Living::new(until.clone());
            for now in [-1, 3, 50, 99, 100, 200] {
                for start in (0..=until.len()).step_by(5) {
                    for end in (start..=until.len()).step_by(3) {
                        let lives = |place: &usize| until[*place] > now;
                        assert_eq!(
                            living.last(start..end, now),
                            (start..end).rev().find(lives),
                            "{len} {now} {start}..{end}"
                        );
                        assert_eq!(
                            living.first(start..end, now),
                            (start..end).find(lives),
                            "{len} {now} {start}..{end}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn a_long_stretch_of_dead_ones_costs_few_steps() {
        use core::cell::Cell;
        let mut until = vec![0; 100_000];
        until[0] = 10;
        let living = Living::new(until);
        let steps = Cell::new(0);
        let mut end = 99_999;
        while let Some(size) = living.dead(5, |size| {
            steps.set(steps.get() + 1);
            (end % size == 0).then(|| end / size - 1)
        }) {
            end -= size;
        }
        assert_eq!(end, 1);
        assert!(steps.get() < 1_000, "{} steps", steps.get());
    }
}
