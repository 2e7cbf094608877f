//! Scheme `date`: a version is the day it came out, and a client asks for the newest that its day knew.

use super::label::MalformedVersion;
use crate::lifecycle::days_in_month;

/// A day of the Gregorian calendar (ISO 8601-1 §5.2.2.1, extended format): years 0000 to 9999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(u32);

impl Date {
    /// Reads `2026-11-25`; a `v` before it does not count.
    ///
    /// # Errors
    /// [`MalformedVersion`]: another form, or a day that no calendar has.
    pub fn parse(text: &[u8]) -> Result<Self, MalformedVersion> {
        let text = text.strip_prefix(b"v").or(text.strip_prefix(b"V")).unwrap_or(text);
        let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return Err(MalformedVersion) };
        if ![y1, y2, y3, y4, m1, m2, d1, d2].iter().all(u8::is_ascii_digit) {
            return Err(MalformedVersion);
        }
        let number = |digits: &[u8]| digits.iter().fold(0, |value, b| value * 10 + u32::from(b - b'0'));
        let (year, month, day) = (number(&[y1, y2, y3, y4]), number(&[m1, m2]), number(&[d1, d2]));
        let is_month = (1..=12).contains(&month);
        if !is_month || !(1..=days_in_month(i64::from(year), i64::from(month))).contains(&i64::from(day)) {
            return Err(MalformedVersion);
        }
        Ok(Self(year * 10_000 + month * 100 + day))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_days_of_the_calendar_are_dates() {
        for text in ["2026-11-25", "v2026-11-25", "V2024-02-29", "2000-02-29", "0000-01-01", "9999-12-31"] {
            assert!(Date::parse(text.as_bytes()).is_ok(), "{text}");
        }
        for text in [
            "",
            "v",
            "2026-11-31",
            "2026-02-29",
            "1900-02-29",
            "2026-00-10",
            "2026-13-01",
            "2026-10-00",
            "2026-10-32",
            "2026-1-1",
            "20261125",
            "2026-11",
            "2026-11-25T00:00:00Z",
            "2026/11/25",
            "26-11-25",
            "+2026-11-25",
            "12026-11-25",
            " 2026-11-25",
            "2026-11-2\u{0665}",
            "vv2026-11-25",
        ] {
            assert_eq!(Date::parse(text.as_bytes()), Err(MalformedVersion), "{text}");
        }
    }

    #[test]
    fn days_are_in_order() {
        let parsed =
            ["1999-12-31", "2000-01-01", "2000-01-31", "2000-02-01", "2026-11-25"].map(|t| Date::parse(t.as_bytes()));
        assert!(parsed.is_sorted_by(|one, other| one.unwrap() < other.unwrap()));
    }
}
