//! Origins that refuse, lie, stall and break off. Each has its code, and the client is told which step failed.

use crate::stages::{V1, V2, assert_problem, is_told_so, row};
use serde_json::json;
use std::time::{Duration, Instant};
use verge_tests::{
    books::{Books, answered, cut, replied},
    certs::{Authority, Certificate, Validity},
    client::Http2,
    message::{Answer, Request},
    node::{Node, Setup},
    origin::{Behaviour, BlackHole, Origin, RawOrigin},
};

/// A node with one row, `v1`, whose origin is dialled at this address.
async fn node_for(authority: &Authority, address: std::net::SocketAddr, rules: &str) -> Node {
    let setup = Setup::new().rows(json!([row("v1", V1)])).trusting(authority).dialling_at(V1, address);
    setup.and_origins(rules).start().await
}

/// What is counted of a request that fails for this reason, and was tried so many times again.
fn failed(reason: &str, again: usize) -> Vec<String> {
    let retries = vec!["verge_upstream_retries_total".to_owned(); again];
    [vec![replied(reason), answered(5)], retries].concat()
}

/// The detail of an answer: which step failed.
fn detail(answer: &Answer) -> String {
    answer.json()["detail"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn an_origin_that_refuses_is_unreachable() {
    let authority = Authority::new();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let node = node_for(&authority, nobody, "connect_timeout = \"5s\"").await;
    let begin = Instant::now();
    let books = Books::open(&node, &[]).await;
    let mut connection = node.connect().await;
    let answer = connection.ask(&Request::get("/").version("v1")).await;
    assert_problem(&answer, 502, "origin_unreachable");
    assert!(detail(&answer).contains("refused the connection"), "{answer:?}");
    books.balance("refused", 0, &failed("origin_unreachable", 1)).await;
    assert!(begin.elapsed() < Duration::from_secs(5), "longer than a connection may take: {:?}", begin.elapsed());
    assert_eq!(answer.members("vary"), ["accept", "apiver"]);
    assert_eq!(answer.field("api-version"), Some("v1"));
    assert!(!String::from_utf8_lossy(&answer.body).contains(&nobody.port().to_string()), "{answer:?}");
}

#[tokio::test]
async fn an_origin_no_way_leads_to_is_unreachable() {
    // No connection can be to all at once: the kernel says that there is no route, and sends nothing.
    let node = node_for(&Authority::new(), "255.255.255.255:443".parse().unwrap(), "").await;
    for request in [Request::get("/"), Request::post("/", "body")] {
        let books = Books::open(&node, &[]).await;
        assert_problem(&node.ask(&request.version("v1")).await, 502, "origin_unreachable");
        books.balance("no route", 0, &failed("origin_unreachable", 1)).await;
    }
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_unreachable() {
    let rows = json!([row("v1", "nowhere.verge.invalid")]);
    let node = Setup::new().rows(rows).origins("allow = [\"*.verge.invalid\"]").start().await;
    let books = Books::open(&node, &[]).await;
    let answer = node.ask(&Request::get("/").version("v1")).await;
    assert_problem(&answer, 502, "origin_unreachable");
    assert!(detail(&answer).contains("does not resolve"), "{answer:?}");
    let lookup = vec!["verge_origin_lookups_failed_total".to_owned()];
    books.balance("no such name", 0, &[failed("origin_unreachable", 0), lookup].concat()).await;
}

/// An origin whose certificate is not to be believed sees no request, over either protocol, and there is no fallback.
async fn is_not_believed(trusted: &Authority, certificate: &Certificate) {
    for protocols in [&["h2", "http/1.1"][..], &["http/1.1"]] {
        let origin = Origin::speaking(protocols, certificate, &[V1]).await;
        let node = node_for(trusted, origin.address(), "").await;
        for _ in 0..2 {
            let books = Books::open(&node, &[&origin]).await;
            let answer = node.ask(&Request::post("/secrets", "a secret").version("v1")).await;
            assert_problem(&answer, 502, "origin_tls");
            books.balance("not believed", 0, &failed("origin_tls", 0)).await;
        }
    }
}

#[tokio::test]
async fn an_expired_certificate_is_not_believed() {
    let authority = Authority::new();
    is_not_believed(&authority, &authority.certify_for(&[V1], Validity::Expired)).await;
}

#[tokio::test]
async fn a_certificate_of_the_future_is_not_believed() {
    let authority = Authority::new();
    is_not_believed(&authority, &authority.certify_for(&[V1], Validity::NotYet)).await;
}

#[tokio::test]
async fn a_certificate_for_another_name_is_not_believed() {
    let authority = Authority::new();
    is_not_believed(&authority, &authority.certify(&[V2, "*.amazonaws.com"])).await;
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_not_believed() {
    is_not_believed(&Authority::new(), &Authority::new().certify(&[V1])).await;
}

#[tokio::test]
async fn an_origin_without_tls_is_not_spoken_to_in_the_clear() {
    let authority = Authority::new();
    let origin = Origin::in_the_clear(&[V1]).await;
    let node = node_for(&authority, origin.address(), "").await;
    let books = Books::open(&node, &[&origin]).await;
    assert_problem(&node.ask(&Request::get("/").version("v1")).await, 502, "origin_tls");
    books.balance("in the clear", 0, &failed("origin_tls", 0)).await;
}

#[tokio::test]
async fn an_origin_that_takes_no_connection_times_out() {
    let hole = BlackHole::dig().await;
    takes_no_connection("a black hole", hole.address()).await;
}

#[tokio::test]
async fn an_origin_that_never_finishes_its_handshake_times_out() {
    let mute = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    takes_no_connection("no handshake", mute.local_addr().unwrap()).await;
}

async fn takes_no_connection(case: &str, address: std::net::SocketAddr) {
    let authority = Authority::new();
    let node = node_for(&authority, address, "connect_timeout = \"300ms\"").await;
    let begin = Instant::now();
    let books = Books::open(&node, &[]).await;
    let answer = node.ask(&Request::get("/").version("v1")).await;
    assert_problem(&answer, 504, "origin_timeout");
    assert!(detail(&answer).contains("did not accept a connection in time"), "{answer:?}");
    books.balance(case, 0, &failed("origin_timeout", 0)).await;
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn an_origin_that_stays_silent_times_out() {
    let authority = Authority::new();
    for protocols in [&["h2"][..], &["http/1.1"]] {
        let origin =
            Origin::speaking(protocols, &authority.certify(&[V1]), &[V1]).await.on("/silent", Behaviour::Silent);
        let node = node_for(&authority, origin.address(), "read_timeout = \"300ms\"").await;
        for request in [Request::get("/silent"), Request::post("/silent", "pay 5")] {
            // What was sent is not sent again.
            let books = Books::open(&node, &[&origin]).await;
            let answer = node.ask(&request.version("v1")).await;
            assert_problem(&answer, 504, "origin_timeout");
            assert!(detail(&answer).contains("did not answer in time"), "{answer:?}");
            books.balance("silence", 1, &failed("origin_timeout", 0)).await;
        }
        let next = node.ask(&Request::get("/fine").version("v1")).await;
        assert_eq!(next.status, 200, "{next:?}");
    }
}

#[tokio::test]
async fn a_row_may_have_its_own_patience() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[V1]).await.on("/silent", Behaviour::Silent);
    let rows = json!([{"api": "orders", "version": "v1", "domain": V1, "read_timeout": "200ms"}]);
    let node = Setup::new().rows(rows).trusting(&authority).dialling(&origin).start().await;
    let begin = Instant::now();
    assert_problem(&node.ask(&Request::get("/silent").version("v1")).await, 504, "origin_timeout");
    assert!(begin.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_answer_that_breaks_off_never_looks_whole() {
    let authority = Authority::new();
    for protocols in [&["h2"][..], &["http/1.1"]] {
        let origin = Origin::speaking(protocols, &authority.certify(&[V1]), &[V1]).await;
        let origin = origin.on("/cut", Behaviour::CutShort).on("/chunks", Behaviour::CutShortChunked);
        let setup = Setup::new().rows(json!([row("v1", V1)])).trusting(&authority).dialling(&origin);
        let node = setup.tls(&authority, "api.example.com").start().await;
        // An origin that breaks off at once may leave nothing at all to pass on.
        let truncated = |answer: &Answer| (answer.status, answer.complete) == (200, false);
        for path in ["/cut", "/chunks"] {
            let case = format!("{protocols:?} {path}");
            let request = Request::get(path).version("v1");
            let books = Books::open(&node, &[&origin]).await;
            let mut connection = node.connect().await;
            connection.send(request.to_http1()).await;
            let answer = connection.answer().await;
            assert!(answer.as_ref().is_none_or(truncated), "{case}: {answer:?}");
            assert!(connection.is_closed().await);
            books.balance(&case, 1, &[cut("origin_unreachable")]).await;
            let mut client = Http2::open(node.https(), "api.example.com", authority.client_config(&["h2"])).await;
            let books = Books::open(&node, &[&origin]).await;
            let answer = client.try_ask(&request).await;
            assert!(answer.as_ref().is_none_or(truncated), "{case}, HTTP/2: {answer:?}");
            books.balance(&case, 1, &[cut("origin_unreachable")]).await;
            assert_eq!(client.ask(&Request::get("/fine").version("v1")).await.status, 200, "other streams live");
        }
    }
}

#[tokio::test]
async fn bad_framing_of_an_origin_never_looks_whole() {
    let authority = Authority::new();
    let certificate = authority.certify(&[V1]);
    for (what, bytes) in [
        ("a chunk size that is none", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\nzz\r\n"),
        ("no last chunk", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n"),
        ("too short", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhello"),
    ] {
        let origin = RawOrigin::start(&certificate, bytes).await;
        let node = node_for(&authority, origin.address(), "").await;
        let mut connection = node.connect().await;
        let answer = connection.ask(&Request::get("/").version("v1")).await;
        assert!(answer.status == 502 || !answer.complete, "{what}: {answer:?}");
        assert!(connection.is_closed().await, "{what}");
        assert_eq!(origin.requests(), 1, "{what}");
        let replied = node.metric("verge_replies_total{reason=\"origin_unreachable\"}").await;
        let cut = node.metric("verge_answers_cut_total{reason=\"origin_unreachable\"}").await;
        assert_eq!(replied + cut, 1.0, "{what}: it is counted, whichever it was");
    }
}

#[tokio::test]
async fn an_origins_head_without_end_is_refused() {
    let authority = Authority::new();
    let certificate = authority.certify(&[V1]);
    let large = format!("HTTP/1.1 200 OK\r\nx-large: {}\r\ncontent-length: 2\r\n\r\nok", "x".repeat(2 << 20));
    let many = format!("HTTP/1.1 200 OK\r\n{}content-length: 2\r\n\r\nok", "x-many: x\r\n".repeat(2000));
    let noise = "SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned();
    for (what, bytes) in [("large", large), ("many fields", many), ("no HTTP", noise)] {
        let origin = RawOrigin::start(&certificate, bytes).await;
        let node = node_for(&authority, origin.address(), "").await;
        let books = Books::open(&node, &[&origin]).await;
        let mut connection = node.connect().await;
        connection.send(Request::post("/", "once").version("v1").to_http1()).await;
        is_told_so(&mut connection, 502, "origin_unreachable", what).await;
        books.balance(what, 1, &failed("origin_unreachable", 0)).await;
    }
}

#[tokio::test]
async fn interim_answers_do_not_end_the_exchange() {
    let authority = Authority::new();
    let bytes = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    let origin = RawOrigin::start(&authority.certify(&[V1]), bytes).await;
    let node = node_for(&authority, origin.address(), "").await;
    let books = Books::open(&node, &[&origin]).await;
    let answer = node.ask(&Request::get("/").version("v1")).await;
    assert_eq!((answer.status, answer.body.as_ref()), (200, &b"ok"[..]), "{answer:?}");
    assert_eq!(answer.interim, [103], "it is passed on");
    assert_eq!(answer.field("api-version"), Some("v1"));
    books.balance("early hints", 1, &[answered(2)]).await;
}

/// How long requests for the fast one of two origins take: in the middle, and nearly all of them.
async fn waits(node: &Node) -> (Duration, Duration) {
    let mut waits = Vec::new();
    for _ in 0..200 {
        let begin = Instant::now();
        assert_eq!(node.ask(&Request::get("/").version("v2")).await.status, 200);
        waits.push(begin.elapsed());
    }
    waits.sort_unstable();
    (waits[100], waits[198])
}

#[tokio::test]
async fn a_slow_origin_slows_no_other() {
    let authority = Authority::new();
    let gate = verge_tests::origin::Gate::closed();
    let slow = Origin::start(&authority, &[V1]).await.on("/held", Behaviour::Held(gate.clone()));
    let fast = Origin::start(&authority, &[V2]).await;
    let rows = json!([row("v1", V1), row("v2", V2)]);
    let node = Setup::new().rows(rows).trusting(&authority).dialling(&slow).dialling(&fast).start().await;
    let before = waits(&node).await;
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut connection = node.connect().await;
        connection.send(Request::get("/held").version("v1").to_http1()).await;
        waiting.push(connection);
    }
    slow.has_seen(50).await;
    let beside = waits(&node).await;
    // Waiting for the other origin would be for ever; what is allowed for is a machine that is busy meanwhile.
    assert!(beside.0 < before.0 * 10 + Duration::from_secs(1), "the median was {before:?}, and is {beside:?}");
    assert!(beside.1 < before.1 * 10 + Duration::from_secs(4), "the 99th percentile was {before:?}, and is {beside:?}");
    gate.open();
    for mut connection in waiting {
        assert_eq!(connection.answer().await.unwrap().status, 200);
    }
}
