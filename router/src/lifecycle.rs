//! A version's life as its row tells it: deprecation, sunset, brownouts; and the answer fields they make.

use crate::UnixTime;
use alloc::{boxed::Box, format, string::String, vec::Vec};
use http::{HeaderName, HeaderValue, header};

/// `Deprecation` (RFC 9745).
pub const DEPRECATION: HeaderName = HeaderName::from_static("deprecation");
/// `Sunset` (RFC 8594).
pub const SUNSET: HeaderName = HeaderName::from_static("sunset");

/// When a version is deprecated, in brownout, and gone. Empty for most rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lifecycle {
    deprecated_at: Option<UnixTime>,
    sunset_at: Option<UnixTime>,
    brownouts: Vec<(UnixTime, UnixTime)>,
    successor: Option<Box<str>>,
    docs: Option<Box<str>>,
    /// `Deprecation`, `Sunset` and `Link`, ready made.
    fields: Vec<(HeaderName, HeaderValue)>,
}

/// A lifecycle as a border reads it.
#[derive(Debug, Clone, Default)]
pub struct LifecycleSpec<'a> {
    /// From when the version is deprecated.
    pub deprecated_at: Option<UnixTime>,
    /// From when the version answers 410.
    pub sunset_at: Option<UnixTime>,
    /// Spans in which the version answers 410, begin inclusive and end exclusive.
    pub brownouts: Vec<(UnixTime, UnixTime)>,
    /// The version to move to.
    pub successor: Option<&'a str>,
    /// An https URL that explains.
    pub docs: Option<&'a str>,
}

impl Lifecycle {
    /// Checks and prepares a lifecycle.
    ///
    /// # Errors
    /// Sunset before deprecation, a span that ends before it begins, a `docs` that is no https URL.
    pub fn parse(spec: LifecycleSpec<'_>) -> Result<Self, InvalidLifecycle> {
        if let (Some(deprecated), Some(sunset)) = (spec.deprecated_at, spec.sunset_at)
            && sunset < deprecated
        {
            return Err(InvalidLifecycle::SunsetFirst);
        }
        if spec.brownouts.iter().any(|(from, to)| to <= from) {
            return Err(InvalidLifecycle::Brownout);
        }
        let mut fields = Vec::new();
        let mut push = |name: HeaderName, text: String| match HeaderValue::try_from(text) {
            Ok(value) => {
                fields.push((name, value));
                Ok(())
            }
            Err(_) => Err(InvalidLifecycle::Docs),
        };
        if let Some(at) = spec.deprecated_at {
            push(DEPRECATION, format!("@{at}"))?;
        }
        if let Some(at) = spec.sunset_at {
            push(SUNSET, imf_fixdate(at))?;
        }
        if let Some(docs) = spec.docs {
            let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"' | b'\\' | b'`');
            if !docs.strip_prefix("https://").is_some_and(|rest| !rest.is_empty() && rest.bytes().all(plain)) {
                return Err(InvalidLifecycle::Docs);
            }
            if spec.deprecated_at.is_some() {
                push(header::LINK, format!("<{docs}>; rel=\"deprecation\"; type=\"text/html\""))?;
            }
            if spec.sunset_at.is_some() {
                push(header::LINK, format!("<{docs}>; rel=\"sunset\"; type=\"text/html\""))?;
            }
        }
        Ok(Self {
            deprecated_at: spec.deprecated_at,
            sunset_at: spec.sunset_at,
            brownouts: spec.brownouts,
            successor: spec.successor.map(Into::into),
            docs: spec.docs.map(Into::into),
            fields,
        })
    }

    /// Whether the version answers 410 at this time.
    #[must_use]
    pub fn is_retired(&self, now: UnixTime) -> bool {
        self.sunset_at.is_some_and(|at| now >= at)
            || self.brownouts.iter().any(|(from, to)| (*from..*to).contains(&now))
    }

    /// Whether the version is deprecated, now or in the future announced.
    #[must_use]
    pub fn deprecated_at(&self) -> Option<UnixTime> {
        self.deprecated_at
    }

    /// From when the version answers 410.
    #[must_use]
    pub fn sunset_at(&self) -> Option<UnixTime> {
        self.sunset_at
    }

    /// The version to move to.
    #[must_use]
    pub fn successor(&self) -> Option<&str> {
        self.successor.as_deref()
    }

