//! 3. Find: Version -> Mapping. The table is immutable and built whole; a refresh makes another one.

mod build;
mod conflict;
mod hosts;
mod order;
mod part;
mod row;

pub use conflict::{Conflict, ConflictReason};
pub use order::compare_versions;
pub use part::ApiTable;
pub(crate) use part::{Found, RowId};
pub use row::{ApiRows, Mapping, MappingSpec, Row, RowState};

use crate::{
    api::HostPattern,
    caseless::{Caseless, CaselessMap},
};
use alloc::{borrow::ToOwned, boxed::Box, vec::Vec};
use hashbrown::HashMap;
use hosts::{Paths, bare_host};
use part::id;

/// All that routing needs to know: APIs by host and path, and their rows.
#[derive(Debug, Default)]
pub struct MappingTable {
    apis: Vec<ApiTable>,
    by_name: HashMap<Box<str>, u32>,
    exact: CaselessMap<Paths>,
    wildcard: CaselessMap<Paths>,
    any: Paths,
}

impl MappingTable {
    /// Builds a table. Never fails: a row or host that conflicts is left out and reported, and a row that is unusable now
    /// goes on with its value in `previous`, if it had one there.
    #[must_use]
    pub fn build(parts: Vec<ApiRows>, previous: Option<&Self>) -> (Self, Vec<Conflict>) {
        let mut table = Self::default();
        let mut conflicts = Vec::new();
        for part in parts {
            let api = part.api.clone();
            let index = id(table.apis.len());
            let path = api.path().map(|path| path.as_str());
            for host in api.hosts() {
                let paths = match host {
                    HostPattern::Exact(host) => table.exact.entry(Caseless(host.as_bytes()).into()).or_default(),
                    HostPattern::Wildcard(suffix) => {
                        table.wildcard.entry(Caseless(suffix.as_bytes()).into()).or_default()
                    }
                    HostPattern::Any => &mut table.any,
                };
                if let Some(other) = paths.insert(path, index)
                    && other != index
                {
                    let other = table.apis.get(other as usize).map_or("", |other| other.api().name());
                    conflicts.push(Conflict {
                        api: api.name().to_owned(),
                        key: "#api".to_owned(),
                        reason: ConflictReason::SameHost(other.to_owned()),
                    });
                }
            }
            let before = previous.and_then(|table| table.api(api.name()));
            table.by_name.insert(api.name().into(), index);
            table.apis.push(ApiTable::build(part, before, &mut conflicts));
        }
        (table, conflicts)
    }

    /// The API for a host and path: exact host before wildcard before `*`, then the longest path at a segment border.
    #[must_use]
    pub fn find_api(&self, host: &str, path: &str) -> Option<&ApiTable> {
        let host = bare_host(host)?;
        let find = |hosts: &CaselessMap<Paths>, host| hosts.get(&Caseless(host))?.find(path);
        let found = find(&self.exact, host)
            .or_else(|| {
                let dot = host.iter().position(|&b| b == b'.').filter(|dot| *dot > 0)?;
                find(&self.wildcard, host.get(dot + 1..)?)
            })
            .or_else(|| self.any.find(path))?;
        self.apis.get(found as usize)
    }

    /// An API by name.
    #[must_use]
    pub fn api(&self, name: &str) -> Option<&ApiTable> {
        self.apis.get(*self.by_name.get(name)? as usize)
    }

    /// Marks an API whose own part was never read.
    pub fn mark_unread(&mut self, name: &str) {
        if let Some(index) = self.by_name.get(name)
            && let Some(part) = self.apis.get_mut(*index as usize)
        {
            part.mark_unread();
        }
    }

    /// All APIs.
    #[must_use]
    pub fn apis(&self) -> &[ApiTable] {
        &self.apis
    }

    /// Rows held, good or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.apis.iter().map(ApiTable::rows).sum()
    }
}

#[cfg(test)]
mod tests;
