//! 3. Find: Version -> Mapping. The table is immutable and built whole; a refresh makes another one.

mod build;
mod conflict;
mod hosts;
mod ladder;
mod living;
mod order;
mod part;
mod refused;
mod row;
mod shown;

pub use build::TableBuilder;
pub use conflict::{Conflict, ConflictReason};
pub use order::compare_versions;
pub use part::ApiTable;
pub(crate) use part::{Found, RowId};
pub(crate) use refused::Refused;
pub use row::{ApiRows, Good, Mapping, MappingSpec, Row, RowState, SplitRowSpec};
pub use shown::is_deprecated;

use crate::caseless::{Caseless, CaselessMap, ExactMap};
use alloc::vec::Vec;
use hosts::Paths;
pub(crate) use hosts::bare_host;

/// All that routing needs to know: APIs by host and path, and their rows.
#[derive(Debug, Default)]
pub struct MappingTable {
    apis: Vec<ApiTable>,
    by_name: ExactMap<u32>,
    exact: CaselessMap<Paths>,
    wildcard: CaselessMap<Paths>,
    any: Paths,
}

impl MappingTable {
    /// Builds a table from all it is to hold; [`TableBuilder`] takes it bit by bit.
    #[must_use]
    pub fn build(parts: Vec<ApiRows>, previous: Option<&Self>) -> (Self, Vec<Conflict>) {
        let mut builder = TableBuilder::new(previous);
        for ApiRows { api, rows } in parts {
            let name = api.clone();
            builder.api(api);
            rows.into_iter().for_each(|row| builder.row(name.name(), row));
        }
        builder.finish()
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
        self.apis.get(*self.by_name.get(name.as_bytes())? as usize)
    }

    /// Marks an API whose own part was never read.
    pub fn mark_unread(&mut self, name: &str) {
        self.part_mut(name).into_iter().for_each(ApiTable::mark_unread);
    }

    /// Marks an API that what describes it does not make, and never did: it answers nothing.
    pub fn mark_undescribed(&mut self, name: &str) {
        self.part_mut(name).into_iter().for_each(ApiTable::mark_undescribed);
    }

    fn part_mut(&mut self, name: &str) -> Option<&mut ApiTable> {
        self.apis.get_mut(*self.by_name.get(name.as_bytes())? as usize)
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
