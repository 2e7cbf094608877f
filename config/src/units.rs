//! Durations and sizes, with their units.

use std::time::Duration;

/// Milliseconds in each unit of time, largest first.
const TIMES: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Bytes in each unit of size, largest first.
const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads a whole number and a unit: `500ms`, `10s`, `5m`, `1h` or `2d`.
///
/// # Errors
/// No number, no unit or another one, or a time too long to be held.
pub fn parse_duration(text: &str) -> Result<Duration, InvalidUnit> {
    let invalid = || InvalidUnit::Duration(shown(text));
    let (number, unit) = split(text).ok_or_else(invalid)?;
    if unit.is_empty() {
        return Err(InvalidUnit::BareDuration(number));
    }
    let (_, scale) = TIMES.into_iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
    number.checked_mul(scale).map(Duration::from_millis).ok_or_else(invalid)
}

/// Writes a duration as [`parse_duration`] reads it, in the largest unit that leaves a whole number; what is finer than
/// a millisecond is dropped.
#[must_use]
pub fn render_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0s".to_owned();
    }
    render(millis, &TIMES)
}

/// Reads a whole number and a unit: `512B`, `16KiB`, `10MiB` or `1GiB` (powers of 1024).
///
/// # Errors
/// No number, no unit or another one, or a size too large to be held.
pub fn parse_size(text: &str) -> Result<u64, InvalidUnit> {
    let invalid = || InvalidUnit::Size(shown(text));
    let (number, unit) = split(text).ok_or_else(invalid)?;
    let (_, scale) = SIZES.into_iter().find(|(name, _)| *name == unit).ok_or_else(invalid)?;
    number.checked_mul(scale).ok_or_else(invalid)
}

/// Writes a size as [`parse_size`] reads it, in the largest unit that leaves a whole number.
#[must_use]
pub fn render_size(bytes: u64) -> String {
    if bytes == 0 {
        return "0B".to_owned();
    }
    render(bytes, &SIZES)
}

/// Why a text is no duration or size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidUnit {
    /// A number without unit.
    #[error("a duration needs a unit: `{0}s` for seconds, `{0}ms` for milliseconds (also `m`, `h`, `d`)")]
    BareDuration(u64),
    /// No duration.
    #[error("`{0}` is not a duration such as `500ms`, `10s`, `5m`, `1h` or `2d`")]
    Duration(String),
    /// No size.
    #[error("`{0}` is not a size such as `512B`, `16KiB`, `10MiB` or `1GiB`")]
    Size(String),
}

/// A number and the letters that follow it.
fn split(text: &str) -> Option<(u64, &str)> {
    let letters = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(letters)?;
    Some((number.parse().ok()?, unit))
}

fn render(amount: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().find(|(_, scale)| amount.is_multiple_of(*scale));
    let (unit, scale) = whole.copied().unwrap_or(("", 1));
    format!("{}{unit}", amount / scale)
}

/// What may be repeated of a text in a message: escaped, and not without end.
pub(crate) fn shown(text: &str) -> String {
    const MOST: usize = 80;
    let mut out: String = text.chars().take(MOST).flat_map(char::escape_debug).collect();
    if text.chars().nth(MOST).is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn durations_read_with_their_unit() {
        let check = |text, millis| assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)), "{text}");
        check("500ms", 500);
        check("10s", 10_000);
        check("5m", 300_000);
        check("1h", 3_600_000);
        check("2d", 172_800_000);
        check("0s", 0);
        for bad in
            ["", "s", "-1s", "1.5s", "1 s", "1h30m", "1S", "1sec", "99999999999999999999s", "18446744073709551615d"]
        {
            assert!(matches!(parse_duration(bad), Err(InvalidUnit::Duration(_))), "{bad}");
        }
    }

    #[test]
    fn a_number_without_unit_is_refused_with_the_remedy() {
        let error = parse_duration("60").unwrap_err().to_string();
        assert_eq!(error, "a duration needs a unit: `60s` for seconds, `60ms` for milliseconds (also `m`, `h`, `d`)");
    }

    #[test]
    fn sizes_read_with_their_unit() {
        assert_eq!(parse_size("512B"), Ok(512));
        assert_eq!(parse_size("16KiB"), Ok(16_384));
        assert_eq!(parse_size("10MiB"), Ok(10_485_760));
        for bad in ["", "16", "16KB", "16 KiB", "1.5MiB", "-1B", "99999999999999GiB"] {
            assert!(parse_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_largest_whole_unit_is_written() {
        assert_eq!(render_duration(Duration::from_secs(90)), "90s");
        assert_eq!(render_duration(Duration::from_secs(120)), "2m");
        assert_eq!(render_duration(Duration::ZERO), "0s");
        assert_eq!(render_size(16_384), "16KiB");
        assert_eq!(render_size(1500), "1500B");
    }

    proptest! {
        #[test]
        fn a_rendered_duration_reads_back(millis in 0..u64::MAX) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&render_duration(duration)), Ok(duration));
        }

        #[test]
        fn a_rendered_size_reads_back(bytes: u64) {
            prop_assert_eq!(parse_size(&render_size(bytes)), Ok(bytes));
        }

        #[test]
        fn no_text_makes_the_readers_panic(text: String) {
            let _ = (parse_duration(&text), parse_size(&text));
        }
    }
}
