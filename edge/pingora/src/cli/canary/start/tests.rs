use super::*;
use crate::cli::canary::tests::{NOW, item, moment, plain};
use clap::Parser;
use serde_json::{Value as Json, json};

/// The options, as a command line has them.
#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    canary: Canary,
}

#[track_caller]
fn begin(row: Json, words: &[&str]) -> Result<Edited, String> {
    let line = Line::try_parse_from([&["start"], words].concat()).unwrap();
    start(&item(row), &line.canary, &moment(NOW))
}

fn row() -> Json {
    json!({"api": "orders", "version": "v2", "domain": "a.example.com", "base_path": "/live", "docs": "https://d.example/"})
}

#[test]
fn the_rows_own_origin_becomes_the_stable_arm() {
    let words =
        ["--to", "https://b.example.com:8443/next", "--weight", "5%", "--sticky", "header:x-user", "--salt", "s"];
    let edited = begin(row(), &words).unwrap();
    let split = json!({
        "api": "orders", "version": "v2", "docs": "https://d.example/", "salt": "s", "sticky": ["header:x-user"],
        "split": [
            {"name": "canary", "weight": 500, "domain": "b.example.com", "port": 8443, "base_path": "/next"},
            {"name": "stable", "weight": 9500, "domain": "a.example.com", "base_path": "/live"},
        ],
    });
    assert_eq!((plain(&edited.item), edited.notes.is_empty()), (split, true));
}

#[test]
fn an_arm_can_stand_for_a_version_and_ramp() {
    let words =
        ["--to-version", "v3", "--weight", "0.01%", "--name", "next", "--ramp", "step=5%,interval=1h,until=50%"];
    let edited = begin(row(), &words).unwrap();
    let split = plain(&edited.item);
    assert_eq!(split["split"][0], json!({"name": "next", "weight": 1, "version": "v3"}));
    assert_eq!(split["ramp"], json!({"start": rfc3339(NOW), "step": 500, "interval": "1h", "until": 5000}));
    assert!(edited.notes[0].contains("each request is drawn by itself"));
}

#[test]
fn each_canary_has_a_salt_of_its_own() {
    let at = |now| {
        let line = Line::parse_from(["start", "--to", "b.example.com", "--weight", "1%"]);
        plain(&start(&item(row()), &line.canary, &moment(now)).unwrap().item)["salt"].clone()
    };
    let digits: String = rfc3339(NOW).chars().filter(char::is_ascii_digit).collect();
    assert_eq!(at(NOW), format!("v2-{}-{}", &digits[..8], &digits[8..]));
    assert_ne!(at(NOW), at(NOW + 1));
    let none = begin(row(), &["--to", "b.example.com", "--weight", "1%", "--salt", ""]).unwrap();
    assert_eq!(none.item.get("salt"), None);
}

#[test]
fn timeouts_hold_for_the_canary_and_the_rest_does_not() {
    let row = json!({"domain": "a.example.com", "port": 8443, "connect": "10.0.0.1", "read_timeout": "5s",
        "connect_timeout": "1s"});
    let words = ["--to", "b.example.com", "--weight", "1%", "--with", "connect_timeout=2s", "--with", "protocol=h1"];
    let split = plain(&begin(row.clone(), &words).unwrap().item)["split"].clone();
    let canary = json!({"name": "canary", "weight": 100, "domain": "b.example.com", "read_timeout": "5s",
        "connect_timeout": "2s", "protocol": "h1"});
    assert_eq!(split[0], canary);
    let mut stable = row;
    stable["name"] = json!("stable");
    stable["weight"] = json!(9900);
    assert_eq!(split[1], stable);
}

#[test]
fn a_row_of_the_sample_layout_keeps_its_key_alone() {
    let row = item(json!({"hk": "application/vnd.example.v1+json", "dn": "a.example.com", "dp": "/prod"}));
    let line = Line::parse_from(["start", "--to", "b.example.com/next", "--weight", "1%", "--salt", "s"]);
    let moment = Moment { layout: Layout::Sample, ..moment(NOW) };
    let split = plain(&start(&row, &line.canary, &moment).unwrap().item);
    let arms = json!([
        {"name": "canary", "weight": 100, "domain": "b.example.com", "base_path": "/next"},
        {"name": "stable", "weight": 9900, "domain": "a.example.com", "base_path": "/prod"},
    ]);
    assert_eq!(split, json!({"hk": "application/vnd.example.v1+json", "salt": "s", "split": arms}));
}

#[test]
fn what_cannot_be_split_says_what_to_do() {
    let to = ["--to", "b.example.com", "--weight", "5%"];
    let refused = |row, more: &[&str]| begin(row, &[&to[..], more].concat()).unwrap_err();
    assert!(refused(json!({"split": []}), &[]).contains("end the split with `verge canary promote` or `abort`"));
    assert!(refused(json!({"alias_of": "v1"}), &[]).contains("start the canary of `v1`"));
    assert!(refused(json!({"note": "x"}), &[]).contains("it has no origin"));
    assert!(refused(row(), &["--name", "stable"]).contains("name the canary otherwise"));
    for name in ["", "Canary", "a b", &"x".repeat(65)] {
        assert!(refused(row(), &["--name", name]).contains("cannot name an arm"), "{name}");
    }
    assert!(refused(row(), &["--drain", "--sticky", "ip"]).contains("add --sticky cookie"));
    assert!(refused(row(), &["--with", "domain=c.example.com"]).contains("--to say it"));
    begin(row(), &[&to[..], &["--drain", "--sticky", "cookie"]].concat()).unwrap();
}

#[test]
fn a_command_line_names_one_destination_and_a_share() {
    for words in [
        &["--weight", "5%"][..],
        &["--to", "b.example.com"],
        &["--to", "b.example.com", "--to-version", "v3", "--weight", "5%"],
        &["--to", "b.example.com", "--weight", "5"],
        &["--to", "b.example.com", "--weight", "5%", "--sticky", "user"],
        &["--to", "b.example.com/x?y", "--weight", "5%"],
    ] {
        assert!(Line::try_parse_from([&["start"], words].concat()).is_err(), "{words:?}");
    }
}
