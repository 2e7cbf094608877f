//! A request for a version goes to that version's origin, once and unchanged.

use crate::stages::{Stages, V1, V2, assert_problem, row, rows};
use serde_json::json;
use verge_tests::{
    books::{answered, replied},
    certs::Authority,
    client::Http2,
    message::Request,
    node::Setup,
    origin::Origin,
    store::{Layout, Store},
};

/// What is counted of a request that a version's origin answers.
fn served(version: &str) -> Vec<String> {
    let name = "verge_version_requests_total{api=\"orders\",version=\"VERSION\",outcome=\"served\"}";
    vec![answered(2), name.replace("VERSION", version)]
}

#[tokio::test]
async fn a_version_in_the_header_goes_to_its_origin_once() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let books = stages.books(&node).await;
    let answer = node.ask(&Request::get("/orders/7").version("v1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    books.balance("by the header", 1, &served("v1")).await;
    assert_eq!(answer.field("api-version"), Some("v1"));
    let seen = stages.v1.only_seen();
    assert_eq!((seen.host.as_str(), seen.sni.as_deref()), (V1, Some(V1)));
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("GET", "/prod/orders/7"));
    assert!(stages.v2.seen().is_empty());
}

#[tokio::test]
async fn a_version_in_accept_goes_to_its_origin_once() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    for ranges in ["application/vnd.example.v2+json", "text/html, application/vnd.example+json;version=2;q=0.3"] {
        let books = stages.books(&node).await;
        let answer = node.ask(&Request::get("/orders").accept(ranges)).await;
        assert_eq!((answer.status, answer.field("api-version")), (200, Some("v2")), "{answer:?}");
        books.balance(ranges, 1, &served("v2")).await;
        let seen = stages.v2.last_seen();
        assert_eq!((seen.host.as_str(), seen.sni.as_deref(), seen.target.as_str()), (V2, Some(V2), "/orders"));
        assert_eq!(seen.field("accept"), Some(ranges));
    }
    assert!(stages.v1.seen().is_empty());
}

/// Everything a normalising proxy would touch.
const ODD_TARGET: &str = "/a%2Fb//c/../%7Ed;p=1/%e2%82%ac?q=%20+%2B&&=&x[]=1&u=http://h/?";

