//! The last moments of an arm, out of counters that only grow.

use super::tally::Count;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

/// Looks into a window, at most.
const LOOKS: u32 = 20;

/// Counts at past moments, oldest first: enough of them to say what came within the window.
#[derive(Debug, Default)]
pub(super) struct Window {
    counts: VecDeque<(Instant, Count)>,
}

impl Window {
    /// Takes the counters as they stand, and says what came within the window.
    pub(super) fn look(&mut self, now: Instant, count: Count, length: Duration) -> Count {
        // The newest that is old enough is where the window begins.
        while let Some((at, _)) = self.counts.get(1)
            && now.saturating_duration_since(*at) >= length
        {
            self.counts.pop_front();
        }
        let within = count.since(&self.counts.front().map(|(_, first)| first.clone()).unwrap_or_default());
        let due = self.counts.back().is_none_or(|(at, _)| now.saturating_duration_since(*at) >= length / LOOKS);
        if due {
            self.counts.push_back((now, count));
        }
        within
    }

    /// Forgets: what came before does not count.
    pub(super) fn begin_anew(&mut self, now: Instant, count: Count) {
        self.counts.clear();
        self.counts.push_back((now, count));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_older_than_the_window_does_not_count() {
        let (start, length) = (Instant::now(), Duration::from_secs(10));
        let mut window = Window::default();
        let mut answered = 0;
        for second in 0..60 {
            answered += if second < 30 { 100 } else { 1 };
            let count = Count::of(answered, 0, Duration::from_millis(1));
            let within = window.look(start + Duration::from_secs(second), count, length);
            match second {
                15..30 => assert_eq!(within.answered, 1000, "{second}"),
                41.. => assert_eq!(within.answered, 10, "{second}"),
                _ => {}
            }
            assert!(window.counts.len() <= 22);
        }
        window.begin_anew(start, Count::of(answered, 0, Duration::from_millis(1)));
        let again = window.look(start, Count::of(answered + 5, 0, Duration::from_millis(1)), length);
        assert_eq!(again.answered, 5);
    }
}
