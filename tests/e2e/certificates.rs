//! What a TLS listener shows: by name, and after its files have changed. What it does not speak.

use crate::stages::Stages;
use verge_tests::{certs::Authority, client::Connection, message::Request, node::Node, patience::eventually};

const NAME: &str = "api.example.com";

/// Whether a client that trusts this authority alone gets an answer under this name.
async fn is_served(node: &Node, authority: &Authority, name: &str) -> bool {
    match Connection::open_tls(node.https(), name, authority.client_config(&["http/1.1"])).await {
        Ok((mut connection, _)) => connection.ask(&Request::get("/").version("v1")).await.status == 200,
        Err(_) => false,
    }
}

#[tokio::test]
async fn a_certificate_is_chosen_by_the_name_asked_for() {
    let stages = Stages::start().await;
    let (first, second, wild) = (Authority::new(), Authority::new(), Authority::new());
    let pair = |name: &str| format!("{{ certificate = \"{name}.pem\", key = \"{name}.key\" }}");
    let setup = stages.setup().listen(&format!(
        "https = [{{ address = \"127.0.0.1:0\", certificate = \"first.pem\", key = \"first.key\", certificates = [{}, {}] }}]",
        pair("second"),
        pair("wild"),
    ));
    first.certify(&[NAME, "127.0.0.1"]).write(setup.scratch(), "first");
    second.certify(&["second.example.com", "also.example.com"]).write(setup.scratch(), "second");
    wild.certify(&["*.example.com"]).write(setup.scratch(), "wild");
    let node = setup.start().await;
    assert!(is_served(&node, &first, NAME).await);
    assert!(is_served(&node, &second, "second.example.com").await);
    assert!(is_served(&node, &second, "ALSO.example.com").await);
    assert!(is_served(&node, &wild, "any.example.com").await);
    // A client that names an address sends no name, and sees the first.
    assert!(is_served(&node, &first, "127.0.0.1").await);
    // So does one that asks for a name nobody has; it does not like what it sees.
    assert!(!is_served(&node, &first, "elsewhere.example.org").await);
    assert!(!is_served(&node, &second, "any.example.com").await, "each name gets its own, and no other");
}

#[tokio::test]
async fn replaced_files_are_shown_and_broken_ones_reported() {
    let stages = Stages::start().await;
    let node = stages.setup().tls(&stages.authority, NAME).start().await;
    let config = stages.authority.client_config(&["http/1.1"]);
    let (mut held, _) = Connection::open_tls(node.https(), NAME, config).await.unwrap();
    assert_eq!(held.ask(&Request::get("/").version("v1")).await.status, 200);

    let next = Authority::new();
    next.certify(&[NAME]).write(node.scratch(), "listener");
    eventually("the new certificate", async || is_served(&node, &next, NAME).await).await;
    assert!(!is_served(&node, &stages.authority, NAME).await);
    let answer = held.ask(&Request::get("/").version("v1")).await;
    assert_eq!(answer.status, 200, "connections that are open stay open");

    for (turn, broken) in ["no certificate", ""].iter().enumerate() {
        node.scratch().write("listener.pem", broken);
        let failures = async || node.metric("verge_certificate_failures_total").await;
        eventually("a report", async || failures().await == (turn + 1) as f64).await;
        assert!(is_served(&node, &next, NAME).await, "the last good one stays");
    }
    // A key that belongs to another certificate.
    let other = next.certify(&[NAME]);
    node.scratch().write("listener.pem", &other.chain);
    eventually("a report", async || node.metric("verge_certificate_failures_total").await == 3.0).await;
    node.has_said("do not make a pair").await;
    assert!(is_served(&node, &next, NAME).await);

    stages.authority.certify(&[NAME]).write(node.scratch(), "listener");
    eventually("the last certificate", async || is_served(&node, &stages.authority, NAME).await).await;
    assert_eq!(node.metric("verge_certificate_failures_total").await, 3.0);
}

/// A `ClientHello` of an older protocol.
fn hello(version: u8) -> Vec<u8> {
    let mut body = vec![3, version];
    body.extend([7; 32]);
    // No session, the suites of that time, no compression.
    body.extend([0, 0, 4, 0xc0, 0x13, 0, 0x2f, 1, 0]);
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    let handshake = [&[1, 0][..], &length, &body].concat();
    let length = u16::try_from(handshake.len()).unwrap().to_be_bytes();
    [&[22, 3, version.min(1)][..], &length, &handshake].concat()
}

#[tokio::test]
async fn old_protocols_are_refused() {
    let stages = Stages::start().await;
    let node = stages.setup().tls(&stages.authority, NAME).start().await;
    for version in [0, 1, 2] {
        let books = stages.books(&node).await;
        let mut connection = Connection::open(node.https()).await;
        let heard = connection.exchange(&hello(version)).await;
        // Nothing but a fatal alert (RFC 8446 §6).
        assert_eq!((heard.first(), heard.len()), (Some(&21), 7), "SSL 3.{version}: {heard:?}");
        assert_eq!(heard[5], 2, "SSL 3.{version}: {heard:?}");
        books.balance("an old protocol", 0, &["verge_tls_handshakes_failed_total".to_owned()]).await;
    }
    assert!(is_served(&node, &stages.authority, NAME).await);
}
