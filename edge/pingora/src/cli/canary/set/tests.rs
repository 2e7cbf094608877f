use super::*;
use crate::cli::canary::tests::{NOW, item, moment, plain};
use clap::Parser;
use serde_json::{Value as Json, json};
use verge_router::lifecycle::rfc3339;

/// The options, as a command line has them.
#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    wanted: Wanted,
}

fn row(more: Json) -> Item {
    let mut row = item(more);
    let arms = json!([
        {"name": "canary", "weight": 500, "domain": "b.example.com"},
        {"name": "stable", "weight": 9500, "domain": "a.example.com"},
    ]);
    row.insert("split", Value::from_plain_json(&arms));
    row
}

/// With a ramp that has raised the canary to 15 %.
fn on_ramp(pauses: Json) -> Item {
    let start = rfc3339(NOW - 7200);
    row(json!({"ramp": {"start": start, "step": 500, "interval": "1h", "until": 5000, "pauses": pauses}}))
}

#[track_caller]
fn wanted(row: &Item, words: &[&str]) -> Result<(Json, Vec<String>), String> {
    let line = Line::try_parse_from([&["set"], words].concat()).unwrap();
    let moment = Moment { weights: vec![1500, 8500], ..moment(NOW) };
    set(row, &line.wanted, &moment).map(|edited| (plain(&edited.item), edited.notes))
}

fn weights(row: &Json) -> Vec<u64> {
    row["split"].as_array().unwrap().iter().map(|arm| arm["weight"].as_u64().unwrap()).collect()
}

#[test]
fn a_share_moves_and_the_total_stays() {
    let (moved, notes) = wanted(&row(json!({"salt": "s"})), &["--weight", "25%"]).unwrap();
    assert_eq!((weights(&moved), &moved["salt"], notes.is_empty()), (vec![2500, 7500], &json!("s"), true));
    assert_eq!(moved["split"][0]["domain"], "b.example.com");
    let (all, _) = wanted(&row(json!({})), &["--weight", "100%"]).unwrap();
    assert_eq!(weights(&all), [10_000, 0]);

    let arms = [("a", 1), ("b", 2), ("c", 7)].map(|(name, weight)| json!({"name": name, "weight": weight}));
    let three = item(json!({"split": arms}));
    assert_eq!(weights(&wanted(&three, &["--arm", "b", "--weight", "30%"]).unwrap().0), [1, 3, 6]);
    assert!(wanted(&three, &["--arm", "c", "--weight", "30%"]).unwrap_err().contains("is the stable one"));
    assert!(wanted(&three, &["--weight", "90%"]).unwrap_err().contains("the other arms have 20%"));
    assert!(wanted(&three, &["--weight", "5%"]).unwrap_err().contains("the nearest are 0% and 10%"));
    assert!(wanted(&item(json!({"domain": "a.example.com"})), &["--weight", "5%"]).unwrap_err().contains("start"));
}

#[test]
fn a_ramp_goes_on_from_a_share_that_is_set() {
    let (moved, notes) = wanted(&on_ramp(json!([])), &["--weight", "25%"]).unwrap();
    assert_eq!((weights(&moved), notes), (vec![2500, 7500], vec!["the ramp goes on from 25%".to_owned()]));
    assert_eq!(moved["ramp"], json!({"start": rfc3339(NOW), "step": 500, "interval": "1h", "until": 5000}));

    let (halted, notes) = wanted(&on_ramp(json!([{"from": rfc3339(NOW - 60)}])), &["--weight", "25%"]).unwrap();
    assert_eq!(halted["ramp"]["pauses"], json!([{"from": rfc3339(NOW)}]));
    assert!(notes[0].ends_with("once it is resumed"), "{notes:?}");

    for share in ["0%", "50%", "60%"] {
        let (ended, notes) = wanted(&on_ramp(json!([])), &["--weight", share]).unwrap();
        assert_eq!((ended.get("ramp"), notes), (None, vec!["the ramp ends here".to_owned()]), "{share}");
    }
}

#[test]
fn a_ramp_that_ends_or_is_replaced_leaves_what_it_raised() {
    let (ended, _) = wanted(&on_ramp(json!([])), &["--no-ramp"]).unwrap();
    assert_eq!((weights(&ended), ended.get("ramp")), (vec![1500, 8500], None));
    let ramp = "step=10%,interval=30m,until=100%";
    let (other, _) = wanted(&on_ramp(json!([])), &["--ramp", ramp]).unwrap();
    assert_eq!(weights(&other), [1500, 8500]);
    assert_eq!(other["ramp"], json!({"start": rfc3339(NOW), "step": 1000, "interval": "30m", "until": 10_000}));
    let (other, _) = wanted(&on_ramp(json!([])), &["--ramp", ramp, "--weight", "1%"]).unwrap();
    assert_eq!((weights(&other), &other["ramp"]["step"]), (vec![100, 9900], &json!(1000)));
    let (ended, _) = wanted(&on_ramp(json!([])), &["--no-ramp", "--weight", "1%"]).unwrap();
    assert_eq!((weights(&ended), ended.get("ramp")), (vec![100, 9900], None));
}

#[test]
fn draining_needs_the_cookie() {
    let refused = wanted(&row(json!({"sticky": ["header:x-user"]})), &["--weight", "0%", "--drain"]).unwrap_err();
    assert!(refused.contains("add --sticky cookie"), "{refused}");
    let sticky = row(json!({"sticky": ["header:x-user", "cookie"]}));
    let (drained, _) = wanted(&sticky, &["--weight", "0%", "--drain"]).unwrap();
    assert_eq!((weights(&drained), &drained["drain"]), (vec![0, 10_000], &json!(true)));
    let (again, _) = wanted(&item(drained), &["--weight", "5%", "--no-drain"]).unwrap();
    assert_eq!((weights(&again), again.get("drain")), (vec![500, 9500], None));
    let (with, _) = wanted(&row(json!({})), &["--drain", "--sticky", "cookie"]).unwrap();
    assert_eq!((&with["sticky"], &with["drain"]), (&json!(["cookie"]), &json!(true)));
}

#[test]
fn nothing_said_is_nothing_wanted() {
    assert!(Line::parse_from(["set"]).wanted.is_empty());
    assert!(Line::parse_from(["set", "--arm", "a"]).wanted.is_empty());
    for words in ["--no-ramp", "--drain", "--no-drain"] {
        assert!(!Line::parse_from(["set", words]).wanted.is_empty(), "{words}");
    }
    assert!(Line::try_parse_from(["set", "--drain", "--no-drain"]).is_err());
}
