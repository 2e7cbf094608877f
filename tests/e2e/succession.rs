//! `--upgrade`: a process takes over from another one, and nobody notices.

use crate::stages::Stages;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};
use verge_tests::{
    client::{Connection, Http2},
    message::Request,
    node::Node,
    origin::{Behaviour, Gate},
    patience::{eventually, within},
};

const DRAIN: &str = "drain = \"2s\"";

#[tokio::test]
async fn twenty_upgrades_under_load_lose_nothing() {
    let stages = Stages::start().await;
    let mut node = stages.setup().listen(DRAIN).start().await;
    let (over, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let mut load = tokio::task::JoinSet::new();
    for client in 0..4 {
        let (over, answered, address) = (over.clone(), answered.clone(), node.http());
        load.spawn(async move {
            let mut connection = Connection::open(address).await;
            while !over.load(Ordering::Acquire) {
                let answer = connection.ask(&Request::post("/", "body").version("v1")).await;
                assert_eq!((answer.status, answer.complete), (200, true), "{answer:?}");
                answered.fetch_add(1, Ordering::AcqRel);
                // Some stay as long as they may, some come anew each time.
                if client % 2 == 0 || answer.field("connection") == Some("close") {
                    connection = Connection::open(address).await;
                }
            }
        });
    }
    let mut before = Vec::new();
    for turn in 0..20 {
        let next = node.upgrade().await;
        assert_eq!((next.http(), next.admin()), (node.http(), node.admin()), "the same sockets");
        before.push(std::mem::replace(&mut node, next));
        let seen = answered.load(Ordering::Acquire);
        eventually("requests of the successor", async || answered.load(Ordering::Acquire) > seen + 10).await;
        assert!(node.is_ready().await, "upgrade {turn}");
    }
    over.store(true, Ordering::Release);
    while let Some(client) = load.join_next().await {
        client.unwrap();
    }
    assert_eq!(stages.v1.seen().len(), answered.load(Ordering::Acquire), "each request was answered once");
    assert_eq!(node.total("verge_replies_total").await, 0.0, "and by the stage");
    for old in before {
        assert_eq!(old.exit_code().await, Some(0));
    }
    assert!(node.is_alive());
}

#[tokio::test]
async fn what_is_in_flight_is_finished_by_who_has_it() {
    let stages = Stages::start().await;
    let gate = Gate::closed();
    stages.v1.now_on("/held", Behaviour::Held(gate.clone()));
    let node = stages.setup().listen("drain = \"60s\"").tls(&stages.authority, "api.example.com").start().await;
    let mut held = node.connect().await;
    held.send(Request::get("/held").version("v1").to_http1()).await;
    let mut stream = Http2::open(node.https(), "api.example.com", stages.authority.client_config(&["h2"])).await;
    let streamed = tokio::spawn(async move { stream.ask(&Request::get("/held").version("v1")).await });
    let mut idle = node.connect().await;
    assert_eq!(idle.ask(&Request::get("/").version("v1")).await.status, 200);
    stages.v1.has_seen(3).await;
    let next = node.upgrade().await;
    node.has_said("this process ends").await;
    assert_eq!(next.ask(&Request::get("/").version("v1")).await.status, 200);
    // A connection that waits gets its requests answered, and with one is asked to leave: the word is given a moment after
    // the log's.
    eventually("the word to leave", async || {
        let answer = idle.ask(&Request::get("/").version("v1")).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.field("connection") == Some("close")
    })
    .await;
    gate.open();
    assert_eq!(held.answer().await.expect("it was cut off").status, 200);
    assert_eq!(streamed.await.unwrap().status, 200);
    drop((held, idle));
    assert_eq!(node.exit_code().await, Some(0));
    assert!(next.is_ready().await);
}

/// Whether a process still serves, and is ready.
async fn serves(node: &Node) -> bool {
    node.is_alive() && node.is_ready().await && node.ask(&Request::get("/").version("v1")).await.status == 200
}

#[tokio::test]
async fn a_successor_that_fails_changes_nothing() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let config = node.scratch().read("verge.toml");
    let broken = [
        ("wrong = true\n".to_owned() + &config, Some(78)),
        (
            config.replace(
                "[listen]",
                "[listen]\nhttps = [{ address = \"127.0.0.1:0\", certificate = \"none.pem\", key = \"none.key\" }]",
            ),
            Some(78),
        ),
    ];
    for (text, code) in broken {
        node.scratch().write("verge.toml", text);
        assert_eq!(node.successor().exit_code().await, code);
        assert!(serves(&node).await);
    }
    node.scratch().write("verge.toml", config);
    eventually("a configuration that is whole", async || serves(&node).await).await;
    let next = node.upgrade().await;
    assert_eq!(node.exit_code().await, Some(0));
    assert!(serves(&next).await);
}

#[tokio::test]
async fn a_successor_without_a_table_does_not_take_over() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let table = node.scratch().read("table.json");
    node.scratch().write("table.json", "this is no table");
    let next = node.successor();
    next.has_said("this process takes over").await;
    node.has_said("a successor asks").await;
    assert!(serves(&node).await, "the old one goes on");
    assert!(next.is_alive());
    // Killed in the middle, it leaves no trace.
    drop(next);
    node.has_said("the successor does not serve").await;
    assert!(serves(&node).await);
    // One that waits takes over as soon as it can.
    let next = node.successor();
    next.has_said("this process takes over").await;
    node.scratch().write("table.json", table);
    assert_eq!(node.exit_code().await, Some(0));
    next.has_said("listening on").await;
    drop(next);
}

#[tokio::test]
async fn with_nobody_to_take_over_from_it_starts_anew() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    node.signal("TERM");
    assert_eq!(node.exit_code().await, Some(0));
    let next = node.upgrade().await;
    next.has_said("there is nobody to take over from").await;
    eventually("readiness", async || serves(&next).await).await;
}

/// The main process that a service manager is told of next.
async fn told(manager: &tokio::net::UnixDatagram) -> String {
    let mut room = [0; 256];
    let length = within("a word to the manager", manager.recv(&mut room)).await.unwrap();
    let text = String::from_utf8_lossy(&room[..length]).into_owned();
    text.strip_prefix("MAINPID=").and_then(|text| text.strip_suffix("\nREADY=1")).unwrap_or(&text).to_owned()
}

#[tokio::test]
async fn a_signal_has_it_start_its_successor_and_the_manager_is_told() {
    let stages = Stages::start().await;
    let setup = stages.setup().listen(DRAIN);
    let place = setup.scratch().path().join("notify");
    let manager = tokio::net::UnixDatagram::bind(&place).unwrap();
    let node = setup.environment("NOTIFY_SOCKET", place.to_str().unwrap()).start().await;
    assert_eq!(told(&manager).await, node.pid().to_string());
    node.signal("USR2");
    let next = told(&manager).await;
    assert_ne!(next, node.pid().to_string());
    assert_eq!(node.exit_code().await, Some(0));
    assert!(node.is_ready().await);
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    let sent = std::process::Command::new("kill").args(["-s", "TERM", &next]).status().unwrap();
    assert!(sent.success());
    assert_eq!(told(&manager).await, "STOPPING=1");
}
