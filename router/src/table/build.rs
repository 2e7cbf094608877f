//! How a table is built: APIs, then rows as they come.
//!
//! Rows that say what they said in the table before share its mappings: a refresh costs memory for what changed.

mod aliases;
mod index;
mod ladder;
mod part;
mod splits;
mod twins;

use super::{
    MappingTable, Paths,
    conflict::{Conflict, ConflictReason},
    part::id,
    row::Row,
};
use crate::{
    api::{Api, HostPattern},
    caseless::{Caseless, CaselessMap},
};
use alloc::{borrow::ToOwned, sync::Arc, vec::Vec};
use part::PartBuilder;

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
        self.table.by_name.insert(api.name().as_bytes().into(), index);
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
        self.table.by_name.get(name.as_bytes()).map(|index| *index as usize)
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
