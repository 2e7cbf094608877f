//! Bytes by what they may be part of: most of a head is looked up here.

/// `tchar` (RFC 9110 §5.6.2).
pub(super) fn is_token(b: u8) -> bool {
    TOKENS.get(usize::from(b)).is_some_and(|is| *is)
}

/// How many bytes a text begins with that are part of a token.
pub(super) fn token_length(text: &[u8]) -> usize {
    let (fours, _) = text.as_chunks::<4>();
    let mut length = 0;
    for [a, b, c, d] in fours {
        // Without a way out in between: most names end in the last four.
        if !(is_token(*a) & is_token(*b) & is_token(*c) & is_token(*d)) {
            break;
        }
        length += 4;
    }
    let rest = text.get(length..).unwrap_or_default();
    length + rest.iter().take_while(|&&b| is_token(b)).count()
}

/// Where the first byte is that no line has: a control byte but the tab (RFC 9110 §5.5). Most of a head is looked at here,
/// sixteen bytes at a time.
pub(super) fn find_control(bytes: &[u8]) -> Option<usize> {
    let (blocks, rest) = bytes.as_chunks::<16>();
    for (at, block) in blocks.iter().enumerate() {
        // Without a way out of the loop, the compiler looks at all of them at once.
        if block.iter().fold(false, |has, &b| has | is_control(b)) {
            return first_control(block).map(|within| at * 16 + within);
        }
    }
    rest.iter().position(|&b| is_control(b)).map(|within| blocks.len() * 16 + within)
}

fn first_control(block: &[u8; 16]) -> Option<usize> {
    // The same again by word, where a place is found without a loop.
    let (words, _) = block.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let number = u64::from_le_bytes(*word);
        let hits = below(number, b' ') | below(number ^ repeated(0x7f), 1);
        let first = (hits.trailing_zeros() / 8) as usize;
        match word.get(first) {
            None => {}
            Some(b'\t') => return block.iter().position(|&b| is_control(b)),
            Some(_) => return Some(at * 8 + first),
        }
    }
    None
}

/// What a line does not hold, but at its end.
pub(super) fn is_control(b: u8) -> bool {
    ((b < b' ') & (b != b'\t')) | (b == 0x7f)
}

/// 0 where no byte of a word is below this one, which is at most 128; else the lowest bit that is set stands in the first
/// byte that is.
fn below(word: u64, least: u8) -> u64 {
    word.wrapping_sub(repeated(least)) & !word & repeated(0x80)
}

const fn repeated(b: u8) -> u64 {
    u64::from_le_bytes([b; 8])
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_control_byte_is_found_wherever_it_stands(text in prop::collection::vec(text(), 0..40)) {
            let first = text.iter().position(|&b| matches!(b, 0..=8 | 10..=31 | 127));
            prop_assert_eq!(find_control(&text), first);
        }

        #[test]
        fn a_token_ends_at_the_first_byte_that_is_none(text in prop::collection::vec(text(), 0..40)) {
            prop_assert_eq!(token_length(&text), text.iter().position(|&b| !is_token(b)).unwrap_or(text.len()));
        }
    }

    /// Bytes that stand close to what is looked for.
    fn text() -> impl Strategy<Value = u8> {
        prop_oneof![9 => prop::sample::select(b"aZ0-_.\t ~\x80\x9f\xff".to_vec()), 1 => any::<u8>()]
    }
}
