//! What Verge proves to origins: client certificates, secret fields, signatures.

use crate::stages::{Stages, V1, V2, assert_problem, row, rows};
use serde_json::json;
use verge_tests::{
    books::{Books, answered, replied},
    certs::Authority,
    client::Http2,
    message::Request,
    node::{Node, Setup},
    origin::{Behaviour, Caller, Origin},
    patience::eventually,
};

/// An origin that asks clients of one authority for a certificate, and a node without one.
async fn guarded(protocols: &[&str], clients: &Authority) -> (Authority, Origin) {
    let authority = Authority::new();
    let origin = Origin::asking(protocols, &authority.certify(&[V1, V2]), clients, &[V1, V2]).await;
    (authority, origin)
}

fn identity(domain: &str, name: &str) -> String {
    format!("[[origins.identity]]\ndomains = [\"{domain}\"]\ncertificate = \"{name}.pem\"\nkey = \"{name}.key\"\n")
}

/// A node that shows these certificates, in this order.
fn setup(authority: &Authority, origin: &Origin, identities: &str) -> Setup {
    let setup = Setup::new().rows(json!([row("v1", V1), row("v2", V2)])).trusting(authority).dialling(origin);
    setup.listen("threads = 1").and_document(identities)
}

#[tokio::test]
async fn an_origin_that_asks_for_a_certificate_gets_the_one_for_its_domain() {
    let clients = Authority::new();
    for protocols in [&["h2"][..], &["http/1.1"]] {
        let (authority, origin) = guarded(protocols, &clients).await;
        let setup = setup(&authority, &origin, &format!("{}{}", identity(V1, "one"), identity(V2, "two")));
        let one = clients.certify_client("one");
        let two = clients.certify_client("two");
        one.write(setup.scratch(), "one");
        two.write(setup.scratch(), "two");
        let node = setup.start().await;
        for _ in 0..3 {
            for (version, certificate) in [("v1", &one), ("v2", &two)] {
                let answer = node.ask(&Request::get("/").version(version)).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                assert_eq!(origin.last_seen().certificate, Some(certificate.der()), "{protocols:?}");
            }
        }
        assert_eq!(origin.connections(), 2, "each certificate has connections of its own, which are used again");
    }
}

#[tokio::test]
async fn without_a_certificate_or_with_a_strangers_the_origin_is_not_reached() {
    let clients = Authority::new();
    let (authority, origin) = guarded(&["http/1.1"], &clients).await;
    let setup = setup(&authority, &origin, &identity(V2, "stranger"));
    Authority::new().certify_client("stranger").write(setup.scratch(), "stranger");
    let node = setup.start().await;
    for version in ["v1", "v2"] {
        let books = Books::open(&node, &[&origin]).await;
        let answer = node.ask(&Request::post("/", "x").version(version)).await;
        assert_eq!(answer.status, 502, "{answer:?}");
        books.balance(version, 0, &[replied(&answer.code()), answered(5)]).await;
    }
}

#[tokio::test]
async fn a_replaced_certificate_is_picked_up_and_a_broken_one_is_not() {
    let clients = Authority::new();
    let (authority, origin) = guarded(&["http/1.1"], &clients).await;
    let setup = setup(&authority, &origin, &identity(V1, "client"));
    clients.certify_client("first").write(setup.scratch(), "client");
    let node = setup.start().await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    let second = clients.certify_client("second");
    second.write(node.scratch(), "client");
    eventually("the second certificate", async || {
        assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
        origin.last_seen().certificate == Some(second.der())
    })
    .await;
    node.scratch().write("client.key", "no key");
    eventually("a report", async || node.metric("verge_certificate_failures_total").await == 1.0).await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    assert_eq!(origin.last_seen().certificate, Some(second.der()));
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_keeps_it_from_starting() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[V1]).await;
    let setup = setup(&authority, &origin, &identity(V1, "client"));
    let (code, _, err) = setup.run(&["serve"]);
    assert_eq!(code, Some(78), "{err}");
    assert!(err.contains("client.pem"), "{err}");
}

