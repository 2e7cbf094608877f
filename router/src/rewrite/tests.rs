use super::*;
use crate::{
    ApiDraft, ApiRows, MappingTable, Moment, Origin, Row, RowState,
    api::{ApiPath, HostPattern},
    origin::{DomainPattern, OriginRules, OriginSpec},
    route,
    table::MappingSpec,
};
use alloc::{borrow::ToOwned, format, vec, vec::Vec};
use http::Method;

/// One API with one version, its origin under this base path.
fn table(base_path: &str, path: &str, strip: bool) -> MappingTable {
    let draft = ApiDraft {
        hosts: Some(vec![HostPattern::Any]),
        path: Some(ApiPath::parse(path).unwrap()),
        strip: Some(strip),
        ..ApiDraft::default()
    };
    let rules = OriginRules { allow: vec![DomainPattern::parse("*.example").unwrap()], ..OriginRules::default() };
    let spec = OriginSpec { domain: "one.example", base_path: Some(base_path), ..OriginSpec::default() };
    let origin = Origin::parse(&spec, &rules, &[]).unwrap();
    let state = RowState::Mapped(MappingSpec { origin, hidden: false, lifecycle: None });
    let rows = vec![Row { key: "v1".into(), whole: false, state }];
    MappingTable::build(vec![ApiRows { api: Arc::new(draft.finish("orders").unwrap()), rows }], None).0
}

fn fields(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn send(table: &MappingTable, target: &str, headers: &HeaderMap) -> Option<Forward> {
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (target, None),
    };
    let request = Request { method: &Method::GET, host: "Api.Example:8080", path, query, headers };
    route(&request, table, &Moment::at(0), &mut ()).ok()
}

/// How a target arrives at the origin; `None` where it is not forwarded.
fn check_target((base_path, path, strip): (&str, &str, bool), target: &str, expected: Option<&str>) {
    let forward = send(&table(base_path, path, strip), target, &fields(&[("apiver", "v1")]));
    let got = forward.as_ref().map(|forward| forward.target());
    assert_eq!(got, expected, "{target} under {base_path}");
}

#[test]
fn base_path_and_path_are_joined_by_one_slash() {
    let prod = ("/prod/", "", false);
    check_target(prod, "/", Some("/prod/"));
    check_target(prod, "/a", Some("/prod/a"));
    check_target(prod, "/a/?", Some("/prod/a/?"));
    check_target(prod, "//a", Some("/prod//a"));
    check_target(prod, "/a%2f..%2F?b=%00&&c=?/", Some("/prod/a%2f..%2F?b=%00&&c=?/"));
    check_target(("/", "", false), "/a", Some("/a"));
    check_target(("", "", false), "/", Some("/"));
}

#[test]
fn the_apis_path_is_cut_where_it_says_so() {
    check_target(("/prod", "/orders", true), "/orders", Some("/prod/"));
    check_target(("/prod", "/orders", true), "/orders?x", Some("/prod/?x"));
    check_target(("/prod", "/orders", true), "/orders/orders/1", Some("/prod/orders/1"));
    check_target(("/prod", "/orders", false), "/orders/1", Some("/prod/orders/1"));
    check_target(("", "/orders", true), "/orders", Some("/"));
}

#[test]
fn what_would_not_arrive_whole_is_not_sent() {
    for target in ["*", "/a#b", "/a?b#c", "/a b", "/a\u{0}", "/<a>"] {
        check_target(("/prod", "", false), target, None);
    }
    check_target(("/prod", "", false), &format!("/{}", "a".repeat(70_000)), None);
}

/// A head that is edited in place, and what was taken for the connection's.
#[derive(Default)]
struct Head {
    headers: HeaderMap,
    hop_by_hop: Vec<HeaderName>,
}

