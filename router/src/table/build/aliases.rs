//! Rows that are other names for rows.

use crate::table::{
    conflict::ConflictReason,
    part::{ApiTable, Entry, RowId},
};
use alloc::{boxed::Box, string::ToString, vec::Vec};
use hashbrown::HashMap;

impl ApiTable {
    /// Points each alias at the row at the end of its chain.
    pub(super) fn link_aliases(
        &mut self,
        aliases: &[(RowId, Box<str>)],
        conflict: &mut impl FnMut(&str, ConflictReason),
    ) {
        let targets: HashMap<RowId, &str> = aliases.iter().map(|(row, target)| (*row, &**target)).collect();
        let find = |text: &str| self.find_named(text);
        let mut links: Vec<(RowId, Result<RowId, ConflictReason>)> = Vec::with_capacity(aliases.len());
        for (row, target) in aliases {
            let mut end = find(target);
            let mut steps = 0;
            while let Some(next) = end.and_then(|at| targets.get(&at)) {
                steps += 1;
                if steps > aliases.len() {
                    break;
                }
                end = find(next);
            }
            let link = match end {
                _ if steps > aliases.len() => Err(ConflictReason::AliasCycle),
                Some(end) if end == *row => Err(ConflictReason::AliasCycle),
                Some(end) => Ok(end),
                None => Err(ConflictReason::AliasOfNothing(target.to_string())),
            };
            links.push((*row, link));
        }
        for (row, link) in links {
            let Some(entry) = self.entries.get_mut(row as usize) else { continue };
            match link {
                Ok(to) => *entry = Entry::Alias { key: entry.key().into(), to },
                Err(reason) => conflict(entry.key(), reason),
            }
        }
    }
}