const LOCK: &str = "[[origins.lock]]\nheader = \"x-origin-verify\"\nvalue = \"env:VERGE_TEST_LOCK\"\n";
const SECRET: &str = "correct-horse-battery-staple";

#[tokio::test]
async fn origins_are_told_the_secret_and_nobody_else_is() {
    let stages = Stages::start().await;
    let lock = LOCK.replace("header", &format!("domains = [\"{V1}\"]\nheader"));
    let setup = stages.setup().and_document(&lock).environment("VERGE_TEST_LOCK", SECRET);
    let explained = setup.run(&["explain", "--json", "-H", "APIVER: v1", "-H", "X-Origin-Verify: forged", "http://a/"]);
    let node = setup.tls(&stages.authority, "api.example.com").start().await;
    let mut client = Http2::open(node.https(), "api.example.com", stages.authority.client_config(&["h2"])).await;
    for name in ["x-origin-verify", "X-Origin-Verify", "x_origin_verify"] {
        for version in ["v1", "v2"] {
            let request = Request::get("/").version(version).field(name, "forged");
            let answer = node.ask(&request).await;
            assert_eq!(answer.status, 200);
            assert!(!format!("{answer:?}").contains(SECRET));
            let request = Request::get("/").version(version).field(&name.to_lowercase(), "forged");
            assert_eq!(client.ask(&request).await.status, 200);
        }
    }
    assert_eq!((stages.v1.seen().len(), stages.v2.seen().len()), (6, 6));
    assert!(stages.v1.seen().iter().all(|seen| seen.lines("x-origin-verify") == [SECRET]));
    assert!(stages.v2.seen().iter().all(|seen| seen.lines("x-origin-verify").is_empty()));
    let forged = |seen: &verge_tests::origin::Seen| seen.fields.iter().any(|(_, value)| value == "forged");
    assert!(!stages.v1.seen().iter().chain(&stages.v2.seen()).any(forged));
    let said = [node.log_of(12).await.join("\n"), node.stderr().join("\n")].concat();
    assert!(!said.contains(SECRET));
    let (code, out, err) = explained;
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("\"(secret)\"") && !out.contains(SECRET) && !err.contains(SECRET), "{out}{err}");
}

#[tokio::test]
async fn a_secret_that_is_not_set_keeps_it_from_starting() {
    let stages = Stages::start().await;
    let (code, _, err) = stages.setup().and_document(LOCK).run(&["serve"]);
    assert_eq!(code, Some(78), "{err}");
    assert!(err.contains("VERGE_TEST_LOCK"), "{err}");
}

const SIGN: &str = "[[origins.sign]]\ndomains = [\"*.execute-api.*.amazonaws.com\"]\n";
const TOKEN: &str = "a-session-token";
const CALLER: Caller =
    Caller { key: "AKIDEXAMPLE", secret: "wJalrXUtnFEMI/K7MDENG", token: Some(TOKEN), region: "eu-central-1" };

/// Whatever the machine has of AWS, the test's own credentials are found.
fn signing(setup: Setup, caller: &Caller) -> Setup {
    let setup = setup.environment("AWS_ACCESS_KEY_ID", caller.key).environment("AWS_SECRET_ACCESS_KEY", caller.secret);
    let setup = setup.environment("AWS_EC2_METADATA_DISABLED", "true").environment("AWS_REGION", "us-east-1");
    match caller.token {
        Some(token) => setup.environment("AWS_SESSION_TOKEN", token),
        None => setup,
    }
}

async fn signed_node(stages: &Stages, caller: &Caller) -> Node {
    stages.v1.now_on("", Behaviour::Guarded(CALLER));
    let setup = stages.reachable().rows(rows()).and_document(SIGN).tls(&stages.authority, "api.example.com");
    signing(setup, caller).start().await
}

