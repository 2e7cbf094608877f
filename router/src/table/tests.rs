use super::*;
use crate::{
    Api, ApiDraft, Origin,
    api::{ApiPath, HostPattern, MAX_HOST, Vendor},
    lifecycle::{Lifecycle, LifecycleSpec},
    origin::{DomainPattern, OriginRules, OriginSpec},
    rejection::MAX_SUPPORTED,
    resolve::label::Label,
    version::accept::{self, MAX_WHOLE},
};
use alloc::{borrow::ToOwned, format, string::String, sync::Arc, vec};
use core::cmp::Ordering;

fn origin(domain: &str) -> Origin {
    let rules = OriginRules { allow: vec![DomainPattern::parse("*.example").unwrap()], ..OriginRules::default() };
    let domain = format!("{domain}.example");
    Origin::parse(&OriginSpec { domain: &domain, ..OriginSpec::default() }, &rules, &[]).unwrap()
}

/// A row whose origin tells what it was written for.
fn row(key: &str, domain: &str) -> Row {
    let spec = MappingSpec { origin: origin(domain), hidden: false, lifecycle: None };
    Row { key: key.into(), whole: false, state: RowState::Mapped(spec) }
}

fn whole(key: &str, domain: &str) -> Row {
    Row { whole: true, ..row(key, domain) }
}

fn alias(key: &str, target: &str) -> Row {
    Row { key: key.into(), whole: false, state: RowState::Alias(target.into()) }
}

fn invalid(key: &str) -> Row {
    Row { key: key.into(), whole: false, state: RowState::Invalid }
}

fn api(name: &str, hosts: &[&str], path: &str) -> Arc<Api> {
    let draft = ApiDraft {
        hosts: Some(hosts.iter().map(|host| HostPattern::parse(host).unwrap()).collect()),
        path: Some(ApiPath::parse(path).unwrap()),
        vendor: Some(vec![Vendor::parse("acme").unwrap()]),
        ..ApiDraft::default()
    };
    Arc::new(draft.finish(name).unwrap())
}

fn build_after(rows: Vec<Row>, previous: Option<&MappingTable>) -> (MappingTable, Vec<String>) {
    let (table, conflicts) = MappingTable::build(vec![ApiRows { api: api("orders", &["*"], ""), rows }], previous);
    (table, conflicts.into_iter().map(|conflict| format!("{}: {}", conflict.key, conflict.reason)).collect())
}

fn build(rows: Vec<Row>) -> (MappingTable, Vec<String>) {
    build_after(rows, None)
}

/// Which origin a version leads to: its first label, `invalid`, or `-` where there is no such row.
fn find(table: &MappingTable, version: &str) -> String {
    let part = table.api("orders").unwrap();
    let mut buffer = [0; MAX_WHOLE];
    let found = accept::write_whole(version.as_bytes(), &mut buffer)
        .and_then(|whole| part.find_whole(whole))
        .or_else(|| Label::parse(version.as_bytes()).ok().and_then(|label| part.find_label(label)));
    match found.and_then(|row| part.get(row)) {
        Some(Found::Good(Good::Mapping(mapping))) => {
            mapping.origin().domain().as_str().trim_end_matches(".example").to_owned()
        }
        Some(Found::Good(Good::Split(row))) => panic!("{row:?}"),
        Some(Found::Invalid(_)) => "invalid".to_owned(),
        None => "-".to_owned(),
    }
}

