//! Walks a parsed document with a key path in hand, and goes on after a problem.
//!
//! A reader takes the keys it knows from a [`Section`] and closes it; what it did not take is unknown. An [`Entry`] that
//! cannot be read reports why and gives `None`; the reader then takes the default, which no one ever sees, for a report
//! with a problem in it gives no configuration.

use crate::{
    keys,
    problem::{Problem, Problems},
    units::{parse_duration, parse_size, render_duration, render_size, shown},
};
use std::{cell::RefCell, fmt::Display, ops::RangeInclusive, time::Duration};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// Collects problems with the lines they stand in.
pub(crate) struct Report {
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
    /// With the place in the document that orders them.
    problems: RefCell<Vec<(usize, Problem)>>,
}

impl Report {
    pub(crate) fn new(text: &str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { lines, problems: RefCell::default() }
    }

    /// The text is not TOML. Only the parser's words are repeated, never the text: it may hold a secret.
    pub(crate) fn syntax(&self, error: &toml::de::Error) -> Problems {
        let at = error.span().map(|span| span.start);
        let line = at.map(|at| self.line(at));
        let column = match (at, line.and_then(|line| self.lines.get(line - 1))) {
            (Some(at), Some(begin)) => format!(" at column {}", at.saturating_sub(*begin) + 1),
            _ => String::new(),
        };
        let message = format!("this is not TOML{column}: {}", shown(error.message()));
        Problem { path: String::new(), line, message }.into()
    }

    /// The configuration, where nothing is wrong.
    pub(crate) fn finish<T>(self, whole: T) -> Result<T, Problems> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(at, _)| *at);
        match Problems::new(problems.into_iter().map(|(_, problem)| problem).collect()) {
            Some(problems) => Err(problems),
            None => Ok(whole),
        }
    }

    /// A problem with the document as a whole, after all others.
    pub(crate) fn missing(&self, path: &str, message: impl Into<String>) {
        let problem = Problem { path: path.to_owned(), line: None, message: message.into() };
        self.problems.borrow_mut().push((usize::MAX, problem));
    }

    fn at(&self, at: usize, path: &str, message: String) {
        let problem = Problem { path: path.to_owned(), line: Some(self.line(at)), message };
        self.problems.borrow_mut().push((at, problem));
    }

    fn line(&self, at: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= at)
    }
}

/// A table whose keys are being read.
pub(crate) struct Section<'d> {
    report: &'d Report,
    path: String,
    at: usize,
    table: &'d DeTable<'d>,
    known: Vec<&'static str>,
}

impl<'d> Section<'d> {
    pub(crate) fn root(report: &'d Report, table: &'d DeTable<'d>) -> Self {
        Self { report, path: String::new(), at: 0, table, known: Vec::new() }
    }

