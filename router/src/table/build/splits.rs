//! Rows whose arms lead to other rows: the versions they name must be there, and lead back to none of them.

use crate::{
    UnixTime,
    split::SplitRow,
    table::{
        conflict::ConflictReason,
        part::{ApiTable, Entry, RowId, id},
        row::Good,
    },
};
use alloc::{borrow::ToOwned, sync::Arc, vec::Vec};

impl ApiTable {
    /// Leaves out rows whose arms lead nowhere or in a circle; what was good of them in the table before goes on.
    pub(super) fn check_splits(&mut self, before: Option<&Self>, conflict: &mut impl FnMut(&str, ConflictReason)) {
        let split = |(row, entry): (usize, &Entry)| match entry {
            Entry::Good(Good::Split(split)) => Some((id(row), split.clone())),
            _ => None,
        };
        // In the order of their rows.
        let splits: Vec<(RowId, Arc<SplitRow>)> = self.entries.iter().enumerate().filter_map(split).collect();
        let unfit: Vec<(RowId, ConflictReason)> =
            splits.iter().filter_map(|(row, split)| Some((*row, self.unfit_for(*row, split, &splits)?))).collect();
        for (row, reason) in unfit {
            let Some(entry) = self.entries.get_mut(row as usize) else { continue };
            conflict(entry.key(), reason);
            let key = entry.key();
            // What is kept of a row that is new in this table is nothing.
            *entry = match before.and_then(|before| before.good_row(key)) {
                Some(good) => Entry::kept(key, good),
                None => Entry::invalid(key),
            };
        }
        let is_split = |entry: &Entry| matches!(entry.good(), Some(Good::Split(_)));
        self.splits = (0..).zip(&self.entries).filter(|(_, entry)| is_split(entry)).map(|(row, _)| row).collect();
    }

    fn unfit_for(&self, row: RowId, split: &SplitRow, splits: &[(RowId, Arc<SplitRow>)]) -> Option<ConflictReason> {
        let lost = split
            .arms()
            .iter()
            .find(|arm| arm.leads_to().is_some_and(|to| self.find_named(to, UnixTime::MIN).is_none()));
        if let Some(arm) = lost {
            let (arm, version) = (arm.name().to_owned(), arm.leads_to().unwrap_or_default().to_owned());
            return Some(ConflictReason::ArmOfNothing { arm, version });
        }
        // All rows that can be reached: few lead anywhere.
        let mut reached: Vec<RowId> = Vec::new();
        let mut next: Vec<&SplitRow> = [split].into();
        while let Some(split) = next.pop() {
            for to in split.arms().iter().filter_map(|arm| self.find_named(arm.leads_to()?, UnixTime::MIN)) {
                if to == row {
                    return Some(ConflictReason::SplitCycle);
                }
                if !reached.contains(&to) {
                    reached.push(to);
                    let place = splits.binary_search_by_key(&to, |(row, _)| *row).ok();
                    next.extend(place.and_then(|place| splits.get(place)).map(|(_, split)| &**split));
                }
            }
        }
        None
    }
}
