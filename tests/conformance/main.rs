//! The corpus against the router itself.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod way_back;

use std::collections::BTreeMap;
use verge_router::MappingTable;
use verge_tests::corpus::{
    self, Observed, Outcome,
    router::{build, decide},
};

#[test]
fn the_router_decides_every_case_as_written() {
    let mut tables: BTreeMap<String, MappingTable> = BTreeMap::new();
    let mut failures = Vec::new();
    let cases = corpus::load();
    for case in &cases {
        let table = tables
            .entry(case.fixture.name.clone())
            .or_insert_with(|| build(&case.fixture).unwrap_or_else(|no| panic!("{no}")));
        let differences = case.differences(&decide(case, table));
        if !differences.is_empty() {
            failures.push(case.report(&differences));
        }
    }
    assert!(failures.is_empty(), "{} of {} cases fail\n\n{}\n", failures.len(), cases.len(), failures.join("\n\n"));
    println!("{} cases", cases.len());
}

#[test]
fn a_difference_is_told_with_what_was_expected_and_what_came() {
    let case = corpus::load().into_iter().find(|case| case.name == "a_version_in_the_subtype").unwrap();
    let nothing = Observed { outcome: Outcome::Reject, status: 403, ..Observed::default() };
    let differences = case.differences(&nothing);
    assert!(differences.contains(&"outcome: expected `forward`, got `reject`".to_owned()), "{differences:?}");
    assert!(differences.contains(&"version: expected `v1`, got nothing".to_owned()), "{differences:?}");
    let blind = Observed { blind: &["outcome", "status", "version", "source", "upstream"], ..nothing };
    assert_eq!(case.differences(&blind), Vec::<String>::new());
}
