//! Bytes by what they may be part of: most of a head is looked up here.

/// `tchar` (RFC 9110 §5.6.2).
pub(super) fn is_token(b: u8) -> bool {
    TOKENS.get(usize::from(b)).is_some_and(|is| *is)
}

/// What a field value may not hold: control bytes but the tab (RFC 9110 §5.5).
pub(super) fn is_unfit(value: &[u8]) -> bool {
    // Without a way out of the loop, the compiler looks at many bytes at once.
    value.iter().fold(false, |bad, &b| bad | ((b < b' ') & (b != b'\t')) | (b == 0x7f))
}

static TOKENS: [bool; 256] = tokens();

const fn tokens() -> [bool; 256] {
    let mut tokens = [false; 256];
    let mut b = 0_u8;
    while b < 0x7f {
        let token = matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        #[expect(clippy::indexing_slicing, reason = "as many kinds as bytes, and seen to be so when this is compiled")]
        {
            tokens[b as usize] = token || b.is_ascii_alphanumeric();
        }
        b += 1;
    }
    tokens
}
