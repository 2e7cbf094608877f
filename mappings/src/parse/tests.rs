use super::*;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value as Json, json};
use verge_router::{Moment, Reason, Request, api::HostPattern, origin::DomainPattern, route};

fn rules() -> OriginRules {
    OriginRules { allow: [DomainPattern::parse("*.example.com").unwrap()].into(), ..OriginRules::default() }
}

fn open(name: &str, host: &str) -> (String, ApiDraft) {
    let hosts = Some([HostPattern::parse(host).unwrap()].into());
    (name.to_owned(), ApiDraft { hosts, ..ApiDraft::default() })
}

fn reading(json: Json) -> Reading {
    let items = json.as_array().unwrap().iter().map(|json| Item::from_json(json).unwrap()).collect();
    Reading::new(items, None)
}

fn row(version: &str, domain: &str) -> Json {
    json!({"api": "orders", "version": version, "domain": domain})
}

/// What a request with this version header gets: a domain, or a code.
fn ask(table: &MappingTable, host: &str, version: &str) -> String {
    let headers = HeaderMap::from_iter([(
        http::HeaderName::from_static("apiver"),
        HeaderValue::from_bytes(version.as_bytes()).unwrap(),
    )]);
    let request = Request { method: &Method::GET, host, path: "/", query: None, headers: &headers };
    match route(&request, table, &Moment::at(0), &mut ()) {
        Ok(forward) => forward.mapping().origin().domain().to_string(),
        Err(rejection) => rejection.reason.code().to_owned(),
    }
}

/// Parses a table for API `orders` on any host.
fn parse(json: Json, previous: Option<&MappingTable>) -> (MappingTable, Vec<InvalidItem>) {
    parse_all(&[Part::all(reading(json))], &[open("orders", "*")], &rules(), previous)
}

#[test]
fn the_sample_table_routes() {
    let (table, invalid) = parse(
        json!([
            {"hk": {"S": "v1"}, "dn": {"S": "one.example.com"}, "dp": {"S": "/prod"}},
            {"hk": {"S": "application/vnd.example.v2+json"}, "dn": {"S": "two.example.com"}},
        ]),
        None,
    );
    assert_eq!(invalid, []);
    assert_eq!(ask(&table, "any.example", "v1"), "one.example.com");
    assert_eq!(ask(&table, "any.example", "APPLICATION/vnd.example.v2+json"), "two.example.com");
    assert_eq!(ask(&table, "any.example", "v3"), "unknown_version");
}

#[test]
fn a_bad_row_is_quarantined_and_the_others_live() {
    let (table, invalid) = parse(json!([row("v1", "one.example.com"), row("v2", "169.254.169.254")]), None);
    assert_eq!(ask(&table, "h", "v1"), "one.example.com");
    assert_eq!(ask(&table, "h", "v2"), Reason::InvalidMapping.code());
    assert_eq!(invalid.len(), 1);
    assert_eq!((&*invalid[0].api, &*invalid[0].key, invalid[0].kept), ("orders", "v2", false));
}

#[test]
fn a_row_that_goes_bad_keeps_its_last_good_value() {
    let (first, _) = parse(json!([row("v1", "one.example.com"), row("v2", "two.example.com")]), None);
    let bad = json!([row("v1", "new.example.com"), {"api": "orders", "version": "v2", "domain": 7}]);
    let (second, invalid) = parse(bad.clone(), Some(&first));
    assert_eq!(ask(&second, "h", "v1"), "new.example.com");
    assert_eq!(ask(&second, "h", "v2"), "two.example.com");
    assert!(invalid[0].kept);
    let (third, invalid) = parse(bad, Some(&second));
    assert_eq!(ask(&third, "h", "v2"), "two.example.com");
    assert!(invalid[0].kept);
}

#[test]
fn an_alias_that_goes_bad_keeps_its_last_good_value() {
    let alias = json!({"api": "orders", "version": "latest", "alias_of": "v1"});
    let (mut table, _) = parse(json!([row("v1", "one.example.com"), alias]), None);
    let bad = json!({"api": "orders", "version": "latest", "alias_of": 1});
    for _ in 0..3 {
        let (next, invalid) = parse(json!([row("v1", "one.example.com"), bad]), Some(&table));
        assert_eq!(ask(&next, "h", "latest"), "one.example.com");
        assert!(invalid[0].kept, "{invalid:?}");
        table = next;
    }
}

