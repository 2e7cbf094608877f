//! Streams that are reset for being malformed, found among the frames that are written to the client: the codec resets
//! most of them by itself, and tells nobody.

use super::headers::{Headers, RST_STREAM};

const PROTOCOL_ERROR: u8 = 1;

/// What has been written of one connection, as far as the next header.
#[derive(Debug)]
pub(super) struct ResetScan(Headers);

impl ResetScan {
    pub(super) const fn new() -> Self {
        Self(Headers::with_codes())
    }

    /// How many streams these bytes reset for a protocol error.
    pub(super) fn wrote(&mut self, mut bytes: &[u8]) -> usize {
        let mut resets = 0;
        while let Some(frame) = self.0.next(&mut bytes) {
            resets += usize::from(frame.kind == RST_STREAM && frame.code == PROTOCOL_ERROR);
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
            let mut scan = ResetScan::new();
            let resets: usize = written.chunks(crumb).map(|part| scan.wrote(part)).sum();
            assert_eq!(resets, 2, "in pieces of {crumb}");
        }
    }
}
