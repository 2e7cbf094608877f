//! `verge canary`, as a process, against an embedded table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

use serde_json::{Value as Json, json};
use std::{
    io::{Read, Write},
    net::TcpListener,
    sync::Arc,
    thread,
    time::SystemTime,
};
use verge_mappings::{Embedded, Expect, Item, Keep, Layout, Part, Reading, Scope, Store, Trip, parse_all};
use verge_router::{
    ApiDraft,
    api::HostPattern,
    lifecycle::parse_rfc3339,
    origin::{DomainPattern, OriginRules},
};
use verge_tests::bench::{Bench, TABLE};

const TO: [&str; 2] = ["--to", "https://new.example.com/next"];

fn start<'w>(version: &'w str, more: &[&'w str]) -> Vec<&'w str> {
    [&["start", "orders", version], &TO[..], more].concat()
}

/// A table whose `v1` has a canary at 5 %.
fn with_canary(more: &[&str]) -> Bench {
    let bench = Bench::with_rows();
    bench.canary(&start("v1", &[&["--weight", "5%", "--salt", "s"], more].concat())).check(0, &["revision 2"]);
    bench
}

fn weights(row: &Json) -> Vec<u64> {
    row["split"].as_array().unwrap().iter().map(|arm| arm["weight"].as_u64().unwrap()).collect()
}

/// What `v1` is, but for what a write keeps.
fn plain(mut row: Json) -> Json {
    for name in ["revision", "updated_at", "updated_by", "previous"] {
        row.as_object_mut().unwrap().remove(name);
    }
    row
}

/// What a node writes when its breaker takes the canary of `v1` out.
async fn trip(bench: &Bench, at: &str) {
    let engine = Embedded::start(Keep::File(bench.path(TABLE)), "verge-mappings").await.unwrap();
    let of = fingerprint(engine.list().await.unwrap()).unwrap_or_default();
    let at = parse_rfc3339(at).unwrap();
    let detail = "12 of 40 failed, of stable's 0 of 700".to_owned();
    let node = "n1".to_owned();
    let trip = Trip { arm: "canary".to_owned(), of, reason: "errors".to_owned(), detail, at, node };
    engine.put(trip.item(Layout::Verge, "orders", "v1", &[]), Expect::Anything, "n1").await.unwrap();
}

/// Which arm the canary of `v1` is, as nodes read the table.
fn fingerprint(items: Vec<Item>) -> Option<u64> {
    let part = Part { reading: Some(Arc::new(Reading::new(items, Some(Layout::Verge)))), scope: Scope::All };
    let draft = ApiDraft { hosts: Some([HostPattern::Any].into()), ..ApiDraft::default() };
    let allow = [DomainPattern::parse("*.example.com").unwrap()].into();
    let rules = OriginRules { allow, ..OriginRules::default() };
    let (table, _) = parse_all(&[part], &[("orders".to_owned(), draft)], &rules, None);
    let row = table.api("orders")?.splits().find(|row| row.key() == "v1")?;
    Some(row.arms().first()?.fingerprint())
}

#[test]
fn a_canary_goes_its_way_and_each_step_can_be_taken_back() {
    let bench = Bench::with_rows();
    let before = bench.get("v1");
    let said = bench.canary(&start("v1", &["--weight", "5%", "--sticky", "header:x-user"]));
    let said = said.check(0, &["~ orders v1", "/prod → (none)", "split canary weight", "(none) → v1-20", "revision 2"]);
    assert!(said.out.contains("(none) → new.example.com\n"), "{said:?}");
    let row = bench.get("v1");
    assert_eq!((weights(&row), &row["sticky"]), (vec![500, 9500], &json!(["header:x-user"])));
    let stable = json!({"name": "stable", "weight": 9500, "domain": "one.example.com", "base_path": "/prod"});
    assert_eq!(row["split"][1], stable);

    let said = bench.canary(&["set", "orders", "v1", "--weight", "25%", "--json", "--by", "bob"]).check(0, &[]).json();
    assert_eq!((&said["written"], weights(&said["after"])), (&json!(true), vec![2500, 7500]));
    assert_eq!(bench.get("v1")["updated_by"], "bob");
    bench.canary(&["set", "orders", "v1", "--weight", "25%"]).check(0, &["nothing to change"]);
    bench.canary(&["undo", "orders", "v1"]).check(0, &["revision 4"]);
    assert_eq!(weights(&bench.get("v1")), [500, 9500]);

    bench.canary(&["promote", "orders", "v1"]).check(0, &["(none) → new.example.com", "revision 5"]);
    let promoted = json!({"api": "orders", "version": "v1", "domain": "new.example.com", "base_path": "/next"});
    assert_eq!(plain(bench.get("v1")), promoted);
    bench.canary(&["undo", "orders", "v1"]).check(0, &[]);
    assert_eq!(plain(bench.get("v1")), plain(row));
    bench.canary(&["abort", "orders", "v1"]).check(0, &[]);
    assert_eq!(plain(bench.get("v1")), plain(before));
    bench.canary(&["abort", "orders", "v1"]).check(1, &["it is not split; begin with `verge canary start`"]);
}

#[test]
fn an_arm_can_be_a_version_and_be_promoted_to_it() {
    let bench = Bench::with_rows();
    let begin = ["start", "orders", "v1", "--weight", "1%", "--to-version"];
    bench.canary(&[&begin[..], &["v9"]].concat()).check(1, &["refused, nothing is written", "v9"]);
    bench.canary(&[&begin[..], &["v1"]].concat()).check(1, &["refused, nothing is written"]);
    bench.canary(&[&begin[..], &["v2"]].concat()).check(0, &["revision 2"]);
    bench.canary(&["promote", "orders", "v1"]).check(0, &["it is another name for `v2` now"]);
    assert_eq!(plain(bench.get("v1")), json!({"api": "orders", "version": "v1", "alias_of": "v2"}));
}

#[test]
fn what_could_not_be_served_is_refused() {
    let bench = Bench::with_rows();
    let before = bench.export();
    let begin = |to: &str| bench.canary(&["start", "orders", "v1", "--weight", "5%", "--to", to]);
    begin("https://new.example.org/next").check(1, &["refused, nothing is written", "does not match [origins] allow"]);
    begin("http://new.example.com").check(1, &["refused, nothing is written"]);
    begin("127.0.0.1").check(1, &["refused, nothing is written"]);
    begin("https://new.example.com/a?b").check(64, &["https://domain[:port][/base]"]);
    bench.canary(&start("latest", &["--weight", "5%"])).check(1, &["start the canary of `v2`"]);
    bench.canary(&start("v9", &["--weight", "5%"])).check(1, &["orders `v9` is not in the table"]);
    bench.canary(&start("#api", &["--weight", "5%"])).check(1, &["this is no version"]);
    bench.canary(&start("v1", &["--weight", "5"])).check(64, &["such as 5% or 0.25%"]);
    bench.canary(&start("v1", &["--weight", "101%"])).check(64, &["from 0% to 100%"]);
    bench.canary(&start("v1", &[])).check(64, &["--weight"]);
    bench.canary(&start("v1", &["--weight", "5%", "--drain"])).check(1, &["add --sticky cookie"]);
    let ramp = |ramp| bench.canary(&start("v1", &["--weight", "5%", "--ramp", ramp]));
    ramp("step=5%,until=50%").check(64, &["`interval` is missing"]);
    ramp("step=5%,interval=soon,until=50%").check(1, &["refused, nothing is written", "interval"]);
    ramp("step=5%,interval=1h,until=1%").check(1, &["refused, nothing is written"]);
    bench.canary(&["set", "orders", "v1"]).check(64, &["say what to set"]);
    assert_eq!(bench.export(), before);

    let bench = with_canary(&[]);
    bench.canary(&start("v1", &["--weight", "5%"])).check(1, &["it is split already", "promote"]);
    bench
        .canary(&["set", "orders", "v1", "--arm", "blue", "--weight", "5%"])
        .check(1, &["no arm `blue`, but `canary`"]);
    bench.canary(&["pause", "orders", "v1"]).check(1, &["it has no ramp to halt"]);
    // Who is promoted to must not go while it is needed.
    bench.run(&["put", "orders", "v1", "--domain", "two.example.com"]).check(1, &["refused, nothing is written"]);
}

#[test]
fn a_dry_run_writes_nothing_and_a_revision_holds() {
    let bench = with_canary(&[]);
    let before = bench.run(&["export", "--all"]).out;
    for step in
        [&["set", "orders", "v1", "--weight", "9%"][..], &["promote", "orders", "v1"], &["abort", "orders", "v1"]]
    {
        bench.canary(&[step, &["--dry-run"]].concat()).check(0, &["nothing is written (--dry-run)"]);
        bench.canary(&[step, &["--revision", "7"]].concat()).check(1, &["expected revision 7, found revision 2"]);
    }
    assert_eq!(bench.run(&["export", "--all"]).out, before);
}

#[test]
fn a_ramp_is_paused_resumed_and_ended() {
    let bench = with_canary(&["--ramp", "step=5%,interval=1h,until=50%,start=2026-01-01T00:00:00Z"]);
    // It was over long ago.
    let state = bench.canary(&["status", "orders", "v1", "--json"]).check(0, &[]).json();
    assert_eq!((&state["arms"][0]["weight"], &state["arms"][0]["share"]), (&json!(5000), &json!(0.5)), "{state}");
    bench.canary(&["pause", "orders", "v1"]).check(0, &["--resume has it go on", "revision 3"]);
    bench.canary(&["pause", "orders", "v1"]).check(0, &["the ramp is paused since 20", "nothing to change"]);
    bench.canary(&["status", "orders", "v1"]).check(0, &["until 50%, paused since 20"]);
    bench.canary(&["pause", "orders", "v1", "--resume"]).check(0, &["the ramp goes on"]);
    bench.canary(&["set", "orders", "v1", "--no-ramp"]).check(0, &["ramp"]);
    let row = bench.get("v1");
    assert_eq!((weights(&row), row.get("ramp")), (vec![5000, 5000], None), "what it raised stays");
}

#[tokio::test]
async fn a_step_after_a_trip_clears_it() {
    let bench = with_canary(&["--ramp", "step=5%,interval=1h,until=50%"]);
    let tripped = || bench.run(&["export", "--all"]).out.contains("#trip#v1");
    let cleared = ["the breaker took arm `canary` out at 2026-11-25T10:00:00Z on n1: errors", "that is cleared"];
    let steps: [&[&str]; 4] = [
        &["set", "orders", "v1", "--weight", "5%"],
        &["set", "orders", "v1", "--weight", "2%"],
        &["undo", "orders", "v1"],
        &["abort", "orders", "v1"],
    ];
    for step in steps {
        trip(&bench, "2026-11-25T10:00:00Z").await;
        bench.canary(&[step, &["--dry-run"]].concat()).check(0, &[cleared[0], "that would be cleared"]);
        assert!(tripped());
        bench.canary(step).check(0, &cleared);
        assert!(!tripped(), "{step:?}");
    }
    trip(&bench, "2026-11-25T10:00:00Z").await;
    bench.canary(&start("v1", &["--weight", "5%", "--sticky", "ip"])).check(0, &cleared);

    trip(&bench, "2026-11-25T11:00:00Z").await;
    bench.canary(&["promote", "orders", "v1"]).check(1, &["it would have all clients", "--yes"]);
    assert!(tripped());
    let said = bench.canary(&["promote", "orders", "v1", "--yes", "--json"]).check(0, &[]).json();
    assert_eq!((&said["trip"]["cleared"], &said["trip"]["was"]["at"]), (&json!(true), &json!("2026-11-25T11:00:00Z")));
    assert!(!tripped());
}

#[tokio::test]
async fn a_pause_leaves_the_breaker_alone() {
    let bench = with_canary(&["--ramp", "step=5%,interval=1h,until=50%"]);
    trip(&bench, "2026-11-25T10:00:00Z").await;
    bench.canary(&["pause", "orders", "v1"]).check(0, &["revision 3"]);
    let state = bench.canary(&["status", "orders", "v1", "--json"]).check(0, &[]).json();
    assert_eq!((&state["trip"]["reason"], &state["trip"]["node"]), (&json!("errors"), &json!("n1")), "{state}");
}

#[tokio::test]
async fn a_trip_of_an_earlier_canary_is_not_this_ones() {
    let bench = with_canary(&[]);
    trip(&bench, "2026-11-25T10:00:00Z").await;
    bench.canary(&["status", "orders", "v1"]).check(0, &["500 (out)", "0%", "the breaker took arm `canary` out"]);
    // By other tools, so that nothing is cleared: another canary of the same name.
    bench.run(&["put", "orders", "v1", "--set", "salt=another"]).check(0, &["revision 3"]);
    let said = bench.canary(&["status", "orders", "v1"]).check(0, &["canary  500     5%"]);
    assert!(!said.out.contains("breaker"), "{said:?}");
    bench.canary(&["promote", "orders", "v1"]).check(0, &["that is cleared"]);
}

#[test]
fn a_token_is_signed_for_an_arm_and_a_time() {
    let bench = with_canary(&[]);
    let words = ["token", "orders", "v1", "--expires", "1h"];
    bench.canary(&words).check(78, &["[canary] key is not set"]);
    bench.configure("[[api]]", "[canary]\nkey = \"env:CANARY_KEY\"\n[[api]]");
    bench.canary(&words).check(78, &["CANARY_KEY is not set"]);
    let bench = bench.with_variable("CANARY_KEY", "a key that nobody else has");
    let said = bench.canary(&words).check(0, &["verge-override: canary;", "good until 20"]);
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let parts: Vec<_> = said.out.trim_end().split(';').collect();
    let expiry: u64 = parts[1].parse().unwrap();
    assert!((now + 3590..=now + 3600).contains(&expiry), "{said:?}");
    assert!(parts[2].len() == 64 && parts[2].bytes().all(|b| b.is_ascii_hexdigit()), "{said:?}");
    let other = bench.canary(&["token", "orders", "v1", "--arm", "stable", "--json"]).check(0, &[]).json();
    assert!(other["value"].as_str().unwrap().starts_with("stable;"), "{other}");
    bench.canary(&["token", "orders", "v1", "--arm", "blue"]).check(1, &["no arm `blue`, but `canary`, `stable`"]);
    bench.canary(&["token", "orders", "v2"]).check(1, &["it is not split"]);
    bench.canary(&["token", "orders", "v1", "--expires", "31d"]).check(64, &["1s to 30d"]);
}

/// An admin listener that answers once for each of these.
fn node(answers: Vec<(u16, Json)>) -> String {
    let socket = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = socket.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            assert!(head.starts_with("get /canary http/1.1\r\n"), "{head}");
            let status = if status == 200 && !head.contains("authorization: bearer secret\r\n") { 401 } else { status };
            let body = body.to_string();
            write!(stream, "HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        }
    });
    url
}

