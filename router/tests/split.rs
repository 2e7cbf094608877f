//! What must hold for every split, whatever its weights, its clients and its salt.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::{collection::vec, prelude::*};
use std::sync::Arc;
use verge_router::{
    ApiDraft, ApiRows, MappingTable, Moment, Origin, Request, Row, RowState, Split,
    api::HostPattern,
    origin::{DomainPattern, OriginRules, OriginSpec},
    route,
    split::{Arm, Leads, SplitSpec, Sticky},
    table::SplitRowSpec,
};

/// A row `v2` with these arms, which stick to `x-user`.
fn table(salt: &str, arms: &[(String, u16)]) -> MappingTable {
    let rules = OriginRules { allow: vec![DomainPattern::parse("*.example").unwrap()], ..OriginRules::default() };
    let arm = |(name, weight): &(String, u16)| {
        let spec = OriginSpec { domain: "one.example", ..OriginSpec::default() };
        let leads = Leads::Origin(Origin::parse(&spec, &rules, &[]).unwrap());
        Arm { name: name.as_str().into(), weight: *weight, leads }
    };
    let spec = SplitSpec {
        arms: arms.iter().map(arm).collect(),
        salt: salt.into(),
        sticky: vec![Sticky::parse("header:x-user").unwrap()],
        ..SplitSpec::default()
    };
    let spec = SplitRowSpec { split: Split::parse(spec).unwrap(), hidden: false, lifecycle: None };
    let row = Row { key: "v2".into(), whole: false, state: RowState::Split(spec) };
    let api = ApiDraft { hosts: Some(vec![HostPattern::Any]), ..ApiDraft::default() }.finish("orders").unwrap();
    MappingTable::build(vec![ApiRows { api: Arc::new(api), rows: vec![row] }], None).0
}

fn pick(table: &MappingTable, user: &str) -> usize {
    let field = |name, value: &str| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    let headers: HeaderMap = [field("apiver", "v2"), field("x-user", user)].into_iter().collect();
    let request = Request { method: &Method::GET, host: "h", path: "/", query: None, headers: &headers };
    let forward = route(&request, table, &Moment::at(0), &mut ()).unwrap();
    forward.choice().unwrap().place()
}

fn named(weights: &[u16]) -> Vec<(String, u16)> {
    weights.iter().enumerate().map(|(n, weight)| (format!("arm-{n}"), *weight)).collect()
}

/// Whether so many of so many can come of this chance: within the bounds that 99.99 % of all samples keep to, and a
/// little more, for a property asks many times.
fn is_likely(count: usize, of: usize, chance: f64) -> bool {
    let (count, of) = (count as f64, of as f64);
    (count - of * chance).abs() <= 5.5 * (of * chance * (1.0 - chance)).sqrt() + 1.0
}

fn weights() -> impl Strategy<Value = Vec<u16>> {
    vec(prop_oneof![0..=3_u16, 0..=10_000_u16], 1..8).prop_filter("no weight", |weights| weights.iter().any(|w| *w > 0))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn each_arm_gets_its_share(weights in weights(), salt in "[a-z0-9]{0,8}") {
        const CLIENTS: usize = 20_000;
        let table = table(&salt, &named(&weights));
        let mut counts = vec![0; weights.len()];
        (0..CLIENTS).for_each(|n| counts[pick(&table, &format!("{salt}-{n}"))] += 1);
        let total: f64 = weights.iter().map(|w| f64::from(*w)).sum();
        for (count, weight) in counts.iter().zip(&weights) {
            prop_assert!(is_likely(*count, CLIENTS, f64::from(*weight) / total), "{counts:?} for {weights:?}");
            prop_assert!(*weight > 0 || *count == 0);
        }
    }

    #[test]
    fn raising_a_weight_takes_nobody_off_that_arm(weights in weights(), place in any::<prop::sample::Index>(), to in 1..=10_000_u16) {
        let place = place.index(weights.len());
        let mut raised = weights.clone();
        raised[place] = raised[place].max(to);
        let (before, after) = (table("s", &named(&weights)), table("s", &named(&raised)));
        for n in 0..400 {
            let user = format!("user-{n}");
            let (was, is) = (pick(&before, &user), pick(&after, &user));
            prop_assert!(was == is || is == place, "{user} went from {was} to {is}, and {place} was raised");
        }
    }

    #[test]
    fn a_new_arm_takes_only_what_it_gets(weights in weights(), weight in 0..=10_000_u16, place in any::<prop::sample::Index>()) {
        let old = named(&weights);
        let place = place.index(old.len() + 1);
        let mut new = old.clone();
        new.insert(place, ("new".to_owned(), weight));
        let (before, after) = (table("s", &old), table("s", &new));
        for n in 0..400 {
            let user = format!("user-{n}");
            let (was, is) = (pick(&before, &user), pick(&after, &user));
            prop_assert!(is == place || old[was] == new[is], "{user}");
        }
    }

    #[test]
    fn rows_of_other_salts_choose_apart(one in "[a-z]{1,8}", other in "[A-Z]{1,8}") {
        const CLIENTS: usize = 10_000;
        let arms = named(&[3000, 7000]);
        let (one, other) = (table(&one, &arms), table(&other, &arms));
        let both = (0..CLIENTS).filter(|n| {
            let user = format!("user-{n}");
            pick(&one, &user) == 0 && pick(&other, &user) == 0
        });
        prop_assert!(is_likely(both.count(), CLIENTS, 0.09));
    }

    #[test]
    fn a_pick_is_made_whatever_the_client_says(weights in weights(), user in "[ -~]{0,200}", cookie in "[ -~]{0,200}", token in "[ -~]{0,200}") {
        let table = table("", &named(&weights));
        let field = |name, value: &str| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        let headers: HeaderMap = [
            field("apiver", "v2"), field("x-user", &user), field("cookie", &cookie), field("verge-override", &token),
            field("authorization", &format!("Bearer {token}")),
        ].into_iter().collect();
        let request = Request { method: &Method::GET, host: "h", path: "/", query: None, headers: &headers };
        let moment = Moment { overridable: true, request_id: b"id", ..Moment::at(0) };
        let one = route(&request, &table, &moment, &mut ()).unwrap();
        let again = route(&request, &table, &moment, &mut ()).unwrap();
        prop_assert_eq!(one.choice().unwrap().place(), again.choice().unwrap().place());
    }
}
