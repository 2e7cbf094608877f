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

    /// The number this arm draws for a client. Above zero, and zero where the weight is.
    #[inline]
    pub(super) fn score(&self, weight: u16, subject: &[u8]) -> f64 {
        let mut hash = self.0;
        hash.field(subject);
        // One implementation of the logarithm everywhere: a chip's or a system's may differ in the last bit.
        f64::from(weight) / -libm::log(unit(hash.finish()))
    }
}

/// The upper 52 bits as the middle of one of 2^52 equal parts of (0, 1): never 0, and never 1, as it would be rounded to
/// with one bit more.
fn unit(hash: u64) -> f64 {
    const PART: f64 = 1.0 / (1_u64 << 52) as f64;
    ((hash >> 12) as f64 + 0.5) * PART
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
    fn fields_cannot_run_into_each_other() {
        let of = |salt, api| Draw::new(salt, api, "v1", "canary").score(1, b"x").to_bits();
        assert_ne!(of("a", "bc"), of("ab", "c"));
    }
}