fn check_host(host: &str, path: &str, expected: &str) {
    let hosts: [(&str, &[&str], &str); 6] = [
        ("exact", &["api.example.com", "other.example.com"], ""),
        ("wildcard", &["*.example.com"], ""),
        ("orders", &["api.example.com"], "/orders"),
        ("archive", &["api.example.com"], "/orders/archive"),
        ("literal", &["[::1]"], ""),
        ("reports", &["*"], "/reports"),
    ];
    let apis = |order: &mut dyn Iterator<Item = usize>| {
        let parts = order.map(|at| ApiRows { api: api(hosts[at].0, hosts[at].1, hosts[at].2), rows: vec![] }).collect();
        let (table, conflicts) = MappingTable::build(parts, None);
        assert_eq!(conflicts, []);
        table.find_api(host, path).map_or("-".to_owned(), |part| part.api().name().to_owned())
    };
    assert_eq!(apis(&mut (0..hosts.len())), expected, "{host}{path}");
    assert_eq!(apis(&mut (0..hosts.len()).rev()), expected, "{host}{path}, APIs in the opposite order");
}

#[test]
fn exact_before_wildcard_before_any_then_the_longest_path() {
    check_host("api.example.com", "/", "exact");
    check_host("API.EXAMPLE.COM.:443", "/", "exact");
    check_host("api.example.com", "/orders", "orders");
    check_host("api.example.com", "/orders/", "orders");
    check_host("api.example.com", "/orders/archive/7", "archive");
    check_host("api.example.com", "/orders/archives", "orders");
    check_host("api.example.com", "/ordersfoo", "exact");
    check_host("api.example.com", "/reports", "exact");
    check_host("x.example.com", "/reports", "wildcard");
    check_host("x.y.example.com", "/reports/1", "reports");
    check_host("x.y.example.com", "/", "-");
    check_host("[::1]:8080", "/", "literal");
}

#[test]
fn what_is_no_host_finds_nothing() {
    for host in ["", ".", ":80", ".example.com", "[::1", "example.com"] {
        check_host(host, "/", "-");
    }
    check_host(&"a".repeat(MAX_HOST + 1), "/", "-");
}

#[test]
fn a_host_of_two_apis_belongs_to_the_first() {
    let parts = ["one", "two"].map(|name| ApiRows { api: api(name, &["api.example.com"], "/x"), rows: vec![] });
    let (table, conflicts) = MappingTable::build(parts.into(), None);
    assert_eq!(table.find_api("api.example.com", "/x").unwrap().api().name(), "one");
    assert_eq!(conflicts.len(), 1);
    assert_eq!((&*conflicts[0].api, &conflicts[0].reason), ("two", &ConflictReason::SameHost("one".to_owned())));
}

#[test]
fn a_version_is_found_by_every_way_to_write_it() {
    let (table, conflicts) = build(vec![row("v1", "one"), row("10", "ten"), row("vNext", "next")]);
    assert_eq!(conflicts, [""; 0]);
    for (version, expected) in [
        ("v1", "one"),
        ("V1", "one"),
        ("1", "one"),
        ("10", "ten"),
        ("v10", "ten"),
        ("VNEXT", "next"),
        ("next", "-"),
        ("01", "-"),
        ("100", "-"),
        ("v", "-"),
    ] {
        assert_eq!(find(&table, version), expected, "{version}");
    }
}

#[test]
fn an_alias_leads_to_the_end_of_its_chain() {
    let (table, conflicts) =
        build(vec![alias("a", "B"), alias("b", "v1"), row("1", "one"), alias("c", "d"), invalid("d")]);
    assert_eq!(conflicts, [""; 0]);
    for (version, expected) in [("a", "one"), ("b", "one"), ("1", "one"), ("c", "invalid")] {
        assert_eq!(find(&table, version), expected, "{version}");
    }
}

/// A hundred thousand rows must fit: with the count before it, this is what the allocator rounds to 160 bytes.
#[test]
fn a_mapping_is_small() {
    assert!(size_of::<Mapping>() <= 144, "{}", size_of::<Mapping>());
}

#[test]
fn an_alias_that_leads_nowhere_is_invalid() {
    let (table, conflicts) = build(vec![alias("a", "b"), alias("b", "a"), alias("self", "self"), alias("lost", "v9")]);
    assert_eq!(conflicts.len(), 4, "{conflicts:?}");
    for version in ["a", "b", "self", "lost"] {
        assert_eq!(find(&table, version), "invalid", "{version}");
    }
}

