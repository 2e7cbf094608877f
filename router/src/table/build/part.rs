//! One API's part in the making: last good values, then keys, indexes, aliases and the order shown.

use crate::{
    api::Api,
    caseless::{CaselessMap, ExactMap},
    origin::Stages,
    split::SplitRow,
    table::{
        conflict::{Conflict, ConflictReason},
        ladder::Ladder,
        living::Living,
        part::{ApiTable, Entry, id, reported},
        row::{Good, Mapping, MappingSpec, Row, RowState, SplitRowSpec},
    },
};
use alloc::{borrow::ToOwned, boxed::Box, sync::Arc, vec::Vec};

/// One API's part in the making.
#[derive(Debug)]
pub(super) struct PartBuilder<'p> {
    pub(super) api: Arc<Api>,
    before: Option<&'p ApiTable>,
    pub(super) rows: Vec<Prepared>,
    /// Which of `leads` rows lead to that are aliases, by key; until all are linked their entries are invalid.
    pub(super) targets: ExactMap<u32>,
    leads: Vec<Box<str>>,
    /// Keys that no request could ask for, or no answer report.
    pub(super) unfit: Vec<(Box<str>, ConflictReason)>,
    stages: Stages,
}

/// A row that waits for the others.
#[derive(Debug)]
pub(super) struct Prepared {
    pub(super) entry: Entry,
    pub(super) whole: bool,
}

impl<'p> PartBuilder<'p> {
    pub(super) fn new(api: Arc<Api>, before: Option<&'p ApiTable>) -> Self {
        let rows = Vec::with_capacity(before.map_or(0, ApiTable::rows));
        Self {
            api,
            before,
            rows,
            targets: ExactMap::default(),
            leads: Vec::new(),
            unfit: Vec::new(),
            stages: Stages::default(),
        }
    }

    pub(super) fn row(&mut self, row: Row) {
        let Row { key, whole, state } = row;
        let good = match state {
            // A whole key is matched as it stands, whatever the scheme.
            RowState::Mapped(_) | RowState::Split(_) if !whole && !self.api.scheme().fits(&key) => {
                self.unfit.push((key.clone(), ConflictReason::OtherScheme(self.api.scheme())));
                return self.rows.push(Prepared { entry: Entry::invalid(key), whole });
            }
            RowState::Mapped(spec) => self.mapping(&key, spec),
            RowState::Split(spec) => self.split(&key, spec),
            RowState::Alias(target) => {
                self.targets.insert(key.as_bytes().into(), id(self.leads.len()));
                self.leads.push(target);
                return self.rows.push(Prepared { entry: Entry::invalid(key), whole });
            }
            RowState::Invalid => return self.rows.push(Prepared { entry: Entry::invalid(key), whole }),
        };
        let entry = match good {
            Some(good) => Entry::Good(good),
            None => {
                self.unfit.push((key.clone(), ConflictReason::UnfitKey));
                Entry::invalid(key)
            }
        };
        self.rows.push(Prepared { entry, whole });
    }

    /// The mapping that was there before, where the row still says the same; else a new one. `None`: its key is unfit.
    fn mapping(&mut self, key: &str, mut spec: MappingSpec) -> Option<Good> {
        if let Some(good @ Good::Mapping(before)) = self.before.and_then(|before| before.good_row(key))
            && before.says(&self.api, key, &spec)
        {
            return Some(good.clone());
        }
        let version = reported(key, &self.api)?;
        self.stages.share(&mut spec.origin);
        Some(Good::Mapping(Arc::new(Mapping::new(self.api.clone(), key, version, spec))))
    }

    /// A row whose traffic is split. There are few: each is made anew.
    fn split(&self, key: &str, spec: SplitRowSpec) -> Option<Good> {
        let SplitRowSpec { split, hidden, lifecycle } = spec;
        let row = SplitRow::new(&self.api, key, &reported(key, &self.api)?, split, hidden, lifecycle);
        Some(Good::Split(Arc::new(row)))
    }

    pub(super) fn finish(mut self, conflicts: &mut Vec<Conflict>) -> ApiTable {
        // Alike on every node, whatever order a store gives rows in.
        self.rows.sort_unstable_by(|a, b| a.entry.key().cmp(b.entry.key()));
        let api = self.api.clone();
        let mut conflict = |key: &str, reason: ConflictReason| {
            conflicts.push(Conflict { api: api.name().to_owned(), key: key.to_owned(), reason });
        };
        self.part_twins(&mut conflict);
        let Self { api, before, rows, targets, leads, unfit, .. } = self;
        unfit.into_iter().for_each(|(key, reason)| conflict(&key, reason));
        let mut entries = Vec::with_capacity(rows.len());
        let mut wholes = Vec::with_capacity(rows.len());
        let mut aliases = Vec::new();
        for Prepared { mut entry, whole } in rows {
            if let Some(target) = targets.get(entry.key().as_bytes()).and_then(|target| leads.get(*target as usize)) {
                aliases.push((id(entries.len()), target.clone()));
            }
            if let Entry::Invalid(key) = &entry
                && let Some(good) = before.and_then(|before| before.good_row(key))
            {
                entry = Entry::kept(key, good);
            }
            entries.push(entry);
            wholes.push(whole);
        }
        let mut table = ApiTable {
            api,
            entries,
            by_label: CaselessMap::default(),
            by_whole: ExactMap::default(),
            ladder: Ladder::default(),
            splits: Vec::new(),
            shown: Vec::new(),
            shown_living: Living::default(),
            read: true,
            described: true,
        };
        table.index(&wholes);
        table.order_versions(&aliases);
        table.link_aliases(&aliases, &mut conflict);
        table.check_splits(before, &mut conflict);
        table.order();
        table.order_labels();
        table
    }
}
