//! What is added, replaced and removed on the way there and back.

use crate::stages::{Stages, V1, row};
use serde_json::json;
use verge_tests::{books::answered, message::Request, origin::Behaviour};

#[tokio::test]
async fn what_a_client_may_not_say_is_replaced_before_the_origin() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let request = Request::get("/orders")
        .version("v1")
        .field("verge-version", "v2")
        .field("Verge-Override", "canary;9999999999;00")
        .field("verge-anything", "x")
        .field("x-apigw-api-id", "abc123")
        .field("x-forwarded-for", "6.6.6.6")
        .field("X-Forwarded-For", "7.7.7.7")
        .field("x-forwarded-proto", "https")
        .field("x-forwarded-host", "evil.example.com")
        .field("x-forwarded-port", "1")
        .field("forwarded", "for=6.6.6.6;host=evil.example.com")
        .field("proxy-authorization", "Basic c2VjcmV0")
        .field("keep-alive", "timeout=5")
        .field("x-one-hop", "mine")
        .field("connection", "x-one-hop")
        .field("authorization", "Bearer client's own")
        .field("x-custom", "one")
        .field("x-custom", "two");
    let books = stages.books(&node).await;
    assert_eq!(node.ask(&request).await.status, 200);
    books.balance("a client's own words", 1, &[answered(2)]).await;
    let seen = stages.v1.only_seen();
    for gone in [
        "verge-override",
        "verge-anything",
        "x-apigw-api-id",
        "x-forwarded-port",
        "forwarded",
        "proxy-authorization",
        "keep-alive",
        "x-one-hop",
        "proxy-connection",
    ] {
        assert!(seen.lines(gone).is_empty(), "{gone} went through: {:?}", seen.lines(gone));
    }
    for (name, value) in [
        ("verge-version", "v1"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "api.example.com"),
        ("via", "1.1 verge"),
        ("cdn-loop", "verge"),
        ("authorization", "Bearer client's own"),
    ] {
        assert_eq!(seen.field(name), Some(value), "{name}");
    }
    assert_eq!(seen.lines("x-custom"), ["one", "two"]);
    assert!(seen.field("x-request-id").is_some_and(|id| id.len() >= 16));
    assert!(seen.field("traceparent").is_some_and(|trace| trace.starts_with("00-")));
}

#[tokio::test]
async fn a_trace_is_continued_where_it_is_well_formed() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    node.ask(&Request::get("/").version("v1").field("traceparent", good)).await;
    assert_eq!(stages.v1.last_seen().field("traceparent"), Some(good));
    node.ask(&Request::get("/").version("v1").field("traceparent", "00-zz-zz-01")).await;
    let own = stages.v1.last_seen();
    assert!(own.field("traceparent").is_some_and(|trace| trace.len() == 55), "{own:?}");
}

#[tokio::test]
async fn earlier_proxies_stay_in_via_and_cdn_loop() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let request = Request::get("/").version("v1").field("via", "1.0 fred").field("cdn-loop", "other; a=1");
    assert_eq!(node.ask(&request).await.status, 200);
    let seen = stages.v1.only_seen();
    assert_eq!(seen.lines("via").join(", "), "1.0 fred, 1.1 verge");
    assert_eq!(seen.lines("cdn-loop").join(", "), "other; a=1, verge");
}

#[tokio::test]
async fn vary_names_every_field_that_could_have_changed_the_choice() {
    let stages = Stages::start().await;
    for (path, status, vary) in [
        ("/plain", 200, &[][..]),
        ("/encoded", 200, &[("vary", "Accept-Encoding")][..]),
        ("/named", 200, &[("vary", "accept, Origin"), ("vary", "APIVER")][..]),
        ("/any", 200, &[("vary", "*")][..]),
        ("/cached", 304, &[("etag", "\"a\"")][..]),
        ("/absent", 404, &[][..]),
        ("/forbidden", 403, &[("content-type", "application/json")][..]),
        ("/broken", 500, &[][..]),
    ] {
        stages.v1.now_on(path, Behaviour::answer(status, vary, if status == 304 { "" } else { "v1" }));
    }
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    for (path, status, vary) in [
        ("/plain", 200, &["accept", "apiver"][..]),
        ("/encoded", 200, &["accept", "accept-encoding", "apiver"]),
        ("/named", 200, &["accept", "apiver", "origin"]),
        ("/any", 200, &["*"]),
        ("/cached", 304, &["accept", "apiver"]),
        ("/absent", 404, &["accept", "apiver"]),
        ("/forbidden", 403, &["accept", "apiver"]),
        ("/broken", 500, &["accept", "apiver"]),
    ] {
        let books = stages.books(&node).await;
        let answer = connection.ask(&Request::get(path).version("v1")).await;
        books.balance(path, 1, &[answered(status / 100)]).await;
        assert_eq!(
            (answer.status, answer.members("vary")),
            (status, vary.iter().map(|v| (*v).to_owned()).collect()),
            "{path}"
        );
        assert_eq!(answer.field("api-version"), Some("v1"), "{path}");
        assert_eq!(answer.field("verge-reason"), None, "{path}: the origin's own answer must not look like ours");
    }
    for request in
        [Request::get("/plain"), Request::get("/plain").version("v9"), Request::get("/plain").version("v1,v2")]
    {
        assert_eq!(connection.ask(&request).await.members("vary"), ["accept", "apiver"]);
    }
}