    /// The entry under a key, which is known from now on.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<Entry<'d>> {
        self.known.push(key);
        self.table.get_key_value(key).map(|(key, value)| self.found(key, value))
    }

    /// The entry under a key that must be there; the remedy is an example of it.
    pub(crate) fn need(&mut self, key: &'static str, remedy: &str) -> Option<Entry<'d>> {
        let entry = self.entry(key);
        if entry.is_none() {
            self.refuse(format!("`{key}` is missing: write {remedy}"));
        }
        entry
    }

    /// Every entry, in the order of the document, for a table whose keys are the user's own.
    pub(crate) fn entries(&self) -> Vec<(&'d str, Entry<'d>)> {
        let mut entries: Vec<_> =
            self.table.iter().map(|(key, value)| (key.get_ref().as_ref(), self.found(key, value))).collect();
        entries.sort_by_key(|(_, entry)| entry.at);
        entries
    }

    /// The table under a key.
    pub(crate) fn section(&mut self, key: &'static str) -> Option<Self> {
        self.entry(key)?.section(&format!("a table: write `[{key}]` on a line of its own"))
    }

    /// The list of tables under a key; a single table counts as a list of one.
    pub(crate) fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let expected = format!("a list of tables: write `[[{key}]]` on a line of its own");
        let Some(entry) = self.entry(key) else { return Vec::new() };
        match entry.value {
            DeValue::Array(_) => entry.items().into_iter().filter_map(|item| item.section(&expected)).collect(),
            DeValue::Table(_) => {
                entry.refuse(format!("expected {expected}, with two brackets"));
                Vec::new()
            }
            _ => {
                entry.mistyped(&expected);
                Vec::new()
            }
        }
    }

    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.entry(key)?.boolean()
    }

    /// A duration within limits.
    pub(crate) fn duration(
        &mut self,
        key: &'static str,
        default: Duration,
        within: RangeInclusive<Duration>,
    ) -> Duration {
        self.entry(key).and_then(|entry| entry.duration(within)).unwrap_or(default)
    }

    /// A size in bytes within limits.
    pub(crate) fn size(&mut self, key: &'static str, default: u64, within: RangeInclusive<u64>) -> u64 {
        self.entry(key).and_then(|entry| entry.size(within)).unwrap_or(default)
    }

    /// Whether something stands under a key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Something is missing from the document as a whole: no line can be named.
    pub(crate) fn missing(&self, path: &str, message: impl Into<String>) {
        self.report.missing(path, message);
    }

    /// Something is wrong with the value under a key, seen together with others.
    pub(crate) fn refuse_at(&self, key: &str, message: impl Into<String>) {
        match self.table.get_key_value(key) {
            Some((key, value)) => self.found(key, value).refuse(message),
            None => self.refuse(message),
        }
    }

    /// Something is wrong with the section as a whole.
    pub(crate) fn refuse(&self, message: impl Into<String>) {
        self.report.at(self.at, &self.path, message.into());
    }

    /// Reports the keys nobody asked for.
    pub(crate) fn close(self) {
        for (key, entry) in self.entries() {
            if !self.known.contains(&key) {
                entry.refuse(keys::unknown(key, &self.known));
            }
        }
        #[cfg(test)]
        for key in &self.known {
            let path = keys::general(&join(&self.path, key));
            assert!(keys::KEYS.iter().any(|key| key.path == path), "`{path}` is read, but not listed in KEYS");
        }
    }

    fn found(&self, key: &Spanned<std::borrow::Cow<'d, str>>, value: &'d Spanned<DeValue<'d>>) -> Entry<'d> {
        let path = join(&self.path, key.get_ref());
        Entry { report: self.report, path, at: key.span().start, value: value.get_ref() }
    }
}

/// A value with its key path.
pub(crate) struct Entry<'d> {
    report: &'d Report,
    path: String,
    at: usize,
    value: &'d DeValue<'d>,
}

impl<'d> Entry<'d> {
    /// Where it stands, as `api[0].hosts`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    pub(crate) fn refuse(&self, message: impl Into<String>) {
        self.report.at(self.at, &self.path, message.into());
    }

    fn mistyped(&self, expected: &str) {
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
            DeValue::Table(table) => {
                Some(Section { report: self.report, path: self.path.clone(), at: self.at, table, known: Vec::new() })
            }
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
        let items = match self.value {
            DeValue::String(text) => return self.read(text, read).map(|one| vec![one]),
            DeValue::Array(_) => self.items(),
            _ => {
                self.mistyped("a list of strings");
                return None;
            }
        };
        // All items are looked at, so that all problems are found.
        let read: Vec<_> = items.iter().map(|item| item.parse(&mut read)).collect();
        read.into_iter().collect()
    }

    /// The items of a list.
    pub(crate) fn items(&self) -> Vec<Self> {
        let DeValue::Array(items) = self.value else { return Vec::new() };
        let item = |(i, item): (usize, &'d Spanned<DeValue<'d>>)| Self {
            report: self.report,
            path: format!("{}[{i}]", self.path),
            at: item.span().start,
            value: item.get_ref(),
        };
        items.iter().enumerate().map(item).collect()
    }

    pub(crate) fn is_list(&self) -> bool {
        self.value.is_array()
    }

    pub(crate) fn is_empty_list(&self) -> bool {
        self.value.as_array().is_some_and(|items| items.is_empty())
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        if self.value.as_bool().is_none() {
            self.mistyped("`true` or `false`");
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

/// `api[0]` and `hosts` make `api[0].hosts`; a key that is not bare is quoted, as TOML wants it.
fn join(path: &str, key: &str) -> String {
    let bare = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let dot = if path.is_empty() { "" } else { "." };
    if !key.is_empty() && key.len() <= 80 && key.bytes().all(bare) {
        format!("{path}{dot}{key}")
    } else {
        format!("{path}{dot}\"{}\"", shown(key))
    }
}
