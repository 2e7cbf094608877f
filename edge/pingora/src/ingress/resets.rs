//! Streams that are reset for being malformed, found among the frames that are written to the client: the codec resets
//! most of them by itself, and tells nobody.

/// Length, type, flags, stream.
const HEADER: usize = 9;

/// A header, and the code of a `RST_STREAM` (RFC 9113 §6.4).
const WITH_CODE: usize = HEADER + 4;

const RST_STREAM: u8 = 3;
const PROTOCOL_ERROR: u8 = 1;

/// What has been written of one connection, as far as the next header.
#[derive(Debug, Default)]
pub(super) struct ResetScan {
    /// Bytes before the next header.
    skip: usize,
    header: [u8; WITH_CODE],
    /// How much of the header is there.
    filled: usize,
}

impl ResetScan {
    /// How many streams these bytes reset for a protocol error.
    pub(super) fn wrote(&mut self, mut bytes: &[u8]) -> usize {
        let mut resets = 0;
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let whole = if self.filled >= HEADER { WITH_CODE } else { HEADER };
            let wanted = (whole - self.filled).min(bytes.len());
            let (part, rest) = bytes.split_at_checked(wanted).unwrap_or_default();
            if let Some(place) = self.header.get_mut(self.filled..self.filled + wanted) {
                place.copy_from_slice(part);
            }
            self.filled += wanted;
            bytes = rest;
            let [a, b, c, kind, .., code] = self.header;
            if self.filled == WITH_CODE {
                resets += usize::from(code == PROTOCOL_ERROR);
                self.filled = 0;
            } else if self.filled == HEADER && kind != RST_STREAM {
                self.skip = usize::try_from(u32::from_be_bytes([0, a, b, c])).unwrap_or(usize::MAX);
                self.filled = 0;
            }
        }
        resets
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resets_are_found_however_the_bytes_are_cut() {
        let reset = |code: u8| [0, 0, 4, RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, code];
        // Content that looks like a reset is none.
        let content = [&[0, 0, 13, 0, 0, 0, 0, 0, 1][..], &reset(PROTOCOL_ERROR)].concat();
        let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
        let cancel = 8;
        let written =
            [&settings[..], &reset(PROTOCOL_ERROR), &content, &reset(cancel), &settings, &reset(PROTOCOL_ERROR)]
                .concat();
        for crumb in 1..=written.len() {
            let mut scan = ResetScan::default();
            let resets: usize = written.chunks(crumb).map(|part| scan.wrote(part)).sum();
            assert_eq!(resets, 2, "in pieces of {crumb}");
        }
    }
}