#[test]
fn two_rows_of_one_version_are_both_left_out() {
    for rows in
        [vec![row("v1", "one"), row("1", "other")], vec![row("1", "other"), alias("V1", "v2"), row("v2", "two")]]
    {
        let (table, conflicts) = build(rows);
        assert_eq!(conflicts.len(), 2, "{conflicts:?}");
        assert_eq!(find(&table, "v1"), "invalid");
    }
}

#[test]
fn an_unusable_row_goes_on_with_its_last_good_value() {
    let (good, _) = build(vec![row("v1", "one"), row("v2", "two"), alias("latest", "v2")]);
    let (table, _) =
        build_after(vec![invalid("v1"), row("v2", "new"), alias("latest", "v9"), invalid("v3")], Some(&good));
    for (version, expected) in [("v1", "one"), ("v2", "new"), ("latest", "two"), ("v3", "invalid")] {
        assert_eq!(find(&table, version), expected, "{version}");
    }
    let (again, _) = build_after(vec![invalid("v1")], Some(&table));
    assert_eq!(find(&again, "v1"), "one");
    assert_eq!(find(&again, "v2"), "-");
}

#[test]
fn one_key_in_both_layouts_is_a_collision_whatever_the_rows_say() {
    for rows in [
        vec![whole("v1", "a"), row("v1", "b")],
        vec![whole("v1", "a"), alias("v1", "v2"), row("v2", "c")],
        vec![whole("1", "a"), row("V1", "b")],
        vec![Row { whole: true, ..alias("v1", "v2") }, row("v1", "b"), row("v2", "c")],
    ] {
        let (table, conflicts) = build(rows);
        assert_eq!((find(&table, "v1").as_str(), conflicts.len()), ("invalid", 2), "{conflicts:?}");
    }
    // Header values are matched as they are, and media types are no versions: these are several keys.
    let (table, conflicts) =
        build(vec![whole("v1", "a"), whole("1", "b"), whole("application/vnd.acme.v2+json", "c"), row("v2", "d")]);
    assert_eq!(conflicts, Vec::<String>::new());
    assert_eq!((find(&table, "v1").as_str(), find(&table, "1").as_str(), find(&table, "v2").as_str()), ("a", "b", "d"));
}

#[test]
fn of_twins_the_one_with_a_last_good_value_answers() {
    let (good, _) = build(vec![row("v1", "one")]);
    for rows in [vec![row("v1", "a"), row("1", "b")], vec![row("1", "b"), row("v1", "a")]] {
        let (table, _) = build_after(rows, Some(&good));
        assert_eq!(find(&table, "1"), "one");
    }
}

#[test]
fn a_label_belongs_to_a_bare_key_first_and_never_to_two() {
    let media = |version: &str, suffix: &str| format!("application/vnd.acme.{version}+{suffix}");
    let rows = || {
        vec![
            whole(&media("v1", "json"), "media"),
            whole("1", "bare"),
            whole(&media("v2", "json"), "json"),
            whole(&media("v2", "xml"), "xml"),
            whole(&media("v3", "json"), "three"),
            whole("v4", "with-v"),
            whole("4", "without"),
            whole(&media("v4", "json"), "contained"),
        ]
    };
    for reversed in [false, true] {
        let mut rows = rows();
        if reversed {
            rows.reverse();
        }
        let (table, conflicts) = build(rows);
        assert_eq!(conflicts, [""; 0]);
        for (version, expected) in [
            ("v1", "bare"),
            ("v2", "-"),
            ("v3", "three"),
            ("v4", "with-v"),
            ("4", "without"),
            (&media("v2", "xml"), "xml"),
            (&media("V4", "JSON"), "contained"),
        ] {
            assert_eq!(find(&table, version), expected, "{version}, reversed: {reversed}");
        }
    }
}

