//! Properties of what comes back, held against a second opinion: the URL Standard as the `url` crate reads it.

use crate::build;
use http::{HeaderMap, HeaderValue, Method, header};
use proptest::{collection::vec, prelude::*, sample::select};
use std::sync::LazyLock;
use url::Url;
use verge_router::{Forward, MappingTable, Moment, Reason, Rejection, Request, route};
use verge_tests::corpus;

const ORIGIN: &str = "one.execute-api.us-east-1.amazonaws.com";

fn table(name: &str) -> MappingTable {
    let case = corpus::load().into_iter().find(|case| case.fixture.name == name).unwrap();
    build(&case.fixture).unwrap()
}

static WAY_BACK: LazyLock<MappingTable> = LazyLock::new(|| table("way_back"));
static CORS: LazyLock<MappingTable> = LazyLock::new(|| table("cors"));

/// What becomes of `GET url` for a version.
fn ask(table: &MappingTable, url: &Url, version: &'static str) -> Result<Forward, Rejection> {
    let headers: HeaderMap =
        [(http::HeaderName::from_static("apiver"), HeaderValue::from_static(version))].into_iter().collect();
    let request = Request {
        method: &Method::GET,
        host: url.host_str().unwrap(),
        path: url.path(),
        query: url.query(),
        headers: &headers,
    };
    route(&request, table, &Moment::at(0), &mut ())
}

/// What a `Location` of the origin is to the client of this URL.
fn map(forward: &Forward, url: &Url, location: &HeaderValue) -> HeaderValue {
    let headers = HeaderMap::new();
    let request = Request {
        method: &Method::GET,
        host: url.host_str().unwrap(),
        path: url.path(),
        query: None,
        headers: &headers,
    };
    let mut answer = HeaderMap::new();
    answer.insert(header::LOCATION, location.clone());
    forward.edit_response(&request, url.scheme() == "https", &mut answer);
    answer.get(header::LOCATION).unwrap().clone()
}

/// Pieces of references, those that mean trouble among them.
fn references() -> impl Strategy<Value = String> {
    let pieces = select(vec![
        "/",
        "//",
        "/prod",
        "prod",
        "/prod/",
        "/dev",
        "..",
        "/../",
        "/./",
        "%2e%2e",
        "%2F",
        "\\",
        "\t",
        "?",
        "#",
        "@",
        ":",
        ":443",
        ":8443",
        ".",
        "a",
        "/orders",
        "/orders/7",
        "evil.example",
        "//evil.example",
        ORIGIN,
        "https:",
        "https://",
        "http://",
        "HTTPS://",
        "https://one.execute-api.us-east-1.amazonaws.com",
        "https://api.example.com",
        " ",
        "\u{e9}",
        "javascript:",
        "[::1]",
        "|",
        "x=1",
    ]);
    vec(pieces, 0..7).prop_map(|pieces| pieces.concat())
}

