//! Certificates that clients show: who is let in, and what the origin is told.

use crate::stages::Stages;
use verge_tests::{
    certs::{
        Authority, Certificate,
        Validity::{Expired, Now},
    },
    client::{Connection, Http2},
    message::Request,
    node::{Node, Setup},
    patience::eventually,
};

fn get() -> Request {
    Request::get("/orders").version("v1")
}

/// A TLS listener that asks for certificates.
fn asking(stages: &Stages, clients: &Authority, words: &str) -> Setup {
    let setup = stages.setup();
    stages.authority.certify(&["api.example.com"]).write(setup.scratch(), "listener");
    setup.scratch().write("clients.pem", clients.pem());
    setup.listen(&format!(
        "https = [{{ address = \"127.0.0.1:0\", certificate = \"listener.pem\", key = \"listener.key\", client_ca = \"clients.pem\", {words} }}]"
    ))
}

/// What a client with this certificate is answered; `None` where it is not let in.
async fn ask_with(stages: &Stages, node: &Node, own: Option<&Certificate>) -> Option<u16> {
    let config = stages.authority.client_config_with(&["http/1.1"], own);
    let (mut connection, _) = Connection::open_tls(node.https(), "api.example.com", config).await.ok()?;
    // In TLS 1.3 the client has finished before it is refused.
    connection.try_send(get().field("verge-client-subject", "CN=admin").to_http1()).await.ok()?;
    Some(connection.answer().await?.status)
}

#[tokio::test]
async fn a_client_shows_a_certificate_that_can_be_checked_or_stays_out() {
    let stages = Stages::start().await;
    let (clients, strangers) = (Authority::new(), Authority::new());
    let node = asking(&stages, &clients, "client_certificates = \"required\", client_subject = true").start().await;
    let ann = clients.certify_client_of("Example, Inc.", "ann", Now);
    assert_eq!(ask_with(&stages, &node, Some(&ann)).await, Some(200));
    assert_eq!(stages.v1.only_seen().lines("verge-client-subject"), ["CN=ann,O=Example\\, Inc."]);
    let bad = [
        None,
        Some(strangers.certify_client_of("Example", "ann", Now)),
        Some(clients.certify_client_of("Example", "old", Expired)),
    ];
    for own in &bad {
        let books = stages.books(&node).await;
        assert_eq!(ask_with(&stages, &node, own.as_ref()).await, None, "{own:?}");
        books.balance("who stays out", 0, &["verge_tls_handshakes_failed_total".to_owned()]).await;
    }
    let mut client =
        Http2::open(node.https(), "api.example.com", stages.authority.client_config_with(&["h2"], Some(&ann))).await;
    assert_eq!(client.ask(&get()).await.status, 200);
    assert_eq!(stages.v1.last_seen().field("verge-client-subject"), Some("CN=ann,O=Example\\, Inc."));

    // The file changes: who was good is not any more. What is open stays open.
    node.scratch().write("clients.pem", strangers.pem());
    eventually("the new authority", async || ask_with(&stages, &node, bad[1].as_ref()).await == Some(200)).await;
    assert_eq!(ask_with(&stages, &node, Some(&ann)).await, None);
    assert_eq!(client.ask(&get()).await.status, 200);
    node.scratch().write("clients.pem", "nothing");
    node.has_said("there is no certificate in this file").await;
    assert_eq!(ask_with(&stages, &node, bad[1].as_ref()).await, Some(200));
    assert_eq!(node.metric("verge_certificate_failures_total").await, 1.0);
}

#[tokio::test]
async fn a_certificate_that_is_optional_is_checked_where_it_is_shown() {
    let stages = Stages::start().await;
    let clients = Authority::new();
    let node = asking(&stages, &clients, "client_certificates = \"optional\"").start().await;
    assert_eq!(ask_with(&stages, &node, None).await, Some(200));
    let ann = clients.certify_client_of("Example", "ann", Now);
    assert_eq!(ask_with(&stages, &node, Some(&ann)).await, Some(200));
    assert!(
        stages.v1.seen().iter().all(|seen| seen.field("verge-client-subject").is_none()),
        "nobody asked to be told"
    );
    let other = Authority::new().certify_client_of("Example", "ann", Now);
    assert_eq!(ask_with(&stages, &node, Some(&other)).await, None);
}
