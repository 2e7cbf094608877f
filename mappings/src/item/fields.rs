//! Attributes by name and type. What is there with another type is an error in words; NULL counts as not there.

use super::{Members, Value};
use std::{
    fmt::{self, Display},
    time::Duration,
};
use verge_router::{
    UnixTime,
    api::InvalidApi,
    lifecycle::{InvalidLifecycle, parse_rfc3339},
    origin::InvalidOrigin,
    split::InvalidSplit,
};

/// Why an item makes no row, or no API: in words, for it is told and nothing is decided by it.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
#[allow(clippy::box_collection, reason = "one word: every attribute that is read hands it on")]
pub struct InvalidRow(Box<String>);

impl fmt::Debug for InvalidRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl InvalidRow {
    /// The row as a whole makes no sense.
    #[cold]
    pub(super) fn whole(reason: &dyn Display) -> Self {
        Self(Box::new(reason.to_string()))
    }

    /// An attribute's content is unfit.
    #[cold]
    pub(super) fn content(name: &str, reason: &dyn Display) -> Self {
        Self::whole(&format_args!("`{name}` {reason}"))
    }

    /// An attribute has the wrong type.
    #[cold]
    pub(super) fn mistyped(name: &str, expected: &str, found: &Value) -> Self {
        Self::content(name, &format_args!("must be {expected}, found {}", found.type_name()))
    }
}

impl From<InvalidOrigin> for InvalidRow {
    fn from(error: InvalidOrigin) -> Self {
        Self::whole(&error)
    }
}

impl From<InvalidLifecycle> for InvalidRow {
    fn from(error: InvalidLifecycle) -> Self {
        Self::whole(&error)
    }
}

impl From<InvalidSplit> for InvalidRow {
    fn from(error: InvalidSplit) -> Self {
        Self::whole(&error)
    }
}

impl From<InvalidApi> for InvalidRow {
    fn from(error: InvalidApi) -> Self {
        Self::whole(&error)
    }
}

/// The longest time a row may give.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Attributes, read by type.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields<'i> {
    all: &'i Members,
    /// The [`mark`]s of all their names. A row has few of the thirty that it might have: of most it is seen at once that they are absent.
    marks: u64,
}

/// One bit, by a name's length and first byte.
fn mark(name: &str) -> u64 {
    let first = name.as_bytes().first().copied().map_or(0, usize::from);
    1 << ((name.len() + 5 * first) % 64)
}

type Found<T> = Result<Option<T>, InvalidRow>;

impl<'i> Fields<'i> {
    /// Of an item, or of a map in one.
    pub(crate) fn of(all: &'i Members) -> Self {
        Self { all, marks: all.keys().fold(0, |marks, name| marks | mark(name)) }
    }

    /// The same where one attribute is read: for that no names are gone through.
    pub(crate) fn of_one(all: &'i Members) -> Self {
        Self { all, marks: u64::MAX }
    }

