//! How an API's part is built: keys, last good values, indexes, aliases, the order shown.

use super::{
    conflict::{Conflict, ConflictReason},
    order::{bare, compare_versions},
    part::{ApiTable, Entry, EntryState, Found, RowId, id, label_text, reported},
    row::{ApiRows, Mapping, Row, RowState},
};
use crate::{
    caseless::CaselessMap,
    resolve::label::Label,
    version::accept::{self, MAX_WHOLE},
};
use alloc::{borrow::ToOwned, boxed::Box, string::ToString, sync::Arc, vec::Vec};
use hashbrown::HashMap;

impl ApiTable {
    pub(super) fn build(part: ApiRows, previous: Option<&Self>, conflicts: &mut Vec<Conflict>) -> Self {
        let ApiRows { api, rows } = part;
        let mut conflict = |key: &str, reason: ConflictReason| {
            conflicts.push(Conflict { api: api.name().to_owned(), key: key.to_owned(), reason });
        };
        // Keys first: rows whose normal forms collide are both unusable, whatever they say.
        let mut by_key: HashMap<Vec<u8>, (usize, bool)> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let seen = by_key.entry(normal_key(row)).or_insert((0, false));
            seen.0 += 1;
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(rows.len());
        let mut wholes: Vec<bool> = Vec::with_capacity(rows.len());
        let mut aliases: Vec<(RowId, Box<str>)> = Vec::new();
        for row in rows {
            let twin = by_key.get(&normal_key(&row)).is_some_and(|(times, _)| *times > 1);
            if twin {
                conflict(&row.key, ConflictReason::SameVersion);
            }
            let state = match row.state {
                RowState::Mapped(spec) if !twin => match reported(&row.key, &api) {
                    Some(version) => EntryState::Mapped(Arc::new(Mapping {
                        api: api.clone(),
                        key: row.key.clone(),
                        version,
                        origin: spec.origin,
                        hidden: spec.hidden,
                        lifecycle: spec.lifecycle.map(Box::new),
                    })),
                    None => {
                        conflict(&row.key, ConflictReason::UnfitKey);
                        EntryState::Invalid
                    }
                },
                RowState::Alias(target) if !twin => {
                    aliases.push((id(entries.len()), target));
                    EntryState::Invalid
                }
                _ => EntryState::Invalid,
            };
            entries.push(Entry { key: row.key, state });
            wholes.push(row.whole);
        }

        let mut table = Self {
            api: api.clone(),
            entries,
            by_label: CaselessMap::default(),
            by_whole: HashMap::new(),
            shown: Vec::new(),
            read: true,
        };
        table.keep_last_good(previous);
        table.index(&wholes);
        table.link_aliases(aliases, &mut conflict);
        table.order();
        table
    }

    /// Unreadable rows go on with their last good value.
    fn keep_last_good(&mut self, previous: Option<&Self>) {
        let Some(previous) = previous else { return };
        if !self.entries.iter().any(|entry| matches!(entry.state, EntryState::Invalid)) {
            return;
        }
        let good: HashMap<&str, &Arc<Mapping>> = (0..previous.entries.len())
            .filter_map(|row| match previous.get(id(row))? {
                Found::Mapped(mapping) => Some((&*previous.entries.get(row)?.key, mapping)),
                Found::Invalid(_) => None,
            })
            .collect();
        for entry in &mut self.entries {
            if matches!(entry.state, EntryState::Invalid)
                && let Some(mapping) = good.get(&*entry.key)
            {
                entry.state = EntryState::Mapped((*mapping).clone());
            }
        }
    }

    fn index(&mut self, wholes: &[bool]) {
        let mut by_whole = HashMap::new();
        // A bare version owns its label before a media type that merely contains it. Two claims of one rank leave the
        // label to nobody; but twins (one key in normal form, quarantined both) leave it to a last good value.
        let mut owners: HashMap<Label<'_>, (bool, Option<RowId>)> = HashMap::with_capacity(self.entries.len());
        for (row, (entry, whole)) in self.entries.iter().zip(wholes).enumerate() {
            let row = id(row);
            if *whole {
                let mut buffer = [0; MAX_WHOLE];
                if let Some(text) = accept::write_whole(entry.key.as_bytes(), &mut buffer) {
                    let owner: &mut RowId = by_whole.entry_ref(text).or_insert(row);
                    // Of twins, the one with a last good value answers.
                    if matches!(entry.state, EntryState::Mapped(_)) {
                        *owner = row;
                    }
                }
            }
            let text = label_text(&entry.key, &self.api);
            let Ok(label) = Label::parse(text) else { continue };
            let bare = text.len() == entry.key.len();
            let owner = owners.entry(label).or_insert((bare, Some(row)));
            match *owner {
                (true, _) if !bare => {}
                (false, _) if bare => *owner = (true, Some(row)),
                (_, Some(other)) if other != row => {
                    let other = self.entries.get(other as usize);
                    let twins = bare && !whole || other.is_some_and(|other| other.key.eq_ignore_ascii_case(&entry.key));
                    let is_good = |entry: &Entry| matches!(entry.state, EntryState::Mapped(_));
                    if !twins {
                        owner.1 = None;
                    } else if is_good(entry) && !other.is_some_and(is_good) {
                        owner.1 = Some(row);
                    }
                }
                _ => {}
            }
        }
        let owned = owners.into_iter().filter_map(|(label, (_, row))| Some((label.as_caseless().into(), row?)));
        self.by_label = owned.collect();
        self.by_whole = by_whole;
    }

    /// Points each alias at the row at the end of its chain.
    fn link_aliases(&mut self, aliases: Vec<(RowId, Box<str>)>, conflict: &mut impl FnMut(&str, ConflictReason)) {
        let targets: HashMap<RowId, &str> = aliases.iter().map(|(row, target)| (*row, &**target)).collect();
        let find = |text: &str| {
            let mut buffer = [0; MAX_WHOLE];
            accept::write_whole(text.as_bytes(), &mut buffer)
                .and_then(|whole| self.find_whole(whole))
                .or_else(|| Label::parse(text.as_bytes()).ok().and_then(|label| self.find_label(label)))
        };
        let mut links: Vec<(RowId, Result<RowId, ConflictReason>)> = Vec::with_capacity(aliases.len());
        for (row, target) in &aliases {
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
                Ok(end) => entry.state = EntryState::Alias(end),
                Err(reason) => conflict(&entry.key, reason),
            }
        }
    }

    fn order(&mut self) {
        let mut shown: Vec<(RowId, &str)> = Vec::new();
        for (row, entry) in self.entries.iter().enumerate() {
            if let EntryState::Mapped(mapping) = &entry.state
                && !mapping.hidden
            {
                shown.push((id(row), mapping.version_str()));
            }
        }
        shown.sort_by(|(_, a), (_, b)| compare_versions(b, a).then_with(|| bare(a).len().cmp(&bare(b).len())));
        // In the sample layout one version may stand under several keys.
        shown.dedup_by(|(_, a), (_, b)| bare(a).eq_ignore_ascii_case(bare(b)));
        self.shown = shown.into_iter().map(|(row, _)| row).collect();
    }
}

/// What two rows must not share.
fn normal_key(row: &Row) -> Vec<u8> {
    if row.whole {
        let mut buffer = [0; MAX_WHOLE];
        return accept::write_whole(row.key.as_bytes(), &mut buffer).unwrap_or(row.key.as_bytes()).to_vec();
    }
    match Label::parse(row.key.as_bytes()) {
        Ok(label) => label.as_caseless().0.to_ascii_lowercase(),
        Err(_) => row.key.as_bytes().to_vec(),
    }
}