fn every_byte() -> Vec<u8> {
    (0..100_000_u32).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

#[tokio::test]
async fn path_query_and_body_arrive_byte_for_byte() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let request = Request::post(ODD_TARGET, every_byte()).version("1");
    let books = stages.books(&node).await;
    let answer = node.ask(&request).await;
    books.balance(ODD_TARGET, 1, &served("v1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = stages.v1.only_seen();
    assert_eq!((seen.method.as_str(), seen.target.as_str()), ("POST", format!("/prod{ODD_TARGET}").as_str()));
    assert_eq!(seen.body, every_byte());
    assert_eq!(seen.field("content-length"), Some("100000"));
}

#[tokio::test]
async fn a_client_that_speaks_http2_is_served_alike() {
    let stages = Stages::start().await;
    let node = stages.setup().tls(&stages.authority, "api.example.com").start().await;
    let mut client = Http2::open(node.https(), "api.example.com", stages.authority.client_config(&["h2"])).await;
    let answer = client.ask(&Request::post(ODD_TARGET, every_byte()).version("v1")).await;
    assert_eq!((answer.status, answer.field("api-version")), (200, Some("v1")), "{answer:?}");
    let seen = stages.v1.only_seen();
    assert_eq!((seen.host.as_str(), seen.sni.as_deref()), (V1, Some(V1)));
    assert_eq!(seen.target, format!("/prod{ODD_TARGET}"));
    assert_eq!(seen.body, every_byte());
    assert_eq!(seen.field("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.field("x-forwarded-host"), Some("api.example.com"));

    let rejected = client.ask(&Request::get("/orders").version("v9")).await;
    assert_problem(&rejected, 403, "unknown_version");
    let again = client.ask(&Request::get("/orders").version("v2")).await;
    assert_eq!(again.status, 200, "{again:?}");
}

#[tokio::test]
async fn the_origins_protocol_is_agreed_on_with_it() {
    let authority = Authority::new();
    let both = Origin::start(&authority, &[V1]).await;
    let old = Origin::speaking(&["http/1.1"], &authority.certify(&[V2]), &[V2]).await;
    let rows = json!([
        row("v1", V1),
        row("v2", V2),
        {"api": "orders", "version": "v3", "domain": V1, "protocol": "h1"},
        {"api": "orders", "version": "v4", "domain": V1, "protocol": "h2"},
    ]);
    let node = Setup::new().rows(rows).trusting(&authority).dialling(&both).dialling(&old).start().await;
    for (version, origin, protocol) in
        [("v1", &both, "h2"), ("v2", &old, "http/1.1"), ("v3", &both, "http/1.1"), ("v4", &both, "h2")]
    {
        let answer = node.ask(&Request::post("/orders", "the body").version(version)).await;
        assert_eq!(answer.status, 200, "{version}: {answer:?}");
        let seen = origin.last_seen();
        assert_eq!((seen.protocol, seen.body.as_ref()), (protocol, &b"the body"[..]), "{version}");
    }
}

#[tokio::test]
async fn an_origin_in_the_clear_is_asked_in_the_clear() {
    let origin = Origin::in_the_clear(&["plain.example.com"]).await;
    let rows = json!([{"api": "orders", "version": "v1", "domain": "plain.example.com", "scheme": "http"}]);
    let setup = Setup::new().rows(rows).origins("allow = [\"*.example.com\"]\ninsecure = true").dialling(&origin);
    let node = setup.start().await;
    let answer = node.ask(&Request::get("/").version("v1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = origin.only_seen();
    assert_eq!((seen.host.as_str(), seen.sni.as_deref()), ("plain.example.com", None));
}

#[tokio::test]
async fn what_cannot_be_served_never_reaches_origin_or_store() {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    for row in rows().as_array().unwrap() {
        store.put(row);
    }
    let quiet = format!("{}refresh = \"1d\"\npoll = \"0s\"\n", store.config());
    let node = stages.reachable().table(&quiet).start().await;
    let before = store.operations();
    let mut connection = node.connect().await;
    for (version, code) in [
        ("v9", "unknown_version"),
        ("", "malformed_version"),
        (" , ", "malformed_version"),
        (&"9".repeat(65), "malformed_version"),
        (&"9".repeat(8000), "malformed_version"),
        ("v1\u{e9}", "malformed_version"),
        ("v1/../v2", "malformed_version"),
        ("${jndi:ldap://x}", "malformed_version"),
        ("v10", "unknown_version"),
    ] {
        let books = stages.books(&node).await;
        let answer = connection.ask(&Request::get("/orders").version(version)).await;
        assert_problem(&answer, 403, code);
        books.balance(version, 0, &[replied(code), answered(4)]).await;
    }
    let books = stages.books(&node).await;
    for n in 0..500 {
        let made_up = if n % 2 == 0 {
            Request::get("/").version(&format!("made-up-{n}"))
        } else {
            Request::get("/").to(&format!("made-up-{n}.example.com"))
        };
        let answer = connection.ask(&made_up).await;
        assert_eq!(answer.status, 403, "{answer:?}");
    }
    let moved = [vec![replied("unknown_version"); 250], vec![replied("missing_version"); 250], vec![answered(4); 500]];
    books.balance("made up", 0, &moved.concat()).await;
    assert_eq!(store.operations(), before, "the request path must not read the store");
}

#[tokio::test]
async fn a_request_without_version_follows_the_missing_policy() {
    let stages = Stages::start().await;
    let api = |missing: &str| {
        format!("[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n[api.version]\nvendor = \"example\"\n{missing}\n")
    };
    let rows = json!([row("v1", V1), row("v2", V2), {"api": "orders", "version": "latest", "alias_of": "v2"}]);
    for (missing, goes_to) in [("", None), ("missing = \"v1\"", Some("v1")), ("missing = \"latest\"", Some("v2"))] {
        let node = stages.reachable().rows(rows.clone()).apis(&api(missing)).start().await;
        for request in [Request::get("/orders"), Request::get("/orders").accept("*/*, application/json")] {
            let books = stages.books(&node).await;
            let answer = node.ask(&request).await;
            match goes_to {
                None => {
                    assert_problem(&answer, 403, "missing_version");
                    books.balance(missing, 0, &[replied("missing_version"), answered(4)]).await;
                }
                Some(version) => {
                    assert_eq!((answer.status, answer.field("api-version")), (200, Some(version)), "{answer:?}");
                    books.balance(missing, 1, &served(version)).await;
                }
            }
        }
    }
}

#[tokio::test]
async fn two_versions_are_never_first_wins() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    for request in [
        Request::get("/").version("v1, v2"),
        Request::get("/").version("v1").version("v2"),
        Request::get("/").version("v1").accept("application/vnd.example.v2+json"),
        Request::get("/").accept("application/vnd.example.v1+json;version=2"),
    ] {
        let books = stages.books(&node).await;
        assert_problem(&node.ask(&request).await, 403, "ambiguous_version");
        books.balance("two versions", 0, &[replied("ambiguous_version"), answered(4)]).await;
    }
    let agreeing = Request::get("/").version("v1, 1").version("V1").accept("application/vnd.example.v1+json");
    assert_eq!(node.ask(&agreeing).await.status, 200);
    // Where `Accept` leaves a choice, the header makes it.
    let choosing =
        Request::get("/").version("v2").accept("application/vnd.example.v1+json, application/vnd.example.v2+json");
    assert_eq!(node.ask(&choosing).await.field("api-version"), Some("v2"));
}

#[tokio::test]
async fn a_hostile_accept_is_answered_like_any_other() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("head = \"64KiB\"").start().await;
    let mut connection = node.connect().await;
    for (ranges, code) in [
        ("application/vnd.example.v9+json,".repeat(1000), "unknown_version"),
        ("\"".repeat(16_000), "missing_version"),
        ("a/b;x=\"\\\\".repeat(1500), "missing_version"),
        (",".repeat(16_000), "missing_version"),
        (";q=".repeat(5000), "missing_version"),
        ("application/vnd.example.v".to_owned() + &"1".repeat(16_000) + "+json", "malformed_version"),
    ] {
        let books = stages.books(&node).await;
        assert_problem(&connection.ask(&Request::get("/").accept(&ranges)).await, 403, code);
        books.balance(code, 0, &[replied(code), answered(4)]).await;
    }
}

#[tokio::test]
async fn without_a_table_nothing_is_unknown() {
    let stages = Stages::start().await;
    let mut store = Store::start(Layout::Verge);
    store.stop();
    let node = stages.reachable().store(&store).start_unready().await;
    let ready = node.ask_admin("/readyz").await;
    assert_eq!(ready.status, 503, "{ready:?}");
    assert!(ready.json()["why"].as_str().is_some_and(|why| !why.is_empty()), "{ready:?}");
    for request in [Request::get("/").version("v1"), Request::get("/"), Request::get("/").version("nonsense!")] {
        let books = stages.books(&node).await;
        let answer = node.ask(&request).await;
        assert_problem(&answer, 503, "no_table");
        assert!(answer.field("retry-after").is_some_and(|seconds| seconds.parse::<u32>().is_ok()), "{answer:?}");
        books.balance("no table", 0, &[replied("no_table"), answered(5)]).await;
    }
    assert_eq!(node.metric("verge_table_loaded").await, 0.0);
}

#[tokio::test]
async fn apis_are_told_apart_by_host_and_path() {
    let stages = Stages::start().await;
    let apis = r#"
        [[api]]
        name = "orders"
        hosts = ["api.example.com"]
        path = "/orders"
        strip = true
        [[api]]
        name = "users"
        hosts = ["api.example.com", "*.users.example.com"]
    "#;
    let rows = json!([
        {"api": "orders", "version": "v1", "domain": V1, "base_path": "/prod"},
        {"api": "users", "version": "v1", "domain": V2},
    ]);
    let node = stages.reachable().rows(rows).apis(apis).start().await;
    for (host, target, origin, arrives_at) in [
        ("api.example.com", "/orders/7?x", &stages.v1, "/prod/7?x"),
        ("API.Example.COM.:80", "/orders", &stages.v1, "/prod/"),
        ("api.example.com", "/ordersx", &stages.v2, "/ordersx"),
        ("eu.users.example.com", "/orders/7", &stages.v2, "/orders/7"),
    ] {
        let answer = node.ask(&Request::get(target).to(host).version("v1")).await;
        assert_eq!(answer.status, 200, "{host}{target}: {answer:?}");
        assert_eq!(origin.last_seen().target, arrives_at, "{host}{target}");
    }
    for host in ["example.com", "a.b.users.example.com", "api.example.com.evil.test"] {
        let answer = node.ask(&Request::get("/orders").to(host).version("v1")).await;
        assert_problem(&answer, 421, "unknown_host");
    }
}
