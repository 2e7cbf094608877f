//! The frames of an HTTP/2 connection, counted as they come (RFC 9113 §4.1): what costs a client nothing and makes work
//! here has a budget. It covers what flow control and the limit on streams do not: pings, settings, resets, headers in
//! crumbs, frames without content (RFC 9113 §10.5).

use super::headers::Headers;
use std::time::Instant;

/// What a budget holds at most, and at first.
const BUDGET: u32 = 1000;

/// What comes back every second.
const PER_SECOND: u32 = 100;

/// Bytes written to the client that earn one: a connection that is used may chatter more.
const BYTES_EACH: usize = 64;

/// `PRI * HTTP/2.0` and so on, which no frame header precedes.
const PREFACE: usize = 24;

/// More than a client has reason to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flood;

/// The budget of one connection.
#[derive(Debug)]
pub(super) struct FrameMeter {
    headers: Headers,
    left: u32,
    /// Bytes written that have not earned one yet.
    written: usize,
    refilled: Instant,
}

impl FrameMeter {
    pub(super) fn new() -> Self {
        Self { headers: Headers::after(PREFACE), left: BUDGET, written: 0, refilled: Instant::now() }
    }

    /// So much was written to the client.
    pub(super) fn wrote(&mut self, bytes: usize) {
        let earned = (self.written + bytes) / BYTES_EACH;
        self.written = (self.written + bytes) % BYTES_EACH;
        self.earn(u32::try_from(earned).unwrap_or(BUDGET));
    }

    /// Takes what the client sent.
    ///
    /// # Errors
    /// The budget is used up.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<(), Flood> {
        while let Some(frame) = self.headers.next(&mut bytes) {
            self.spend(price(frame.kind, frame.flags, frame.length))?;
        }
        Ok(())
    }

    fn spend(&mut self, price: u32) -> Result<(), Flood> {
        if price > self.left {
            let millis = self.refilled.elapsed().as_millis();
            self.refilled = Instant::now();
            self.earn(u32::try_from(millis * u128::from(PER_SECOND) / 1000).unwrap_or(BUDGET));
        }
        self.left = self.left.checked_sub(price).ok_or(Flood)?;
        Ok(())
    }

    fn earn(&mut self, earned: u32) {
        self.left = self.left.saturating_add(earned).min(BUDGET);
    }
}

/// What a frame costs: more, the more work it makes here that nobody has asked for.
fn price(kind: u8, flags: u8, length: u32) -> u32 {
    const ACK: u8 = 1;
    const END_STREAM: u8 = 1;
    match kind {
        // DATA: without content it is good for nothing but an end.
        0 if length == 0 && flags & END_STREAM == 0 => 10,
        0 => 0,
        // RST_STREAM: somebody was working on that.
        3 => 5,
        // SETTINGS and PING want an answer each.
        4 | 6 if flags & ACK == 0 => 10,
        // CONTINUATION: a head that fits needs hardly one.
        9 => 10,
        // HEADERS earn their answers; PRIORITY, WINDOW_UPDATE and what is unknown are cheap, and not free.
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, flags, 0, 0, 0, 1];
        frame.extend(vec![0; usize::from(length)]);
        frame
    }

    /// A connection whose preface has come.
    fn begun() -> FrameMeter {
        let mut meter = FrameMeter::new();
        meter.take(&[b'P'; PREFACE]).unwrap();
        meter
    }

    /// How many frames pass, whether they come one by one or in crumbs.
    fn passing(frame: &[u8]) -> u32 {
        let count = |crumb: usize| {
            let mut meter = begun();
            (0_u32..).take_while(|_| frame.chunks(crumb).all(|part| meter.take(part).is_ok())).count()
        };
        let (whole, crumbs) = (count(frame.len()), count(2));
        // Time that passes buys some more.
        assert!(whole.abs_diff(crumbs) < 30, "{whole} {crumbs}");
        u32::try_from(whole).unwrap()
    }

    #[test]
    fn what_makes_work_for_nothing_ends() {
        for (kind, flags, length, most) in
            [(0, 0, 0, 100), (3, 0, 4, 200), (4, 0, 0, 100), (6, 0, 8, 100), (9, 0, 20, 100), (8, 0, 4, 1000)]
        {
            let passing = passing(&frame(kind, flags, length));
            assert!((most..most + 200).contains(&passing), "type {kind}: {passing}");
        }
    }

    #[test]
    fn content_is_free() {
        let mut meter = begun();
        for _ in 0..100_000 {
            assert_eq!(meter.take(&frame(0, 0, 16)), Ok(()));
        }
    }

    #[test]
    fn a_connection_that_is_answered_may_go_on() {
        let mut meter = begun();
        for _ in 0..100_000 {
            meter.wrote(64);
            assert_eq!(meter.take(&frame(1, 5, 30)), Ok(()));
        }
    }
}
