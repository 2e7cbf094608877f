//! A value of the document, read as what it must be.
//!
//! A value that cannot be read reports why and gives `None`. The reader goes on with the default, which no one ever sees:
//! a report with a problem in it gives no configuration.

use crate::{
    document::{Placed, Value},
    keys,
    report::Report,
    section::Section,
    units::{parse_duration, parse_size, render_duration, render_size, shown},
};
use std::{fmt::Display, ops::RangeInclusive, time::Duration};

/// A value with its key path.
#[derive(Clone)]
pub(crate) struct Entry<'d> {
    report: &'d Report,
    path: String,
    at: usize,
    value: &'d Value,
}

impl<'d> Entry<'d> {
    pub(crate) fn new(report: &'d Report, path: String, at: usize, value: &'d Value) -> Self {
        Self { report, path, at, value }
    }

    /// Where it stands, in bytes.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Where it stands, as `api[0].hosts`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn refuse(&self, message: impl Into<String>) {
        self.report.at(self.at, &self.path, message.into());
    }

    pub(crate) fn mistyped(&self, expected: &str) {
        let found = match self.value {
            Value::String(_) => "a string",
            Value::Integer(..) => "an integer",
            Value::Fraction => "a number with a fraction",
            Value::Boolean(_) => "a boolean",
            Value::Time => "a date or time",
            Value::List(_) | Value::Tables(_) => "a list",
            Value::Table(_) => "a table",
        };
        self.refuse(format!("expected {expected}, found {found}"));
    }

    pub(crate) fn section(&self, expected: &str) -> Option<Section<'d>> {
        match self.value {
            Value::Table(table) => Some(Section::new(self.report, self.path.clone(), self.at, table)),
            _ => {
                self.mistyped(expected);
                None
            }
        }
    }

    pub(crate) fn text(&self) -> Option<&'d str> {
        self.text_as("a string")
    }

    fn text_as(&self, expected: &str) -> Option<&'d str> {
        match self.value {
            Value::String(text) => Some(text),
            _ => {
                self.mistyped(expected);
                None
            }
        }
    }

    /// A string that reads as something.
    pub(crate) fn parse<T, E: Display>(&self, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        self.check(read(self.text()?))
    }

    /// What was read of it, or of its key, elsewhere.
    pub(crate) fn check<T, E: Display>(&self, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.refuse(told(&error))).ok()
    }

    /// A list of strings, each of which reads as something; one string counts as a list of one.
    pub(crate) fn list<T, E: Display>(&self, mut read: impl FnMut(&str) -> Result<T, E>) -> Option<Vec<T>> {
        let mut list = Vec::new();
        let whole = self.texts(&mut |text| read(text).map(|read| list.push(read)).map_err(|error| told(&error)));
        whole.then_some(list)
    }

    /// Gives each of a list of strings; `false` where there are none, or one is not taken.
    pub(crate) fn texts(&self, take: &mut dyn FnMut(&str) -> Result<(), String>) -> bool {
        let Some(items) = self.each("a list of strings") else { return false };
        // All items are looked at, so that all problems are found.
        let taken = |item: &Self| item.check(take(item.text()?));
        items.iter().map(taken).fold(true, |whole, taken| whole & taken.is_some())
    }

    /// Says of a list that must hold something that it does not.
    pub(crate) fn fill(&self, remedy: &str) {
        if self.is_empty_list() {
            self.refuse(format!("the list is empty: {remedy}"));
        }
    }

    /// The items of a list of strings; one string counts as a list of one.
    pub(crate) fn each(&self, expected: &str) -> Option<Vec<Self>> {
        match self.value {
            Value::String(_) => Some(vec![self.clone()]),
            Value::List(_) | Value::Tables(_) => Some(self.items()),
            _ => {
                self.mistyped(expected);
                None
            }
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Vec<Self> {
        let (Value::List(items) | Value::Tables(items)) = self.value else { return Vec::new() };
        let item = |(i, item): (usize, &'d Placed)| {
            Self::new(self.report, format!("{}[{i}]", self.path), item.at, &item.value)
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value, Value::List(_) | Value::Tables(_))
    }

    pub(crate) fn is_empty_list(&self) -> bool {
        matches!(self.value, Value::List(items) if items.is_empty())
    }

    pub(crate) fn is_text(&self) -> bool {
        matches!(self.value, Value::String(_))
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        self.boolean_as("`true` or `false`")
    }

    pub(crate) fn boolean_as(&self, expected: &str) -> Option<bool> {
        let Value::Boolean(value) = self.value else {
            self.mistyped(expected);
            return None;
        };
        Some(*value)
    }

    /// A whole number within limits.
    pub(crate) fn integer(&self, within: RangeInclusive<u64>) -> Option<u64> {
        let expected = format!("a whole number from {} to {}", within.start(), within.end());
        let Value::Integer(digits, radix) = self.value else {
            self.mistyped(&expected);
            return None;
        };
        let number = u64::from_str_radix(digits, *radix).ok().filter(|n| within.contains(n));
        if number.is_none() {
            self.refuse(format!("expected {expected}, found {}", shown(digits)));
        }
        number
    }

    pub(crate) fn duration(&self, within: RangeInclusive<Duration>) -> Option<Duration> {
        // A bare number is refused by the parser's own words, which name the remedy.
        let duration = match self.value {
            Value::Integer(digits, _) => self.check(parse_duration(digits))?,
            _ => self.check(parse_duration(self.text_as("a duration such as \"10s\"")?))?,
        };
        self.within(duration, &within, render_duration)
    }

    pub(crate) fn size(&self, within: RangeInclusive<u64>) -> Option<u64> {
        match self.value {
            Value::Integer(..) => self.integer(within),
            _ => {
                let size = self.check(parse_size(self.text_as("a size such as \"16KiB\"")?))?;
                self.within(size, &within, render_size)
            }
        }
    }

    fn within<T: PartialOrd + Copy>(&self, it: T, within: &RangeInclusive<T>, render: fn(T) -> String) -> Option<T> {
        if within.contains(&it) {
            return Some(it);
        }
        let (least, most) = (render(*within.start()), render(*within.end()));
        self.refuse(format!("`{}` is out of bounds: from `{least}` to `{most}`", render(it)));
        None
    }

    /// A path to a file or directory, as written.
    pub(crate) fn file(&self) -> Option<String> {
        self.parse(parse_file)
    }

    /// One of a few words.
    pub(crate) fn word<T: Copy>(&self, words: &[(&'static str, T)]) -> Option<T> {
        self.parse(|text| match words.iter().find(|(word, _)| *word == text) {
            Some((_, meaning)) => Ok(*meaning),
            None => {
                let known: Vec<&'static str> = words.iter().map(|(word, _)| *word).collect();
                Err(format!("`{}` is not known here{}", shown(text), keys::suggest(text, &known)))
            }
        })
    }
}

/// Reads a path to a file or directory: as it is written.
pub(crate) fn parse_file(text: &str) -> Result<String, String> {
    match text {
        "" => Err("the path is empty".to_owned()),
        _ if text.contains('\0') => Err("a path cannot hold a NUL character".to_owned()),
        _ => Ok(text.to_owned()),
    }
}

/// Why something was not read, in words: once for all kinds of errors.
#[cold]
#[inline(never)]
pub(crate) fn told(error: &dyn Display) -> String {
    error.to_string()
}
