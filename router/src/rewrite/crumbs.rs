//! Cookies of Verge's own, which are between it and the browser: origins see none of them (RFC 6265 §4.2.1).

use super::Edits;
use crate::split::COOKIE_PREFIX;
use alloc::vec::Vec;
use http::{HeaderValue, header};

/// Takes Verge's own cookies out of the request, and leaves every other byte as it came.
pub(super) fn drop_own_cookies(edits: &mut impl Edits) {
    let lines = edits.headers().get_all(header::COOKIE);
    if !lines.iter().any(|line| line.as_bytes().split(|&b| b == b';').any(is_own)) {
        return;
    }
    // What is cut out of a field value leaves one.
    let kept = lines.iter().filter_map(|line| without_own(line.as_bytes()));
    let kept: Vec<HeaderValue> = kept.filter_map(|line| HeaderValue::from_bytes(&line).ok()).collect();
    edits.remove(&header::COOKIE);
    for line in kept {
        edits.append(header::COOKIE, line);
    }
}

fn is_own(pair: &[u8]) -> bool {
    pair.trim_ascii_start().starts_with(COOKIE_PREFIX.as_bytes())
}

/// One line without them; `None` where nothing is left.
fn without_own(line: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(line.len());
    let mut first = true;
    for pair in line.split(|&b| b == b';').filter(|pair| !is_own(pair)) {
        if first {
            // The blank behind a separator goes with the pair that stood before it.
            out.extend_from_slice(pair.trim_ascii_start());
        } else {
            out.push(b';');
            out.extend_from_slice(pair);
        }
        first = false;
    }
    (!out.trim_ascii().is_empty()).then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    fn check(lines: &[&'static str], expected: &[&str]) {
        let mut headers: HeaderMap =
            lines.iter().map(|line| (header::COOKIE, HeaderValue::from_static(line))).collect();
        drop_own_cookies(&mut headers);
        let left: Vec<_> = headers.get_all(header::COOKIE).iter().map(|line| line.to_str().unwrap()).collect();
        assert_eq!(left, expected, "{lines:?}");
    }

    #[test]
    fn only_the_own_pair_is_cut_out() {
        check(&["a=1; __Host-verge-0a1b2c3d=x~y~1~z; b=\"2; 3\""], &["a=1; b=\"2; 3\""]);
        check(&["__Host-verge-0a1b2c3d=x; a=1;b=2 ; c"], &["a=1;b=2 ; c"]);
        check(&["a=1; __Host-verge-0a1b2c3d=x"], &["a=1"]);
        check(&["__Host-verge-0a1b2c3d=x"], &[]);
        check(&["__Host-verge-1=x; __Host-verge-2=y", "a=1", "b=__Host-verge-3=z"], &["a=1", "b=__Host-verge-3=z"]);
    }

    #[test]
    fn without_one_every_byte_stays() {
        check(&["; a=1;;b ", " c=2"], &["; a=1;;b ", " c=2"]);
        check(&["__host-verge-1=x", "x__Host-verge-1=x"], &["__host-verge-1=x", "x__Host-verge-1=x"]);
    }
}
