//! Counting, against counts that are exact.

use super::{
    consumer::{Consumer, name_of},
    *,
};
use http::{HeaderMap, HeaderName};
use std::collections::HashMap;
use verge_config::ConsumerBy;
use verge_router::split::Sticky;

#[test]
fn estimates_of_distinct_consumers_stay_within_four_standard_errors() {
    for many in [0, 1, 10, 100, 1000, 5000, 50_000] {
        let mut distinct = Distinct::default();
        // Whoever asks twice is counted once.
        (0..many).chain(0..many).for_each(|number| distinct.count(&Consumer::numbered(number)));
        let error = (distinct.estimate() as f64 - many as f64).abs();
        assert!(error <= (many as f64 * ERROR * 4.0).max(1.0), "{many}: {}", distinct.estimate());
    }
}

#[test]
fn what_two_nodes_counted_is_what_one_would_have() {
    let (mut one, mut other, mut both) = (Distinct::default(), Distinct::default(), Distinct::default());
    for number in 0..2000 {
        let consumer = Consumer::numbered(number);
        if number < 1500 {
            one.count(&consumer)
        }
        if number > 500 {
            other.count(&consumer)
        }
        both.count(&consumer);
    }
    one.merge(&Distinct::of(other.registers().to_vec()).unwrap());
    assert_eq!(one, both);
    assert_eq!(Distinct::of(vec![0; 3]), None);
    assert_eq!(Distinct::of(vec![65; 1024]), None);
}

#[test]
fn who_asks_often_is_named_and_no_count_is_too_low() {
    let usage = Usage::new(2);
    let mut exact: HashMap<String, u64> = HashMap::new();
    let mut state = 7_u64;
    for turn in 0..40_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        // Half of all requests are of eight consumers, the other half of thousands.
        let number = if turn % 2 == 0 { (state >> 33) % 8 } else { 100 + (state >> 33) % 5000 };
        let consumer = Consumer::numbered(number);
        *exact.entry(consumer.name().to_owned()).or_default() += 1;
        usage.count(turn % 2, "orders", "v1", Ended::Served, Some(&consumer));
        usage.count((turn + 1) % 2, "orders", "v1", Ended::Served, None);
    }
    let page = usage.page("node", Some("orders"));
    let version = &page["apis"][0]["versions"][0];
    assert_eq!(version["requests"], 80_000);
    let top: Vec<_> = version["top"].as_array().unwrap().iter().take(8).collect();
    for number in 0..8 {
        let name = format!("claim:{number}");
        let named = top.iter().find(|one| one["consumer"] == *name).unwrap_or_else(|| panic!("{name}: {top:?}"));
        let (requests, over) = (named["requests"].as_u64().unwrap(), named["over"].as_u64().unwrap());
        assert!((exact[&name]..=exact[&name] + over).contains(&requests), "{named}: {}", exact[&name]);
    }
}

#[test]
fn versions_beyond_the_bound_are_counted_and_not_kept() {
    let usage = Usage::new(1);
    for number in 0..MAX_VERSIONS + 10 {
        usage.count(0, "orders", &format!("v{number}"), Ended::Retired, None);
    }
    let page = usage.page("node", None);
    assert_eq!(
        (page["apis"][0]["versions"].as_array().unwrap().len(), page["untold"].as_u64()),
        (MAX_VERSIONS, Some(10))
    );
    assert_eq!(usage.page("node", Some("bills"))["apis"].as_array().unwrap().len(), 0);
}

#[test]
fn secrets_are_shown_as_hashes_and_addresses_as_networks() {
    let by = |text: &str| ConsumerBy::Said(Sticky::parse(text).unwrap());
    let all = [by("header:x-api-key"), by("claim:sub"), ConsumerBy::Network];
    let fields = |fields: &[(&'static str, &'static str)]| -> HeaderMap {
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap())).collect()
    };
    let key = fields(&[("x-api-key", "secret"), ("authorization", "Bearer e30.eyJzdWIiOiJhbm4ifQ.s")]);
    assert_eq!(name_of(&all, &key, "192.0.2.7").as_deref(), Some("key:2bb80d537b1d"));
    let claim = fields(&[("authorization", "Bearer e30.eyJzdWIiOiJhbm4ifQ.s")]);
    assert_eq!(name_of(&all, &claim, "192.0.2.7").as_deref(), Some("claim:ann"));
    assert_eq!(name_of(&all, &HeaderMap::new(), "192.0.2.7").as_deref(), Some("net:192.0.2.0/24"));
    assert_eq!(name_of(&all, &HeaderMap::new(), "::ffff:192.0.2.7").as_deref(), Some("net:192.0.2.0/24"));
    assert_eq!(name_of(&all, &HeaderMap::new(), "2001:db8:1:2::3").as_deref(), Some("net:2001:db8:1::/48"));
    assert_eq!(name_of(&[], &key, "192.0.2.7"), None, "nobody is told apart unasked");
}