#[test]
fn a_deleted_row_is_gone_and_comes_back() {
    let both = json!([row("v1", "one.example.com"), row("v2", "two.example.com")]);
    let (first, _) = parse(both.clone(), None);
    let (second, _) = parse(json!([row("v1", "one.example.com")]), Some(&first));
    assert_eq!(ask(&second, "h", "v2"), "unknown_version");
    let (third, _) = parse(both, Some(&second));
    assert_eq!(ask(&third, "h", "v2"), "two.example.com");
}

#[test]
fn twins_are_both_quarantined_and_keep_what_was_good() {
    let twins = json!([row("v1", "one.example.com"), row("V1", "other.example.com"), row("v2", "two.example.com")]);
    let (table, invalid) = parse(twins.clone(), None);
    assert_eq!(ask(&table, "h", "v1"), "invalid_mapping");
    assert_eq!(ask(&table, "h", "v2"), "two.example.com");
    assert_eq!(invalid.iter().map(|item| &*item.key).collect::<Vec<_>>(), ["V1", "v1"]);
    assert!(invalid.iter().all(|item| !item.kept));

    let (good, _) = parse(json!([row("v1", "one.example.com")]), None);
    let (table, invalid) = parse(twins, Some(&good));
    assert_eq!(ask(&table, "h", "v1"), "one.example.com");
    assert_eq!(invalid.iter().map(|item| item.kept).collect::<Vec<_>>(), [false, true]);
}

#[test]
fn aliases_follow_and_their_faults_are_reported() {
    let alias = |from: &str, to: &str| json!({"api": "orders", "version": from, "alias_of": to});
    let (table, invalid) = parse(
        json!([
            row("v1", "one.example.com"),
            alias("latest", "v1"),
            alias("stable", "latest"),
            alias("lost", "v9"),
            alias("a", "b"),
            alias("b", "a")
        ]),
        None,
    );
    assert_eq!(ask(&table, "h", "stable"), "one.example.com");
    let faults: Vec<&str> = invalid.iter().map(|item| &*item.key).collect();
    assert_eq!(faults, ["a", "b", "lost"]);
}

#[test]
fn order_does_not_matter() {
    let rows = [row("v1", "one.example.com"), row("V1", "x.example.com"), row("v2", "two.example.com"), row("v3", "3")];
    let api = json!({"api": "b", "version": "#api", "hosts": "b.example"});
    let other = json!({"api": "a", "version": "#api", "hosts": "b.example"});
    let mut items: Vec<Json> = rows.into_iter().chain([api, other]).collect();
    let (table, invalid) = parse(Json::from(items.clone()), None);
    items.reverse();
    let (reversed, reversed_invalid) = parse(Json::from(items), None);
    assert_eq!(invalid, reversed_invalid);
    for (host, version) in [("h", "v1"), ("h", "v2"), ("h", "v3"), ("b.example", "v1")] {
        assert_eq!(ask(&table, host, version), ask(&reversed, host, version));
        assert_eq!(table.find_api(host, "/").unwrap().api().name(), reversed.find_api(host, "/").unwrap().api().name());
    }
}

#[test]
fn an_api_can_live_in_the_table() {
    let items = json!([
        {"api": "bills", "version": "#api", "hosts": ["bills.example"], "missing": "v1"},
        {"api": "bills", "version": "v1", "domain": "bills.example.com"},
        {"api": "bills", "version": "#trip", "domain": 7},
        {"api": "#verge", "version": "#generation", "generation": 42},
        {"api": "#verge", "version": "v1", "domain": "never.example.com"},
    ]);
    let reading = reading(items);
    assert_eq!((reading.generation, reading.rows()), (Some(42), 1));
    let (table, invalid) = parse_all(&[Part::all(reading)], &[], &rules(), None);
    assert_eq!(invalid, []);
    assert_eq!(ask(&table, "bills.example", "v1"), "bills.example.com");
    assert_eq!(table.rows(), 1);
}

#[test]
fn the_configuration_wins_over_the_api_item() {
    let items = json!([
        {"api": "orders", "version": "#api", "hosts": ["table.example"], "strip": true},
        row("v1", "one.example.com"),
    ]);
    let (table, _) = parse_all(&[Part::all(reading(items))], &[open("orders", "toml.example")], &rules(), None);
    assert_eq!(ask(&table, "toml.example", "v1"), "one.example.com");
    assert_eq!(ask(&table, "table.example", "v1"), "unknown_host");
    assert!(table.api("orders").unwrap().api().strip());
}