impl Edits for Head {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.insert(name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.headers.append(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.headers.remove(name);
    }

    fn remove_hop_by_hop(&mut self, name: &HeaderName) {
        self.headers.remove(name);
        self.hop_by_hop.push(name.clone());
    }
}

fn edit(sent: &[(&'static str, &str)], client: Option<&str>, tls: bool) -> Head {
    let mut headers = fields(sent);
    headers.insert("apiver", HeaderValue::from_static("v1"));
    let forward = send(&table("/prod", "", false), "/", &headers).unwrap();
    let request = Request { method: &Method::GET, host: "Api.Example:8080", path: "/", query: None, headers: &headers };
    let (id, trace) = (HeaderValue::from_static("id"), HeaderValue::from_static("00-1-2-01"));
    let client = client.map(|client| client.parse().unwrap());
    let hop = Hop { client, tls, request_id: &id, traceparent: Some(&trace) };
    let mut head = Head { headers: headers.clone(), ..Head::default() };
    forward.edit_request(&request, &hop, &mut head);
    head
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[test]
fn the_origin_sees_one_clean_set_of_fields() {
    let head = edit(
        &[("x-forwarded-for", "1.1.1.1"), ("via", "1.0 fred"), ("verge-arm", "x")],
        Some("::ffff:192.0.2.7"),
        true,
    );
    for (name, expected) in [
        ("host", "one.example"),
        ("x-forwarded-for", "192.0.2.7"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "Api.Example:8080"),
        ("x-request-id", "id"),
        ("traceparent", "00-1-2-01"),
        ("verge-version", "v1"),
        ("cdn-loop", "verge"),
    ] {
        assert_eq!(lines(&head.headers, name), [expected], "{name}");
    }
    assert_eq!(lines(&head.headers, "via"), ["1.0 fred", "1.1 verge"]);
    assert_eq!(lines(&head.headers, "verge-arm"), [""; 0]);
}

#[test]
fn the_longest_address_fits() {
    let head = edit(&[], Some("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), false);
    assert_eq!(lines(&head.headers, "x-forwarded-for"), ["ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"]);
    assert_eq!(lines(&head.headers, "x-forwarded-proto"), ["http"]);
    assert_eq!(lines(&edit(&[("x-forwarded-for", "1.1.1.1")], None, false).headers, "x-forwarded-for"), [""; 0]);
}

#[test]
fn fields_of_the_connection_are_told_apart_from_the_rest() {
    let head = edit(
        &[
            ("connection", "close, X-Mine, absent, host, content-length, x-forwarded-for, cdn-loop"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("content-length", "3"),
            ("verge-arm", "x"),
        ],
        None,
        false,
    );
    let mut names: Vec<&str> = head.hop_by_hop.iter().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["connection", "te", "upgrade", "x-mine"]);
    assert_eq!(lines(&head.headers, "content-length"), ["3"]);
}

fn check_vary(origin: &[&str], expected: &str) {
    let mut head = Head::default();
    for line in origin {
        head.append(header::VARY, HeaderValue::from_str(line).unwrap());
    }
    let table = table("", "", false);
    add_vary(table.api("orders").unwrap().api(), &mut head);
    assert_eq!(lines(&head.headers, "vary").join(" | "), expected, "{origin:?}");
}

#[test]
fn vary_is_completed_and_never_repeated() {
    check_vary(&[], "Accept, APIVER");
    check_vary(&["Accept-Encoding"], "Accept-Encoding | accept | apiver");
    check_vary(&["ACCEPT,\tapiver"], "ACCEPT,\tapiver");
    check_vary(&["Origin", "apiver"], "Origin | apiver | accept");
    check_vary(&["*"], "*");
    check_vary(&["Origin, *"], "Origin, *");
    check_vary(&[""], " | accept | apiver");
}

#[test]
fn a_loop_is_seen_by_the_own_name_alone() {
    let is = |name: &'static str, value: &str| is_loop(&fields(&[(name, value)]));
    for value in ["verge", "VERGE", "a, verge", "verge;x=1, b", "a,verge ;x=1"] {
        assert!(is("cdn-loop", value), "{value}");
    }
    for value in ["", "vergence", "a;id=verge", "verge.example"] {
        assert!(!is("cdn-loop", value), "{value}");
    }
    for value in ["1.1 verge", "HTTP/2 Verge (x), 1.1 b", "1.0 a,1.1  verge"] {
        assert!(is("via", value), "{value}");
    }
    for value in ["verge", "1.1 verge.example", "verge a", "1.1 verge:80"] {
        assert!(!is("via", value), "{value}");
    }
    assert!(is_loop(&fields(&[("cdn-loop", "a"), ("cdn-loop", "verge")])));
}

#[test]
fn an_unfit_byte_is_found_wherever_it_stands() {
    let headers = fields(&[("apiver", "v1")]);
    let table = table("/prod", "", false);
    for length in 1..40 {
        for place in 1..=length {
            for unfit in ["\u{0}", " ", "#", "<", ">", "\u{7f}"] {
                let path = format!("/{}{unfit}{}", "a".repeat(place - 1), "a".repeat(length - place));
                assert!(send(&table, &path, &headers).is_none(), "{path:?}");
                assert!(send(&table, &format!("/?{path}"), &headers).is_none(), "{path:?}");
            }
        }
    }
}
