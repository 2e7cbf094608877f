//! What a decision costs: a hostile head no more than its bytes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "orders/table.rs"]
mod orders;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use orders::table;
use std::time::{Duration, Instant};
use verge_router::{MappingTable, Moment, Request, route};

#[test]
fn sixteen_kib_of_hostility_are_read_in_no_time() {
    // A millisecond where it is optimised. The best of many runs, since the machine has other things to do.
    let bound = if cfg!(debug_assertions) { Duration::from_millis(30) } else { Duration::from_millis(1) };
    let table = table(["v1", "v2"], "/prod");
    for piece in [
        "a/b,",
        ",",
        " ",
        ";",
        ";q=1",
        "\"",
        "\\",
        ";a=\"\\\"\\",
        "a/b;c=\"\\\\\\\",",
        "application/vnd.example.v9+json,",
        "application/vnd.example.v9+json;version=\"\\9\",",
        "application/vnd.example.v1+json;q=0,",
        "application/vnd.example.v1;version=2,",
        "application/vnd.example.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx,",
        "application/vnd.example+json;version=1;version=1;q=0.1,",
    ] {
        let line = piece.repeat(16 * 1024 / piece.len());
        for header in [None, Some("v9"), Some("v1")] {
            check(&table, &[("accept", Some(&line)), ("apiver", header)], bound);
        }
        check(&table, &[("apiver", Some(&line)), ("connection", Some(&line))], bound);
    }
}

fn check(table: &MappingTable, fields: &[(&'static str, Option<&str>)], bound: Duration) {
    let field = |(name, value): &(&'static str, Option<&str>)| {
        Some((HeaderName::from_static(name), HeaderValue::from_bytes(value.as_ref()?.as_bytes()).unwrap()))
    };
    let headers: HeaderMap = fields.iter().filter_map(field).collect();
    let request = Request { method: &Method::GET, host: "api.example.com", path: "/", query: None, headers: &headers };
    let once = || {
        let start = Instant::now();
        let _ = std::hint::black_box(route(&request, table, &Moment::at(0), &mut ()));
        start.elapsed()
    };
    let best = (0..10).map(|_| once()).min().unwrap();
    let start = |value: Option<&str>| value.map(|value| value.chars().take(40).collect::<String>());
    assert!(best < bound, "{best:?} for {:?}", fields.iter().map(|(_, value)| start(*value)).collect::<Vec<_>>());
}
