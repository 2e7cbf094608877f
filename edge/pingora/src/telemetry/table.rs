//! What is told of the table: what is held, how old it is, and what could not be read.

use super::page::Page;
use std::time::Duration;
use verge_mappings::DemandStatus;

/// What the table looks like from outside, for the gauges.
#[derive(Debug, Default, Clone)]
pub(crate) struct TableGauges {
    pub(crate) loaded: bool,
    pub(crate) rows: usize,
    pub(crate) invalid: usize,
    pub(crate) generation: Option<u64>,
    pub(crate) age: Option<Duration>,
    pub(crate) refreshes: u64,
    pub(crate) failures: Vec<(&'static str, u64)>,
    pub(crate) poll_failures: Vec<(&'static str, u64)>,
    pub(crate) snapshot_failures: Vec<(&'static str, u64)>,
    pub(crate) restored: bool,
    pub(crate) frozen: bool,
    pub(crate) held_back: bool,
    /// Where APIs are loaded on demand.
    pub(crate) demand: Option<DemandStatus>,
}

pub(super) fn write(page: &mut Page, table: &TableGauges) {
    page.single("verge_table_loaded", "gauge", "Whether a table is held (readiness).", u8::from(table.loaded));
    page.single("verge_table_rows", "gauge", "Rows in the table held.", table.rows);
    page.single("verge_table_invalid_rows", "gauge", "Rows quarantined in the table held.", table.invalid);
    if let Some(generation) = table.generation {
        page.single("verge_table_generation", "gauge", "Generation of the table held.", generation);
    }
    if let Some(age) = table.age {
        page.single(
            "verge_table_age_seconds",
            "gauge",
            "Since the table held was last confirmed by its source.",
            age.as_secs_f64(),
        );
    }
    page.single("verge_table_refreshes_total", "counter", "Complete reads of the table.", table.refreshes);
    page.family("verge_table_refresh_failures_total", "counter", "Failed reads of the table, by kind.");
    for (code, count) in &table.failures {
        page.sample("verge_table_refresh_failures_total", &[("kind", code)], *count);
    }
    page.family("verge_table_poll_failures_total", "counter", "Failed looks for a change, by kind.");
    for (code, count) in &table.poll_failures {
        page.sample("verge_table_poll_failures_total", &[("kind", code)], *count);
    }
    page.family(
        "verge_table_snapshot_failures_total",
        "counter",
        "Snapshots that could not be read or written, by kind.",
    );
    for (code, count) in &table.snapshot_failures {
        page.sample("verge_table_snapshot_failures_total", &[("kind", code)], *count);
    }
    page.single(
        "verge_table_from_disk",
        "gauge",
        "Whether the table is from the disk and was not read from its source since.",
        u8::from(table.restored),
    );
    page.single(
        "verge_table_frozen",
        "gauge",
        "Whether operators froze the table, and newer content is held back.",
        u8::from(table.frozen),
    );
    page.single(
        "verge_table_held_back",
        "gauge",
        "Whether what was read last lost too much to be served.",
        u8::from(table.held_back),
    );
    if let Some(demand) = &table.demand {
        let DemandStatus { apis, bytes, loads, failures, evictions } = demand;
        page.single("verge_table_loaded_apis", "gauge", "APIs in memory, where they are loaded on demand.", apis);
        page.single("verge_table_loaded_bytes", "gauge", "What they take of `[table] memory`.", bytes);
        page.single("verge_table_api_loads_total", "counter", "APIs loaded on demand.", loads);
        page.single("verge_table_api_load_failures_total", "counter", "APIs that could not be loaded.", failures);
        page.single("verge_table_api_evictions_total", "counter", "APIs dropped for others.", evictions);
    }
}
