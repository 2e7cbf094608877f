//! `Refresh`, as browsers read it (HTML, "shared declarative refresh steps"): `5; url=/orders`, and its looser forms.

use alloc::vec::Vec;

/// Maps the URL; `None`: there is none, or it is left as it is.
pub(super) fn map_refresh(line: &[u8], map: impl Fn(&[u8]) -> Option<Vec<u8>>) -> Option<Vec<u8>> {
    let url = find_url(line)?;
    let begin = line.len() - url.len();
    // A quote, where one is open, ends the URL.
    let (begin, url) = match url {
        [quote @ (b'"' | b'\''), rest @ ..] => {
            let end = rest.iter().position(|b| b == quote).unwrap_or(rest.len());
            (begin + 1, rest.get(..end)?)
        }
        _ => (begin, url),
    };
    let url = url.trim_ascii_end();
    let mapped = map(url)?;
    let mut out = Vec::with_capacity(line.len() + mapped.len());
    out.extend_from_slice(line.get(..begin)?);
    out.extend_from_slice(&mapped);
    out.extend_from_slice(line.get(begin + url.len()..)?);
    Some(out)
}

/// What follows the time, a separator and perhaps `url=`.
fn find_url(line: &[u8]) -> Option<&[u8]> {
    let rest = line.trim_ascii_start();
    let time = rest.iter().position(|b| !b.is_ascii_digit() && *b != b'.').unwrap_or(rest.len());
    let (time, rest) = rest.split_at_checked(time)?;
    if time.is_empty()
        || !rest.starts_with(b";") && !rest.starts_with(b",") && !rest.starts_with(b" ") && !rest.starts_with(b"\t")
    {
        return None;
    }
    let rest = rest.trim_ascii_start();
    let rest = match rest {
        [b';' | b',', rest @ ..] => rest.trim_ascii_start(),
        _ => rest,
    };
    let named = match rest {
        [b'u' | b'U', b'r' | b'R', b'l' | b'L', rest @ ..] => rest.trim_ascii_start().strip_prefix(b"="),
        _ => None,
    };
    let url = named.map_or(rest, <[u8]>::trim_ascii_start);
    (!url.is_empty()).then_some(url)
}
