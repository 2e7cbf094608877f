use super::super::{read_row, write_row};
use super::*;
use serde_json::{Value as Json, json};
use verge_router::{
    ApiDraft, Row, RowState,
    api::HostPattern,
    origin::{DialPattern, DomainPattern},
};

fn read(more: Json) -> Result<Row, String> {
    let rules = OriginRules {
        allow: [DomainPattern::parse("*.example.com").unwrap()].into(),
        dial: [DialPattern::parse("10.0.0.0/8").unwrap()].into(),
        ..OriginRules::default()
    };
    let api = ApiDraft { hosts: Some([HostPattern::Any].into()), ..ApiDraft::default() }.finish("orders").unwrap();
    let mut item = json!({"api": "orders", "version": "v2"});
    item.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let item = Item::from_json(&item).unwrap();
    read_row(&item, Layout::Verge, &api, &rules).map_err(|error| error.to_string())
}

fn two(first: Json, more: Json) -> Json {
    let mut arm = json!({"name": "canary", "weight": 500, "domain": "c.example.com"});
    arm.as_object_mut().unwrap().extend(first.as_object().unwrap().clone());
    let stable = json!({"name": "stable", "weight": 9500, "domain": "s.example.com", "base_path": "/prod"});
    let mut row = json!({"split": [arm, stable]});
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    row
}

#[test]
fn a_split_is_read_as_it_was_written() {
    let ramp = json!({"start": "2026-11-25T10:00:00Z", "step": 500, "interval": "3600s", "until": 5000,
        "pauses": [{"from": "2026-11-25T12:00:00Z", "to": "2026-11-25T13:00:00Z"}, {"from": "2026-11-26T12:00:00Z"}]});
    for json in [
        two(json!({}), json!({})),
        two(json!({"port": 8443, "connect": "10.1.2.3", "read_timeout": "5s"}), json!({"status": "hidden"})),
        two(json!({}), json!({"salt": "s", "sticky": ["header:x-user", "cookie", "ip"], "drain": true, "ramp": ramp})),
        json!({"split": [{"name": "next", "weight": 1, "version": "v3"}, {"name": "own", "weight": 0, "domain": "a.example.com"}]}),
    ] {
        let row = read(json.clone()).unwrap();
        let RowState::Split(spec) = &row.state else { panic!("{row:?}") };
        assert_eq!(spec.split.arms().len(), 2);
        let mut written = write_row(&row, Layout::Verge, "orders").unwrap().to_plain_json();
        for key in ["api", "version"] {
            written.as_object_mut().unwrap().remove(key);
        }
        assert_eq!(written, json);
    }
}

#[test]
fn an_arm_in_the_sample_layout_may_bear_its_names() {
    let api = ApiDraft { hosts: Some([HostPattern::Any].into()), ..ApiDraft::default() }.finish("orders").unwrap();
    let rules =
        OriginRules { allow: [DomainPattern::parse("*.example.com").unwrap()].into(), ..OriginRules::default() };
    let arms = json!([{"name": "a", "weight": 1, "dn": "a.example.com", "dp": "/p"}, {"name": "b", "weight": 1, "domain": "b.example.com"}]);
    let item = Item::from_json(&json!({"hk": "v2", "split": arms})).unwrap();
    let row = read_row(&item, Layout::Sample, &api, &rules).unwrap();
    let RowState::Split(spec) = row.state else { panic!("{row:?}") };
    let Leads::Origin(origin) = &spec.split.arms()[0].leads else { panic!() };
    assert_eq!((origin.domain().as_str(), origin.base_path()), ("a.example.com", "/p"));
}

#[test]
fn what_is_wrong_with_a_split_is_said() {
    let sticky = "sticky: `body` is none of `header:NAME`, `cookie:NAME`, `query:NAME`, `claim:NAME`, `ip`, `cookie`";
    for (json, expected) in [
        (json!({"split": []}), "split has 0 arms: 1 to 32 are possible"),
        (json!({"split": "v1"}), "`split` must be a list of maps (L of M), found S"),
        (json!({"split": [1]}), "`split` must be a list of maps (L of M), found N"),
        (json!({"split": [{"weight": 1, "domain": "a.example.com"}]}), "`split` has an arm without `name`"),
        (json!({"split": [{"name": "a", "domain": "a.example.com"}]}), "`split` arm `a` has no `weight`"),
        (json!({"split": [{"name": "a", "weight": 1}]}), "split: arm `a` must have either a domain or a version"),
        (two(json!({"version": "v3"}), json!({})), "split: arm `canary` must have either a domain or a version"),
        (two(json!({"weight": -1}), json!({})), "`weight` must be a whole number from 0 to 10000"),
        (two(json!({"weight": 0.5}), json!({})), "`weight` must be a whole number from 0 to 10000"),
        (two(json!({"weight": "5"}), json!({})), "`weight` must be a number (N), found S"),
        (
            two(json!({"weight": 10001}), json!({})),
            "split: arm `canary` has a weight that is no whole number from 0 to 10000",
        ),
        (two(json!({"name": "stable"}), json!({})), "split: two arms are named `stable`"),
        (
            two(json!({"name": "a b"}), json!({})),
            "split: arm name `a b` is not 1 to 64 ASCII letters, digits and `-._`",
        ),
        (
            two(json!({"domain": "evil.example.net"}), json!({})),
            "domain `evil.example.net` does not match [origins] allow (`*.example.com`)",
        ),
        (
            two(json!({"connect": "169.254.169.254"}), json!({})),
            "connect `169.254.169.254`: it does not match [origins] dial",
        ),
        (json!({"split": [{"name": "a", "weight": 0, "domain": "a.example.com"}]}), "split: all weights are zero"),
        (
            two(json!({}), json!({"drain": true})),
            "drain needs `cookie` among the sticky keys: only Verge's signed cookie says who was there",
        ),
        (two(json!({}), json!({"sticky": ["body"]})), sticky),
        (two(json!({}), json!({"ramp": {"start": "2026-11-25T10:00:00Z"}})), "`ramp` has no `interval`"),
        (
            two(
                json!({}),
                json!({"ramp": {"start": "2026-11-25T10:00:00Z", "step": 1, "interval": "1s", "until": 100}}),
            ),
            "ramp: `until` lies below the first arm's own weight",
        ),
        (
            two(json!({}), json!({"domain": "a.example.com"})),
            "it has both a domain and `split`: give the domain to an arm",
        ),
        (two(json!({}), json!({"alias_of": "v1"})), "it has both `split` and `alias_of`"),
    ] {
        assert_eq!(read(json).unwrap_err(), expected);
    }
}
