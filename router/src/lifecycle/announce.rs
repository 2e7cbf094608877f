//! What a row says of its life, put on an answer that may say something itself.

use super::{DEPRECATION, Lifecycle, SUNSET, parse_http_date};
use crate::{UnixTime, rewrite::Edits};
use http::{HeaderMap, HeaderName, header};

/// Adds the fields of a life. What the origin announced is never loosened: an earlier time of its own stays, a later one
/// gives way to the row's, and so does what is no time. Links stand beside each other.
pub(crate) fn announce(life: &Lifecycle, edits: &mut impl Edits) {
    for (name, value) in life.fields() {
        let own = if *name == DEPRECATION {
            earliest(edits.headers(), name, read_deprecation).zip(life.deprecated_at())
        } else if *name == SUNSET {
            earliest(edits.headers(), name, parse_http_date).zip(life.sunset_at())
        } else {
            None
        };
        if *name == header::LINK {
            edits.append(name.clone(), value.clone());
        } else if own.is_none_or(|(own, rows)| own > rows) {
            edits.set(name.clone(), value.clone());
        }
    }
}

/// The earliest time that a field tells; `None` where it is absent, or tells none.
fn earliest(headers: &HeaderMap, name: &HeaderName, read: fn(&str) -> Option<UnixTime>) -> Option<UnixTime> {
    headers.get_all(name).iter().filter_map(|line| read(line.to_str().ok()?.trim_ascii())).min()
}

/// A `Deprecation` value: a structured date (RFC 9745 §2.1, RFC 9651 §3.3.7), or one of the forms of its drafts, which
/// said `true` or an HTTP-date.
fn read_deprecation(text: &str) -> Option<UnixTime> {
    match text.strip_prefix('@') {
        Some(date) => {
            let date = date.split_once(';').map_or(date, |(date, _)| date).trim_ascii_end();
            let digits = date.strip_prefix('-').unwrap_or(date);
            let sound = (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            sound.then(|| date.parse().ok()).flatten()
        }
        None if matches!(text, "true" | "?1") => Some(UnixTime::MIN),
        None => parse_http_date(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifecycle::LifecycleSpec;
    use http::HeaderValue;

    /// What a row with both times at 2030-01-01 leaves of an origin's own field.
    fn check(name: HeaderName, own: &str, expected: &str) {
        let at = Some(1_893_456_000);
        let life =
            Lifecycle::parse(LifecycleSpec { deprecated_at: at, sunset_at: at, ..LifecycleSpec::default() }).unwrap();
        let mut answer = HeaderMap::new();
        answer.insert(&name, HeaderValue::from_str(own).unwrap());
        announce(&life, &mut answer);
        assert_eq!(answer.get(&name).unwrap(), expected, "{own}");
    }

    #[test]
    fn the_origins_announcement_is_never_loosened() {
        const SUN: &str = "Tue, 01 Jan 2030 00:00:00 GMT";
        for kept in ["Mon, 31 Dec 2029 23:59:59 GMT", SUN, "Monday, 31-Dec-29 23:59:59 GMT", "Mon Dec 31 23:59:59 2029"]
        {
            check(SUNSET, kept, kept);
        }
        for tightened in ["Tue, 01 Jan 2030 00:00:01 GMT", "soon", ""] {
            check(SUNSET, tightened, SUN);
        }
        for kept in
            ["@1893455999", "@1893456000", "@-5", "@1893455999;a=1", "true", "?1", "Mon, 31 Dec 2029 23:59:59 GMT"]
        {
            check(DEPRECATION, kept, kept);
        }
        for tightened in ["@1893456001", "@", "@1.5", "@99999999999999999999", "false", "1893455999"] {
            check(DEPRECATION, tightened, "@1893456000");
        }
    }

    #[test]
    fn of_several_lines_the_earliest_counts() {
        let life = Lifecycle::parse(LifecycleSpec { deprecated_at: Some(10), ..LifecycleSpec::default() }).unwrap();
        let mut answer = HeaderMap::new();
        for line in ["@20", "@5"] {
            answer.append(DEPRECATION, HeaderValue::from_static(line));
        }
        announce(&life, &mut answer);
        assert_eq!(answer.get_all(DEPRECATION).iter().count(), 2);
    }
}
