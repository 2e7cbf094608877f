//! Splits over the wire: shares, stickiness, trips that a fleet follows, second attempts, overrides, cookies.

use crate::stages::{Stages, V1, V2};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use verge_tests::{
    books::answered,
    client::Connection,
    message::Request,
    node::{Node, Setup},
    origin::Behaviour,
    patience::eventually,
    store::{Door, Layout, Store},
};

/// Row `v2` with a canary at the second stage.
pub(crate) fn split(canary: u64, more: Json) -> Json {
    let mut row = json!({
        "api": "orders", "version": "v2", "sticky": ["header:x-user"],
        "split": [
            {"name": "canary", "weight": canary, "domain": V2},
            {"name": "stable", "weight": 10_000 - canary, "domain": V1, "base_path": "/prod"},
        ],
    });
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

fn rows(canary: u64, more: Json) -> Json {
    json!([split(canary, more)])
}

fn ask(user: usize) -> Request {
    Request::get("/").version("v2").field("x-user", &format!("user-{user}"))
}

/// The arms of so many clients, asked over one connection.
async fn arms(node: &Node, users: std::ops::Range<usize>) -> Vec<String> {
    let mut connection = node.connect().await;
    let mut arms = Vec::new();
    for user in users {
        let answer = connection.ask(&ask(user)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        arms.push(answer.field("verge-arm").unwrap().to_owned());
    }
    arms
}

fn canaries(arms: &[String]) -> Vec<usize> {
    arms.iter().enumerate().filter(|(_, arm)| *arm == "canary").map(|(user, _)| user).collect()
}

/// Two nodes on one table.
struct Fleet {
    stages: Stages,
    store: Store,
    nodes: [Node; 2],
}

impl Fleet {
    async fn start(layout: Layout, row: Json, more: &str) -> Self {
        let store = Store::start(layout);
        store.put(&row);
        let stages = Stages::start().await;
        let setup = || stages.reachable().store(&store).document(more);
        let (one, two) = tokio::join!(setup().start(), setup().start());
        Self { store, nodes: [one, two], stages }
    }

    /// Counts up the generation, as every write of Verge does, so that nodes read the table.
    fn put(&self, row: &Json, generation: u64) {
        self.store.put(row);
        self.store.put(&json!({"api": "#verge", "version": "#generation", "generation": generation}));
    }
}

const API: &str = "[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n";

#[tokio::test]
async fn clients_stay_where_they_are_on_both_nodes_while_the_weight_grows() {
    const CLIENTS: usize = 6250;
    let fleet = Fleet::start(Layout::Verge, split(100, json!({})), API).await;
    let mut before: Vec<usize> = Vec::new();
    let mut picked = 0;
    for (step, weight) in [100, 500, 2500, 10_000].into_iter().enumerate() {
        fleet.put(&split(weight, json!({})), step as u64 + 1);
        let generation = step as f64 + 1.0;
        for node in &fleet.nodes {
            eventually("the new weight", async || node.metric("verge_table_generation").await == generation).await;
        }
        let (one, two) = tokio::join!(arms(&fleet.nodes[0], 0..CLIENTS), arms(&fleet.nodes[1], 0..CLIENTS));
        assert_eq!(one, two, "both nodes pick alike at {weight}");
        let now = canaries(&one);
        assert!(before.iter().all(|user| now.contains(user)), "nobody left the canary at {weight}");
        // 99.99 % of all samples keep within 3.9 standard deviations.
        let share = weight as f64 / 10_000.0;
        let bound = 3.9 * (CLIENTS as f64 * share * (1.0 - share)).sqrt() + 1.0;
        assert!((now.len() as f64 - CLIENTS as f64 * share).abs() <= bound, "{} at {weight}", now.len());
        picked += 2 * now.len();
        before = now;
    }
    let Stages { v1, v2, .. } = &fleet.stages;
    assert_eq!((v1.requests(), v2.requests()), (8 * CLIENTS - picked, picked), "each stage saw its share, once");
    for node in &fleet.nodes {
        let all = 4.0 * CLIENTS as f64;
        eventually("every answer's count", async || node.metric(&answered(2)).await == all).await;
        assert_eq!(node.total("verge_replies_total").await, 0.0);
    }
}

#[tokio::test]
async fn a_canary_that_fails_is_out_on_its_node_and_then_on_the_other() {
    let breaker = format!("[canary]\nsample = 20\nwindow = \"10s\"\n{API}");
    let fleet = Fleet::start(Layout::Verge, split(5000, json!({})), &breaker).await;
    fleet.stages.v2.now_on("", Behaviour::answer(500, &[], "no"));
    let [one, two] = &fleet.nodes;
    // Only the first node has traffic, so only it can know.
    trip(one).await;
    assert_eq!(one.metric("verge_arm_trips_total").await, 1.0);
    assert!(arms(one, 0..100).await.iter().all(|arm| arm == "stable"));
    eventually("the trip on the other node", async || arms(two, 0..20).await.iter().all(|arm| arm == "stable")).await;
    assert!(arms(two, 0..100).await.iter().all(|arm| arm == "stable"));
    assert_eq!(two.metric("verge_arm_trips_total").await, 0.0, "it was told");

    let page = two.ask_admin("/canary").await.json();
    let canary = page["arms"].as_array().unwrap().iter().find(|arm| arm["arm"] == "canary").unwrap().clone();
    assert_eq!((canary["state"].as_str(), canary["reason"].as_str()), (Some("tripped"), Some("errors")), "{page}");

    // An operator clears it, and the canary is well again.
    fleet.stages.v2.now_on("", Behaviour::Echo);
    fleet.store.delete(&json!({"api": "orders", "version": "#trip#v2"}));
    fleet.put(&split(5000, json!({})), 1_000_000);
    for node in &fleet.nodes {
        eventually("the canary is back", async || arms(node, 0..40).await.iter().any(|arm| arm == "canary")).await;
    }
}

/// Asks until the node's breaker takes the canary out.
pub(crate) async fn trip(node: &Node) {
    ask_until(node, "verge_arm_state{api=\"orders\",version=\"v2\",arm=\"canary\",state=\"tripped\"}").await;
}

/// Asks as ever more clients until this metric is one.
async fn ask_until(node: &Node, metric: &str) {
    let mut user = 0;
    eventually(metric, async || {
        let mut connection = node.connect().await;
        for _ in 0..40 {
            connection.ask(&ask(user)).await;
            user += 1;
        }
        node.metric(metric).await == 1.0
    })
    .await;
}

#[tokio::test]
async fn two_arms_of_a_row_that_fail_both_stay_out_on_all_nodes() {
    let breaker = format!("[canary]\nsample = 20\nwindow = \"10s\"\n{API}");
    let mut row = split(3000, json!({}));
    let blue = json!({"name": "blue", "weight": 3000, "domain": V2, "base_path": "/blue"});
    row["split"].as_array_mut().unwrap().insert(1, blue);
    let fleet = Fleet::start(Layout::Verge, row, &breaker).await;
    fleet.stages.v2.now_on("", Behaviour::answer(500, &[], "no"));
    let mut user = 0;
    eventually("both arms out on the node that saw it", async || {
        let mut connection = fleet.nodes[0].connect().await;
        for _ in 0..60 {
            connection.ask(&ask(user)).await;
            user += 1;
        }
        fleet.nodes[0].metric("verge_arm_trips_total").await == 2.0
    })
    .await;
    for node in &fleet.nodes {
        eventually("both trips on every node", async || {
            let page = node.ask_admin("/canary").await.json();
            page["arms"].as_array().unwrap().iter().filter(|arm| arm["state"] == "tripped").count() == 2
        })
        .await;
        assert!(arms(node, 0..100).await.iter().all(|arm| arm == "stable"));
    }
    assert_eq!(fleet.nodes[0].metric("verge_arm_trips_total").await, 2.0, "none began anew");
}

#[tokio::test]
async fn a_trip_is_written_when_a_store_that_was_away_is_back() {
    let breaker = format!("[canary]\nsample = 20\nwindow = \"10s\"\n{API}");
    let fleet = Fleet::start(Layout::Verge, split(5000, json!({})), &breaker).await;
    fleet.stages.v2.now_on("", Behaviour::answer(500, &[], "no"));
    let [one, two] = &fleet.nodes;
    fleet.store.set_door(Door::Failing { status: 400, error: "ProvisionedThroughputExceededException" });
    trip(one).await;
    one.has_said("the trip is not in the table yet").await;
    assert_eq!(one.metric("verge_arm_trips_unshared_total").await, 0.0, "it is not given up");

    fleet.stages.v2.now_on("", Behaviour::Echo);
    fleet.store.set_door(Door::Open);
    eventually("the trip on the other node", async || arms(two, 0..20).await.iter().all(|arm| arm == "stable")).await;
}

#[tokio::test]
async fn a_canary_is_watched_on_when_stable_changes() {
    let breaker = format!("[canary]\nsample = 20\nwindow = \"1h\"\n{API}");
    let fleet = Fleet::start(Layout::Verge, split(5000, json!({})), &breaker).await;
    let node = &fleet.nodes[0];
    let watched = async || !node.ask_admin("/canary").await.json()["arms"].as_array().unwrap().is_empty();
    eventually("its arms watched: what comes before is not counted", watched).await;
    arms(node, 0..400).await;
    let mut row = split(5000, json!({}));
    row["split"][1]["base_path"] = json!("/next");
    fleet.put(&row, 1);
    eventually("the new stable", async || node.metric("verge_table_generation").await == 1.0).await;
    let before = canaries(&arms(node, 0..400).await).len() as u64;
    // Both rounds are within the window: what the arm did beside the old stable is not forgotten.
    eventually("all requests of the arm in its window", async || {
        let page = node.ask_admin("/canary").await.json();
        let canary = page["arms"].as_array().unwrap().iter().find(|arm| arm["arm"] == "canary").unwrap().clone();
        canary["requests"].as_u64() == Some(2 * before)
    })
    .await;
}

#[tokio::test]
async fn a_node_that_may_not_write_protects_itself_and_says_so() {
    let stages = Stages::start().await;
    stages.v2.now_on("", Behaviour::answer(503, &[], "no"));
    let breaker = format!("[canary]\nsample = 20\nwindow = \"10s\"\n{API}");
    let node = stages.reachable().rows(rows(5000, json!({}))).document(&breaker).start().await;
    ask_until(&node, "verge_arm_trips_unshared_total").await;
    assert!(arms(&node, 0..100).await.iter().all(|arm| arm == "stable"));
    node.has_said("the trip holds on this node alone").await;
}

#[tokio::test]
async fn what_stable_suffers_too_trips_nothing() {
    let stages = Stages::start().await;
    for stage in [&stages.v1, &stages.v2] {
        stage.now_on("", Behaviour::answer(500, &[], "no"));
    }
    let breaker = format!("[canary]\nsample = 20\nwindow = \"10s\"\n{API}");
    let node = stages.reachable().rows(rows(5000, json!({}))).document(&breaker).start().await;
    let mut connection = node.connect().await;
    for user in 0..200 {
        connection.ask(&ask(user)).await;
    }
    let state = "verge_arm_state{api=\"orders\",version=\"v2\",arm=\"canary\",state=\"passing\"}";
    eventually("a verdict", async || node.metric(state).await == 1.0).await;
    assert_eq!(node.metric("verge_arm_trips_total").await, 0.0);
}

#[tokio::test]
async fn what_can_be_repeated_goes_to_stable_when_the_canary_does_not_answer() {
    let stages = Stages::start().await;
    let document = format!("[canary]\nbreaker = false\n{API}");
    let node = stages.reachable().rows(rows(10_000, json!({}))).document(&document).start().await;
    stages.v2.now_on("", Behaviour::Reset);

    let answer = node.ask(&ask(0)).await;
    assert_eq!((answer.status, answer.field("verge-arm")), (200, Some("stable")), "{answer:?}");
    assert_eq!(stages.v1.only_seen().target, "/prod/");
    assert_eq!(stages.v1.only_seen().field("verge-arm"), Some("stable"));
    assert_eq!(node.metric("verge_arm_fallbacks_total").await, 1.0);

    // Not what has an effect, and not what was answered.
    let post = Request::post("/", "x").version("v2").field("x-user", "user-0");
    let answer = node.ask(&post).await;
    assert_eq!((answer.status, answer.code().as_str()), (502, "origin_unreachable"), "{answer:?}");
    stages.v2.now_on("", Behaviour::answer(503, &[], "busy"));
    let answer = node.ask(&ask(0)).await;
    assert_eq!((answer.status, answer.field("verge-arm")), (503, Some("canary")), "{answer:?}");
    assert_eq!(stages.v1.seen().len(), 1);
    let failed = "verge_arm_requests_total{api=\"orders\",version=\"v2\",arm=\"canary\",outcome=\"failed\"}";
    eventually("all three failures count against the canary", async || node.metric(failed).await == 3.0).await;
}

#[tokio::test]
async fn stable_is_not_flooded_with_second_attempts() {
    let stages = Stages::start().await;
    let document = format!("[canary]\nbreaker = false\n{API}");
    let node = stages.reachable().rows(rows(10_000, json!({}))).listen("threads = 1").document(&document).start().await;
    stages.v2.now_on("", Behaviour::Reset);
    let mut answered = 0;
    for user in 0..60 {
        answered += usize::from(node.ask(&ask(user)).await.status == 200);
    }
    assert_eq!((answered, stages.v1.seen().len()), (10, 10), "the budget a thread starts with");
}

#[tokio::test]
async fn a_token_picks_an_arm_and_is_not_passed_on() {
    let stages = Stages::start().await;
    let document = format!("[canary]\nkey = \"env:VERGE_TEST_KEY\"\n{API}");
    let setup = stages.reachable().rows(rows(0, json!({}))).environment("VERGE_TEST_KEY", "a test's own key");
    let node = setup.document(&document).start().await;
    let expiry = 4_000_000_000_i64;
    let token = verge_router::split::seal::sign_override(&Hmac, "orders", "v2", "canary", expiry);
    let answer = node.ask(&ask(0).field("verge-override", &token)).await;
    assert_eq!(answer.field("verge-arm"), Some("canary"), "{answer:?}");
    assert_eq!(answer.field("cache-control"), Some("no-store"));
    assert!(answer.members("vary").iter().any(|name| name == "verge-override"), "{answer:?}");
    assert_eq!(stages.v2.only_seen().field("verge-override"), None);
    for bad in [token.replace("4000000000", "4000000001"), "canary".to_owned(), "canary;4000000000;00".to_owned()] {
        let answer = node.ask(&ask(0).field("verge-override", &bad)).await;
        assert_eq!(answer.field("verge-arm"), Some("stable"), "{bad}");
    }
    let log = node.log_of(1).await;
    assert!(log[0].contains("\"arm_by\":\"override\""), "{log:?}");
}

/// The same primitive as the node's, by another way.
struct Hmac;

impl verge_router::split::Seal for Hmac {
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, b"a test's own key");
        ring::hmac::sign(&key, &parts.concat()).as_ref().try_into().unwrap()
    }
}

