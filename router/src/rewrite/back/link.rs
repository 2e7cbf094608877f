//! `Link` (RFC 8288 §3): a list of targets between angle brackets, with parameters.

use alloc::vec::Vec;

/// Maps each target, and each `anchor`. What follows something that cannot be read is left as it is; `None`: all of it.
pub(super) fn map_link(line: &[u8], map: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some((begin, end)) = next_reference(line, &mut at) {
        if let Some(mapped) = line.get(begin..end).and_then(&map) {
            out.extend_from_slice(line.get(copied..begin)?);
            out.extend_from_slice(&mapped);
            copied = end;
        }
    }
    if copied == 0 {
        return None;
    }
    out.extend_from_slice(line.get(copied..)?);
    Some(out)
}

/// Where the next target or anchor stands; `at` is moved behind it. `None` at the end, or at what cannot be read.
fn next_reference(line: &[u8], at: &mut usize) -> Option<(usize, usize)> {
    let mut place = *at;
    // Targets begin elements of the list, and only there are angle brackets theirs.
    let mut begins = place == 0 || line.get(place - 1) == Some(&b',');
    while let Some(b) = line.get(place) {
        match b {
            b'<' if begins => {
                let end = place + 1 + line.get(place + 1..)?.iter().position(|b| *b == b'>')?;
                *at = end + 1;
                return Some((place + 1, end));
            }
            b'"' => {
                let end = end_of_string(line, place + 1)?;
                if is_anchor(line.get(..place)?) {
                    *at = end + 1;
                    return Some((place + 1, end));
                }
                place = end;
            }
            b',' => begins = true,
            b' ' | b'\t' => {}
            _ if begins => return None,
            _ => {}
        }
        place += 1;
    }
    None
}

/// Where the quote stands that ends a string (RFC 9110 §5.6.4).
fn end_of_string(line: &[u8], begin: usize) -> Option<usize> {
    let mut place = begin;
    loop {
        match line.get(place)? {
            b'"' => return Some(place),
            b'\\' => place += 2,
            _ => place += 1,
        }
    }
}

/// Whether a quoted string that follows is the value of `anchor`.
fn is_anchor(before: &[u8]) -> bool {
    let Some(before) = before.trim_ascii_end().strip_suffix(b"=") else { return false };
    let before = before.trim_ascii_end();
    let Some((before, name)) = before.len().checked_sub(6).and_then(|at| before.split_at_checked(at)) else {
        return false;
    };
    name.eq_ignore_ascii_case(b"anchor") && before.trim_ascii_end().ends_with(b";")
}
