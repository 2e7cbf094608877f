use super::*;
use crate::origin::{DomainPattern, OriginRules, OriginSpec};
use alloc::{borrow::ToOwned, format, string::String};

/// What a client asked and where it went, without strip, base path and segment where a test does not say so.
#[derive(Clone, Copy)]
struct Way {
    base: &'static str,
    own: &'static str,
    strip: bool,
    segment: &'static str,
    host: &'static str,
    nothing_left: bool,
    port: Option<u16>,
}

const PROD: Way =
    Way { base: "/prod", own: "", strip: false, segment: "", host: "api.example.com", nothing_left: false, port: None };
const ROOT: Way = Way { base: "", ..PROD };
const CUT: Way = Way { own: "/orders", strip: true, ..PROD };
const KEPT: Way = Way { own: "/orders", ..PROD };

impl Way {
    fn map(self, place: Place, line: &str) -> String {
        let rules =
            OriginRules { allow: [DomainPattern::parse("*.origin.example").unwrap()].into(), ..OriginRules::default() };
        let spec = OriginSpec {
            domain: "v1.origin.example",
            base_path: Some(self.base),
            port: self.port,
            ..OriginSpec::default()
        };
        let origin = Origin::parse(&spec, &rules, &[]).unwrap();
        let back = Back {
            origin: &origin,
            scheme: "http",
            host: self.host,
            own: self.own,
            strip: self.strip,
            segment: self.segment,
            nothing_left: self.nothing_left,
        };
        let line = HeaderValue::from_bytes(line.as_bytes()).unwrap();
        let mapped = back.map(place, &line).unwrap_or(line);
        String::from_utf8(mapped.as_bytes().to_owned()).unwrap()
    }

    fn check(self, reference: &str, expected: &str) {
        assert_eq!(self.map(Place::Reference, reference), expected, "{reference}");
    }

    fn check_cookie(self, attributes: &str, expected: &str) {
        let mapped = self.map(Place::Cookie, &format!("a=b{attributes}"));
        assert_eq!(mapped, format!("a=b{expected}"), "{attributes}");
    }
}

/// What must come back as it is.
fn check_untouched(way: Way, references: &[&str]) {
    for reference in references {
        way.check(reference, reference);
    }
}

#[test]
fn the_origins_urls_become_the_clients() {
    PROD.check("https://v1.origin.example/prod/orders/7?x=1#y", "http://api.example.com/orders/7?x=1#y");
    PROD.check("HTTPS://V1.Origin.Example:443/prod", "http://api.example.com/");
    PROD.check("https://v1.origin.example.:/prod?x", "http://api.example.com/?x");
    PROD.check("//v1.origin.example/prod/a", "//api.example.com/a");
    PROD.check("/prod/a%2Fb/?c", "/a%2Fb/?c");
    PROD.check("/prod", "/");
    PROD.check("/prod#top", "/#top");
    ROOT.check("https://v1.origin.example", "http://api.example.com/");
    ROOT.check("https://v1.origin.example?x", "http://api.example.com/?x");
    Way { port: Some(8443), ..PROD }.check("https://v1.origin.example:8443/prod/a", "http://api.example.com/a");
    Way { host: "API.example.com:8080", ..PROD }
        .check("https://v1.origin.example/prod/a", "http://API.example.com:8080/a");
}

#[test]
fn what_was_cut_is_put_back() {
    CUT.check("/prod/7", "/orders/7");
    CUT.check("/prod", "/orders");
    CUT.check("/prod/?x", "/orders/?x");
    KEPT.check("/prod/orders/7", "/orders/7");
    KEPT.check("/prod/customers/7", "/customers/7");
    Way { segment: "/v1", ..PROD }.check("/prod/a", "/v1/a");
    Way { segment: "/v1", ..CUT }.check("/prod/7", "/orders/v1/7");
    Way { segment: "/v1", ..KEPT }.check("/prod/orders/7", "/orders/v1/7");
    Way { segment: "/v1", ..KEPT }.check("/prod/orders?x", "/orders/v1?x");
    Way { segment: "/v1", ..KEPT }.check("/prod/customers", "/customers");
    Way { base: "", ..CUT }.check("https://v1.origin.example/7", "http://api.example.com/orders/7");
}

