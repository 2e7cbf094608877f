//! Where a request ends on its connection, so that nobody behind reads into the next one.

use super::{
    chunks::{ChunkScan, Malformed},
    framing::BodyFraming,
};

/// What is still to come of a request.
#[derive(Debug)]
pub(super) enum BodyEnd {
    /// So many bytes.
    After(u64),
    /// What its chunks say.
    Chunked(ChunkScan),
}

impl BodyEnd {
    pub(super) fn of(framing: BodyFraming) -> Self {
        match framing {
            BodyFraming::Empty => Self::After(0),
            BodyFraming::Length(length) => Self::After(length),
            BodyFraming::Chunked => Self::Chunked(ChunkScan::new()),
        }
    }

    /// Whether the request has come to its end.
    pub(super) fn is_reached(&self) -> bool {
        match self {
            Self::After(left) => *left == 0,
            Self::Chunked(scan) => scan.is_done(),
        }
    }

    /// How many of these bytes are part of the request.
    ///
    /// # Errors
    /// They should be chunks, and are not.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        match self {
            Self::After(left) => {
                let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                *left -= taken as u64;
                Ok(taken)
            }
            Self::Chunked(scan) => scan.take(bytes),
        }
    }
}
