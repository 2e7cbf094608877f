//! Bytes -> JSON -> item -> row and table: nothing stored may panic the reader, and what was read must write back.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use verge_mappings::{
    Item, Layout, Part, Reading,
    item::{read_row, write_row},
    parse_all,
};
use verge_router::{
    Api, ApiDraft,
    api::HostPattern,
    origin::{DomainPattern, OriginRules},
};

static DRAFT: LazyLock<ApiDraft> =
    LazyLock::new(|| ApiDraft { hosts: Some(vec![HostPattern::Any]), ..ApiDraft::default() });
static API: LazyLock<Api> = LazyLock::new(|| DRAFT.clone().finish("orders").expect("a fit API"));
static RULES: LazyLock<OriginRules> = LazyLock::new(|| OriginRules {
    allow: ["*.com", "*.*.com"].iter().filter_map(|pattern| DomainPattern::parse(pattern).ok()).collect(),
    insecure: true,
    ..OriginRules::default()
});

fuzz_target!(|bytes: &[u8]| {
    let Ok(json) = serde_json::from_slice::<serde_json::Value>(bytes) else { return };
    let items: Vec<Item> = match &json {
        serde_json::Value::Array(list) => list.iter().filter_map(|json| Item::from_json(json).ok()).collect(),
        json => Item::from_json(json).into_iter().collect(),
    };
    for item in &items {
        assert_eq!(&Item::from_json(&item.to_typed_json()).expect("typed JSON is an item"), item);
        let _ = item.to_plain_json();
        for layout in [Layout::Sample, Layout::Verge] {
            let Ok(row) = read_row(item, layout, &API, &RULES) else { continue };
            let written = write_row(&row, layout, "orders").expect("a row that was read is a row");
            let again = read_row(&written, layout, &API, &RULES).expect("what was written reads");
            assert_eq!(format!("{row:?}"), format!("{again:?}"));
        }
    }
    let drafts = [("orders".to_owned(), DRAFT.clone())];
    let part = [Part::all(Reading::new(items, None))];
    let (table, _) = parse_all(&part, &drafts, &RULES, None);
    let _ = parse_all(&part, &drafts, &RULES, Some(&table));
});
