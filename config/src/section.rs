//! A table of the document, read key by key.

use crate::{
    document::{Keyed, Table, Value},
    entry::{Entry, told},
    keys,
    report::Report,
    units::shown,
};
use std::{fmt::Display, ops::RangeInclusive, time::Duration};

/// A table whose keys are being read. A reader takes the keys it knows and closes the section; what it did not take is
/// unknown.
pub(crate) struct Section<'d> {
    report: &'d Report,
    path: String,
    at: usize,
    table: &'d Table,
    known: Vec<&'static str>,
}

impl<'d> Section<'d> {
    /// The whole document.
    pub(crate) fn root(report: &'d Report, table: &'d Table) -> Self {
        Self::new(report, String::new(), 0, table)
    }

    pub(crate) fn new(report: &'d Report, path: String, at: usize, table: &'d Table) -> Self {
        Self { report, path, at, table, known: Vec::new() }
    }

    /// The entry under a key, which is known from now on.
    pub(crate) fn entry(&mut self, key: &'static str) -> Option<Entry<'d>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.table.get(key).map(|keyed| self.found(keyed))
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
        let all = self.table.entries().iter();
        let mut entries: Vec<_> = all.map(|keyed| (keyed.key.as_str(), self.found(keyed))).collect();
        entries.sort_unstable_by_key(|(_, entry)| entry.at());
        entries
    }

    /// The table under a key.
    pub(crate) fn section(&mut self, key: &'static str) -> Option<Self> {
        let header = keys::header(&keys::general(&join(&self.path, key)));
        self.entry(key)?.section(&format!("a table: write `{header}` on a line of its own"))
    }

    /// The tables of the list under a key.
    pub(crate) fn sections(&mut self, key: &'static str) -> Vec<Self> {
        let header = keys::header(&format!("{}[]", keys::general(&join(&self.path, key))));
        let expected = format!("a list of tables: write `{header}`, with two brackets, on a line of its own");
        let Some(entry) = self.entry(key) else { return Vec::new() };
        if !entry.is_list() {
            entry.mistyped(&expected);
        }
        entry.items().into_iter().filter_map(|item| item.section(&expected)).collect()
    }

    /// Keys that are another program's business: known, and not looked into.
    pub(crate) fn pass_over(&mut self, keys: &[&'static str]) {
        self.known.extend_from_slice(keys);
    }

    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        self.entry(key)?.boolean()
    }

    /// A string that reads as something.
    pub(crate) fn parse<T, E: Display>(&mut self, key: &'static str, read: fn(&str) -> Result<T, E>) -> Option<T> {
        let mut found = None;
        self.text(key, &mut |text| read(text).map(|read| found = Some(read)).map_err(|error| told(&error)));
        found
    }

    /// A list of strings, each of which reads as something.
    pub(crate) fn list<T, E: Display>(&mut self, key: &'static str, read: fn(&str) -> Result<T, E>) -> Option<Vec<T>> {
        let mut list = Vec::new();
        let take = &mut |text: &str| read(text).map(|read| list.push(read)).map_err(|error| told(&error));
        self.entry(key).is_some_and(|entry| entry.texts(take)).then_some(list)
    }

    // What has no type in it stands apart, and is there once.

    fn text(&mut self, key: &'static str, take: &mut dyn FnMut(&str) -> Result<(), String>) {
        if let Some(entry) = self.entry(key) {
            entry.parse(take);
        }
    }

    /// A whole number within limits.
    pub(crate) fn integer(&mut self, key: &'static str, default: u64, within: RangeInclusive<u64>) -> u64 {
        self.entry(key).and_then(|entry| entry.integer(within)).unwrap_or(default)
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
        self.table.get(key).is_some()
    }

    /// Whether nothing, or an empty list, stands under a key.
    pub(crate) fn lacks(&self, key: &str) -> bool {
        self.table.get(key).is_none_or(|keyed| matches!(&keyed.value, Value::List(items) if items.is_empty()))
    }

    /// Something is missing from the document as a whole: no line can be named.
    pub(crate) fn missing(&self, path: &str, message: impl Into<String>) {
        self.report.missing(path, message);
    }

    /// Something is wrong with the value under a key, seen together with others.
    pub(crate) fn refuse_at(&self, key: &str, message: impl Into<String>) {
        match self.table.get(key) {
            Some(keyed) => self.found(keyed).refuse(message),
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

    fn found(&self, keyed: &'d Keyed) -> Entry<'d> {
        Entry::new(self.report, join(&self.path, &keyed.key), keyed.at, &keyed.value)
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
