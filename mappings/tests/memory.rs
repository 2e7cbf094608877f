//! What a row costs in memory, all told: what is counted is what is asked of the allocator and not given back.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use async_trait::async_trait;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, sync::Arc, time::Duration};
use verge_mappings::{Feed, Item, Layout, LiveTable, LoadError, Refreshed, Scope, Sink, Source};
use verge_router::{
    ApiDraft,
    api::HostPattern,
    origin::{DomainPattern, OriginRules},
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const ROWS: usize = 100_000;
/// In bytes. With this, what the allocator rounds up and what it holds back, a hundred thousand rows take less than 40 MiB.
const A_ROW: usize = 250;

/// Rows as API Gateway has them: each a domain of its own, one stage.
struct Rows;

#[async_trait]
impl Source for Rows {
    async fn read_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        sink.layout(Layout::Verge);
        for n in 0..ROWS {
            let domain = format!("a{:010x}.execute-api.us-east-1.amazonaws.com", n * 7919 % 1_000_003);
            let row = Item::new().with("api", "orders").with("version", &format!("v{n}"));
            sink.item(row.with("domain", &domain).with("base_path", "/prod"));
        }
        Ok(())
    }

    fn place(&self) -> String {
        "rows".to_owned()
    }
}

fn held(region: &Region<'_, System>) -> usize {
    let change = region.change();
    change.bytes_allocated.saturating_sub(change.bytes_deallocated)
}

// One test, so that no other allocates beside it.
#[tokio::test]
async fn a_hundred_thousand_rows_take_a_quarter_of_a_kibibyte_each() {
    let region = Region::new(ALLOCATOR);
    let rules = OriginRules {
        allow: vec![DomainPattern::parse("*.execute-api.*.amazonaws.com").unwrap()],
        ..OriginRules::default()
    };
    let draft = ApiDraft { hosts: Some(vec![HostPattern::Any]), ..ApiDraft::default() };
    let feed = Feed::new(Scope::All, Arc::new(Rows));
    let live = LiveTable::new(vec![feed], vec![("orders".to_owned(), draft)], rules, Duration::from_secs(60));
    assert_eq!(live.refresh_once().await.unwrap(), Refreshed::Published);
    assert_eq!((live.status().rows, live.status().invalid), (ROWS, 0));
    let bytes = held(&region) / ROWS;
    assert!(bytes <= A_ROW, "{bytes} bytes a row");
    // The same again makes no table, and leaves nothing behind.
    assert_eq!(live.refresh_once().await.unwrap(), Refreshed::Unchanged);
    assert!(held(&region) / ROWS <= bytes + 1, "{} bytes a row", held(&region) / ROWS);
}
