//! 4. Pick: row -> arm. Which of several origins, or versions, serves a request of a version whose traffic is split.
//!
//! A [`Split`] is never empty and never weighs nothing. The choice is weighted rendezvous (`split/draw.rs`): a client
//! lands on the same arm on every node, raising a weight brings clients to that arm and takes none from it, and nothing
//! need be stored about anybody. The last arm is stable: it is what breakers compare with, and what is left when the
//! others are out.

mod claim;
mod draw;
mod health;
mod pick;
mod ramp;
mod row;
pub mod seal;
mod siphash;
mod subject;

pub use health::Health;
pub use pick::{By, Choice};
pub(crate) use pick::{Dead, pick};
pub use ramp::Ramp;
pub(crate) use row::COOKIE_PREFIX;
pub use row::{HeldArm, SplitRow};
pub use seal::Seal;
pub use subject::{Room, Sticky, find_subject};

use crate::origin::Origin;
use alloc::{boxed::Box, vec::Vec};

/// A split of more arms than this is none.
pub const MAX_ARMS: usize = 32;
/// The largest weight; the finest grain of a whole of 10 000 is a hundredth of a percent.
pub const MAX_WEIGHT: u16 = 10_000;
/// More sticky keys than this are none.
const MAX_STICKY: usize = 8;

/// Where an arm leads, as a border reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Leads {
    /// To an origin of its own.
    Origin(Origin),
    /// To what another row of the API answers.
    Version(Box<str>),
}

/// An arm as a border reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arm {
    /// Its name: what `verge-arm` says, and a metric label.
    pub name: Box<str>,
    /// Its weight, 0 to [`MAX_WEIGHT`].
    pub weight: u16,
    /// Where it leads.
    pub leads: Leads,
}

/// A split as a border reads it, before it is checked.
#[derive(Debug, Clone, Default)]
pub struct SplitSpec {
    /// The arms, stable last.
    pub arms: Vec<Arm>,
    /// What makes this split's draws its own: rows with different salts choose independently.
    pub salt: Box<str>,
    /// By what clients stick to an arm.
    pub sticky: Vec<Sticky>,
    /// How the first arm's weight grows.
    pub ramp: Option<Ramp>,
    /// Whether clients that the signed cookie pins to an arm of weight 0 stay there.
    pub drain: bool,
}

/// A split, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Split {
    arms: Vec<Arm>,
    salt: Box<str>,
    sticky: Vec<Sticky>,
    ramp: Option<Ramp>,
    drain: bool,
}

impl Split {
    /// Checks a split.
    ///
    /// # Errors
    /// The first thing wrong, in words.
    pub fn parse(spec: SplitSpec) -> Result<Self, InvalidSplit> {
        let SplitSpec { arms, salt, sticky, ramp, drain } = spec;
        if arms.is_empty() || arms.len() > MAX_ARMS {
            return Err(InvalidSplit::Arms(arms.len()));
        }
        for (place, arm) in arms.iter().enumerate() {
            check_name(&arm.name)?;
            if arm.weight > MAX_WEIGHT {
                return Err(InvalidSplit::Weight(arm.name.clone()));
            }
            if arms.iter().take(place).any(|other| other.name == arm.name) {
                return Err(InvalidSplit::SameName(arm.name.clone()));
            }
        }
        if arms.iter().all(|arm| arm.weight == 0) {
            return Err(InvalidSplit::Weightless);
        }
        if salt.len() > 256 {
            return Err(InvalidSplit::Salt);
        }
        if sticky.len() > MAX_STICKY {
            return Err(InvalidSplit::Stickies(sticky.len()));
        }
        if drain && !sticky.contains(&Sticky::Signed) {
            return Err(InvalidSplit::DrainWithoutCookie);
        }
        if let Some(ramp) = &ramp {
            match &*arms {
                [first, .., last] => ramp.check(first.weight, last.weight)?,
                _ => return Err(InvalidSplit::Ramp("it needs two arms: one to grow, and one to shrink")),
            }
        }
        Ok(Self { arms, salt, sticky, ramp, drain })
    }

    /// Its arms; the last is stable.
    #[must_use]
    pub fn arms(&self) -> &[Arm] {
        &self.arms
    }

    /// What makes its draws its own.
    #[must_use]
    pub fn salt(&self) -> &str {
        &self.salt
    }

    /// By what clients stick to an arm.
    #[must_use]
    pub fn sticky(&self) -> &[Sticky] {
        &self.sticky
    }

    /// How the first arm's weight grows.
    #[must_use]
    pub fn ramp(&self) -> Option<&Ramp> {
        self.ramp.as_ref()
    }

    /// Whether clients that are pinned to an arm of weight 0 stay there.
    #[must_use]
    pub fn drains(&self) -> bool {
        self.drain
    }
}

fn check_name(name: &str) -> Result<(), InvalidSplit> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        Ok(())
    } else {
        Err(InvalidSplit::Name(name.into()))
    }
}

/// Why a row's split makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidSplit {
    /// None, or too many.
    #[error("split has {0} arms: 1 to {MAX_ARMS} are possible")]
    Arms(usize),
    /// A name that cannot be a label.
    #[error("split: arm name `{}` is not 1 to 64 ASCII letters, digits and `-._`", .0.escape_debug())]
    Name(Box<str>),
    /// Two arms of one name.
    #[error("split: two arms are named `{0}`")]
    SameName(Box<str>),
    /// A weight out of range.
    #[error("split: arm `{0}` has a weight that is no whole number from 0 to {MAX_WEIGHT}")]
    Weight(Box<str>),
    /// All weights are zero.
    #[error("split: all weights are zero")]
    Weightless,
    /// An arm that leads nowhere, or to two places.
    #[error("split: arm `{0}` must have either a domain or a version")]
    Leads(Box<str>),
    /// The salt is too long.
    #[error("salt is longer than 256 bytes")]
    Salt,
    /// Too many keys.
    #[error("sticky has {0} keys: at most {MAX_STICKY} are possible")]
    Stickies(usize),
    /// What is no sticky key.
    #[error("sticky: `{}` is none of `header:NAME`, `cookie:NAME`, `query:NAME`, `claim:NAME`, `ip`, `cookie`", .0.escape_debug())]
    Sticky(Box<str>),
    /// `drain` needs the cookie that pins.
    #[error("drain needs `cookie` among the sticky keys: only Verge's signed cookie says who was there")]
    DrainWithoutCookie,
    /// A ramp that cannot be.
    #[error("ramp: {0}")]
    Ramp(&'static str),
}

#[cfg(test)]
mod tests;
