//! Rows by label. The labels themselves stand in the rows: a map with keys of its own would take as much memory as they do.

use super::part::{Entry, RowId, id, label_text};
use crate::{api::Api, caseless::Caseless, resolve::label::Label};
use alloc::collections::BTreeSet;
use core::hash::BuildHasher;
use foldhash::fast::FixedState;
use hashbrown::{HashTable, hash_table};

/// Rows by the label they answer to.
#[derive(Debug, Default)]
pub(super) struct Labels(HashTable<RowId>);

impl Labels {
    /// Finds the owner of each label; `wholes` says which rows are matched as a whole besides.
    ///
    /// A bare version owns its label before a media type that merely contains it. Two claims of one rank leave the label to
    /// nobody; but twins (one key in normal form, quarantined both) leave it to a last good value.
    pub(super) fn of(entries: &[Entry], wholes: &[bool], api: &Api) -> Self {
        let mut owners = HashTable::with_capacity(entries.len());
        let mut contested = BTreeSet::new();
        let text = |row: RowId| entries.get(row as usize).map(|entry| label_of(entry, api)).unwrap_or_default();
        let hash = |row: &RowId| hash(Label::bare(text(*row)));
        for (row, (entry, whole)) in entries.iter().zip(wholes).enumerate() {
            let row = id(row);
            let Ok(label) = Label::parse(text(row)) else { continue };
            let same = |other: &RowId| Label::bare(text(*other)) == label.as_caseless();
            let mut owner = match owners.entry(hash(&row), same, hash) {
                hash_table::Entry::Occupied(owner) => owner,
                hash_table::Entry::Vacant(place) => {
                    place.insert(row);
                    continue;
                }
            };
            let Some(other) = entries.get(*owner.get() as usize) else { continue };
            let is_bare = |entry: &Entry| !entry.key().contains('/');
            match (is_bare(entry), is_bare(other)) {
                (false, true) => {}
                _ if is_bare(entry) == is_bare(other) && contested.contains(owner.get()) => {}
                (true, false) => *owner.get_mut() = row,
                (bare, _) => {
                    let twins = bare && !whole || other.key().eq_ignore_ascii_case(entry.key());
                    if !twins {
                        contested.insert(*owner.get());
                    } else if entry.mapping().is_some() && other.mapping().is_none() {
                        *owner.get_mut() = row;
                    }
                }
            }
        }
        owners.retain(|row| !contested.contains(row));
        Self(owners)
    }

    /// The row that owns a label, among the entries this was made of.
    #[inline]
    pub(super) fn find(&self, label: Label<'_>, entries: &[Entry], api: &Api) -> Option<RowId> {
        let label = label.as_caseless();
        let is_it =
            |row: &RowId| entries.get(*row as usize).is_some_and(|entry| Label::bare(label_of(entry, api)) == label);
        self.0.find(hash(label), is_it).copied()
    }
}

/// What of an entry is its label: what a mapping reports as its version, so that no key is read twice.
#[inline]
fn label_of<'e>(entry: &'e Entry, api: &Api) -> &'e [u8] {
    match entry {
        Entry::Mapped(mapping) => mapping.version().as_bytes(),
        _ => label_text(entry.key(), api),
    }
}

#[inline]
fn hash(label: Caseless<'_>) -> u64 {
    FixedState::default().hash_one(label)
}
