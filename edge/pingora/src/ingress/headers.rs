//! Where the frames of an HTTP/2 connection begin, among bytes that come in pieces (RFC 9113 §4.1).

/// Length, type, flags, stream.
const HEADER: usize = 9;

/// `RST_STREAM`.
pub(super) const RST_STREAM: u8 = 3;

/// A header, and the code of a `RST_STREAM` (RFC 9113 §6.4).
const WITH_CODE: usize = HEADER + 4;

/// What a frame begins with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) length: u32,
    pub(super) kind: u8,
    pub(super) flags: u8,
    /// Of a `RST_STREAM`, where it was asked for: its code, as far as codes go.
    pub(super) code: u8,
}

/// How far the bytes have come.
#[derive(Debug)]
pub(super) struct Headers {
    /// Bytes before the next header.
    skip: usize,
    begun: [u8; WITH_CODE],
    /// How much of it is there.
    filled: usize,
    /// How much of a `RST_STREAM` is waited for.
    reset: usize,
}

impl Headers {
    /// After so many bytes that no header precedes.
    pub(super) const fn after(skip: usize) -> Self {
        Self { skip, begun: [0; WITH_CODE], filled: 0, reset: HEADER }
    }

    /// From the first byte on, each `RST_STREAM` with its code; for frames of our own, of which each has one.
    pub(super) const fn with_codes() -> Self {
        Self { reset: WITH_CODE, ..Self::after(0) }
    }

    /// The next header that ends in these bytes, which are cut off up to there.
    pub(super) fn next(&mut self, bytes: &mut &[u8]) -> Option<Header> {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            *bytes = bytes.get(skipped..).unwrap_or_default();
            let whole = if self.filled < HEADER { HEADER } else { self.reset };
            let wanted = (whole - self.filled).min(bytes.len());
            let (part, rest) = bytes.split_at_checked(wanted).unwrap_or_default();
            if let Some(place) = self.begun.get_mut(self.filled..self.filled + wanted) {
                place.copy_from_slice(part);
            }
            self.filled += wanted;
            *bytes = rest;
            let [a, b, c, kind, flags, .., code] = self.begun;
            let whole = if kind == RST_STREAM { self.reset } else { HEADER };
            if self.filled >= HEADER && self.filled == whole {
                let length = u32::from_be_bytes([0, a, b, c]);
                self.skip = usize::try_from(length).unwrap_or(usize::MAX).saturating_sub(self.filled - HEADER);
                self.filled = 0;
                return Some(Header { length, kind, flags, code });
            }
        }
        None
    }
}
