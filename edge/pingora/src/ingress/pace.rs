//! How long a client may keep us waiting: no byte for so long, and no body slower than so many bytes a second.

use std::{
    io,
    time::{Duration, Instant},
};

/// What is asked of a client.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PaceLimits {
    /// Without a byte, and before the rate counts.
    pub(crate) grace: Duration,
    /// Bytes a second; 0 for any.
    pub(crate) rate: u64,
}

impl PaceLimits {
    /// How long a client may keep us waiting, after so many bytes.
    pub(super) fn allow(&self, bytes: u64) -> Duration {
        match bytes.saturating_mul(1000).checked_div(self.rate) {
            Some(millis) => self.grace.saturating_add(Duration::from_millis(millis)),
            None => Duration::MAX,
        }
    }
}

/// The pace of one body. Only the time that is waited for the client counts: that an origin takes a body slowly is no
/// fault of who sends it.
#[derive(Debug, Default)]
pub(super) struct Pace {
    waiting_since: Option<Instant>,
    waited: Duration,
    bytes: u64,
}

impl Pace {
    /// Nothing has come.
    pub(super) fn waits(&mut self) {
        self.waiting_since.get_or_insert_with(Instant::now);
    }

    /// So much has come.
    ///
    /// # Errors
    /// It took too long.
    pub(super) fn moves(&mut self, bytes: usize, limits: &PaceLimits) -> io::Result<()> {
        let Some(since) = self.waiting_since.take() else {
            self.bytes += bytes as u64;
            return Ok(());
        };
        self.waited += since.elapsed();
        let allowed = limits.allow(self.bytes);
        self.bytes += bytes as u64;
        if self.waited > allowed { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_waited_for_counts() {
        let strict = PaceLimits { grace: Duration::ZERO, rate: 1 };
        let mut pace = Pace::default();
        assert!(pace.moves(0, &strict).is_ok());
        pace.waits();
        assert!(pace.moves(1, &strict).is_err());
    }

    #[test]
    fn bytes_buy_time() {
        let limits = PaceLimits { grace: Duration::ZERO, rate: 1 };
        let mut pace = Pace::default();
        assert!(pace.moves(3600, &limits).is_ok());
        pace.waits();
        assert!(pace.moves(1, &limits).is_ok());
    }

    #[test]
    fn without_a_rate_no_body_is_too_slow() {
        let mut pace = Pace::default();
        pace.waits();
        assert!(pace.moves(1, &PaceLimits { grace: Duration::ZERO, rate: 0 }).is_ok());
    }
}
