//! Bytes looked for in short texts.

/// Where the first of these bytes stands, or the end. Eight at a time: delimiters are rare, and most of what a decision
/// reads is media types.
#[inline]
pub(crate) fn position_of<const N: usize>(wanted: [u8; N], bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGHS: u64 = 0x8080_8080_8080_8080;
    let (words, rest) = bytes.as_chunks();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A byte that is wanted becomes zero, and the lowest zero byte is the lowest with its high bit set here.
        let zeros = wanted.iter().fold(0, |zeros, &b| {
            let differs = word ^ (ONES * u64::from(b));
            zeros | (differs.wrapping_sub(ONES) & !differs & HIGHS)
        });
        if zeros != 0 {
            return place * 8 + zeros.trailing_zeros() as usize / 8;
        }
    }
    bytes.len() - rest.len() + rest.iter().position(|b| wanted.contains(b)).unwrap_or(rest.len())
}
