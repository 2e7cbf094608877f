//! One API with these versions: what the router's own tests ask about.

use std::sync::Arc;
use verge_router::{
    ApiDraft, ApiRows, MappingTable, Origin, Row, RowState,
    api::{HostPattern, Vendor},
    origin::{DomainPattern, OriginRules, OriginSpec},
    table::MappingSpec,
};

/// API `orders` of vendor `example` under any host. The origin of the n-th row is `rN.example`.
pub(crate) fn table<'k>(keys: impl IntoIterator<Item = &'k str>, base_path: &str) -> MappingTable {
    let rules = OriginRules { allow: vec![DomainPattern::parse("*.example").unwrap()], ..OriginRules::default() };
    let row = |(number, key): (usize, &str)| {
        let domain = format!("r{number}.example");
        let spec = OriginSpec { domain: &domain, base_path: Some(base_path), ..OriginSpec::default() };
        let origin = Origin::parse(&spec, &rules, &[]).unwrap();
        let state = RowState::Mapped(MappingSpec { origin, hidden: false, lifecycle: None });
        Row { key: key.into(), whole: false, state }
    };
    let draft = ApiDraft {
        hosts: Some(vec![HostPattern::Any]),
        vendor: Some(vec![Vendor::parse("example").unwrap()]),
        ..ApiDraft::default()
    };
    let rows = keys.into_iter().enumerate().map(row).collect();
    MappingTable::build(vec![ApiRows { api: Arc::new(draft.finish("orders").unwrap()), rows }], None).0
}