#[tokio::test]
async fn the_signed_cookie_holds_a_client_and_lets_an_arm_drain() {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    store.put(&split(5000, json!({"sticky": ["cookie"], "drain": true})));
    let document = format!("[canary]\nkey = \"env:VERGE_TEST_KEY\"\n{API}");
    let setup = stages.reachable().store(&store).environment("VERGE_TEST_KEY", "k").document(&document);
    let node = setup.start().await;
    let bare = Request::get("/").version("v2");
    let mut cookies: BTreeMap<String, String> = BTreeMap::new();
    eventually("a client of each arm", async || {
        let answer = node.ask(&bare).await;
        let cookie = answer.field("set-cookie").unwrap().to_owned();
        assert!(cookie.starts_with("__Host-verge-") && cookie.ends_with("; Path=/; Secure; HttpOnly; SameSite=Lax"));
        let pair = cookie.split(';').next().unwrap().to_owned();
        cookies.insert(answer.field("verge-arm").unwrap().to_owned(), pair);
        cookies.len() == 2
    })
    .await;
    let with = |arm: &str| Request::get("/").version("v2").field("cookie", &cookies[arm]);
    for arm in ["canary", "stable"] {
        let answer = node.ask(&with(arm)).await;
        assert_eq!((answer.field("verge-arm"), answer.field("set-cookie")), (Some(arm), None));
    }
    // The canary drains: whoever was there stays, nobody else comes.
    store.put(&split(0, json!({"sticky": ["cookie"], "drain": true})));
    store.put(&json!({"api": "#verge", "version": "#generation", "generation": 7}));
    eventually("the canary drains", async || node.metric("verge_table_generation").await == 7.0).await;
    assert_eq!(node.ask(&with("canary")).await.field("verge-arm"), Some("canary"));
    for _ in 0..30 {
        assert_eq!(node.ask(&bare).await.field("verge-arm"), Some("stable"));
    }
}