#[tokio::test]
async fn one_url_with_several_versions_is_never_mixed() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connections = Vec::new();
    for _ in 0..4 {
        connections.push(node.connect().await);
    }
    let books = stages.books(&node).await;
    for turn in 0..40 {
        let connection = &mut connections[turn % 4];
        let (version, domain) = if turn % 3 == 0 { ("v1", V1) } else { ("v2", crate::stages::V2) };
        let answer = connection.ask(&Request::get("/same").version(version)).await;
        assert_eq!(answer.field("api-version"), Some(version));
        assert_eq!(answer.json()["host"], domain);
    }
    let served = |version: &str, times| {
        let name = "verge_version_requests_total{api=\"orders\",version=\"VERSION\",outcome=\"served\"}";
        vec![name.replace("VERSION", version); times]
    };
    books.balance("two versions", 40, &[vec![answered(2); 40], served("v1", 14), served("v2", 26)].concat()).await;
    assert_eq!((stages.v1.seen().len(), stages.v2.seen().len()), (14, 26));
}

#[tokio::test]
async fn what_an_origin_answers_is_passed_on_as_it_is() {
    let stages = Stages::start().await;
    let elsewhere = [("location", "https://elsewhere.example.com/x")];
    for (path, status, fields, body) in [
        ("/created", 201, &[("x-amzn-requestid", "1")][..], "made"),
        ("/nothing", 204, &[][..], ""),
        ("/moved", 302, &elsewhere[..], "gone"),
        ("/throttled", 429, &[("retry-after", "7")][..], "slow down"),
        ("/unavailable", 503, &[("retry-after", "3")][..], "later"),
        ("/odd", 299, &[][..], "odd"),
    ] {
        stages.v1.now_on(path, Behaviour::answer(status, fields, body));
    }
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    for (path, status, field, body) in [
        ("/created", 201, ("x-amzn-requestid", Some("1")), "made"),
        ("/nothing", 204, ("content-type", None), ""),
        ("/moved", 302, ("location", Some("https://elsewhere.example.com/x")), "gone"),
        ("/throttled", 429, ("retry-after", Some("7")), "slow down"),
        ("/unavailable", 503, ("retry-after", Some("3")), "later"),
        ("/odd", 299, ("content-type", None), "odd"),
    ] {
        // No retry, no redirect followed.
        let books = stages.books(&node).await;
        let answer = connection.ask(&Request::get(path).version("v1")).await;
        assert_eq!((answer.status, answer.body.as_ref()), (status, body.as_bytes()), "{path}");
        assert_eq!(answer.field(field.0), field.1, "{path}");
        books.balance(path, 1, &[answered(status / 100)]).await;
    }
}

#[tokio::test]
async fn several_cookies_stay_several() {
    let stages = Stages::start().await;
    let cookies = [("set-cookie", "a=1; Path=/; HttpOnly"), ("set-cookie", "b=2; Secure"), ("set-cookie", "c=3, 4")];
    stages.v1.now_on("/cookies", Behaviour::answer(200, &cookies, "ok"));
    let node = stages.setup().start().await;
    let books = stages.books(&node).await;
    let answer = node.ask(&Request::get("/cookies").version("v1")).await;
    books.balance("cookies", 1, &[answered(2)]).await;
    assert_eq!(answer.lines("set-cookie"), ["a=1; Path=/; HttpOnly", "b=2; Secure", "c=3, 4"]);
}

#[tokio::test]
async fn an_answer_to_head_has_no_body_and_the_socket_goes_on() {
    let stages = Stages::start().await;
    stages.v1.now_on("/large", Behaviour::answer(200, &[("content-length", "12345")], ""));
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    let answer = connection.ask(&Request::new("HEAD", "/large").version("v1")).await;
    assert_eq!((answer.status, answer.field("content-length")), (200, Some("12345")), "{answer:?}");
    assert_eq!(stages.v1.last_seen().method, "HEAD");
    assert_eq!(connection.ask(&Request::get("/next").version("v1")).await.json()["target"], "/prod/next");
}

#[tokio::test]
async fn a_deprecated_version_says_so_and_never_loosens_the_origins_word() {
    let stages = Stages::start().await;
    stages.v1.now_on("/own", Behaviour::answer(200, &[("sunset", "Fri, 01 Jan 2100 00:00:00 GMT")], ""));
    let rows = json!([
        {"api": "orders", "version": "v1", "domain": V1, "deprecated_at": "2024-01-01T00:00:00Z",
         "sunset_at": "2999-01-01T00:00:00Z", "successor": "v2", "docs": "https://docs.example.com/v1"},
        row("v2", crate::stages::V2),
    ]);
    let node = stages.reachable().rows(rows).start().await;
    let answer = node.ask(&Request::get("/").version("v1")).await;
    assert_eq!(answer.field("deprecation"), Some("@1704067200"));
    assert_eq!(answer.field("sunset"), Some("Tue, 01 Jan 2999 00:00:00 GMT"));
    let links = answer.lines("link").join(", ");
    assert!(links.contains("https://docs.example.com/v1") && links.contains("deprecation"), "{links}");
    let own = node.ask(&Request::get("/own").version("v1")).await;
    assert_eq!(own.field("sunset"), Some("Fri, 01 Jan 2100 00:00:00 GMT"));
    let plain = node.ask(&Request::get("/").version("v2")).await;
    assert_eq!((plain.field("sunset"), plain.field("deprecation")), (None, None));
}

#[tokio::test]
async fn connection_takes_no_length_away() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let request = Request::post("/", "hello").version("v1").field("connection", "content-length");
    let books = stages.books(&node).await;
    let answer = node.ask(&request).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    books.balance("a length that is nominated", 1, &[answered(2)]).await;
    let seen = stages.v1.only_seen();
    assert_eq!((seen.field("content-length"), seen.field("transfer-encoding")), (Some("5"), None));
}