#[test]
fn a_bad_api_item_keeps_the_api_that_was() {
    let item = |hosts: Json| json!({"api": "bills", "version": "#api", "hosts": hosts});
    let bill = |domain: &str| json!({"api": "bills", "version": "v1", "domain": domain});
    let read = |json, previous: Option<&MappingTable>| parse_all(&[Part::all(reading(json))], &[], &rules(), previous);
    let (first, _) = read(json!([item(json!("bills.example")), bill("one.example.com")]), None);
    let (second, invalid) = read(json!([item(json!(7)), bill("two.example.com")]), Some(&first));
    assert_eq!(ask(&second, "bills.example", "v1"), "two.example.com");
    assert_eq!((&*invalid[0].key, invalid[0].kept), ("#api", true));

    let (never, invalid) = read(json!([item(json!(7)), bill("one.example.com")]), None);
    assert_eq!(ask(&never, "bills.example", "v1"), "unknown_host");
    assert!(!invalid[0].kept);
}

#[test]
fn an_api_item_that_never_was_good_answers_nothing() {
    // Its `allow` is unknown: serving by the configuration alone could serve what it forbids.
    let items = json!([{"api": "orders", "version": "#api", "allow": 7}, row("v1", "one.example.com")]);
    let (table, invalid) = parse(items, None);
    assert_eq!(ask(&table, "h", "v1"), "no_table");
    assert_eq!(invalid.len(), 1);
}

#[test]
fn rows_of_an_unknown_api_are_reported() {
    let (table, invalid) = parse(json!([{"api": "ghost", "version": "v1", "domain": "a.example.com"}]), None);
    assert_eq!(table.rows(), 0);
    assert_eq!((&*invalid[0].api, &*invalid[0].key), ("ghost", "v1"));
    assert!(invalid[0].reason.contains("neither the configuration nor an `#api` item"));
}

#[test]
fn an_api_without_rows_exists() {
    let (table, invalid) = parse(json!([]), None);
    assert_eq!(invalid, []);
    assert_eq!(ask(&table, "h", "v1"), "unknown_version");
}

#[test]
fn sample_rows_need_one_api() {
    let items = json!([{"hk": "v1", "dn": "one.example.com"}]);
    let drafts = [open("orders", "o.example"), open("bills", "b.example")];
    let (table, invalid) = parse_all(&[Part::all(reading(items.clone()))], &drafts, &rules(), None);
    assert_eq!(table.rows(), 0);
    assert_eq!(invalid.len(), 1);

    let parts = [Part::all(reading(json!([]))), Part::of("bills", reading(items))];
    let (table, invalid) = parse_all(&parts, &drafts, &rules(), None);
    assert_eq!(invalid, []);
    assert_eq!(ask(&table, "b.example", "v1"), "one.example.com");
}

#[test]
fn an_own_table_is_the_only_one_for_its_api() {
    let top = json!([row("v1", "top.example.com"), {"api": "bills", "version": "v1", "domain": "bills.example.com"}]);
    let own = json!([row("v2", "own.example.com"), {"api": "bills", "version": "v2", "domain": "wrong.example.com"}]);
    let parts = [Part::all(reading(top)), Part::of("orders", reading(own))];
    let drafts = [open("orders", "o.example"), open("bills", "b.example")];
    let (table, invalid) = parse_all(&parts, &drafts, &rules(), None);
    assert_eq!(invalid, []);
    assert_eq!(ask(&table, "o.example", "v1"), "unknown_version");
    assert_eq!(ask(&table, "o.example", "v2"), "own.example.com");
    assert_eq!(ask(&table, "b.example", "v1"), "bills.example.com");
    assert_eq!(ask(&table, "b.example", "v2"), "unknown_version");
}

#[test]
fn an_api_whose_part_was_never_read_says_so() {
    let drafts = [open("orders", "o.example"), open("bills", "b.example")];
    let unread = Part { reading: None, scope: Scope::Api("bills".to_owned()) };
    let parts = [Part::all(reading(json!([row("v1", "one.example.com")]))), unread];
    let (table, invalid) = parse_all(&parts, &drafts, &rules(), None);
    assert_eq!(invalid, []);
    assert_eq!(ask(&table, "o.example", "v1"), "one.example.com");
    assert_eq!(ask(&table, "b.example", "v1"), "no_table");
}

