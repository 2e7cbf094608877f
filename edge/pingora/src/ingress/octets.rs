//! Bytes by what they may be part of: most of a head is looked up here.

/// `tchar` (RFC 9110 §5.6.2).
pub(super) fn is_token(b: u8) -> bool {
    is(b, TOKEN)
}

/// What a registered name is made of (RFC 3986 §3.2.2).
pub(super) fn is_host(b: u8) -> bool {
    is(b, HOST)
}

/// What a field value may not hold: control bytes but the tab (RFC 9110 §5.5).
pub(super) fn is_unfit(value: &[u8]) -> bool {
    // Without a way out of the loop, the compiler looks at many bytes at once.
    value.iter().fold(false, |bad, &b| bad | ((b < b' ') & (b != b'\t')) | (b == 0x7f))
}

fn is(b: u8, kind: u8) -> bool {
    KINDS.get(usize::from(b)).is_some_and(|kinds| kinds & kind != 0)
}

const TOKEN: u8 = 1;
const HOST: u8 = 2;

static KINDS: [u8; 256] = kinds();

const fn kinds() -> [u8; 256] {
    let mut kinds = [0; 256];
    let mut b = 0_u8;
    while b < 0x7f {
        let token = matches!(b, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~');
        let host = matches!(b, b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&'..=b'+' | b';' | b'=');
        let letter = b.is_ascii_alphanumeric();
        #[expect(clippy::indexing_slicing, reason = "as many kinds as bytes, and seen to be so when this is compiled")]
        {
            kinds[b as usize] = ((token || letter) as u8 * TOKEN) | ((host || letter) as u8 * HOST);
        }
        b += 1;
    }
    kinds
}
