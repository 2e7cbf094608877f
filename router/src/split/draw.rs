//! Weighted rendezvous: each arm draws a number for the client, and the highest wins.
//!
//! `score = -weight / ln(u)`, with `u` in (0, 1) from SipHash-2-4 over length-prefixed salt, API, row key, arm name and
//! subject. An arm wins with a chance of its weight over all weights. Numbers of other arms do not change when one weight
//! does, so raising a weight only brings clients to that arm, and a new arm takes only what it must.

use super::siphash::SipHash;

/// An arm's draws, all but the client said.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draw(SipHash);

impl Draw {
    pub(super) fn new(salt: &str, api: &str, row: &str, arm: &str) -> Self {
        let mut hash = SipHash::new();
        for field in [salt, api, row, arm] {
            hash.field(field.as_bytes());
        }
        Self(hash)
    }

    /// What this arm draws for a client.
    #[inline(always)]
    pub(super) fn drawn(&self, weight: u16, subject: &[u8]) -> Drawn {
        let mut hash = self.0;
        hash.field(subject);
        Drawn { weight: f64::from(weight), chance: unit(hash.finish()) }
    }
}

/// What an arm has drawn: its weight, and a number in (0, 1).
#[derive(Debug, Clone, Copy)]
pub(super) struct Drawn {
    weight: f64,
    chance: f64,
}

impl Drawn {
    /// Above zero, and zero where the weight is.
    pub(super) fn score(self) -> f64 {
        // One implementation of the logarithm everywhere: a chip's or a system's may differ in the last bit.
        self.weight / -libm::log(self.chance)
    }

    /// Whether its score is the higher one.
    ///
    /// A coarse logarithm tells all but one in a thousand apart, at a fraction of what two exact ones take; what is closer
    /// than it errs is scored.
    #[inline]
    pub(super) fn beats(self, other: Self) -> bool {
        // w / -ln u > w' / -ln u', multiplied out; a logarithm of another base is as good on both sides.
        let (mine, others) = (self.weight * coarse_log2(other.chance), other.weight * coarse_log2(self.chance));
        if (mine - others).abs() > COARSE * (self.weight + other.weight) {
            mine < others
        } else {
            self.score() > other.score()
        }
    }
}

/// More than [`coarse_log2`] errs by, anywhere in (0, 1).
const COARSE: f64 = 0.001;

/// The exponent, and of the fraction a cubic that lies within 0.00073 of its logarithm (fitted at Chebyshev's nodes).
#[inline]
fn coarse_log2(chance: f64) -> f64 {
    const FRACTION: u64 = (1 << 52) - 1;
    let bits = chance.to_bits();
    let fraction = f64::from_bits(bits & FRACTION | 1.0_f64.to_bits()) - 1.0;
    let cubic = 0.155_445_855 * fraction - 0.572_920_597;
    let cubic = (cubic * fraction + 1.417_299_453) * fraction + 0.000_725_274;
    (bits >> 52) as i64 as f64 - 1023.0 + cubic
}

/// The upper 52 bits as the middle of one of 2^52 equal parts of (0, 1): never 0, and never 1, as it would be rounded to
/// with one bit more.
fn unit(hash: u64) -> f64 {
    const PART: f64 = 1.0 / (1_u64 << 52) as f64;
    // Signed: processors turn those into floats in one step.
    ((hash >> 12) as i64 as f64 + 0.5) * PART
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_lies_between_the_ends() {
        assert!(unit(0) > 0.0);
        assert!(unit(u64::MAX) < 1.0);
        assert!(libm::log(unit(u64::MAX)) < 0.0);
    }

    #[test]
    fn the_coarse_logarithm_errs_by_less_than_is_allowed_for() {
        let check = |chance: f64| {
            let error = (coarse_log2(chance) - libm::log2(chance)).abs();
            assert!(error < 0.9 * COARSE, "{chance}: {error}");
        };
        (1..100_000).for_each(|n| check(f64::from(n) / 100_000.0));
        (0..64).for_each(|n| check(unit(u64::MAX >> n)));
        (0..64).for_each(|n| check(unit(!(u64::MAX >> n))));
    }

    /// Pairs drawn everywhere, and pairs whose scores are as close as numbers get.
    #[test]
    fn an_arm_beats_another_where_its_score_is_higher() {
        let mut hash = SipHash::new();
        let mut next = || {
            hash.write(b"next");
            hash.finish()
        };
        let mut close = 0;
        for round in 0..200_000 {
            let weight = |random: u64| f64::from((random % 10_000) as u16 + 1);
            let mine = Drawn { weight: weight(next()), chance: unit(next()) };
            let mut other = Drawn { weight: weight(next()), chance: unit(next()) };
            if round % 2 == 0 {
                // The chance that gives the other one the same score, but for rounding and a step to either side.
                let same = libm::exp(-other.weight / mine.score());
                let step = f64::from_bits(same.to_bits().wrapping_add(next() % 9).wrapping_sub(4));
                if !(unit(0)..=unit(u64::MAX)).contains(&step) {
                    continue;
                }
                other.chance = step;
                close += 1;
            }
            assert_eq!(mine.beats(other), mine.score() > other.score(), "{mine:?} {other:?}");
            assert_eq!(other.beats(mine), other.score() > mine.score(), "{mine:?} {other:?}");
        }
        assert!(close > 20_000, "{close}");
    }

    #[test]
    fn fields_cannot_run_into_each_other() {
        let of = |salt, api| Draw::new(salt, api, "v1", "canary").drawn(1, b"x").score().to_bits();
        assert_ne!(of("a", "bc"), of("ab", "c"));
    }
}
