//! The indexes that rows are found by, and which row owns a label.

use crate::{
    caseless::{CaselessMap, ExactMap, Hashing},
    resolve::label::Label,
    table::part::{ApiTable, RowId, id, label_text},
    version::accept::{self, MAX_WHOLE},
};

/// What a key that contains a label is to it: a bare version owns its label before a media type that merely contains it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    MediaType,
    Bare,
}

/// Who owns a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Owner {
    Row(RowId),
    /// Several of this rank claim it: none of them has it.
    Nobody(Rank),
}

impl ApiTable {
    pub(super) fn index(&mut self, wholes: &[bool]) {
        self.index_wholes(wholes);
        let mut by_label: CaselessMap<RowId> =
            CaselessMap::with_capacity_and_hasher(self.entries.len(), Hashing::default());
        // By one of the rows that claim it: its rank is theirs.
        let mut contested: CaselessMap<RowId> = CaselessMap::default();
        for (row, (entry, whole)) in self.entries.iter().zip(wholes).enumerate() {
            let row = id(row);
            let text = label_text(entry.key(), &self.api);
            let Ok(label) = Label::parse(self.api.scheme().normal(text)) else { continue };
            let label = label.as_caseless();
            let nobody = contested.get(&label).map(|row| Owner::Nobody(self.rank(*row)));
            let owner = nobody.or_else(|| by_label.get(&label).map(|row| Owner::Row(*row)));
            let then = owner.map_or(Owner::Row(row), |owner| self.owner(owner, row, *whole));
            if owner == Some(then) {
                continue;
            }
            match then {
                Owner::Row(row) => {
                    contested.remove(&label);
                    by_label.insert(label.into(), row);
                }
                Owner::Nobody(_) => {
                    by_label.remove(&label);
                    contested.insert(label.into(), row);
                }
            }
        }
        self.by_label = by_label;
    }

    fn index_wholes(&mut self, wholes: &[bool]) {
        let mut by_whole = ExactMap::default();
        for (row, (entry, _)) in self.entries.iter().zip(wholes).enumerate().filter(|(_, (_, whole))| **whole) {
            let mut buffer = [0; MAX_WHOLE];
            if let Some(text) = accept::write_whole(entry.key().as_bytes(), &mut buffer) {
                let owner: &mut RowId = by_whole.entry_ref(text).or_insert(id(row));
                // Of twins, the one with a last good value answers.
                if entry.good().is_some() {
                    *owner = id(row);
                }
            }
        }
        self.by_whole = by_whole;
    }

    /// Who owns a label that this owner has, once this row claims it too. Two claims of one rank leave it to nobody; but
    /// twins (one key in normal form, quarantined both) leave it to a last good value.
    fn owner(&self, owner: Owner, row: RowId, whole: bool) -> Owner {
        let Some(entry) = self.entries.get(row as usize) else { return owner };
        let rank = self.rank(row);
        let (other, other_rank) = match owner {
            Owner::Row(other) if other == row => return owner,
            Owner::Row(other) => (self.entries.get(other as usize), self.rank(other)),
            Owner::Nobody(rank) => (None, rank),
        };
        if rank != other_rank {
            return if rank > other_rank { Owner::Row(row) } else { owner };
        }
        let Some(other) = other else { return owner };
        let twins = rank == Rank::Bare && !whole || other.key().eq_ignore_ascii_case(entry.key());
        match (entry.good(), other.good()) {
            _ if !twins => Owner::Nobody(rank),
            (Some(_), None) => Owner::Row(row),
            _ => owner,
        }
    }

    fn rank(&self, row: RowId) -> Rank {
        let bare = |key: &str| label_text(key, &self.api).len() == key.len();
        let is_bare = self.entries.get(row as usize).is_some_and(|entry| bare(entry.key()));
        if is_bare { Rank::Bare } else { Rank::MediaType }
    }
}
