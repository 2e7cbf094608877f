//! One API with these versions: what the router's own tests ask about.

use std::sync::Arc;
use verge_router::{
    ApiDraft, ApiRows, MappingTable, Origin, Row, RowState, UnixTime,
    api::{HostPattern, Vendor},
    lifecycle::{Lifecycle, LifecycleSpec},
    origin::{DomainPattern, OriginRules, OriginSpec},
    table::MappingSpec,
};

/// API `orders` of vendor `example` under any host. The origin of the n-th row is `rN.example`.
pub(crate) fn table<'k>(keys: impl IntoIterator<Item = &'k str>, base_path: &str) -> MappingTable {
    table_of(keys.into_iter().map(|key| (key, None)), base_path, ApiDraft::default())
}

/// The same with the sunset of each row, and with what else is said of the API.
pub(crate) fn table_of<'k>(
    rows: impl IntoIterator<Item = (&'k str, Option<UnixTime>)>,
    base_path: &str,
    draft: ApiDraft,
) -> MappingTable {
    let rules = OriginRules { allow: vec![DomainPattern::parse("*.example").unwrap()], ..OriginRules::default() };
    let row = |(number, (key, sunset_at)): (usize, (&str, Option<UnixTime>))| {
        let domain = format!("r{number}.example");
        let spec = OriginSpec { domain: &domain, base_path: Some(base_path), ..OriginSpec::default() };
        let origin = Origin::parse(&spec, &rules, &[]).unwrap();
        let life = || Lifecycle::parse(LifecycleSpec { sunset_at, ..LifecycleSpec::default() }).unwrap();
        let state = RowState::Mapped(MappingSpec { origin, hidden: false, lifecycle: sunset_at.map(|_| life()) });
        Row { key: key.into(), whole: false, state }
    };
    let least = ApiDraft {
        hosts: Some(vec![HostPattern::Any]),
        vendor: Some(vec![Vendor::parse("example").unwrap()]),
        ..ApiDraft::default()
    };
    let rows = rows.into_iter().enumerate().map(row).collect();
    MappingTable::build(vec![ApiRows { api: Arc::new(draft.over(least).finish("orders").unwrap()), rows }], None).0
}