#[test]
fn what_is_not_the_origins_is_passed_on() {
    let others = [
        "https://other.example/prod/a",
        "http://v1.origin.example/prod/a",
        "https://v1.origin.example:8443/prod/a",
        "https://v1.origin.example:x/prod/a",
        "https://v1.origin.example:99999/prod/a",
        "https://v1.origin.example.evil.example/prod/a",
        "https://evilv1.origin.example/prod/a",
        "https://me@v1.origin.example/prod/a",
        "https://v1.origin.example@evil.example/prod/a",
        "//other.example/prod/a",
        "https:/prod/a",
        "https:v1.origin.example/prod/a",
        "mailto:a@v1.origin.example",
        "urn:x:/prod/a",
        "https://v1.origin.example/dev/a",
        "https://v1.origin.example/production",
        "https://v1.origin.example",
        "/dev/a",
        "/production",
        "/prod%2Fa",
        "/Prod/a",
        "a",
        "../a",
        "./prod/a",
        "?x",
        "#x",
        "",
    ];
    check_untouched(PROD, &others);
    check_untouched(CUT, &others);
}

#[test]
fn what_does_not_stay_under_the_base_path_is_passed_on() {
    check_untouched(
        PROD,
        &["/prod/../dev/a", "/prod/a/../../dev", "/prod/%2e%2E/dev", "https://v1.origin.example/prod/.."],
    );
    PROD.check("/prod/a/../b?../../..", "/a/../b?../../..");
}

#[test]
fn a_path_never_becomes_a_host() {
    PROD.check("/prod//evil.example/a", "http://api.example.com//evil.example/a");
    ROOT.check("https://v1.origin.example//evil.example", "http://api.example.com//evil.example");
    check_untouched(Way { host: "", ..PROD }, &["/prod//evil.example", "https://v1.origin.example/prod//evil.example"]);
    // Browsers read these as `//` as well.
    check_untouched(
        PROD,
        &[
            "/prod/\\evil.example",
            "/prod/\t/evil.example",
            "/prod\\/evil.example",
            "https://v1.origin.example\\@evil.example/prod",
        ],
    );
    Way { host: "", ..PROD }.check("https://v1.origin.example/prod/a", "/a");
}

#[test]
fn a_relative_reference_gets_the_slash_the_origin_saw() {
    let cut = Way { nothing_left: true, ..CUT };
    cut.check("7", "/orders/7");
    cut.check("./7?x", "/orders/./7?x");
    check_untouched(cut, &["", "?x", "#x", "../7", "mailto:x"]);
    Way { segment: "/v1", nothing_left: true, ..PROD }.check("7", "/v1/7");
    check_untouched(CUT, &["7", "./7"]);
}

#[test]
fn what_cannot_be_read_is_passed_on() {
    check_untouched(PROD, &["/prod/a b", "/prod/<a>", "/prod/\"", "/prod/{a}", "/prod/a|b", "/prod/`", "/prod/^"]);
    let long = format!("/prod/{}", "a".repeat(MAX_LINE));
    PROD.check(&long, &long);
}

#[test]
fn links_are_mapped_one_by_one() {
    let check = |line: &str, expected: &str| assert_eq!(PROD.map(Place::Link, line), expected, "{line}");
    check(
        "</prod/a?page=2>; rel=\"next\", <https://other.example/prod>; rel=up,</prod/b>;rel=x",
        "</a?page=2>; rel=\"next\", <https://other.example/prod>; rel=up,</b>;rel=x",
    );
    check("</prod/a>; title=\"</prod/b>, </prod/c>\", </prod/d>", "</a>; title=\"</prod/b>, </prod/c>\", </d>");
    check("</prod/a>; title=\"\\\"</prod/b>\"; anchor=\"/prod/c\"", "</a>; title=\"\\\"</prod/b>\"; anchor=\"/c\"");
    check(", ,\t</prod/a>", ", ,\t</a>");
    check("</prod/a>; Anchor = \"https://v1.origin.example/prod/c\"", "</a>; Anchor = \"http://api.example.com/c\"");
    check("</other>; x-anchor=\"/prod/a\"", "</other>; x-anchor=\"/prod/a\"");
    // What follows something broken is left alone.
    check("</prod/a>, b, </prod/c>", "</a>, b, </prod/c>");
    check("</prod/a>; title=\"x, </prod/c>", "</a>; title=\"x, </prod/c>");
    check("</prod/a", "</prod/a");
    check("/prod/a", "/prod/a");
    check("</prod/a>; a<b</prod/c>", "</a>; a<b</prod/c>");
}

