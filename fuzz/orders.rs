//! The API that the router's targets ask about.

use std::sync::Arc;
use verge_router::{
    ApiDraft, ApiRows, MappingTable, Origin, Row, RowState,
    api::{HostPattern, Vendor},
    origin::{DomainPattern, OriginRules, OriginSpec},
    table::MappingSpec,
};

/// What every origin's base path is.
pub const BASE_PATH: &str = "/prod";

/// API `orders` of vendor `example` under any host: versions, an alias, a row that never was good, and two whole keys.
pub fn table() -> MappingTable {
    let rules =
        OriginRules { allow: DomainPattern::parse("*.example").into_iter().collect(), ..OriginRules::default() };
    let mapped = |domain: &str| {
        let spec = OriginSpec { domain, base_path: Some(BASE_PATH), ..OriginSpec::default() };
        let origin = Origin::parse(&spec, &rules, &[]).expect("a fit origin");
        RowState::Mapped(MappingSpec { origin, hidden: false, lifecycle: None })
    };
    let row = |key: &str, whole, state| Row { key: key.into(), whole, state };
    let rows = vec![
        row("v1", false, mapped("one.example")),
        row("v2", false, mapped("two.example")),
        row("v10", false, mapped("ten.example")),
        row("latest", false, RowState::Alias("v10".into())),
        row("bad", false, RowState::Invalid),
        row("application/vnd.example.v3+json", true, mapped("three.example")),
        row("blue", true, mapped("blue.example")),
    ];
    let draft = ApiDraft {
        hosts: Some(vec![HostPattern::Any]),
        vendor: Vendor::parse("example").ok().map(|vendor| vec![vendor]),
        ..ApiDraft::default()
    };
    let api = Arc::new(draft.finish("orders").expect("a fit API"));
    MappingTable::build(vec![ApiRows { api, rows }], None).0
}
