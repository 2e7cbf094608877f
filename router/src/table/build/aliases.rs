//! Rows that are other names for rows.

use crate::{
    UnixTime,
    table::{
        conflict::ConflictReason,
        part::{ApiTable, Entry, RowId},
    },
};
use alloc::{boxed::Box, string::ToString, vec::Vec};

impl ApiTable {
    /// Points each alias at the row at the end of its chain.
    pub(super) fn link_aliases(
        &mut self,
        aliases: &[(RowId, Box<str>)],
        conflict: &mut impl FnMut(&str, ConflictReason),
    ) {
        // They are in the order of their rows.
        let target_of = |row: RowId| {
            let place = aliases.binary_search_by_key(&row, |(row, _)| *row).ok()?;
            aliases.get(place).map(|(_, target)| &**target)
        };
        let find = |text: &str| self.find_named(text, UnixTime::MIN);
        let mut links: Vec<(RowId, Result<RowId, ConflictReason>)> = Vec::with_capacity(aliases.len());
        let mut ranges = Vec::new();
        for (row, target) in aliases {
            let mut end = find(target);
            let mut steps = 0;
            let mut last = &**target;
            while let Some(next) = end.and_then(target_of) {
                steps += 1;
                if steps > aliases.len() {
                    break;
                }
                end = find(next);
                last = next;
            }
            let link = match end {
                _ if steps > aliases.len() => Err(ConflictReason::AliasCycle),
                Some(end) if end == *row => Err(ConflictReason::AliasCycle),
                Some(end) => Ok(end),
                None => Err(ConflictReason::AliasOfNothing(target.to_string())),
            };
            // What ends at a range moves with the time; until then it is the newest of all.
            if link.is_ok() && !self.is_key(last.as_bytes()) {
                ranges.extend(self.places(last.as_bytes()).map(|span| (*row, span)));
            }
            links.push((*row, link));
        }
        for (row, link) in links {
            let Some(entry) = self.entries.get_mut(row as usize) else { continue };
            match link {
                Ok(to) => *entry = Entry::Alias(Box::new((entry.key().into(), to))),
                Err(reason) => conflict(entry.key(), reason),
            }
        }
        self.ladder.aliases = ranges;
    }
}
