//! What edges are given of a fixture: whom its rows name, and the tables that APIs have for themselves.

use serde_json::Value as Json;
use std::collections::BTreeMap;
use verge_config::{Config, TableSource};
use verge_router::origin::Domain;
use verge_tests::corpus::Fixture;

/// A domain that a row names.
pub(crate) struct Named {
    pub(crate) domain: String,
    /// Whether it is spoken to in the clear.
    pub(crate) clear: bool,
    /// Whether some row names a port with it.
    pub(crate) port: bool,
}

/// Every domain, once.
pub(crate) fn named(fixture: &Fixture) -> Vec<Named> {
    let rows = fixture.items.iter().chain(&fixture.before).chain(fixture.own.values().flatten());
    let arms = |row: &Json| row.get("split").and_then(Json::as_array).cloned().unwrap_or_default();
    let mut found: BTreeMap<String, Named> = BTreeMap::new();
    for row in rows.flat_map(|row| arms(row).into_iter().chain([row.clone()])) {
        let domain = row.get("domain").or(row.get("dn")).and_then(Json::as_str);
        let Some(domain) = domain.and_then(|domain| Domain::parse(domain).ok()).map(|domain| domain.to_string()) else {
            continue;
        };
        let clear = row.get("scheme").and_then(Json::as_str) == Some("http");
        let one = found.entry(domain.clone()).or_insert(Named { domain, clear, port: false });
        one.port |= row.get("port").is_some();
    }
    found.into_values().collect()
}

/// The tables of APIs that have their own, by API: where the file is, and its items. Those never read are not among them.
pub(crate) fn own(fixture: &Fixture) -> Vec<(String, String, Vec<Json>)> {
    let config = Config::parse(&fixture.document()).unwrap();
    let mut found = Vec::new();
    for api in config.apis.iter().filter(|api| !fixture.unread.contains(&api.name)) {
        if let Some(TableSource::File { path }) = api.table.as_ref().map(|table| &table.source) {
            let items = fixture.own.get(&api.name).cloned().unwrap_or_default();
            found.push((api.name.clone(), path.clone(), items));
        }
    }
    found
}

/// Whether its items say what consumers are pinned to.
pub(crate) fn has_pins(fixture: &Fixture) -> bool {
    fixture.items.iter().any(|item| item["version"].as_str().is_some_and(|key| key.starts_with("#pin#")))
}
