//! A value of the document, read as what it must be.
//!
//! A value that cannot be read reports why and gives `None`. The reader goes on with the default, which no one ever sees:
//! a report with a problem in it gives no configuration.

use crate::{
    keys,
    report::Report,
    section::Section,
    units::{parse_duration, parse_size, render_duration, render_size, shown},
};
use std::{fmt::Display, ops::RangeInclusive, time::Duration};
use toml::{Spanned, de::DeValue};

/// A value with its key path.
#[derive(Clone)]
pub(crate) struct Entry<'d> {
    report: &'d Report,
    path: String,
    at: usize,
    value: &'d DeValue<'d>,
}

impl<'d> Entry<'d> {
    pub(crate) fn new(report: &'d Report, path: String, at: usize, value: &'d DeValue<'d>) -> Self {
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
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a number with a fraction",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date or time",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.refuse(format!("expected {expected}, found {found}"));
    }

    pub(crate) fn section(&self, expected: &str) -> Option<Section<'d>> {
        match self.value {
            DeValue::Table(table) => Some(Section::new(self.report, self.path.clone(), self.at, table)),
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
            DeValue::String(text) => Some(text),
            _ => {
                self.mistyped(expected);
                None
            }
        }
    }

    /// A string that reads as something.
    pub(crate) fn parse<T, E: Display>(&self, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        self.read(self.text()?, read)
    }

    fn read<T, E: Display>(&self, text: &str, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        self.check(read(text))
    }

    /// What was read of it, or of its key, elsewhere.
    pub(crate) fn check<T, E: Display>(&self, read: Result<T, E>) -> Option<T> {
        read.map_err(|error| self.refuse(error.to_string())).ok()
    }

    /// A list of strings, each of which reads as something; one string counts as a list of one.
    pub(crate) fn list<T, E: Display>(&self, mut read: impl FnMut(&str) -> Result<T, E>) -> Option<Vec<T>> {
        // All items are looked at, so that all problems are found.
        let read: Vec<_> = self.each("a list of strings")?.iter().map(|item| item.parse(&mut read)).collect();
        read.into_iter().collect()
    }

    /// The items of a list of strings; one string counts as a list of one.
    pub(crate) fn each(&self, expected: &str) -> Option<Vec<Self>> {
        match self.value {
            DeValue::String(_) => Some(vec![self.clone()]),
            DeValue::Array(_) => Some(self.items()),
            _ => {
                self.mistyped(expected);
                None
            }
        }
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Vec<Self> {
        let DeValue::Array(items) = self.value else { return Vec::new() };
        let item = |(i, item): (usize, &'d Spanned<DeValue<'d>>)| {
            Self::new(self.report, format!("{}[{i}]", self.path), item.span().start, item.get_ref())
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(crate) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(crate) fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(|items| items.is_empty())
    }

    pub(crate) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        self.boolean_as("`true` or `false`")
    }

    pub(crate) fn boolean_as(&self, expected: &str) -> Option<bool> {
        if self.value.as_bool().is_none() {
            self.mistyped(expected);
        }
        self.value.as_bool()
    }

    /// A whole number within limits.
    pub(crate) fn integer(&self, within: RangeInclusive<u64>) -> Option<u64> {
        let expected = format!("a whole number from {} to {}", within.start(), within.end());
        let Some(integer) = self.value.as_integer() else {
            self.mistyped(&expected);
            return None;
        };
        let number = u64::from_str_radix(integer.as_str(), integer.radix()).ok().filter(|n| within.contains(n));
        if number.is_none() {
            self.refuse(format!("expected {expected}, found {}", shown(&integer.to_string())));
        }
        number
    }

    pub(crate) fn duration(&self, within: RangeInclusive<Duration>) -> Option<Duration> {
        // A bare number is refused by the parser's own words, which name the remedy.
        let duration = match self.value {
            DeValue::Integer(number) => self.read(&number.to_string(), parse_duration)?,
            _ => self.read(self.text_as("a duration such as \"10s\"")?, parse_duration)?,
        };
        self.within(duration, &within, render_duration)
    }

    pub(crate) fn size(&self, within: RangeInclusive<u64>) -> Option<u64> {
        match self.value {
            DeValue::Integer(_) => self.integer(within),
            _ => {
                let size = self.read(self.text_as("a size such as \"16KiB\"")?, parse_size)?;
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
        self.parse(|text| match text {
            "" => Err("the path is empty"),
            _ if text.contains('\0') => Err("a path cannot hold a NUL character"),
            _ => Ok(text.to_owned()),
        })
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
