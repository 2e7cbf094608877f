//! What is known of arms besides their row: whether a breaker has taken one out. An argument of the decision.

use super::row::{HeldArm, SplitRow};

/// The state of breakers, as the edge knows it.
pub trait Health {
    /// Whether new traffic must keep off this arm.
    fn is_tripped(&self, row: &SplitRow, arm: &HeldArm) -> bool;
}

/// No breaker: every arm is well.
impl Health for () {
    fn is_tripped(&self, _: &SplitRow, _: &HeldArm) -> bool {
        false
    }
}