#[test]
fn versions_are_ordered_as_people_do() {
    let newest_first = ["v10", "v9", "2.10.1", "2.10", "2.9", "V1", "0", "next", "beta", "Alpha", ""];
    for (place, one) in newest_first.iter().enumerate() {
        for other in &newest_first[place + 1..] {
            assert_eq!(compare_versions(one, other), Ordering::Greater, "{one} {other}");
            assert_eq!(compare_versions(other, one), Ordering::Less, "{other} {one}");
        }
        assert_eq!(compare_versions(one, one), Ordering::Equal);
    }
    assert_eq!(compare_versions("v1", "1"), Ordering::Equal);
    assert_eq!(compare_versions(&"9".repeat(100), &"1".repeat(101)), Ordering::Less);
}

#[test]
fn what_is_listed_is_good_shown_alive_and_bounded() {
    let retired = Lifecycle::parse(LifecycleSpec { sunset_at: Some(100), ..LifecycleSpec::default() }).unwrap();
    let with = |key: &str, hidden, lifecycle| Row {
        state: RowState::Mapped(MappingSpec { origin: origin("x"), hidden, lifecycle }),
        ..row(key, "x")
    };
    let (table, _) = build(vec![
        row("v2", "x"),
        row("v10", "x"),
        with("v3", true, None),
        with("v4", false, Some(retired)),
        alias("latest", "v10"),
        invalid("v5"),
    ]);
    let supported = |table: &MappingTable, now| table.api("orders").unwrap().supported(now).join(" ");
    assert_eq!(supported(&table, 99), "v10 v4 v2");
    assert_eq!(supported(&table, 100), "v10 v2");
    let (many, _) = build((0..100).map(|n| row(&format!("v{n}"), "x")).collect());
    assert_eq!(many.api("orders").unwrap().supported(0).len(), MAX_SUPPORTED);
    assert!(supported(&many, 0).starts_with("v99 v98"));
}

#[test]
fn rows_that_say_the_same_share_their_mappings_with_the_table_before() {
    let apis = || api("orders", &["*"], "");
    let mapping =
        |table: &MappingTable, key: &str| match table.api("orders").unwrap().good().find(|row| row.key() == key) {
            Some(Good::Mapping(mapping)) => mapping.clone(),
            other => panic!("{other:?}"),
        };
    let one = apis();
    let rows = || vec![row("v1", "one"), row("v2", "two"), row("v3", "three"), alias("latest", "v3")];
    let (before, _) = MappingTable::build(vec![ApiRows { api: one.clone(), rows: rows() }], None);
    let mut changed = rows();
    changed[1] = row("v2", "other");
    changed[2] = Row { key: "V3".into(), ..row("v3", "three") };
    let (after, _) = MappingTable::build(vec![ApiRows { api: one, rows: changed }], Some(&before));
    assert!(Arc::ptr_eq(&mapping(&before, "v1"), &mapping(&after, "v1")));
    assert_eq!(find(&after, "v2"), "other");
    assert_eq!((find(&after, "v3"), mapping(&after, "V3").version_str().to_owned()), ("three".into(), "V3".into()));
    // Another API of the same name is another API: its mappings name it.
    let (other, _) = MappingTable::build(vec![ApiRows { api: apis(), rows: rows() }], Some(&before));
    assert!(!Arc::ptr_eq(&mapping(&before, "v1"), &mapping(&other, "v1")));
}

#[test]
fn an_alias_that_leads_nowhere_now_goes_on_as_what_it_last_led_to() {
    let (before, _) = build(vec![row("v1", "one"), row("v2", "two"), alias("latest", "v2")]);
    let (after, conflicts) = build_after(vec![row("v1", "one"), alias("latest", "v2")], Some(&before));
    assert_eq!(conflicts.len(), 1);
    assert_eq!((find(&after, "latest"), find(&after, "v2")), ("two".to_owned(), "-".to_owned()));
    // And from there on, too.
    let (later, _) = build_after(vec![row("v1", "one"), invalid("latest")], Some(&after));
    assert_eq!(find(&later, "latest"), "two");
}
