//! Whether a reading may take the place of what is held. Pure.
//!
//! A table that was emptied or half deleted by mistake looks exactly like one that was meant to be so, and a replica that
//! is behind looks like a table that was set back. Time tells them apart: such a reading is believed once the same
//! content has been read for `shrink_hold`. Every edge that holds a table asks here.

use std::{fmt, time::Duration};

/// What counts about a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Items that are not Verge's own.
    pub rows: usize,
    /// Its generation, where it carries one.
    pub generation: Option<u64>,
}

/// What operators say of a reading, by the table's `#control` item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Told {
    /// Nodes keep what they serve.
    pub frozen: bool,
    /// Just this content is to be believed.
    pub accepted: bool,
}

/// Why a reading is not believed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Operators want nodes to keep what they serve.
    Frozen,
    /// It has no rows, and nothing is held that it could be compared with: never published.
    EmptyAtFirst,
    /// It has no rows, where there were so many.
    Emptied {
        /// Rows held.
        held: usize,
    },
    /// It has less than half of the rows that are held.
    Shrunk {
        /// Rows held.
        held: usize,
        /// Rows read.
        read: usize,
    },
    /// Its generation is older than the one held.
    SetBack {
        /// The generation held.
        held: u64,
        /// The generation read.
        read: Option<u64>,
    },
}

/// Judges a reading by what is held, and by how long it has been read without a difference.
///
/// # Errors
/// It is to be held back, for this reason.
pub fn judge(held: Option<Size>, read: Size, told: Told, same_for: Duration, hold: Duration) -> Result<(), Doubt> {
    // A node that holds nothing has nothing to keep.
    if told.frozen && held.is_some() {
        return Err(Doubt::Frozen);
    }
    match doubt(held, read) {
        Some(Doubt::EmptyAtFirst) => Err(Doubt::EmptyAtFirst),
        Some(_) if told.accepted => Ok(()),
        Some(doubt) if same_for < hold => Err(doubt),
        _ => Ok(()),
    }
}

fn doubt(held: Option<Size>, read: Size) -> Option<Doubt> {
    let Some(held) = held else { return (read.rows == 0).then_some(Doubt::EmptyAtFirst) };
    if read.rows == 0 && held.rows > 0 {
        return Some(Doubt::Emptied { held: held.rows });
    }
    if held.rows - read.rows.min(held.rows) > held.rows / 2 {
        return Some(Doubt::Shrunk { held: held.rows, read: read.rows });
    }
    match held.generation {
        Some(generation) if read.generation < Some(generation) => {
            Some(Doubt::SetBack { held: generation, read: read.generation })
        }
        _ => None,
    }
}

impl Doubt {
    /// Whether people must know at once; a replica that is behind catches up by itself.
    #[must_use]
    pub const fn is_alarming(self) -> bool {
        !matches!(self, Self::SetBack { .. })
    }

    /// Whether time alone can make it believed.
    #[must_use]
    pub const fn passes(self) -> bool {
        !matches!(self, Self::EmptyAtFirst | Self::Frozen)
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frozen => f.write_str("the table is frozen: `verge mappings freeze --off` ends that"),
            Self::EmptyAtFirst => f.write_str("the table has no rows"),
            Self::Emptied { held } => write!(f, "the table has no rows, where {held} are held"),
            Self::Shrunk { held, read } => write!(f, "the table has {read} rows, where {held} are held"),
            Self::SetBack { held, read: Some(read) } => {
                write!(f, "the table is of generation {read}, where {held} is held")
            }
            Self::SetBack { held, read: None } => write!(f, "the table has no generation, where {held} is held"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOLD: Duration = Duration::from_secs(600);

    fn size(rows: usize, generation: Option<u64>) -> Size {
        Size { rows, generation }
    }

    fn check(held: Option<Size>, read: Size, expected: Result<(), Doubt>) {
        assert_eq!(judge(held, read, Told::default(), Duration::ZERO, HOLD), expected, "{held:?} {read:?}");
    }

    #[test]
    fn more_than_half_is_too_much_to_lose_at_once() {
        for (held, read, fine) in
            [(1, 1, true), (2, 1, true), (3, 2, true), (3, 1, false), (4, 2, true), (4, 1, false), (5, 3, true)]
        {
            let expected = if fine { Ok(()) } else { Err(Doubt::Shrunk { held, read }) };
            check(Some(size(held, None)), size(read, None), expected);
        }
        check(Some(size(5, None)), size(2, None), Err(Doubt::Shrunk { held: 5, read: 2 }));
        check(Some(size(2, None)), size(200, None), Ok(()));
        check(Some(size(0, None)), size(0, None), Ok(()));
        for held in [1, 2, 100] {
            check(Some(size(held, None)), size(0, None), Err(Doubt::Emptied { held }));
        }
    }

    #[test]
    fn a_generation_never_goes_back_at_once() {
        check(Some(size(2, Some(7))), size(2, Some(7)), Ok(()));
        check(Some(size(2, Some(7))), size(2, Some(8)), Ok(()));
        check(Some(size(2, None)), size(2, Some(1)), Ok(()));
        check(Some(size(2, Some(7))), size(2, Some(6)), Err(Doubt::SetBack { held: 7, read: Some(6) }));
        check(Some(size(2, Some(7))), size(2, None), Err(Doubt::SetBack { held: 7, read: None }));
        check(None, size(2, None), Ok(()));
    }

    #[test]
    fn time_makes_all_but_an_empty_first_table_believed() {
        let held = Some(size(10, Some(7)));
        for read in [size(0, Some(8)), size(4, Some(8)), size(10, Some(6))] {
            let nearly = HOLD - Duration::from_nanos(1);
            assert!(judge(held, read, Told::default(), nearly, HOLD).is_err_and(Doubt::passes));
            assert_eq!(judge(held, read, Told::default(), HOLD, HOLD), Ok(()));
            assert_eq!(judge(held, read, Told::default(), Duration::ZERO, Duration::ZERO), Ok(()));
        }
        let never = judge(None, size(0, None), Told::default(), HOLD * 1000, HOLD);
        assert_eq!(never, Err(Doubt::EmptyAtFirst));
        assert!(!Doubt::EmptyAtFirst.passes());
    }

    #[test]
    fn operators_have_the_last_word_but_on_an_empty_first_table() {
        let (frozen, accepted) = (Told { frozen: true, accepted: true }, Told { frozen: false, accepted: true });
        let held = Some(size(10, Some(7)));
        for read in [size(10, Some(8)), size(0, Some(8)), size(4, Some(6))] {
            assert_eq!(judge(held, read, frozen, HOLD * 1000, HOLD), Err(Doubt::Frozen));
            assert_eq!(judge(held, read, accepted, Duration::ZERO, HOLD), Ok(()));
        }
        assert_eq!(judge(None, size(3, None), frozen, Duration::ZERO, HOLD), Ok(()));
        assert_eq!(judge(None, size(0, None), accepted, HOLD * 1000, HOLD), Err(Doubt::EmptyAtFirst));
        assert!(!Doubt::Frozen.passes() && Doubt::Frozen.is_alarming());
    }
}
