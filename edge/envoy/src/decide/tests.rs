use super::*;
use crate::{asked::Around, setup::Setup};
use serde_json::json;

const DOCUMENT: &str = "[table]\nsource = \"dynamodb\"\nname = \"versions\"\n[origins]\nallow = [\"*.example\"]\n\
     dial = [\"vpce.example\"]\ninsecure = true\n[[api]]\nname = \"orders\"\nhosts = [\"api.example.com\"]\n";

fn edge() -> Edge {
    let rows = json!({"Items": [
        {"api": "orders", "version": "v1", "domain": "one.example", "base_path": "/prod"},
        {"api": "orders", "version": "v2", "domain": "two.example", "port": 8443},
        {"api": "orders", "version": "v3", "domain": "three.example", "connect": "vpce.example"},
        {"api": "orders", "version": "v4", "domain": "four.example", "connect": "vpce.example"},
        {"api": "orders", "version": "v5", "domain": "five.example", "scheme": "http", "port": 80},
    ]});
    let setup = json!({
        "verge": DOCUMENT,
        "table": rows,
        "origins": {"clusters": {"four.example": "four"}, "insecure": "clear"},
    });
    let (edge, told) = Edge::new(Setup::read(&setup.to_string()).unwrap(), 0);
    assert!(told.iter().all(|told| told.as_ref().unwrap().invalid.is_empty()), "{told:?}");
    edge
}

fn asked(version: &str) -> Option<Asked> {
    let head = [(":method", "GET"), (":authority", "api.example.com"), (":path", "/7?a=b"), ("apiver", version)];
    let more = [("x-verge-cluster", "mine"), ("verge-arm", "mine"), ("x-forwarded-for", "192.0.2.1")];
    let pairs = head.iter().chain(&more).map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    Asked::take(pairs.collect(), &Around { source: Some("192.0.2.7:1"), ..Around::default() })
}

fn sent(edge: &Edge, version: &str) -> Orders {
    match decide(edge, asked(version)) {
        Decision::Send(sent) => sent.orders(edge),
        Decision::Reply(reply) => panic!("{version}: {reply:?}"),
    }
}

fn value(orders: &Orders, name: &str) -> Option<String> {
    orders.edits.iter().find_map(|edit| match edit {
        Edit::Set(set, value) if set == name => Some(value.to_str().unwrap().to_owned()),
        _ => None,
    })
}

#[test]
fn authority_path_and_cluster_are_the_rows() {
    let edge = edge();
    let orders = sent(&edge, "v1");
    assert_eq!((&*orders.authority, &*orders.path), ("one.example", "/prod/7?a=b"));
    assert_eq!(value(&orders, "x-verge-cluster").as_deref(), Some("origins"));
    // What a client says of clusters is taken off before, and takes no part.
    let of_clusters = |edit: &&Edit| matches!(edit, Edit::Set(name, _) | Edit::Add(name, _) | Edit::Remove(name) if name == "x-verge-cluster");
    let edits: Vec<&Edit> = orders.edits.iter().filter(of_clusters).collect();
    let cluster = "x-verge-cluster".parse::<http::HeaderName>().unwrap();
    assert_eq!(edits, [&Edit::Remove(cluster.clone()), &Edit::Set(cluster, HeaderValue::from_static("origins"))]);
    assert_eq!(value(&orders, "x-forwarded-for").as_deref(), Some("192.0.2.7"));
    assert!(value(&orders, "host").is_none());
    assert!(orders.edits.contains(&Edit::Remove("verge-arm".parse().unwrap())));
    assert_eq!(sent(&edge, "v2").authority, "two.example:8443");
    assert_eq!(value(&sent(&edge, "v4"), "x-verge-cluster").as_deref(), Some("four"));
    assert_eq!(value(&sent(&edge, "v5"), "x-verge-cluster").as_deref(), Some("clear"));
}

#[test]
fn what_cannot_be_dialled_is_not_sent() {
    let Decision::Reply(reply) = decide(&edge(), asked("v3")) else { panic!("it was sent") };
    assert_eq!((reply.status.as_u16(), reply.reason), (502, Reason::OriginUnreachable));
}

#[test]
fn nothing_is_sent_without_a_table_and_nothing_undecided() {
    let setup = json!({"verge": DOCUMENT, "origins": {"insecure": "clear"}});
    let edge_without = Edge::new(Setup::read(&setup.to_string()).unwrap(), 0).0;
    let reason = |edge: &Edge, asked| match decide(edge, asked) {
        Decision::Reply(reply) => reply.reason,
        Decision::Send(sent) => panic!("{sent:?}"),
    };
    assert_eq!(reason(&edge_without, asked("v1")), Reason::NoTable);
    assert_eq!(reason(&edge(), asked("v9")), Reason::UnknownVersion);
    assert_eq!(reason(&edge(), None), Reason::BadRequest);
}

#[test]
fn an_answer_is_edited_by_the_decision_that_sent_it() {
    let Decision::Send(sent) = decide(&edge(), asked("v1")) else { panic!("it was not sent") };
    let location = HeaderValue::from_static("https://one.example/prod/8");
    let edits = sent.edit_answer([(header::LOCATION, location)].into_iter().collect());
    assert!(
        edits.contains(&Edit::Set(header::LOCATION, HeaderValue::from_static("http://api.example.com/8"))),
        "{edits:?}"
    );
    let reply = sent.fail(Reason::OriginTimeout, "late");
    assert_eq!(reply.status.as_u16(), 504);
}
