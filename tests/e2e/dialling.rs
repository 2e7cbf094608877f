//! Which address is dialled, and under which name.

use crate::stages::{Stages, V1, V2, assert_problem, row};
use serde_json::json;
use std::collections::BTreeSet;
use verge_tests::{
    books::{Books, answered, replied},
    certs::Authority,
    message::Request,
    node::Setup,
    origin::Origin,
};

#[tokio::test]
async fn a_row_may_name_where_its_origin_is_dialled() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[V1]).await;
    let rows = json!([{"api": "orders", "version": "v1", "domain": V1, "connect": origin.address().to_string()}]);
    let setup = Setup::new().rows(rows).trusting(&authority);
    let node = setup.and_origins("dial = [\"127.0.0.0/8\"]\nloopback = true").start().await;
    let answer = node.ask(&Request::get("/orders").version("v1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = origin.only_seen();
    assert_eq!((seen.host.as_str(), seen.sni.as_deref()), (V1, Some(V1)), "Host and SNI stay the row's domain");
}

#[tokio::test]
async fn a_rows_dial_needs_the_operators_leave() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[V1]).await;
    let rows = json!([{"api": "orders", "version": "v1", "domain": V1, "connect": origin.address().to_string()}, row("v2", V2)]);
    for rules in ["", "loopback = true", "dial = [\"10.0.0.0/8\"]\nloopback = true", "dial = [\"127.0.0.0/8\"]"] {
        let node = Setup::new().rows(rows.clone()).trusting(&authority).and_origins(rules).start().await;
        let books = Books::open(&node, &[&origin]).await;
        let answer = node.ask(&Request::get("/orders").version("v1")).await;
        assert_problem(&answer, 503, "invalid_mapping");
        books.balance(rules, 0, &[replied("invalid_mapping"), answered(5)]).await;
        assert_eq!(node.metric("verge_table_invalid_rows").await, 1.0, "{rules}");
    }
    assert_eq!(origin.connections(), 0);
}

#[tokio::test]
async fn a_name_that_resolves_to_loopback_is_not_dialled() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &["localhost"]).await;
    let port = origin.address().port();
    let rows = json!([{"api": "orders", "version": "v1", "domain": "localhost", "port": port}]);
    let setup = || Setup::new().rows(rows.clone()).trusting(&authority);
    let closed = setup().origins("allow = [\"localhost\"]").start().await;
    let books = Books::open(&closed, &[&origin]).await;
    let answer = closed.ask(&Request::get("/").version("v1")).await;
    assert_problem(&answer, 502, "origin_unreachable");
    books.balance("loopback", 0, &[replied("origin_unreachable"), answered(5)]).await;
    assert!(!String::from_utf8_lossy(&answer.body).contains("127.0.0.1"), "addresses are not the client's business");
    assert_eq!(origin.connections(), 0);

    let open = setup().origins("allow = [\"localhost\"]\nloopback = true").start().await;
    let answer = open.ask(&Request::get("/").version("v1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
}

#[tokio::test]
async fn connections_are_never_shared_between_domains() {
    let authority = Authority::new();
    for protocols in [&["http/1.1"][..], &["h2"]] {
        let both = Origin::speaking(protocols, &authority.certify(&[V1, V2]), &[V1, V2]).await;
        let rows = json!([row("v1", V1), row("v2", V2)]);
        let node = Setup::new().rows(rows).trusting(&authority).dialling(&both).listen("threads = 1").start().await;
        let mut connection = node.connect().await;
        for _ in 0..5 {
            for (version, domain) in [("v1", V1), ("v2", V2)] {
                let answer = connection.ask(&Request::get("/").version(version)).await;
                assert_eq!((answer.status, &answer.json()["host"]), (200, &json!(domain)), "{answer:?}");
            }
        }
        let over = |domain: &str| -> BTreeSet<usize> {
            both.seen().iter().filter(|seen| seen.host == domain).map(|seen| seen.connection).collect()
        };
        assert!(both.seen().iter().all(|seen| seen.sni.as_ref() == Some(&seen.host)));
        assert!(over(V1).is_disjoint(&over(V2)), "{protocols:?}");
        assert_eq!(both.connections(), 2, "{protocols:?}: connections are kept and used again");
    }
}

#[tokio::test]
async fn an_overridden_domain_keeps_the_rows_name() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    node.ask(&Request::get("/").version("v1")).await;
    let seen = stages.v1.only_seen();
    assert_eq!((seen.host.as_str(), seen.sni.as_deref()), (V1, Some(V1)));
}

#[tokio::test]
async fn a_client_cannot_choose_the_upstream() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let trap = Origin::in_the_clear(&["127.0.0.1"]).await;
    let target = format!("http://{}/orders", trap.address());
    for request in [
        Request::get("/orders").version("v1").to(&trap.address().to_string()),
        Request::get(&target).version("v1").to(&trap.address().to_string()),
        Request::get("//127.0.0.1/orders").version("v1"),
        Request::get("/@127.0.0.1/orders").version("v1"),
        Request::get("/orders").version("v1").field("x-forwarded-host", &trap.address().to_string()),
    ] {
        let books = stages.books(&node).await;
        let answer = node.ask(&request).await;
        books.balance(&request.target, 1, &[answered(2)]).await;
        assert_eq!(answer.json()["host"], V1, "{request:?}: {answer:?}");
    }
    assert_eq!(trap.connections(), 0);
}