    /// An https URL that explains.
    #[must_use]
    pub fn docs(&self) -> Option<&str> {
        self.docs.as_deref()
    }

    /// Spans in which the version answers 410.
    #[must_use]
    pub fn brownouts(&self) -> &[(UnixTime, UnixTime)] {
        &self.brownouts
    }

    /// The answer fields, ready to be added.
    #[must_use]
    pub fn fields(&self) -> &[(HeaderName, HeaderValue)] {
        &self.fields
    }
}

/// Why a row's lifecycle makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLifecycle {
    /// `sunset_at` lies before `deprecated_at`.
    #[error("sunset_at lies before deprecated_at")]
    SunsetFirst,
    /// A brownout is empty.
    #[error("a brownout ends before it begins")]
    Brownout,
    /// `docs` is not an https URL.
    #[error("docs is not an https URL")]
    Docs,
}

/// Reads an RFC 3339 date-time in UTC (`2026-11-23T10:00:00Z`; fractions are dropped).
#[must_use]
pub fn parse_rfc3339(text: &str) -> Option<UnixTime> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| -> Option<i64> {
        let part = bytes.get(from..to)?;
        part.iter().all(u8::is_ascii_digit).then(|| part.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0')))
    };
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|b| wanted.contains(b));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 7)?, digits(8, 10)?);
    let (hour, minute, second) = (digits(11, 13)?, digits(14, 16)?, digits(17, 19)?);
    let mut zone = text.get(19..)?;
    if let Some(fraction) = zone.strip_prefix('.') {
        zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if zone.len() == fraction.len() {
            return None;
        }
    }
    if !matches!(zone, "Z" | "z" | "+00:00" | "-00:00") || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    if !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
        return None;
    }
    Some(days_from_civil(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second.min(59))
}

/// Writes an RFC 3339 date-time in UTC.
#[must_use]
pub fn rfc3339(at: UnixTime) -> String {
    let (year, month, day) = civil_from_days(at.div_euclid(86_400));
    let second = at.rem_euclid(86_400);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", second / 3600, second / 60 % 60, second % 60)
}

/// Writes an IMF-fixdate (RFC 9110 §5.6.7).
#[must_use]
pub fn imf_fixdate(at: UnixTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let days = at.div_euclid(86_400);
    let (year, month, day) = civil_from_days(days);
    let second = at.rem_euclid(86_400);
    let name = |names: &[&'static str], at: i64| usize::try_from(at).ok().and_then(|at| names.get(at).copied());
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days.rem_euclid(7)).unwrap_or_default(),
        name(&MONTHS, month - 1).unwrap_or_default(),
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Days of a month in the proleptic Gregorian calendar.
#[must_use]
pub fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01. Years are counted from March, so that the leap day ends them.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_read_and_written() {
        let at = parse_rfc3339("1994-11-06T08:49:37Z").unwrap();
        assert_eq!(at, 784_111_777);
        assert_eq!(imf_fixdate(at), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(rfc3339(at), "1994-11-06T08:49:37Z");
        assert_eq!(parse_rfc3339("2024-02-29T00:00:00.5Z"), Some(1_709_164_800));
        for bad in [
            "",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T00:00:00",
            "2026-01-01T00:00:00+02:00",
            "2026-01-01T24:00:00Z",
            "2026-01-01",
            "2026-01-01T00:00:00.Z",
            "x026-01-01T00:00:00Z",
        ] {
            assert_eq!(parse_rfc3339(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_reads_back() {
        for day in (-200_000..200_000).step_by(13) {
            let at = day * 86_400;
            assert_eq!(parse_rfc3339(&rfc3339(at)), Some(at));
        }
    }

    #[test]
    fn a_version_retires_at_the_second() {
        let life = Lifecycle::parse(LifecycleSpec {
            sunset_at: Some(100),
            brownouts: [(10, 20)].into(),
            ..LifecycleSpec::default()
        })
        .unwrap();
        let retired = |now| life.is_retired(now);
        assert!(!retired(9) && retired(10) && retired(19) && !retired(20) && !retired(99) && retired(100));
    }

    #[test]
    fn a_sunset_before_the_deprecation_is_refused() {
        let spec = LifecycleSpec { deprecated_at: Some(2), sunset_at: Some(1), ..LifecycleSpec::default() };
        assert_eq!(Lifecycle::parse(spec).unwrap_err(), InvalidLifecycle::SunsetFirst);
    }
}
