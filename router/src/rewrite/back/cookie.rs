//! `Set-Cookie` (RFC 6265 §4.1, §5.2): where a browser keeps a cookie, and to where it sends it.

use super::Back;
use alloc::vec::Vec;

/// Maps `Domain` and `Path`; `None`: the cookie is as it should be.
///
/// A `Domain` that the client's browser would refuse is dropped, so that the cookie is the client's host's alone: the
/// narrowest reading of what the origin meant. Of several the last one counts (RFC 6265 §5.3 step 4), those without value
/// aside (§5.2.3); where that one is dropped all of them are, or an earlier one would come to count. Name, value and all other attributes go byte for byte. A `__Host-` cookie
/// has neither (RFC 6265bis §4.1.3.2): one that is wrong stays wrong.
pub(super) fn map_cookie(line: &[u8], back: &Back<'_>) -> Option<Vec<u8>> {
    if line.trim_ascii_start().get(..7).is_some_and(|name| name.eq_ignore_ascii_case(b"__Host-")) {
        return None;
    }
    let drops_domain = domains(line)
        .filter(|domain| !domain.is_empty())
        .last()
        .is_some_and(|domain| back.is_foreign_domain(domain.strip_prefix(b".").unwrap_or(domain)));
    let mut changed = false;
    let mut out = Vec::with_capacity(line.len() + back.own.len() + back.segment.len());
    for (place, part) in line.split(|b| *b == b';').enumerate() {
        let attribute = (place > 0).then(|| split_attribute(part)).flatten();
        let mapped = match attribute {
            Some((name, _)) if drops_domain && is_domain(name) => {
                changed = true;
                continue;
            }
            Some((name, value)) if name.trim_ascii().eq_ignore_ascii_case(b"path") => {
                back.map_cookie_path(value.trim_ascii()).map(|path| (name, path))
            }
            _ => None,
        };
        if place > 0 {
            out.push(b';');
        }
        match mapped {
            Some((name, path)) => {
                changed = true;
                out.extend_from_slice(name);
                out.push(b'=');
                out.extend_from_slice(&path);
            }
            None => out.extend_from_slice(part),
        }
    }
    changed.then_some(out)
}

/// The values of all `Domain` attributes.
fn domains(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let attributes = line.split(|b| *b == b';').skip(1).filter_map(split_attribute);
    attributes.filter(|(name, _)| is_domain(name)).map(|(_, value)| value.trim_ascii())
}

fn is_domain(name: &[u8]) -> bool {
    name.trim_ascii().eq_ignore_ascii_case(b"domain")
}

fn split_attribute(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let equals = part.iter().position(|b| *b == b'=')?;
    Some((part.get(..equals)?, part.get(equals + 1..)?))
}
