//! Whether a set of writes may be made: the whole table as it would stand is read by the code that serves.

use super::{
    plan::{Change, RowId},
    show::quoted,
    tables::Tables,
};
use std::{collections::HashSet, sync::Arc};
use verge_mappings::{API_ITEM, InvalidItem, parse_all};
use verge_router::{
    MappingTable, Origin,
    resolve::label::Label,
    split::SplitRow,
    table::{ApiTable, Good},
};

/// What a set of changes would leave unusable that is not so now; and what is written and would be so all the same.
pub(crate) fn judge(tables: &Tables, changes: &[Change]) -> Vec<InvalidItem> {
    let parse = |changes: &[Change]| parse_all(&tables.parts(changes), tables.drafts(), tables.rules(), None);
    let ((now, broken), (then, mut invalid)) = (parse(&[]), parse(changes));
    let broken: HashSet<&InvalidItem> = broken.iter().collect();
    let written: HashSet<&RowId> = changes.iter().filter(|change| !change.is_removal()).map(|one| &one.id).collect();
    invalid.retain(|item| !broken.contains(item) || written.contains(&RowId::new(&item.api, &item.key)));
    invalid.extend(lost_defaults(&now, &then));
    invalid
}

/// What is wrong with the tables as they are.
pub(crate) fn quarantined(tables: &Tables) -> Vec<InvalidItem> {
    parse_all(&tables.parts(&[]), tables.drafts(), tables.rules(), None).1
}

/// Where a row would be served from: one origin, or those of its arms; none for an alias, and for an API itself.
pub(crate) fn origins(tables: &Tables, changes: &[Change], id: &RowId) -> Vec<Origin> {
    let (then, _) = parse_all(&tables.parts(changes), tables.drafts(), tables.rules(), None);
    let row = then.api(&id.api).and_then(|part| part.good().find(|row| row.key() == id.key));
    match row {
        Some(Good::Mapping(mapping)) => vec![mapping.origin().clone()],
        Some(Good::Split(row)) => row.arms().iter().filter_map(|arm| arm.origin().cloned()).collect(),
        None => Vec::new(),
    }
}

/// A row as it is served now, where it is split and can be served.
pub(crate) fn split(tables: &Tables, id: &RowId) -> Option<Arc<SplitRow>> {
    let (now, _) = parse_all(&tables.parts(&[]), tables.drafts(), tables.rules(), None);
    match now.api(&id.api)?.good().find(|row| row.key() == id.key)? {
        Good::Split(row) => Some(row.clone()),
        Good::Mapping(_) => None,
    }
}

/// APIs whose missing-version policy names a row now, and would name none then.
fn lost_defaults<'t>(now: &'t MappingTable, then: &'t MappingTable) -> impl Iterator<Item = InvalidItem> + use<'t> {
    then.apis().iter().filter_map(|part| {
        let name = part.api().name();
        let version = part.api().default_version()?;
        let before = now.api(name)?;
        let same = before.api().missing() == part.api().missing();
        (same && names_a_row(before, version) && !names_a_row(part, version)).then(|| InvalidItem {
            api: name.to_owned(),
            key: API_ITEM.to_owned(),
            reason: format!("its missing-version policy is `{version}`, which names no row"),
            kept: false,
        })
    })
}

/// Whether a version, range or alias leads to a row.
pub(crate) fn names_a_row(part: &ApiTable, version: &str) -> bool {
    part.names_a_row(version)
}

/// Whether two keys are one version.
pub(crate) fn is_same(one: &str, other: &str) -> bool {
    match (Label::parse(one.as_bytes()), Label::parse(other.as_bytes())) {
        (Ok(one), Ok(other)) => one == other,
        _ => one.eq_ignore_ascii_case(other),
    }
}

/// Why not, a line for each; first what was to be written, then what would suffer.
pub(crate) fn reasons(invalid: &[InvalidItem], changes: &[Change]) -> String {
    let written = |item: &InvalidItem| changes.iter().any(|one| one.id.api == item.api && one.id.key == item.key);
    let (own, others): (Vec<_>, Vec<_>) = invalid.iter().partition(|item| written(item));
    let line = |item: &&InvalidItem, would: &str| {
        format!("\n  {} {}{would}: {}", quoted(&item.api), quoted(&item.key), item.reason)
    };
    let own = own.iter().map(|item| line(item, ""));
    own.chain(others.iter().map(|item| line(item, " would break"))).collect()
}