#[tokio::test]
async fn promote_and_abort_under_load_lose_no_request() {
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    store.put(&split(2000, json!({})));
    let setup = || stages.reachable().store(&store).document(API);
    let node = setup().start().await;
    let desk: Setup = setup();
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let address = node.http();
    let load = |first: usize| {
        let stop = stop.clone();
        tokio::spawn(async move {
            let mut connection = Connection::open(address).await;
            let mut count = 0_usize;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let answer = connection.ask(&ask(first + count % 500)).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                count += 1;
            }
            count
        })
    };
    let loads = [load(0), load(500), load(1000)];
    let run = |arguments: &[&str]| {
        let (code, out, err) = desk.run(arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
    };
    let everywhere = async |arm: Option<&str>, host: &str| {
        eventually("all at one stage", async || {
            let answer = node.ask(&ask(1)).await;
            answer.field("verge-arm") == arm && answer.json()["host"] == host
        })
        .await;
    };
    run(&["canary", "promote", "orders", "v2"]);
    everywhere(None, V2).await;
    run(&["canary", "undo", "orders", "v2"]);
    eventually("the split is back", async || node.ask(&ask(1)).await.field("verge-arm").is_some()).await;
    run(&["canary", "abort", "orders", "v2"]);
    everywhere(None, V1).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    for load in loads {
        assert!(load.await.unwrap() > 10);
    }
    // Every one of them came to a stage once, and was answered by it.
    let all = async || (stages.v1.requests() + stages.v2.requests()) as f64;
    eventually("every answer's count", async || node.metric(&answered(2)).await == all().await).await;
    assert_eq!(node.total("verge_replies_total").await, 0.0);
}
