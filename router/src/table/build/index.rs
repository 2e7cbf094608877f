//! The indexes that rows are found by, and which row owns a label.

use crate::{
    caseless::CaselessMap,
    resolve::label::Label,
    table::part::{ApiTable, RowId, id, label_text},
    version::accept::{self, MAX_WHOLE},
};
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// Who owns a label that media types claim, or bare versions, and none of them alone.
const NOBODY: RowId = RowId::MAX - 1;
const NOBODY_BARE: RowId = RowId::MAX;

impl ApiTable {
    pub(super) fn index(&mut self, wholes: &[bool]) {
        let mut by_whole = HashMap::new();
        // A bare version owns its label before a media type that merely contains it. Two claims of one rank leave the
        // label to nobody; but twins (one key in normal form, quarantined both) leave it to a last good value.
        let mut by_label: CaselessMap<RowId> =
            CaselessMap::with_capacity_and_hasher(self.entries.len(), FixedState::default());
        for (row, (entry, whole)) in self.entries.iter().zip(wholes).enumerate() {
            let row = id(row);
            let key = entry.key();
            if *whole {
                let mut buffer = [0; MAX_WHOLE];
                if let Some(text) = accept::write_whole(key.as_bytes(), &mut buffer) {
                    let owner: &mut RowId = by_whole.entry_ref(text).or_insert(row);
                    // Of twins, the one with a last good value answers.
                    if entry.good().is_some() {
                        *owner = row;
                    }
                }
            }
            let text = label_text(key, &self.api);
            let Ok(label) = Label::parse(self.api.scheme().normal(text)) else { continue };
            let bare = text.len() == key.len();
            let owner = by_label.entry(label.as_caseless().into()).or_insert(row);
            let other = self.entries.get(*owner as usize);
            let other_is_bare = match *owner {
                NOBODY_BARE => true,
                NOBODY => false,
                _ => other.is_some_and(|other| label_text(other.key(), &self.api).len() == other.key().len()),
            };
            if *owner == row || (other_is_bare && !bare) {
                continue;
            }
            if bare && !other_is_bare {
                *owner = row;
            } else if let Some(other) = other {
                let twins = bare && !whole || other.key().eq_ignore_ascii_case(key);
                if !twins {
                    *owner = if bare { NOBODY_BARE } else { NOBODY };
                } else if entry.good().is_some() && other.good().is_none() {
                    *owner = row;
                }
            }
        }
        by_label.retain(|_, owner| *owner < NOBODY);
        self.by_label = by_label;
        self.by_whole = by_whole;
    }
}
