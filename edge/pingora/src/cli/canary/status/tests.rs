use super::*;
use crate::cli::canary::tests::{NOW, item};

fn state(weights: &[u32], trip: Option<&str>) -> (State, Item) {
    let arms: Vec<Json> = weights
        .iter()
        .enumerate()
        .map(|(place, weight)| match place {
            0 => json!({"name": "canary", "weight": weight, "domain": "b.example.com", "base_path": "/next"}),
            1 if weights.len() > 2 => json!({"name": "other", "weight": weight, "version": "v3"}),
            _ => json!({"name": "stable", "weight": weight, "domain": "a.example.com"}),
        })
        .collect();
    let item = item(json!({"split": arms, "salt": "s", "sticky": ["header:x-user", "ip"],
        "ramp": {"start": "2026-11-25T00:00:00Z", "step": 500, "interval": "1h", "until": 5000,
                 "pauses": [{"from": "2026-11-25T10:00:00Z"}]}}));
    let trip = trip.map(|arm| Trip::of(super::super::tests::item(json!({"arm": arm, "reason": "latency"}))));
    (State { split: Split::read(&item).unwrap(), weights: weights.to_vec(), trip, now: NOW }, item)
}

fn shares(weights: &[u32], trip: Option<&str>) -> Vec<String> {
    state(weights, trip).0.shares().iter().map(ToString::to_string).collect()
}

#[test]
fn what_the_breaker_took_out_has_no_share() {
    assert_eq!(shares(&[500, 9500], None), ["5%", "95%"]);
    assert_eq!(shares(&[500, 9500], Some("canary")), ["0%", "100%"]);
    assert_eq!(shares(&[500, 4500, 5000], Some("canary")), ["0%", "47.37%", "52.63%"]);
    assert_eq!(shares(&[10_000, 0], Some("canary")), ["0%", "100%"]);
}

#[test]
fn a_split_is_told_in_a_few_lines() {
    let (state, item) = state(&[500, 1000, 8500], Some("canary"));
    assert_eq!(
        state.text(&item, &[]),
        "ARM     WEIGHT     SHARE   ORIGIN\n\
         canary  500 (out)  0%      https://b.example.com/next\n\
         other   1000       10.53%  → v3\n\
         stable  8500       89.47%  https://a.example.com\n\
         salt s\n\
         sticky [\"header:x-user\",\"ip\"]\n\
         ramp by 5% each 1h from 2026-11-25T00:00:00Z until 50%, paused since 2026-11-25T10:00:00Z\n\
         the breaker took arm `canary` out: latency; `verge canary set` lets it in again, `abort` ends it\n\n\
         no node was asked: the configuration has no [admin] address; name one with --node\n"
    );
}

#[test]
fn a_script_gets_shares_as_fractions() {
    let (state, item) = state(&[500, 9500], None);
    let json = state.json(&item);
    assert_eq!((&json["arms"][0]["share"], &json["arms"][1]["share"]), (&json!(0.05), &json!(0.95)));
    assert_eq!(json["arms"][0]["leads"], json!({"domain": "b.example.com", "base_path": "/next"}));
    assert_eq!((&json["paused"], &json["trip"], &json["drain"]), (&json!(true), &Json::Null, &Json::Null));
}