#[test]
fn refresh_is_read_as_browsers_read_it() {
    let check = |line: &str, expected: &str| assert_eq!(PROD.map(Place::Refresh, line), expected, "{line}");
    check("5; url=/prod/a", "5; url=/a");
    check("0;URL = '/prod/a' tail", "0;URL = '/a' tail");
    check("1.5, \"/prod/a\"", "1.5, \"/a\"");
    check("3 /prod/a ", "3 /a ");
    check("0; url=https://other.example/", "0; url=https://other.example/");
    check("0; url=https://v1.origin.example/prod/", "0; url=http://api.example.com/");
    for untouched in ["5", "5;", "5; url=", "x; url=/prod/a", "5x/prod/a", "; url=/prod/a", ""] {
        check(untouched, untouched);
    }
}

#[test]
fn a_domain_that_a_browser_would_refuse_is_dropped() {
    PROD.check_cookie("; Domain=v1.origin.example; Secure", "; Secure");
    PROD.check_cookie("; secure; DOMAIN = .V1.Origin.Example", "; secure");
    PROD.check_cookie("; Domain=origin.example", "");
    for kept in
        ["; Domain=example.com", "; Domain=api.example.com", "; Domain=other.example", "; Domain=", "; Domain", ""]
    {
        PROD.check_cookie(kept, kept);
    }
    // The client's host is under the same parent: it would take the cookie, and so it gets it.
    let sibling = Way { host: "api.origin.example:8080", ..PROD };
    sibling.check_cookie("; Domain=origin.example", "; Domain=origin.example");
    sibling.check_cookie("; Domain=v1.origin.example", "");
    Way { host: "127.0.0.1:8080", ..PROD }.check_cookie("; Domain=v1.origin.example", "");
    Way { host: "127.0.0.1", ..PROD }.check_cookie("; Domain=0.0.1", "; Domain=0.0.1");
}

#[test]
fn the_path_of_a_cookie_is_the_clients() {
    PROD.check_cookie("; Path=/prod", "; Path=/");
    PROD.check_cookie("; Path=/prod/", "; Path=/");
    PROD.check_cookie(";path= /prod/orders ;HttpOnly", ";path=/orders;HttpOnly");
    CUT.check_cookie("; Path=/prod", "; Path=/orders");
    CUT.check_cookie("; Path=/prod/", "; Path=/orders");
    CUT.check_cookie("; Path=/prod/7", "; Path=/orders/7");
    Way { segment: "/v1", ..CUT }.check_cookie("; Path=/prod/7", "; Path=/orders/v1/7");
    Way { base: "", ..CUT }.check_cookie("; Path=/7", "; Path=/orders/7");
    Way { base: "/a/b", ..CUT }.check_cookie("; Path=/a", "; Path=/");
    for way in [PROD, CUT, KEPT, Way { base: "", ..CUT }] {
        way.check_cookie("; Path=/", "; Path=/");
        for kept in ["; Path=", "; Path", "; Path=prod", "; Path=/\\x"] {
            way.check_cookie(kept, kept);
        }
    }
    PROD.check_cookie("; Path=/dev", "; Path=/dev");
    PROD.check_cookie("; Path=/production", "; Path=/production");
}

#[test]
fn cookies_keep_what_their_prefix_asks_for() {
    let map = |line: &str| PROD.map(Place::Cookie, line);
    for host in ["__Host-a=b; Secure; Path=/", "__host-a=b; Domain=v1.origin.example; Path=/prod"] {
        assert_eq!(map(host), host);
    }
    assert_eq!(map("__Secure-a=b; Secure; Domain=v1.origin.example; Path=/prod"), "__Secure-a=b; Secure; Path=/");
    assert_eq!(map("a=\"/prod; Domain=v1.origin.example\""), "a=\"/prod; Domain=v1.origin.example\"");
    assert_eq!(map("Path=/prod; Path=/prod"), "Path=/prod; Path=/");
}
