//! The admin listener over TLS: who is let in, and how the commands that ask nodes get in.

use crate::stages::Stages;
use serde_json::{Value as Json, json};
use verge_tests::{
    certs::{
        Authority, Certificate,
        Validity::{Expired, Now},
    },
    client::Connection,
    message::Request,
    node::{Node, Setup},
    patience::eventually,
};

const TLS: &str = "certificate = \"admin.pem\"\nkey = \"admin.key\"\nclient_ca = \"operators.pem\"\n";
const NAME: &str = "verge.internal";

/// A node whose admin listener asks operators for certificates.
fn asking(stages: &Stages, operators: &Authority) -> Setup {
    let setup = stages.setup().admin(&format!("address = \"127.0.0.1:0\"\n{TLS}"));
    stages.authority.certify(&[NAME]).write(setup.scratch(), "admin");
    setup.scratch().write("operators.pem", operators.pem());
    setup
}

/// What an operator with this certificate is answered; `None` where it is not let in.
async fn ask_with(stages: &Stages, node: &Node, own: Option<&Certificate>, path: &str) -> Option<u16> {
    let config = stages.authority.client_config_with(&["http/1.1"], own);
    let (mut connection, _) = Connection::open_tls(node.admin(), NAME, config).await.ok()?;
    // In TLS 1.3 the client has finished before it is refused.
    connection.try_send(Request::get(path).to_http1()).await.ok()?;
    Some(connection.answer().await?.status)
}

/// Started, as far as one can tell from without: nobody is told that has no certificate.
async fn ready(stages: &Stages, setup: Setup, own: &Certificate) -> Node {
    let node = setup.start_unready().await;
    eventually("readiness", async || ask_with(stages, &node, Some(own), "/readyz").await == Some(200)).await;
    node
}

#[tokio::test]
async fn an_operator_shows_a_certificate_that_can_be_checked_or_stays_out() {
    let stages = Stages::start().await;
    let (operators, strangers) = (Authority::new(), Authority::new());
    let ann = operators.certify_client_of("Example", "ann", Now);
    let node = ready(&stages, asking(&stages, &operators), &ann).await;
    for path in ["/metrics", "/canary", "/usage", "/healthz"] {
        assert_eq!(ask_with(&stages, &node, Some(&ann), path).await, Some(200), "{path}");
        for own in [
            None,
            Some(strangers.certify_client_of("Example", "ann", Now)),
            Some(operators.certify_client_of("Example", "ann", Expired)),
        ] {
            assert_eq!(ask_with(&stages, &node, own.as_ref(), path).await, None, "{path}: {own:?}");
        }
    }
    let mut clear = Connection::open(node.admin()).await;
    clear.send(Request::get("/metrics").to_http1()).await;
    assert!(clear.is_closed().await, "nothing is said in the clear");
    // The authority is another from now on, without a restart.
    node.scratch().write("operators.pem", strangers.pem());
    let bob = strangers.certify_client_of("Example", "bob", Now);
    eventually("the new authority", async || ask_with(&stages, &node, Some(&bob), "/metrics").await == Some(200)).await;
    assert_eq!(ask_with(&stages, &node, Some(&ann), "/metrics").await, None);
}

#[tokio::test]
async fn a_token_is_asked_for_besides_where_there_is_one() {
    let stages = Stages::start().await;
    let operators = Authority::new();
    let ann = operators.certify_client("ann");
    let admin = format!("address = \"127.0.0.1:0\"\ntoken = \"env:VERGE_TEST_TOKEN\"\n{TLS}");
    let setup = asking(&stages, &operators).admin(&admin).environment("VERGE_TEST_TOKEN", "s3cret");
    let node = ready(&stages, setup, &ann).await;
    assert_eq!(ask_with(&stages, &node, Some(&ann), "/metrics").await, Some(401));
}

/// What `verge versions usage` says of this node: whether all nodes were asked, and what went wrong.
fn usage(desk: &Setup, node: &str, more: &[&str]) -> (Option<i32>, String) {
    let arguments = [&["versions", "usage", "orders", "--json", "--node", node], more].concat();
    let (code, out, err) = desk.run(&arguments);
    let report: Json = serde_json::from_str(&out).unwrap_or_default();
    assert!(code != Some(0) || report["complete"] == json!(true), "{out}{err}");
    (code, out + &err)
}

#[tokio::test]
async fn commands_that_ask_nodes_get_in_with_a_certificate() {
    let stages = Stages::start().await;
    let operators = Authority::new();
    let ann = operators.certify_client("ann");
    let node = ready(&stages, asking(&stages, &operators), &ann).await;
    let desk = asking(&stages, &operators);
    let (certificate, key) = ann.write(desk.scratch(), "ann");
    let own = ["--certificate", certificate.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let ca = desk.scratch().write("stages.pem", stages.authority.pem());
    let trusting = ["--ca", ca.to_str().unwrap()];
    let (by_address, port) = (format!("https://{}", node.admin()), node.admin().port());

    // The name in the certificate is not this one, and the desk's own [admin] certificate is another.
    let (code, said) = usage(&desk, &by_address, &[&own[..], &trusting].concat());
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("not valid for name"), "{said}");
    let (code, said) = usage(&desk, &by_address, &own);
    assert_eq!(code, Some(69), "{said}");
    // The same certificate in its configuration: that is the desk's own node, whatever it is called.
    for file in ["admin.pem", "admin.key"] {
        desk.scratch().write(file, node.scratch().read(file));
    }
    let (code, said) = usage(&desk, &by_address, &own);
    assert_eq!(code, Some(0), "{said}");
    // Without a certificate of the operators', or with another one, there is no way in.
    let (code, said) = usage(&desk, &by_address, &[]);
    assert_eq!(code, Some(69), "{said}");
    assert!(said.contains("CertificateRequired"), "{said}");
    Authority::new().certify_client("ann").write(desk.scratch(), "ann");
    let (code, said) = usage(&desk, &by_address, &own);
    assert_eq!(code, Some(69), "{said}");
    // In the clear nobody is heard.
    let (code, said) = usage(&desk, &format!("http://127.0.0.1:{port}"), &own);
    assert_eq!(code, Some(69), "{said}");
}

#[tokio::test]
async fn off_loopback_certificates_do_instead_of_a_token() {
    let stages = Stages::start().await;
    let check = |rest: &str| stages.setup().admin(&format!("address = \"10.0.0.7:9901\"\n{rest}")).run(&["check"]);
    let (code, _, err) = check(TLS);
    assert_eq!(code, Some(0), "{err}");
    let encrypted = "certificate = \"admin.pem\"\nkey = \"admin.key\"\n";
    for open in ["", encrypted] {
        let (code, _, err) = check(open);
        assert_eq!(code, Some(78), "{err}");
        assert!(err.contains("admin.address") && err.contains("client_ca"), "{err}");
    }
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_keeps_it_from_starting() {
    let stages = Stages::start().await;
    let setup = asking(&stages, &Authority::new());
    setup.scratch().write("operators.pem", "nothing");
    let (code, _, err) = setup.run(&["serve"]);
    assert_eq!(code, Some(78), "{err}");
    assert!(err.contains("[admin]: ") && err.contains("operators.pem: there is no certificate in this file"), "{err}");
}