#[test]
fn status_tells_what_nodes_saw_and_names_those_that_do_not_answer() {
    let bench = with_canary(&["--sticky", "header:x-user"]);
    let arm = |arm: &str, requests: u32| {
        json!({"api": "orders", "version": "v1", "arm": arm, "weight": 1, "requests": requests, "failures": 1,
            "share": 0.05, "p50_ms": 3, "p99_ms": 40, "state": "passing", "reason": null})
    };
    let page = json!({"node": "n1", "arms": [arm("canary", 50), arm("stable", 950)]});
    let good = node(vec![(200, page.clone()), (200, page)]);
    let bad = node(vec![(404, json!({})), (404, json!({}))]);
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let gone = format!("http://{gone}");
    let words = ["status", "orders", "v1", "--node", &good, "--node", &bad, "--node", &gone];
    let words = [&words[..], &["--token", "env:USER_TOKEN"]].concat();
    bench.canary(&words).check(78, &["--token: the environment variable USER_TOKEN is not set"]);
    let bench = bench.with_variable("USER_TOKEN", "secret");
    let said = bench.canary(&words).check(0, &["canary  500", "5%", "https://new.example.com/next", "sticky"]);
    let said = said.check(0, &["50        5.00%  2.00%", "3 ms", "40 ms", "passing", "it has no /canary", "refused"]);
    assert!(said.out.contains(&format!("{gone}: not reached")), "{said:?}");
    let state = bench.canary(&[&words[..], &["--json"]].concat()).check(0, &[]).json();
    let nodes = state["nodes"].as_array().unwrap();
    let reached: Vec<_> = nodes.iter().map(|node| node["reachable"].as_bool().unwrap()).collect();
    assert_eq!(reached, [true, false, false]);
    assert_eq!(nodes[0]["arms"][1]["requests"], 950);
    assert_eq!(state["arms"][0]["leads"], json!({"domain": "new.example.com", "base_path": "/next"}));

    bench.canary(&["status", "orders", "v2"]).check(0, &["orders v2 is not split: https://two.example.com"]);
    bench.canary(&["status", "orders", "v9"]).check(1, &["orders `v9` is not in the table"]);
}

