//! What a decision allocates: the rewritten target, and nothing else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "orders/table.rs"]
mod orders;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use orders::{table, table_of};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::{alloc::System, hint::black_box, sync::Arc};
use verge_router::{
    ApiDraft, ApiRows, MappingTable, Moment, Origin, Pin, Pinned, Pins, Request, Row, RowState, Source, Split,
    api::{ApiPath, HostPattern, HostVersion, Missing, PinDraft, Scheme, Unknown, parse_subject},
    origin::{DomainPattern, OriginRules, OriginSpec},
    route,
    split::{Arm, Leads, SplitSpec, Sticky},
    table::SplitRowSpec,
};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Every consumer is pinned to `v2`.
struct PinnedTo(Arc<Pin>);

impl Pins for PinnedTo {
    fn pinned(&self, _: &str, _: &[u8]) -> Pinned {
        Pinned::To(self.0.clone())
    }
}

/// Allocations and reallocations of one decision. Everything that runs besides would count, so the best of some runs.
fn allocations(table: &MappingTable, fields: &[(&'static str, &str)], path: &str) -> usize {
    let value = |text| HeaderValue::from_str(text).unwrap();
    let headers: HeaderMap = fields.iter().map(|(name, text)| (HeaderName::from_static(name), value(text))).collect();
    let request =
        Request { method: &Method::GET, host: "Api.Example.Com:8080", path, query: Some("a=1&b=2"), headers: &headers };
    let pins = PinnedTo(Arc::new(Pin { version: "v2".into(), upgrade: None, expires: None }));
    let moment = Moment { pins: &pins, ..Moment::at(0) };
    let once = || {
        let region = Region::new(ALLOCATOR);
        let decision = black_box(route(black_box(&request), table, &moment, &mut ()));
        let change = region.change();
        drop(decision);
        change.allocations + change.reallocations
    };
    (0..20).map(|_| once()).min().unwrap()
}

/// API `orders` with a row `v2` of two arms.
fn split_table() -> MappingTable {
    let rules = OriginRules { allow: vec![DomainPattern::parse("*.example").unwrap()], ..OriginRules::default() };
    let arm = |name: &str, weight| {
        let spec = OriginSpec { domain: "one.example", base_path: Some("/prod"), ..OriginSpec::default() };
        Arm { name: name.into(), weight, leads: Leads::Origin(Origin::parse(&spec, &rules, &[]).unwrap()) }
    };
    let sticky = ["header:x-user", "cookie:sid", "claim:sub", "ip"].map(|key| Sticky::parse(key).unwrap());
    let spec = SplitSpec {
        arms: vec![arm("canary", 500), arm("stable", 9500)],
        sticky: sticky.into(),
        ..SplitSpec::default()
    };
    let spec = SplitRowSpec { split: Split::parse(spec).unwrap(), hidden: false, lifecycle: None };
    let row = Row { key: "v2".into(), whole: false, state: RowState::Split(spec) };
    let api = ApiDraft { hosts: Some(vec![HostPattern::Any]), ..ApiDraft::default() }.finish("orders").unwrap();
    MappingTable::build(vec![ApiRows { api: Arc::new(api), rows: vec![row] }], None).0
}

// One test, so that no other allocates beside it.
#[test]
fn a_forward_allocates_its_target_once() {
    let table = table(["v1", "v2", "V10"], "/prod");
    let long = format!("/{}", "orders/".repeat(500));
    let heads: [&[(&str, &str)]; 6] = [
        &[("accept", "application/vnd.example.v1+json")],
        &[("apiver", "v1")],
        &[("accept", "text/html, application/vnd.example+json;version=\"\\1\";q=0.5, */*;q=0.1"), ("apiver", "1")],
        &[("accept", "application/vnd.example.v9+json, application/vnd.example.V10+json;q=0.2"), ("x-other", "1")],
        &[("apiver", "v2"), ("via", "1.1 fred"), ("cdn-loop", "other"), ("connection", "close")],
        &[("apiver", "v1, V1 ,1")],
    ];
    for fields in heads {
        for path in ["/", "/orders/7", &long] {
            assert_eq!(allocations(&table, fields, path), 1, "{fields:?} {path}");
        }
    }

    // Picking an arm allocates nothing, whatever the client is told by.
    let split = split_table();
    let token = "Bearer e30.eyJpc3MiOiJ4Iiwic3ViIjoidXNlci0yNSJ9.none";
    let heads: [&[(&str, &str)]; 4] = [
        &[("apiver", "v2"), ("x-user", "u7")],
        &[("apiver", "v2"), ("cookie", "a=b; sid=u7")],
        &[("apiver", "v2"), ("authorization", token)],
        &[("apiver", "v2")],
    ];
    for fields in heads {
        assert_eq!(allocations(&split, fields, "/orders/7"), 1, "{fields:?}");
    }

    // Neither does what a consumer is pinned to.
    let subject = ["header:x-consumer", "claim:sub"].map(|place| parse_subject(place).unwrap());
    let pin = PinDraft { subject: Some(subject.into()), ..PinDraft::default() };
    let draft = ApiDraft { missing: Some(Missing::Pin), pin: Some(pin), ..ApiDraft::default() };
    let pinned = table_of(["v1", "v2"].map(|key| (key, None)), "/prod", draft);
    for fields in [[("x-consumer", "ann")], [("authorization", token)]] {
        assert_eq!(allocations(&pinned, &fields, "/orders/7"), 1, "{fields:?}");
    }

    // So it is under the other schemes, and with what the URL says: ranges are found in the table as it stands.
    let draft = |scheme| ApiDraft {
        scheme: Some(scheme),
        read: Some(Source::ALL.to_vec()),
        host: Some(HostVersion::parse("api{version}.example.com").unwrap()),
        missing: Some(Missing::Version("2.0.0".into())),
        unknown: Some(Unknown::Back),
        neutral: Some(vec![ApiPath::parse_one("/health").unwrap()]),
        ..ApiDraft::default()
    };
    let releases = ["1.0.0", "1.2.0", "2.0.0"].map(|key| (key, None));
    let semver = table_of(releases, "/prod", draft(Scheme::Semver));
    let date = table_of(["2026-01-01", "2026-06-01"].map(|key| (key, None)), "/prod", draft(Scheme::Date));
    let (accept, apiver) = ("accept", "apiver");
    let refusing = "application/vnd.example.v1+json, application/vnd.example.v1.2+json;q=0";
    for (table, fields, path) in [
        (&semver, &[(apiver, "1")][..], "/x"),
        (&semver, &[(accept, refusing), (apiver, "1.x")], "/v1/x"),
        (&semver, &[(apiver, "1.7")], "/health"),
        (&semver, &[(apiver, "9, 9.x")], "/health/x"),
        (&semver, &[], "/v1.5/x"),
        (&semver, &[], "/"),
        (&date, &[(apiver, "2026-11-25")], "/2026-12-01/x"),
    ] {
        assert_eq!(allocations(table, fields, path), 1, "{fields:?} {path}");
    }

    // Up to the rewrite nothing is allocated: a decision that ends there costs none, but for what a rejection repeats.
    let none: [&[(&str, &str)]; 2] = [&[("cdn-loop", "verge")], &[("via", "1.1 verge")]];
    for fields in none {
        assert_eq!(allocations(&table, fields, "/"), 0, "{fields:?}");
    }
    assert_eq!(allocations(&table, &[("apiver", "v1")], "*"), 0, "a target that is never written");
}