fn clients() -> impl Strategy<Value = Url> {
    let hosts = select(vec![
        "http://api.example.com",
        "https://api.example.com",
        "https://cut.example.com/orders",
        "http://kept.example.com/orders",
    ]);
    (hosts, select(vec!["", "/", "/7", "/a/b/", "/7/8?x=1"]))
        .prop_map(|(host, path)| Url::parse(&format!("{host}{path}")).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 4096, ..ProptestConfig::default() })]

    #[test]
    fn no_host_comes_from_the_way_back(reference in references(), client in clients()) {
        let forward = ask(&WAY_BACK, &client, "v1").unwrap();
        let Ok(location) = HeaderValue::from_str(&reference).or_else(|_| HeaderValue::from_bytes(reference.as_bytes())) else {
            return Ok(());
        };
        let mapped = map(&forward, &client, &location);
        if mapped == location {
            return Ok(());
        }
        // What is changed named the origin, and names the client's host now, by its scheme.
        let target = Url::parse(&format!("https://{ORIGIN}{}", forward.target())).unwrap();
        let meant = target.join(&reference).unwrap();
        let followed = client.join(std::str::from_utf8(mapped.as_bytes()).unwrap()).unwrap();
        // A trailing dot makes no other host.
        let host = meant.host_str().map(|host| host.strip_suffix('.').unwrap_or(host));
        prop_assert_eq!(host, Some(ORIGIN), "{:?} -> {:?}", reference, mapped);
        prop_assert_eq!(followed.origin(), client.origin(), "{:?} -> {:?}", reference, mapped);
        // And following it leads to what was meant.
        if let Ok(again) = ask(&WAY_BACK, &followed, "v1") {
            let reached = Url::parse(&format!("https://{ORIGIN}{}", again.target())).unwrap();
            // The base path itself has no name at the client but `/`, which is the base path and a slash.
            let same = reached.path() == meant.path() || reached.path().strip_suffix('/') == Some(meant.path());
            prop_assert!(same, "{:?} -> {:?}: {} is not {}", reference, mapped, reached, meant);
            prop_assert_eq!(reached.query(), meant.query());
        }
        prop_assert_eq!(followed.fragment(), meant.fragment());
    }

    #[test]
    fn there_and_back_is_the_same_path(path in "(/[a-z0-9%~:@!$&'()*+,;=._-]{1,8}){0,4}/?", host in 0..3_usize) {
        let bases = ["http://api.example.com", "https://cut.example.com/orders", "http://kept.example.com/orders"];
        // Paths that climb are refused, and what a browser resolves it does not send.
        let Ok(client) = Url::parse(&format!("{}{path}", bases[host])) else { return Ok(()) };
        let Ok(forward) = ask(&WAY_BACK, &client, "v1") else { return Ok(()) };
        let mapped = map(&forward, &client, &HeaderValue::from_str(forward.target()).unwrap());
        let slashed = format!("{}/", client.path());
        prop_assert!(mapped == client.path() || mapped == slashed.as_str(), "{} -> {} -> {:?}", client, forward.target(), mapped);
    }

    #[test]
    fn a_web_origin_that_is_let_in_is_one_of_the_policys(
        pieces in vec(select(vec![
            "https://", "http://", "app", "one", ".", "apps", "example.com", ".apps.example.com", "evil", "@", ":", ":443", ":8443",
            "/", "?", "#", "\\", "%2e", "\u{3002}", "-", "_", "null", "*", "localhost:3000", " ", "A",
        ]), 1..7)
    ) {
        let origin = pieces.concat();
        let Ok(value) = HeaderValue::from_bytes(origin.as_bytes()) else { return Ok(()) };
        let api = CORS.api("orders").unwrap().api();
        let headers: HeaderMap = [(header::ORIGIN, value)].into_iter().collect();
        if api.cors().unwrap().allows(&headers).is_none() {
            return Ok(());
        }
        let url = Url::parse(&origin).unwrap();
        prop_assert_eq!(url.origin().ascii_serialization(), origin.clone());
        let host = url.host_str().unwrap();
        let below = host.strip_suffix(".apps.example.com").is_some_and(|label| !label.contains('.'));
        let named = ["https://app.example.com", "http://localhost:3000"].contains(&origin.as_str());
        prop_assert!(named || below && url.scheme() == "https" && url.port().is_none(), "{}", origin);
    }

    /// Whatever the policies of an API are, a preflight that names no version is forwarded or answered, and never refused.
    #[test]
    fn a_preflight_is_never_refused(
        missing in select(vec!["reject", "v1", "old", "bad", "nowhere", "latest"]),
        preflight in select(vec!["reject", "v1", "old", "bad", "nowhere", "latest"]),
        read in select(vec![vec!["accept"], vec!["header"], vec!["accept", "header"]]),
        cors in select(vec!["", "origins = [\"*\"]", "origins = [\"https://app.example.com\"]", "origins = [\"https://*.example.com\"]\nexisting = \"keep\""]),
        more in select(vec!["", "supported = false", "advertise = [\"fields\", \"well_known\"]", "path = \"/orders\"\nstrip = true"]),
        origin in select(vec!["https://app.example.com", "https://evil.example.net", "null", ""]),
        method in select(vec!["GET", "PUT", "PURGE"]),
        accept in select(vec![None, Some("*/*"), Some("text/html"), Some("*/*;q=0")]),
    ) {
        let cors = if cors.is_empty() { String::new() } else { format!("[api.cors]\n{cors}\n") };
        let fixture = corpus::Fixture {
            name: "preflights".to_owned(),
            config: format!(
                "[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n{more}\n[api.version]\nread = {read:?}\nmissing = \"{missing}\"\npreflight = \"{preflight}\"\n{cors}",
            ),
            items: vec![
                serde_json::json!({"api": "orders", "version": "v1", "domain": ORIGIN}),
                serde_json::json!({"api": "orders", "version": "old", "domain": ORIGIN, "sunset_at": "1970-01-01T00:00:00Z"}),
                serde_json::json!({"api": "orders", "version": "bad", "domain": "127.0.0.1"}),
                serde_json::json!({"api": "orders", "version": "latest", "alias_of": "old"}),
            ],
            invalid: vec!["bad".to_owned()],
            before: Vec::new(),
            own: Default::default(),
            unread: Vec::new(),
        };
        let table = build(&fixture).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
        headers.insert(header::ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static(method));
        headers.insert(header::ACCESS_CONTROL_REQUEST_HEADERS, HeaderValue::from_static("apiver"));
        if let Some(accept) = accept {
            headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        }
        let request = Request { method: &Method::OPTIONS, host: "api.example.com", path: "/orders/7", query: None, headers: &headers };
        match route(&request, &table, &Moment::at(1_000_000_000), &mut ()) {
            Ok(forward) => prop_assert!(!fixture.config.contains("[api.cors]") && forward.mapping().key() == "v1"),
            Err(rejection) => {
                prop_assert_eq!(rejection.reason, Reason::Preflight);
                prop_assert_eq!(rejection.status().as_u16(), 204);
            }
        }
    }
}