    fn get(self, name: &str) -> Option<&'i Value> {
        if self.marks & mark(name) == 0 {
            return None;
        }
        self.all.get(name).filter(|value| !matches!(value, Value::Null))
    }

    fn read<T>(
        self,
        name: &'static str,
        expected: &'static str,
        as_type: impl FnOnce(&'i Value) -> Option<T>,
    ) -> Found<T> {
        let Some(value) = self.get(name) else { return Ok(None) };
        as_type(value).map(Some).ok_or_else(|| InvalidRow::mistyped(name, expected, value))
    }

    /// A string.
    pub(crate) fn text(self, name: &'static str) -> Found<&'i str> {
        self.read(name, "a string (S)", |value| match value {
            Value::S(text) => Some(text.as_str()),
            _ => None,
        })
    }

    /// A boolean.
    pub(super) fn flag(self, name: &'static str) -> Found<bool> {
        self.read(name, "true or false (BOOL)", |value| match value {
            Value::Bool(value) => Some(*value),
            _ => None,
        })
    }

    /// A number without fraction, within what `T` holds.
    pub(super) fn number<T: TryFrom<u64>>(self, name: &'static str, range: &'static str) -> Found<T> {
        let number = self.read(name, "a number (N)", |value| match value {
            Value::N(number) => Some(number.as_str()),
            _ => None,
        })?;
        number
            .map(|text| {
                let fits = text.parse::<u64>().ok().and_then(|number| T::try_from(number).ok());
                fits.ok_or_else(|| InvalidRow::content(name, &format_args!("must be a whole number {range}")))
            })
            .transpose()
    }

    /// A list of maps.
    pub(super) fn maps(self, name: &'static str) -> Found<Vec<Self>> {
        let list = self.read(name, "a list of maps (L of M)", |value| match value {
            Value::L(list) => Some(list),
            _ => None,
        })?;
        let Some(list) = list else { return Ok(None) };
        list.iter()
            .map(|value| match value {
                Value::M(members) => Ok(Self::of(members)),
                other => Err(InvalidRow::mistyped(name, "a list of maps (L of M)", other)),
            })
            .collect::<Result<_, _>>()
            .map(Some)
    }

    /// A map.
    pub(super) fn map(self, name: &'static str) -> Found<&'i Members> {
        self.read(name, "a map (M)", |value| match value {
            Value::M(members) => Some(members),
            _ => None,
        })
    }

    /// Strings: a list, a set, or a single one.
    pub(super) fn texts(self, name: &'static str) -> Found<Vec<&'i str>> {
        self.read(name, "a string or a list of strings (S, SS or L of S)", |value| match value {
            Value::S(text) => Some([text.as_str()].into()),
            Value::Ss(set) => Some(set.iter().map(String::as_str).collect()),
            Value::L(list) => list
                .iter()
                .map(|value| match value {
                    Value::S(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect(),
            _ => None,
        })
    }

    /// A string that reads as something, into its place.
    pub(super) fn parse<T>(
        self,
        name: &'static str,
        read: fn(&str) -> Result<T, InvalidApi>,
        place: &mut Option<T>,
    ) -> Result<(), InvalidRow> {
        if let Some(text) = self.text(name)? {
            *place = Some(read(text)?);
        }
        Ok(())
    }

    /// Strings, each of which reads as something, into their place.
    pub(super) fn each<T>(
        self,
        name: &'static str,
        read: fn(&str) -> Result<T, InvalidApi>,
        place: &mut Option<Vec<T>>,
    ) -> Result<(), InvalidRow> {
        let Some(texts) = self.texts(name)? else { return Ok(()) };
        let list = place.get_or_insert_default();
        for text in texts {
            list.push(read(text)?);
        }
        Ok(())
    }

    /// A time in RFC 3339, UTC.
    pub(super) fn time(self, name: &'static str) -> Found<UnixTime> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let time = parse_rfc3339(text).ok_or_else(|| {
            let shown = text.escape_debug();
            InvalidRow::content(name, &format_args!("`{shown}` is not a time in UTC such as 2026-11-23T10:00:00Z"))
        })?;
        Ok(Some(time))
    }

    /// A duration with its unit.
    pub(super) fn duration(self, name: &'static str) -> Found<Duration> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        let duration = parse_duration(text).ok_or_else(|| {
            let shown = text.escape_debug();
            InvalidRow::content(
                name,
                &format_args!("`{shown}` is not a duration above zero, at most a day, such as 500ms, 30s or 2m"),
            )
        })?;
        Ok(Some(duration))
    }
}

/// Reads `500ms`, `30s`, `2m` or `1h`.
fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let millis = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let duration = Duration::from_millis(number.checked_mul(millis)?);
    (!duration.is_zero() && duration <= LONGEST).then_some(duration)
}

/// Writes a duration so that it reads back.
pub(super) fn write_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis.is_multiple_of(1000) { format!("{}s", millis / 1000) } else { format!("{millis}ms") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_carry_units() {
        for (text, millis) in [("500ms", 500), ("30s", 30_000), ("2m", 120_000), ("1h", 3_600_000), ("5 s", 5000)] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(duration, Duration::from_millis(millis));
            assert_eq!(parse_duration(&write_duration(duration)), Some(duration));
        }
        for bad in ["", "5", "s", "0s", "-1s", "1.5s", "5d", "25h", "99999999999999999999s", "5\u{a0}", "\u{664}s"] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }
}
