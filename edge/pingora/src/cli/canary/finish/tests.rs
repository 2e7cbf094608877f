use super::*;
use crate::cli::canary::tests::{NOW, item, moment, plain};
use serde_json::{Value as Json, json};
use verge_mappings::Layout;

fn row() -> Json {
    json!({
        "api": "orders", "version": "v2", "docs": "https://d.example/", "salt": "s",
        "sticky": ["header:x-user", "cookie"],
        "ramp": {"start": "2026-11-25T00:00:00Z", "step": 1, "interval": "1h", "until": 10_000},
        "split": [
            {"name": "canary", "weight": 500, "domain": "b.example.com", "port": 8443, "base_path": "/next"},
            {"name": "other", "weight": 500, "version": "v3"},
            {"name": "stable", "weight": 9000, "domain": "a.example.com", "base_path": "/live"},
        ],
    })
}

fn row_with(origin: Json) -> Json {
    let mut row = json!({"api": "orders", "version": "v2", "docs": "https://d.example/"});
    row.as_object_mut().unwrap().extend(origin.as_object().unwrap().clone());
    row
}

fn check(edited: Result<Edited, String>, expected: Json) {
    assert_eq!(edited.map(|edited| plain(&edited.item)), Ok(expected));
}

#[test]
fn promoted_the_canary_is_the_row() {
    let now = &moment(NOW);
    let origin = json!({"domain": "b.example.com", "port": 8443, "base_path": "/next"});
    check(promoted(&item(row()), None, false, now), row_with(origin));
    let other = promoted(&item(row()), Some("other"), false, now);
    assert_eq!(other.as_ref().unwrap().notes, ["it is another name for `v3` now"]);
    check(other, row_with(json!({"alias_of": "v3"})));
    assert!(promoted(&item(row()), Some("stable"), false, now).unwrap_err().contains("is the stable one"));
    let plain = item(json!({"domain": "a.example.com"}));
    assert!(promoted(&plain, None, false, now).unwrap_err().contains("it is not split"));
}

#[test]
fn aborted_the_row_is_what_it_was() {
    let origin = json!({"domain": "a.example.com", "base_path": "/live"});
    check(aborted(&item(row()), false, &moment(NOW)), row_with(origin));
}

#[test]
fn drained_the_split_stays_for_those_who_are_pinned() {
    let edited = plain(&aborted(&item(row()), true, &moment(NOW)).unwrap().item);
    let weights: Vec<_> = edited["split"].as_array().unwrap().iter().map(|arm| &arm["weight"]).collect();
    assert_eq!(weights, [&json!(0), &json!(0), &json!(10_000)]);
    assert_eq!((edited.get("ramp"), &edited["drain"], &edited["salt"]), (None, &json!(true), &json!("s")));
    let mut without = row();
    without["sticky"] = json!(["header:x-user"]);
    assert!(aborted(&item(without), true, &moment(NOW)).unwrap_err().contains("--sticky cookie"));
}

#[test]
fn a_row_of_the_sample_layout_gets_its_own_names_back() {
    let sample = Moment { layout: Layout::Sample, ..moment(NOW) };
    let row = item(json!({"hk": "v2", "split": [
        {"name": "canary", "weight": 1, "domain": "b.example.com", "base_path": "/next"},
        {"name": "stable", "weight": 1, "domain": "a.example.com"},
    ]}));
    check(promoted(&row, None, false, &sample), json!({"hk": "v2", "dn": "b.example.com", "dp": "/next"}));
    check(aborted(&row, false, &sample), json!({"hk": "v2", "dn": "a.example.com"}));
}

#[test]
fn what_the_breaker_took_out_is_not_promoted_by_mistake() {
    let trip = Trip::of(item(json!({"arm": "canary", "reason": "error_rate", "at": "2026-11-25T10:00:00Z"})));
    let tripped = Moment { trip: Some(&trip), ..moment(NOW) };
    let refused = promoted(&item(row()), None, false, &tripped).unwrap_err();
    assert!(refused.starts_with("the breaker took arm `canary` out at 2026-11-25T10:00:00Z: error_rate:"), "{refused}");
    assert!(refused.contains("--yes"), "{refused}");
    promoted(&item(row()), None, true, &tripped).unwrap();
    promoted(&item(row()), Some("other"), false, &tripped).unwrap();
}