#[test]
fn items_without_a_key_are_numbered() {
    let items = json!([row("v1", "one.example.com"), {"x": 1}, {"api": 1, "version": "v1"}]);
    let (_, invalid) = parse(items, None);
    let reasons: Vec<&str> = invalid.iter().map(|item| &*item.reason).collect();
    assert!(reasons.contains(&"item 2: it has neither `hk` nor `api` and `version`"), "{reasons:?}");
    assert!(reasons.contains(&"item 3: `api` must be a string (S), found N"), "{reasons:?}");
}

#[test]
fn two_apis_under_one_host_are_reported() {
    let (_, invalid) = parse_all(&[Part::all(Reading::default())], &[open("a", "h"), open("b", "h")], &rules(), None);
    assert_eq!((&*invalid[0].api, &*invalid[0].key), ("b", "#api"));
}

#[test]
fn an_api_that_is_not_complete_is_reported() {
    let drafts = [("orders".to_owned(), ApiDraft::default())];
    let (_, invalid) = parse_all(&[Part::all(reading(json!([])))], &drafts, &rules(), None);
    assert_eq!((&*invalid[0].api, &*invalid[0].key), ("orders", "#api"));
    assert!(invalid[0].reason.contains("no hosts are named"));
}

#[test]
fn an_api_that_never_was_good_is_no_last_good_value_of_itself() {
    let bad = |domain: &str| json!([{"api": "orders", "version": "#api", "allow": 7}, row("v1", domain)]);
    let (first, _) = parse(bad("one.example.com"), None);
    let (second, invalid) = parse(bad("two.example.com"), Some(&first));
    assert_eq!(ask(&second, "h", "v1"), "no_table");
    assert!(!invalid[0].kept, "{invalid:?}");
}

#[test]
fn an_api_whose_part_was_not_read_answers_nothing_whatever_describes_it() {
    let item = |hosts: Json| json!({"api": "bills", "version": "#api", "hosts": hosts});
    let read = |hosts: Json, previous: Option<&MappingTable>| {
        let index = Part { reading: Some(Arc::new(reading(json!([item(hosts)])))), scope: Scope::Index };
        parse_all(&[index], &[], &rules(), previous).0
    };
    let cold = read(json!("bills.example"), None);
    assert_eq!(ask(&cold, "bills.example", "v1"), "no_table");
    assert_eq!(ask(&read(json!(7), Some(&cold)), "bills.example", "v1"), "no_table");
}

#[test]
fn trips_are_handed_on_and_are_no_rows() {
    let trip = |api: &str, key: &str| json!({"api": api, "version": key, "arm": "canary", "of": "0a"});
    let items = json!([
        trip("orders", "#trip#v2"),
        trip("orders", "#trip#v1"),
        trip("nobody", "#trip#v1"),
        row("v1", "one.example.com"),
        {"api": "orders", "version": "#pin#ann"},
    ]);
    let reading = reading(items);
    assert_eq!(reading.rows(), 1);
    let parts = [Part::all(reading)];
    let Ok(Parsed { table, invalid, trips }) = parse_items(&parts, &[open("orders", "*")], &rules(), None);
    assert_eq!((table.rows(), invalid), (1, vec![]));
    let told = |api, row| trips.of(api, row).next().map(|trip| (trip.arm.as_str(), trip.of));
    assert_eq!((told("orders", "v1"), told("orders", "v2")), (Some(("canary", 10)), Some(("canary", 10))));
    assert_eq!((told("nobody", "v1"), trips.tripped().count()), (None, 2));
}

#[test]
fn an_item_that_is_nested_too_deep_is_one_bad_row() {
    let nested = (0..64).fold(json!("x"), |inner, _| json!([inner]));
    let deep = json!({"api": "orders", "version": "v2", "domain": "two.example.com", "note": nested});
    let (table, invalid) = parse(json!([row("v1", "one.example.com"), deep]), None);
    assert_eq!(
        (ask(&table, "h", "v1").as_str(), ask(&table, "h", "v2").as_str()),
        ("one.example.com", "invalid_mapping")
    );
    assert!(invalid.len() == 1 && invalid[0].reason.contains("deeper than 32"), "{invalid:?}");
}

#[test]
fn an_own_table_that_was_not_read_is_not_read_whatever_another_holds() {
    let index = Part { reading: Some(Arc::new(Reading::default())), scope: Scope::Index };
    let within = Part { reading: Some(Arc::new(Reading::default())), scope: Scope::Within("a".into()) };
    let own: Part = Part { reading: None, scope: Scope::Api("a".to_owned()) };
    let (table, _) = parse_all(&[index, own, within], &[open("a", "*")], &rules(), None);
    assert_eq!(ask(&table, "h", "v1"), "no_table");
}
