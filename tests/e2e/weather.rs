//! Bad weather: origins that flap, and ways that are long and lossy.

use crate::stages::{V1, row};
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use verge_tests::{
    books::{Books, answered, replied},
    certs::Authority,
    client::Connection,
    distance::Distance,
    message::Request,
    node::Setup,
    origin::{Behaviour, Origin},
    patience::eventually,
};

#[tokio::test]
async fn while_an_origin_flaps_nothing_is_sent_more_often_than_it_may_be() {
    let authority = Authority::new();
    let origin = Origin::speaking(&["http/1.1"], &authority.certify(&[V1]), &[V1]).await;
    let setup = Setup::new().rows(json!([row("v1", V1)])).trusting(&authority).dialling(&origin);
    let node = setup.start().await;
    let over = Arc::new(AtomicBool::new(false));
    let load = |method: &'static str, name: usize| {
        let (over, address) = (over.clone(), node.http());
        tokio::spawn(async move {
            let (mut count, mut failed) = (0, 0);
            while !over.load(Ordering::Acquire) {
                count += 1;
                let target = format!("/{method}/{name}/{count}");
                let mut request = Request::new(method, &target).version("v1");
                request.body = (method != "GET").then(|| "pay 5".into());
                let answer = Connection::open(address).await.ask(&request).await;
                assert!([200, 502].contains(&answer.status), "{answer:?}");
                failed += usize::from(answer.status == 502);
            }
            (count, failed)
        })
    };
    let loads: Vec<_> = (0..4).map(|name| load(["GET", "POST"][name % 2], name)).collect();
    for behaviour in [Behaviour::Reset, Behaviour::Echo, Behaviour::HangUpOnceUsed, Behaviour::ResetOnceUsed] {
        origin.now_on("", behaviour);
        let before = origin.seen().len();
        eventually("some requests", async || origin.seen().len() >= before + 40).await;
    }
    origin.now_on("", Behaviour::Echo);
    over.store(true, Ordering::Release);
    let (mut asked, mut failed) = (0, 0);
    for load in loads {
        let (more, of_them) = load.await.unwrap();
        (asked, failed) = (asked + more, failed + of_them);
    }
    // Who got 502 is counted, and nobody else.
    let counted = async || {
        let count = async |name: String| node.metric(&name).await;
        (count(replied("origin_unreachable")).await, count(answered(5)).await, count(answered(2)).await)
    };
    let due = (failed as f64, failed as f64, (asked - failed) as f64);
    eventually("every answer's count", async || counted().await == due).await;
    let mut times: BTreeMap<(String, String), usize> = BTreeMap::new();
    for seen in origin.seen() {
        *times.entry((seen.method, seen.target)).or_default() += 1;
    }
    for ((method, target), times) in &times {
        let most = if method == "POST" { 1 } else { 2 };
        assert!(*times <= most, "{target} was sent {times} times");
    }
    let again = node.metric("verge_upstream_retries_total").await;
    assert!(again <= 50.0 + asked as f64 / 10.0, "{again} of {asked}");
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200, "when it is over, it is over");
    assert_eq!(node.metric("verge_panics_total").await, 0.0);
}

#[tokio::test]
async fn a_long_and_lossy_way_costs_time_and_nothing_else() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[V1]).await;
    let far = Distance::to(origin.address()).await;
    let setup = Setup::new().rows(json!([row("v1", V1)])).trusting(&authority).dialling_at(V1, far.address());
    let node = setup.start().await;
    let near = Distance::to(node.http()).await;
    let body: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    let books = Books::open(&node, &[&origin]).await;
    let begin = Instant::now();
    let mut connection = Connection::open(near.address()).await;
    for request in [Request::get("/"), Request::post("/", body.clone()), Request::get("/again")] {
        let answer = connection.ask(&request.version("v1")).await;
        assert_eq!((answer.status, answer.complete), (200, true), "{answer:?}");
    }
    assert!(begin.elapsed() >= Duration::from_millis(1200), "three times there and back, twice: {:?}", begin.elapsed());
    books.balance("three requests", 3, &vec![answered(2); 3]).await;
    let seen = origin.seen();
    assert!(seen[1].complete && seen[1].body == body);
}