#[test]
fn a_table_that_is_a_file_can_be_looked_at() {
    let bench = Bench::new("source = \"file\"\npath = \"rows.json\"");
    bench.write(
        "rows.json",
        &json!([{"api": "orders", "version": "v1", "salt": "s", "split": [
            {"name": "canary", "weight": 1, "domain": "new.example.com"},
            {"name": "stable", "weight": 3, "domain": "one.example.com"},
        ]}]),
    );
    bench.canary(&["status", "orders", "v1"]).check(0, &["canary  1       25%    https://new.example.com"]);
    bench.canary(&["set", "orders", "v1", "--weight", "50%"]).check(1, &["the table is a file: edit it"]);
}

#[test]
fn a_row_of_the_sample_layout_has_a_canary_too() {
    let bench = Bench::new("source = \"file\"\npath = \"rows.json\"");
    let split = json!([{"name": "canary", "weight": 1, "version": "application/vnd.example.v2+json"},
        {"name": "stable", "weight": 1, "domain": "one.example.com"}]);
    bench.write(
        "rows.json",
        &json!([
            {"hk": "application/vnd.example.v1+json", "split": split},
            {"hk": "application/vnd.example.v2+json", "dn": "two.example.com"},
        ]),
    );
    let said = bench.canary(&["status", "orders", "application/vnd.example.v1+json"]);
    said.check(0, &["→ application/vnd.example.v2+json", "50%"]);
}