#[tokio::test]
async fn requests_to_a_guarded_stage_are_signed_anew() {
    let stages = Stages::start().await;
    let node = signed_node(&stages, &CALLER).await;
    let mut client = Http2::open(node.https(), "api.example.com", stages.authority.client_config(&["h2"])).await;
    let theirs = "AWS4-HMAC-SHA256 Credential=THEIRS/20260101/us-east-1/execute-api/aws4_request, \
                  SignedHeaders=host;x-amz-date, Signature=00";
    for request in [
        Request::get("/orders"),
        Request::get("/orders/a%20b/c~d?limit=2&b=%2F&a=x%20y&empty=&flag"),
        Request::post("/orders", "{\"of\": \"which\"}"),
        Request::post("/orders", vec![b'x'; 60_000]),
        Request::new("DELETE", "/orders/7").field("authorization", theirs).field("x-amz-date", "20260101T000000Z"),
        Request::get("/orders").field("authorization", "Bearer theirs").field("x-amz-security-token", "theirs"),
    ] {
        let request = request.version("v1");
        for answer in [node.ask(&request).await, client.ask(&request).await] {
            assert_eq!(answer.status, 200, "{answer:?}");
        }
        assert_eq!(stages.v1.last_seen().body, request.body.unwrap_or_default());
    }
    let mut connection = node.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\n";
    for body in
        ["transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "transfer-encoding: chunked\r\n\r\n0\r\n\r\n"]
    {
        connection.send(format!("{head}{body}")).await;
        assert_eq!(connection.answer().await.unwrap().status, 200);
    }
    connection.send(format!("{head}expect: 100-continue\r\ncontent-length: 5\r\n\r\n")).await;
    assert_eq!(connection.head().await.unwrap().0, 100);
    connection.send("hello").await;
    assert_eq!(connection.answer().await.unwrap().status, 200);
    assert!(!node.log_of(15).await.join("").contains("AKIDEXAMPLE"));
}

#[tokio::test]
async fn a_wrong_secret_is_refused_by_the_stage_and_passed_on() {
    let stages = Stages::start().await;
    let node = signed_node(&stages, &Caller { secret: "another", ..CALLER }).await;
    let answer = node.ask(&Request::get("/").version("v1")).await;
    assert_eq!((answer.status, answer.field("verge-reason")), (403, None), "{answer:?}");
}

#[tokio::test]
async fn a_body_that_cannot_be_held_is_not_signed() {
    let stages = Stages::start().await;
    let node = signed_node(&stages, &CALLER).await;
    let books = stages.books(&node).await;
    let answer = node.ask(&Request::post("/", vec![b'x'; 100_000]).version("v1")).await;
    assert_problem(&answer, 413, "body_too_large");
    let mut connection = node.connect().await;
    let head = "POST / HTTP/1.1\r\nhost: api.example.com\r\napiver: v1\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    connection.send(format!("{head}{chunk}{chunk}{chunk}")).await;
    assert_problem(&connection.answer().await.unwrap(), 413, "body_too_large");
    let refused = [replied("body_too_large"), answered(4)];
    books.balance("two bodies", 0, &[refused.clone(), refused].concat()).await;
}

#[tokio::test]
async fn without_credentials_nothing_goes_out_and_serving_goes_on() {
    let stages = Stages::start().await;
    let nobody = Caller { key: "", secret: "", token: None, region: "" };
    let setup = stages.reachable().rows(rows()).and_document(&SIGN.replace("*.execute-api", "v1aaaaaaaa.execute-api"));
    let setup = signing(setup, &nobody).environment("HOME", "/nonexistent");
    let node = setup.start().await;
    let answer = node.ask(&Request::get("/").version("v1")).await;
    assert_problem(&answer, 503, "not_signed");
    assert!(answer.field("retry-after").is_some());
    assert_eq!(node.ask(&Request::get("/").version("v2")).await.status, 200);
    assert!(stages.v1.seen().is_empty());
    assert_eq!(node.metric("verge_replies_total{reason=\"not_signed\"}").await, 1.0);
    node.has_said("credentials cannot be read").await;
}
