use super::*;
use alloc::{string::String, vec, vec::Vec};
use core::time::Duration;

fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn draft(origins: &[&str]) -> CorsDraft {
    let origins = origins.iter().map(|origin| WebOrigin::parse(origin).unwrap()).collect();
    CorsDraft { origins, ..CorsDraft::default() }
}

fn lines(fields: impl Iterator<Item = (HeaderName, HeaderValue)>) -> Vec<String> {
    fields.map(|(name, value)| alloc::format!("{name}: {}", value.to_str().unwrap())).collect()
}

/// Whether a pattern means an origin.
fn check(pattern: &str, origin: &str, expected: bool) {
    assert_eq!(WebOrigin::parse(pattern).unwrap().matches(origin.as_bytes()), expected, "{pattern} and {origin}");
}

#[test]
fn an_origin_is_its_scheme_its_host_and_its_port() {
    for (pattern, origin) in [
        ("https://app.example.com", "https://app.example.com"),
        ("HTTPS://App.Example.com:443", "https://app.example.com"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:80", "http://[::1]"),
        ("https://127.0.0.1:8443", "https://127.0.0.1:8443"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("null", "null"),
    ] {
        check(pattern, origin, true);
    }
    for origin in [
        "http://app.example.com",
        "https://app.example.com:8443",
        "https://app.example.com:443",
        "https://app.example.com.",
        "https://app.example.com/",
        "https://APP.example.com",
        "https://app.example.com.evil.example",
        "https://xapp.example.com",
        "app.example.com",
        "null",
        "*",
        "",
    ] {
        check("https://app.example.com", origin, false);
    }
}

#[test]
fn a_pattern_is_one_label() {
    let pattern = "https://*.example.com";
    for origin in ["https://a.example.com", "https://a-b_9.example.com", "https://xn--bcher-kva.example.com"] {
        check(pattern, origin, true);
    }
    for origin in [
        "https://example.com",
        "https://.example.com",
        "https://a.b.example.com",
        "https://example.com.evil",
        "https://a.example.com.evil",
        "https://aexample.com",
        "https://evil.example/.example.com",
        "https://evil.example:1.example.com",
        "https://evil@.example.com",
        "https://evil?.example.com",
        "https://evil#.example.com",
        "https://A.example.com",
        "https://a.example.com:8443",
        "http://a.example.com",
        "null",
        "https://",
        "",
    ] {
        check(pattern, origin, false);
    }
    check("https://*.example.com:8443", "https://a.example.com:8443", true);
    check("https://*.example.com:8443", "https://a.example.com", false);
    check("http://*.localhost", "http://a.localhost", true);
}

#[test]
fn what_no_browser_sends_or_would_let_strangers_in_is_refused() {
    for bad in [
        "",
        "app.example.com",
        "https://",
        "https:///",
        "https://app.example.com/",
        "https://app.example.com/a",
        "https://me@app.example.com",
        "https://app..example.com",
        "https://a b",
        "https://b\u{fc}cher.example",
        "https://app.example.com:0",
        "https://app.example.com:99999",
        "https://app.example.com:x",
        "https://*",
        "https://*.com",
        "https://*.0.0.1",
        "https://*.[::1]",
        "https://*a.example.com",
        "https://a.*.example.com",
        "https://*.*.example.com",
        "*://a.example.com",
        "*.example.com",
    ] {
        assert!(WebOrigin::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn credentials_are_for_those_that_are_named() {
    let with = |origins: &[&str], expose| {
        CorsDraft { credentials: Some(true), expose, ..draft(origins) }
            .check()
            .map_err(|error| alloc::format!("{error}"))
    };
    assert!(with(&["https://a.example"], None).is_ok());
    assert!(with(&["*"], None).unwrap_err().starts_with("`*` cannot be combined"));
    assert!(with(&["null"], None).unwrap_err().starts_with("`null`"));
    assert!(with(&["https://a.example"], Some(Names::Any)).unwrap_err().starts_with("`expose"));
    assert_eq!(draft(&[]).check(), Err(InvalidCors::NoOrigin));
    assert_eq!(draft(&["*", "https://a.example"]).check(), Err(InvalidCors::AnyAndMore));
    let long = CorsDraft { max_age: Some(Duration::from_secs(86_401)), ..draft(&["*"]) };
    assert_eq!(long.check(), Err(InvalidCors::MaxAge));
}

#[test]
fn an_answer_names_the_origin_that_asked_and_what_it_may_read() {
    let cors = CorsDraft { credentials: Some(true), ..draft(&["https://a.example"]) }.finish(&[], &["x-more"]).unwrap();
    let expose = "api-version, verge-arm, verge-reason, x-request-id, Deprecation, Sunset, Link, Retry-After, x-more";
    assert_eq!(
        lines(cors.answer_fields(&headers(&[("origin", "https://a.example")]))),
        [
            "access-control-allow-origin: https://a.example",
            "access-control-allow-credentials: true",
            &alloc::format!("access-control-expose-headers: {expose}"),
        ]
    );
    for denied in [&[("origin", "https://b.example")][..], &[], &[("origin", "null")]] {
        assert_eq!(lines(cors.answer_fields(&headers(denied))), [""; 0]);
        assert_eq!(lines(cors.preflight_fields(&headers(denied))), [""; 0]);
    }
    let twice = headers(&[("origin", "https://a.example"), ("origin", "https://a.example")]);
    assert_eq!(cors.allows(&twice), None);
}

#[test]
fn a_preflight_is_told_the_policy() {
    let asked = headers(&[
        ("origin", "https://a.example"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "apiver, x-b"),
    ]);
    let plain = draft(&["https://a.example"]).finish(&["Accept".into(), "APIVER".into()], &[]).unwrap();
    assert_eq!(
        lines(plain.preflight_fields(&asked)),
        [
            "access-control-allow-origin: https://a.example",
            "access-control-allow-methods: GET, HEAD, POST, PUT, PATCH, DELETE",
            "access-control-allow-headers: Accept, APIVER, Authorization, Content-Type",
            "access-control-max-age: 600",
        ]
    );
    let any =
        CorsDraft { methods: Some(Names::Any), headers: Some(Names::Any), ..draft(&["*"]) }.finish(&[], &[]).unwrap();
    assert_eq!(
        lines(any.preflight_fields(&asked)),
        [
            "access-control-allow-origin: *",
            "access-control-allow-methods: PUT",
            "access-control-allow-headers: apiver, x-b",
            "access-control-max-age: 600",
        ]
    );
    let odd = headers(&[("access-control-request-method", "P UT"), ("access-control-request-headers", "a:b")]);
    assert_eq!(lines(any.preflight_fields(&odd)), ["access-control-allow-origin: *", "access-control-max-age: 600"]);
}

#[test]
fn names_are_listed_once() {
    let headers = Some(Names::These(vec!["apiver".into(), "X-A".into(), "x-a".into()]));
    let cors = CorsDraft { headers, ..draft(&["*"]) }.finish(&["APIVER".into()], &[]).unwrap();
    assert_eq!(cors.headers.unwrap(), "APIVER, X-A");
}

#[test]
fn the_stages_own_fields_are_replaced_or_kept() {
    let stage = [
        ("access-control-allow-origin", "*"),
        ("access-control-allow-methods", "TRACE"),
        ("access-control-expose-headers", "x-own"),
    ];
    let edit = |keep, origin: &str, fields: &[(&'static str, &str)]| {
        let cors = CorsDraft { keep: Some(keep), ..draft(&["https://a.example"]) }.finish(&[], &[]).unwrap();
        let mut answer = headers(fields);
        cors.edit(&headers(&[("origin", origin)]), true, &mut answer);
        answer
    };
    let replaced = edit(false, "https://a.example", &stage);
    assert_eq!(replaced.get("access-control-allow-origin").unwrap(), "https://a.example");
    assert!(!replaced.contains_key("access-control-allow-methods"));
    assert!(replaced.get("access-control-expose-headers").unwrap().to_str().unwrap().starts_with("api-version"));
    assert!(edit(false, "https://b.example", &stage).is_empty());
    let kept = edit(true, "https://b.example", &stage);
    assert_eq!(kept.get("access-control-allow-origin").unwrap(), "*");
    assert_eq!(kept.get_all("access-control-expose-headers").iter().count(), 2);
    // Where the stage says nothing of origins, the policy speaks.
    let silent = edit(true, "https://a.example", &stage[1..]);
    assert_eq!(silent.get("access-control-allow-origin").unwrap(), "https://a.example");
}

#[test]
fn methods_and_names_that_cannot_be_allowed_are_refused() {
    for bad in ["", "P UT", "CONNECT", "trace", "TRACK", "*"] {
        assert!(parse_method(bad).is_err(), "{bad}");
    }
    for bad in ["", "a b", "a:", "*"] {
        assert!(parse_name(bad).is_err(), "{bad}");
    }
}
