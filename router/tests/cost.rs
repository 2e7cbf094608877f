//! What a decision costs: a hostile head no more than its bytes.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "orders/table.rs"]
mod orders;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use orders::{table, table_of};
use std::time::{Duration, Instant};
use verge_router::{
    ApiDraft, MappingTable, Moment, Request, Source,
    api::{HostVersion, Scheme, Unknown},
    route,
};

#[test]
fn sixteen_kib_of_hostility_are_read_in_no_time() {
    // A millisecond where it is optimised.
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

/// What a table costs most: releases by the hundred thousand, all retired but the oldest, and lists that ask for as many as
/// they can. A search that looked at each would take a hundred times as long in a table a hundred times as large.
#[test]
fn a_range_over_many_retired_versions_costs_little_more_than_over_few() {
    let table = |rows: usize| {
        let keys: Vec<String> = (0..rows).map(|n| format!("1.{}.{}", n / 100, n % 100)).collect();
        let rows = keys.iter().enumerate().map(|(n, key)| (key.as_str(), (n > 0).then_some(0)));
        let draft = ApiDraft { scheme: Some(Scheme::Semver), unknown: Some(Unknown::Back), ..ApiDraft::default() };
        table_of(rows, "/prod", draft)
    };
    let (small, large) = (table(1_000), table(100_000));
    let asked = |range: &str, q: &str| format!("application/vnd.example+json;version={range};q={q},");
    let many =
        |count: usize, range: &dyn Fn(usize) -> String, q| (0..count).map(|n| asked(&range(n), q)).collect::<String>();
    for line in [
        asked("1", "1").repeat(64),
        many(64, &|n| format!("1.{}", n % 10), "1"),
        asked("1", "1").repeat(32) + &many(32, &|n| format!("1.{}", n % 10), "0"),
        asked("1", "1").repeat(32) + &many(32, &|n| format!("1.{}.7", n % 10), "0"),
        asked("1", "0").repeat(63) + &asked("1", "1"),
        asked("7", "1").repeat(64),
    ] {
        for header in [None, Some("1"), Some("1.5+"), Some("2")] {
            let headers = headers(&[("accept", Some(&line)), ("apiver", header)]);
            let request =
                Request { method: &Method::GET, host: "a.example", path: "/", query: None, headers: &headers };
            let (few, many) = (best(&request, &small), best(&request, &large));
            assert!(many < few * 10 + Duration::from_millis(1), "{many:?} after {few:?}: {header:?} {line}");
            assert!(cfg!(debug_assertions) || many < Duration::from_millis(1), "{many:?}: {header:?} {line}");
        }
    }
}

#[test]
fn a_hostile_url_is_read_in_no_time() {
    let bound = if cfg!(debug_assertions) { Duration::from_millis(30) } else { Duration::from_millis(1) };
    let draft = ApiDraft {
        read: Some(Source::ALL.to_vec()),
        host: Some(HostVersion::parse("{version}.example.com").unwrap()),
        ..ApiDraft::default()
    };
    let table = table_of(["v1", "v2"].map(|key| (key, None)), "/prod", draft);
    for piece in ["v=1&", "&", "%76=v1&", "%", "%25", "v&", "v=%31%31", "v1/", "/", "v1", "a.", "v=9&v=%39&"] {
        let long = piece.repeat(16 * 1024 / piece.len());
        let (path, headers) = (format!("/{long}"), HeaderMap::new());
        for host in ["v1.example.com", &long] {
            for (path, query) in [(&*path, ""), ("/v1/x", &*long), (&*path, &*long)] {
                check_request(
                    &Request { method: &Method::GET, host, path, query: Some(query), headers: &headers },
                    &table,
                    bound,
                );
            }
        }
    }
}

fn headers(fields: &[(&'static str, Option<&str>)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, Option<&str>)| {
        Some((HeaderName::from_static(name), HeaderValue::from_bytes(value.as_ref()?.as_bytes()).unwrap()))
    };
    fields.iter().filter_map(field).collect()
}

fn check(table: &MappingTable, fields: &[(&'static str, Option<&str>)], bound: Duration) {
    let headers = headers(fields);
    let request = Request { method: &Method::GET, host: "api.example.com", path: "/", query: None, headers: &headers };
    check_request(&request, table, bound);
}

fn check_request(request: &Request<'_>, table: &MappingTable, bound: Duration) {
    let best = best(request, table);
    let shown: String = format!("{request:?}").chars().take(400).collect();
    assert!(best < bound, "{best:?} for {shown}");
}

/// The best of many runs, since the machine has other things to do.
fn best(request: &Request<'_>, table: &MappingTable) -> Duration {
    let once = || {
        let start = Instant::now();
        let _ = std::hint::black_box(route(request, table, &Moment::at(0), &mut ()));
        start.elapsed()
    };
    (0..10).map(|_| once()).min().unwrap()
}
