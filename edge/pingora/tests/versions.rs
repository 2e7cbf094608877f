//! `verge versions`, as a process, against an embedded table.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use serde_json::{Value as Json, json};
use verge_tests::bench::Bench;

/// `v1`, `v2` and `latest`, and consumers that are told apart by a field.
fn bench() -> Bench {
    let bench = Bench::with_rows();
    let pins = "vendor = \"example\"\nmissing = \"pin\"\n[api.pin]\nsubject = \"header:x-consumer\"\n";
    bench.configure("vendor = \"example\"\n", pins);
    bench
}

fn get(bench: &Bench, subject: &str) -> Json {
    bench.versions(&["pins", "get", "orders", subject, "--json"]).check(0, &[]).json()
}

#[test]
fn a_consumer_is_pinned_moved_taken_back_and_let_go() {
    let bench = bench();
    bench.versions(&["pin", "orders", "ann", "v1", "--dry-run"]).check(0, &["orders ann: v1", "nothing is written"]);
    bench.versions(&["pins", "get", "orders", "ann"]).check(1, &["orders ann: it has no pin"]);
    bench.versions(&["pin", "orders", "ann", "v1"]).check(0, &["orders ann: v1", "written"]);
    bench.versions(&["pin", "orders", "ann", "v1"]).check(0, &["nothing to change"]);
    let pin = get(&bench, "ann");
    assert_eq!((&pin["pinned_to"], &pin["revision"], &pin["updated_by"]), (&json!("v1"), &json!(1), &json!("ann")));

    let said =
        bench.versions(&["upgrade", "orders", "ann", "latest", "--window", "24h", "--json"]).check(0, &["written"]);
    let said = said.json();
    assert_eq!((&said["written"], &said["before"]["pinned_to"]), (&json!(true), &json!("v1")), "{said:#}");
    let (at, until) =
        (said["after"]["upgrade_at"].as_str().unwrap(), said["after"]["rollback_until"].as_str().unwrap());
    assert!(at < until, "{said:#}");
    bench
        .versions(&["pins", "list", "orders"])
        .check(0, &["CONSUMER", "ann", "v1, latest from", "to be taken back until"]);

    bench.versions(&["rollback", "orders", "ann"]).check(0, &["orders ann: v1\n"]);
    bench.versions(&["rollback", "orders", "ann"]).check(1, &["there is no upgrade to take back"]);
    assert_eq!(get(&bench, "ann").get("upgrade_to"), None);

    bench.versions(&["unpin", "orders", "ann", "--dry-run"]).check(0, &["nothing is written"]);
    bench.versions(&["unpin", "orders", "ann"]).check(0, &["orders ann: no pin"]);
    bench.versions(&["unpin", "orders", "ann"]).check(1, &["it has no pin"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let bench = bench();
    bench.versions(&["pin", "orders", "ann", "v9"]).check(1, &["`v9` is not in the table"]);
    bench.versions(&["pin", "order", "ann", "v1"]).check(1, &["API `order` is unknown", "known: orders"]);
    bench.versions(&["pin", "orders", "ann", "v 1"]).check(64, &["`v 1` is no version"]);
    bench.versions(&["pin", "orders", "ann", "v1", "--expires", "2020-01-01T00:00:00Z"]).check(1, &["end in the past"]);
    bench.versions(&["pin", "orders", "ann", "v1", "--expires", "soon"]).check(64, &["RFC 3339"]);
    bench.versions(&["upgrade", "orders", "ann", "v2"]).check(1, &["it has no pin"]);
    bench.versions(&["pin", "orders", "ann", "v1"]).check(0, &[]);
    bench.versions(&["upgrade", "orders", "ann", "v1"]).check(1, &["it has `v1` already"]);
    let past = ["upgrade", "orders", "ann", "v2", "--at", "2020-01-01T00:00:00Z"];
    bench.versions(&past).check(1, &["an upgrade cannot be in the past"]);
    bench.versions(&["upgrade", "orders", "ann", "v2", "--window", "9000h"]).check(64, &["at most 8760h"]);
    let plain = Bench::with_rows();
    plain.versions(&["pin", "orders", "ann", "v1"]).check(0, &["do nothing before its policy is `missing = \"pin\"`"]);
}

#[test]
fn a_long_consumer_goes_by_its_hash_and_pins_are_in_no_listing() {
    let bench = bench();
    let long = "x".repeat(200);
    bench.versions(&["pin", "orders", &long, "v2"]).check(0, &["orders sha256:"]);
    assert_eq!(get(&bench, &long)["pinned_to"], json!("v2"));
    let listed = bench.versions(&["pins", "list", "orders", "--json"]).check(0, &[]).json();
    assert!(listed[0]["version"].as_str().unwrap().starts_with("#pin#sha256:"), "{listed}");
    assert!(!bench.export().contains("#pin"));
    assert!(!bench.run(&["list", "--all"]).out.contains("#pin"));
}

#[test]
fn explain_reads_the_pin_or_takes_one_that_is_said() {
    let bench = bench();
    bench.versions(&["pin", "orders", "ann", "v1"]).check(0, &[]);
    let ask = |words: &[&str]| {
        let url = ["http://orders.example.net/", "-H", "X-Consumer: ann"];
        bench.explain(&[&url[..], words].concat()).check(0, &[])
    };
    ask(&[]).check(0, &["consumer `ann` has a pin", "it is pinned to `v1`", "row `v1` answers, by pin"]);
    ask(&["--pin", "latest"]).check(0, &["it is pinned to `latest`", "row `v2` answers, by pin"]);
    ask(&["--pin", "none"]).check(0, &["consumer `ann` has no pin", "No API version was asked for"]);
    bench.explain(&["http://orders.example.net/"]).check(0, &["the request names no consumer"]);
    let now = ["--now", "2100-01-01T00:00:00Z"];
    bench.versions(&["upgrade", "orders", "ann", "v2", "--at", "2099-01-01T00:00:00Z"]).check(0, &[]);
    ask(&now).check(0, &["its upgrade is to `v2`", "row `v2` answers, by pin"]);
}

#[test]
fn pins_of_a_file_are_looked_at_and_not_written() {
    let bench = Bench::new("source = \"file\"\npath = \"table.json\"");
    let pins = "vendor = \"example\"\nmissing = \"pin\"\n[api.pin]\nsubject = \"header:x-consumer\"\n";
    bench.configure("vendor = \"example\"\n", pins);
    let row = json!({"api": "orders", "version": "v1", "domain": "one.example.com"});
    bench.write("table.json", &json!([row, {"api": "orders", "version": "#pin#ann", "pinned_to": "v1"}]));
    bench.versions(&["pins", "list", "orders"]).check(0, &["ann", "v1"]);
    bench.explain(&["http://orders.example.net/", "-H", "X-Consumer: ann"]).check(0, &["it is pinned to `v1`"]);
    bench.versions(&["unpin", "orders", "ann"]).check(1, &["the table is a file"]);
}
