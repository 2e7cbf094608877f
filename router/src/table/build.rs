//! How a table is built: APIs, then rows as they come; keys, last good values, indexes, aliases, the order shown.
//!
//! Rows that say what they said in the table before share its mappings: a refresh costs memory for what changed.

use super::{
    MappingTable, Paths,
    conflict::{Conflict, ConflictReason},
    order::{bare, compare_versions},
    part::{ApiTable, Entry, RowId, id, label_text, reported},
    row::{Mapping, MappingSpec, Row, RowState},
};
use crate::{
    api::{Api, HostPattern},
    caseless::{Caseless, CaselessMap},
    resolve::label::Label,
    version::accept::{self, MAX_WHOLE},
};
use alloc::{
    borrow::{Cow, ToOwned},
    boxed::Box,
    string::ToString,
    sync::Arc,
    vec::Vec,
};
use core::hash::BuildHasher;
use foldhash::fast::FixedState;
use hashbrown::HashMap;

/// A table in the making. Never fails: a row or host that conflicts is left out and reported, and a row that is unusable
/// now goes on with its value in the table before, if it had one there.
#[derive(Debug)]
pub struct TableBuilder<'p> {
    previous: Option<&'p MappingTable>,
    table: MappingTable,
    parts: Vec<PartBuilder<'p>>,
    conflicts: Vec<Conflict>,
}

impl<'p> TableBuilder<'p> {
    /// Nothing yet; `previous` is where last good values come from.
    #[must_use]
    pub fn new(previous: Option<&'p MappingTable>) -> Self {
        Self { previous, table: MappingTable::default(), parts: Vec::new(), conflicts: Vec::new() }
    }

    /// Adds an API. APIs that share a host and path are reported; the first of them answers.
    pub fn api(&mut self, api: Arc<Api>) {
        let index = id(self.parts.len());
        let path = api.path().map(|path| path.as_str());
        for host in api.hosts() {
            let paths = match host {
                HostPattern::Exact(host) => exact_paths(&mut self.table.exact, host),
                HostPattern::Wildcard(suffix) => exact_paths(&mut self.table.wildcard, suffix),
                HostPattern::Any => &mut self.table.any,
            };
            if let Some(other) = paths.insert(path, index)
                && other != index
            {
                let other = self.parts.get(other as usize).map_or("", |other| other.api.name());
                self.conflicts.push(Conflict {
                    api: api.name().to_owned(),
                    key: "#api".to_owned(),
                    reason: ConflictReason::SameHost(other.to_owned()),
                });
            }
        }
        self.table.by_name.insert(api.name().into(), index);
        let before = self.previous.and_then(|table| table.api(api.name()));
        self.parts.push(PartBuilder::new(api, before));
    }

    /// The API of this name, where it was added.
    #[must_use]
    pub fn find_api(&self, name: &str) -> Option<&Arc<Api>> {
        self.part(name).and_then(|index| self.parts.get(index)).map(|part| &part.api)
    }

    /// Adds a row to an API that was added; rows of others are left out.
    pub fn row(&mut self, api: &str, row: Row) {
        if let Some(part) = self.part(api).and_then(|index| self.parts.get_mut(index)) {
            part.row(row);
        }
    }

    fn part(&self, name: &str) -> Option<usize> {
        self.table.by_name.get(name).map(|index| *index as usize)
    }

    /// The table, and what conflicts in it.
    #[must_use]
    pub fn finish(self) -> (MappingTable, Vec<Conflict>) {
        let Self { mut table, parts, mut conflicts, .. } = self;
        table.apis = parts.into_iter().map(|part| part.finish(&mut conflicts)).collect();
        (table, conflicts)
    }
}

fn exact_paths<'m>(hosts: &'m mut CaselessMap<Paths>, host: &str) -> &'m mut Paths {
    hosts.entry(Caseless(host.as_bytes()).into()).or_default()
}

/// One API's part in the making.
#[derive(Debug)]
struct PartBuilder<'p> {
    api: Arc<Api>,
    before: Option<&'p ApiTable>,
    rows: Vec<Prepared>,
    /// Where rows lead that are aliases, by key; until all are linked their entries are invalid.
    targets: HashMap<Box<str>, Box<str>>,
    /// Keys that cannot be reported.
    unfit: Vec<Box<str>>,
}

/// A row that waits for the others.
#[derive(Debug)]
struct Prepared {
    entry: Entry,
    whole: bool,
}

impl<'p> PartBuilder<'p> {
    fn new(api: Arc<Api>, before: Option<&'p ApiTable>) -> Self {
        let rows = Vec::with_capacity(before.map_or(0, ApiTable::rows));
        Self { api, before, rows, targets: HashMap::new(), unfit: Vec::new() }
    }

    fn row(&mut self, row: Row) {
        let Row { key, whole, state } = row;
        let entry = match state {
            RowState::Mapped(spec) => match self.mapping(&key, spec) {
                Some(mapping) => Entry::Mapped(mapping),
                None => {
                    self.unfit.push(key.clone());
                    Entry::Invalid(key)
                }
            },
            RowState::Alias(target) => {
                self.targets.insert(key.clone(), target);
                Entry::Invalid(key)
            }
            RowState::Invalid => Entry::Invalid(key),
        };
        self.rows.push(Prepared { entry, whole });
    }

