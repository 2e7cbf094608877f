//! The order of an API's versions, as far as its scheme and policies need it.

use crate::{
    UnixTime,
    api::{Scheme, Unknown},
    resolve::{date::Date, semver::Semver},
    table::{
        ladder::{Ladder, Rungs},
        living::Living,
        order::is_number,
        part::{ApiTable, Entry, RowId, id, label_text},
    },
};
use alloc::{boxed::Box, vec::Vec};

impl ApiTable {
    /// Orders versions that may be asked for by what is near them. Aliases are no versions of their own; they are told by
    /// their rows.
    pub(super) fn order_versions(&mut self, aliases: &[(RowId, Box<str>)]) {
        let rungs = match self.api.scheme() {
            Scheme::Label => return,
            Scheme::Semver => Rungs::Semver(self.rungs(aliases, |text| {
                Semver::parse(text).ok().filter(|version| version.pre.is_empty()).map(|version| version.numbers)
            })),
            Scheme::Date => Rungs::Date(self.rungs(aliases, |text| Date::parse(text).ok())),
        };
        self.ladder = self.ladder_of(rungs);
    }

    /// Orders labels that are numbers, where an unknown one falls to the nearest.
    pub(super) fn order_labels(&mut self) {
        if self.api.scheme() == Scheme::Label && self.api.unknown() != Unknown::Reject {
            let numbered = |row: &RowId| {
                let mapping = self.entries.get(*row as usize).and_then(Entry::good);
                mapping.is_some_and(|mapping| is_number(mapping.version_str()))
            };
            let rungs = self.shown.iter().rev().copied().filter(numbered).collect();
            self.ladder = self.ladder_of(Rungs::Label(rungs));
        }
    }

    fn ladder_of(&self, rungs: Rungs) -> Ladder {
        let rows = || (0..rungs.len()).filter_map(|place| self.entries.get(rungs.row(place)? as usize));
        let until = |entry: &Entry| match entry.good() {
            Some(mapping) => mapping.lifecycle().and_then(|life| life.sunset_at()).unwrap_or(UnixTime::MAX),
            None => UnixTime::MIN,
        };
        let until_shown = |entry: &Entry| match entry.good() {
            Some(mapping) if mapping.hidden() => UnixTime::MIN,
            _ => until(entry),
        };
        let living = if self.api.scheme() == Scheme::Semver { rows().map(until).collect() } else { Vec::new() };
        let shown = if self.api.unknown() == Unknown::Reject { Vec::new() } else { rows().map(until_shown).collect() };
        Ladder { living: Living::new(living), shown: Living::new(shown), aliases: Vec::new(), rungs }
    }

    /// The rows that own a version of the scheme, in its order.
    fn rungs<V: Ord>(&self, aliases: &[(RowId, Box<str>)], read: impl Fn(&[u8]) -> Option<V>) -> Vec<(V, RowId)> {
        let mut rungs = Vec::with_capacity(self.entries.len());
        for (row, entry) in self.entries.iter().enumerate() {
            let row = id(row);
            let text = label_text(entry.key(), &self.api);
            if let Some(version) = read(text)
                && aliases.binary_search_by_key(&row, |alias| alias.0).is_err()
                && self.owns(row, text)
            {
                rungs.push((version, row));
            }
        }
        rungs.sort_unstable();
        rungs
    }
}