    /// The mapping that was there before, where the row still says the same; else a new one. `None`: its key is unfit.
    fn mapping(&self, key: &str, spec: MappingSpec) -> Option<Arc<Mapping>> {
        if let Some(before) = self.before.and_then(|before| before.good_row(key))
            && before.says(&self.api, key, &spec)
        {
            return Some(before.clone());
        }
        Some(Arc::new(Mapping::new(self.api.clone(), key, reported(key, &self.api)?, spec)))
    }

    fn finish(mut self, conflicts: &mut Vec<Conflict>) -> ApiTable {
        // Alike on every node, whatever order a store gives rows in.
        self.rows.sort_by(|a, b| a.entry.key().cmp(b.entry.key()));
        let api = self.api.clone();
        let mut conflict = |key: &str, reason: ConflictReason| {
            conflicts.push(Conflict { api: api.name().to_owned(), key: key.to_owned(), reason });
        };
        self.part_twins(&mut conflict);
        self.unfit.iter().for_each(|key| conflict(key, ConflictReason::UnfitKey));
        let Self { api, before, rows, targets, .. } = self;
        let mut entries = Vec::with_capacity(rows.len());
        let mut wholes = Vec::with_capacity(rows.len());
        let mut aliases = Vec::new();
        for Prepared { mut entry, whole } in rows {
            if let Some(target) = targets.get(entry.key()) {
                aliases.push((id(entries.len()), target.clone()));
            }
            if let Entry::Invalid(key) = &entry
                && let Some(mapping) = before.and_then(|before| before.good_row(key))
            {
                entry = Entry::kept(key, mapping);
            }
            entries.push(entry);
            wholes.push(whole);
        }
        let mut table = ApiTable {
            api,
            entries,
            by_label: CaselessMap::default(),
            by_whole: HashMap::new(),
            shown: Vec::new(),
            read: true,
        };
        table.index(&wholes);
        table.link_aliases(&aliases, &mut conflict);
        table.order();
        table
    }

    /// Rows whose normal forms collide are both unusable, whatever they say.
    fn part_twins(&mut self, conflict: &mut impl FnMut(&str, ConflictReason)) {
        let normal = |row: u32| {
            let row = self.rows.get(row as usize);
            row.map(|Prepared { entry, whole }| normal_key(entry.key(), *whole)).unwrap_or_default()
        };
        // By hash: a table of keys would take more memory than the rows do.
        let hasher = FixedState::default();
        let mut hashed: Vec<(u64, u32)> =
            (0..id(self.rows.len())).map(|row| (hasher.hash_one(normal(row)), row)).collect();
        hashed.sort_unstable();
        let mut twins = Vec::new();
        for alike in hashed.chunk_by(|(one, _), (other, _)| one == other).filter(|alike| alike.len() > 1) {
            let is_twin = |(place, (_, row)): &(usize, &(u64, u32))| {
                let others = alike.iter().enumerate().filter(|(other, _)| other != place);
                others.into_iter().any(|(_, (_, other))| normal(*other) == normal(*row))
            };
            twins.extend(alike.iter().enumerate().filter(is_twin).map(|(_, (_, row))| *row));
        }
        twins.sort_unstable();
        for row in twins {
            let Some(Prepared { entry, .. }) = self.rows.get_mut(row as usize) else { continue };
            conflict(entry.key(), ConflictReason::SameVersion);
            self.targets.remove(entry.key());
            self.unfit.retain(|key| **key != *entry.key());
            *entry = Entry::Invalid(entry.key().into());
        }
    }
}

/// Who owns a label that media types claim, or bare versions, and none of them alone.
const NOBODY: RowId = RowId::MAX - 1;
const NOBODY_BARE: RowId = RowId::MAX;

impl ApiTable {
    fn index(&mut self, wholes: &[bool]) {
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
                    if entry.mapping().is_some() {
                        *owner = row;
                    }
                }
            }
            let text = label_text(key, &self.api);
            let Ok(label) = Label::parse(text) else { continue };
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
                } else if entry.mapping().is_some() && other.mapping().is_none() {
                    *owner = row;
                }
            }
        }
        by_label.retain(|_, owner| *owner < NOBODY);
        self.by_label = by_label;
        self.by_whole = by_whole;
    }

    /// Points each alias at the row at the end of its chain.
    fn link_aliases(&mut self, aliases: &[(RowId, Box<str>)], conflict: &mut impl FnMut(&str, ConflictReason)) {
        let targets: HashMap<RowId, &str> = aliases.iter().map(|(row, target)| (*row, &**target)).collect();
        let find = |text: &str| {
            let mut buffer = [0; MAX_WHOLE];
            accept::write_whole(text.as_bytes(), &mut buffer)
                .and_then(|whole| self.find_whole(whole))
                .or_else(|| Label::parse(text.as_bytes()).ok().and_then(|label| self.find_label(label)))
        };
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

    fn order(&mut self) {
        let mut shown: Vec<(RowId, &str)> = Vec::new();
        for (row, entry) in self.entries.iter().enumerate() {
            if let Some(mapping) = entry.mapping()
                && !mapping.hidden()
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
fn normal_key(key: &str, whole: bool) -> Cow<'_, [u8]> {
    if whole {
        let mut buffer = [0; MAX_WHOLE];
        return accept::write_whole(key.as_bytes(), &mut buffer).unwrap_or(key.as_bytes()).to_vec().into();
    }
    match Label::parse(key.as_bytes()) {
        Ok(label) => {
            let text = label.as_caseless().0;
            if text.iter().any(u8::is_ascii_uppercase) { text.to_ascii_lowercase().into() } else { text.into() }
        }
        Err(_) => key.as_bytes().into(),
    }
}
