//! What an edge cannot help doing otherwise: a written list, `tests/edges/exceptions.toml`.

use crate::seen::{Asked, Seen};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Except {
    /// What cannot be compared: a fact (`request.via`), or all that begin so (`request.x-envoy-*`). With the reason.
    #[serde(default)]
    facts: BTreeMap<String, String>,
    /// Cases that cannot be asked, with the reason.
    #[serde(default)]
    cases: BTreeMap<String, String>,
    /// Request fields that the edge's transport keeps for itself: requests with one are not compared. With the reason.
    #[serde(default)]
    fields: BTreeMap<String, String>,
}

/// The list, by edge; under `all`, what no edge shares with the router.
pub(crate) struct Exceptions(BTreeMap<String, Except>);

impl Exceptions {
    pub(crate) fn read() -> Self {
        Self(toml::from_str(include_str!("exceptions.toml")).unwrap())
    }

    fn of(&self, edge: &str) -> impl Iterator<Item = &Except> {
        [self.0.get("all"), self.0.get(edge)].into_iter().flatten()
    }

    /// Whether this edge cannot be asked this.
    pub(crate) fn skips(&self, edge: &str, name: &str, asked: &Asked) -> bool {
        let has = |field: &String| asked.fields.iter().any(|(name, _)| name.eq_ignore_ascii_case(field));
        self.of(edge).any(|except| except.cases.contains_key(name) || except.fields.keys().any(has))
    }

    /// Where an edge did something else than the router says, a line for each fact.
    pub(crate) fn differences(&self, edge: &str, expected: &Seen, seen: &Seen) -> Vec<String> {
        let excepted = |fact: &str| {
            let is = |one: &String| one.strip_suffix('*').map_or(one == fact, |beginning| fact.starts_with(beginning));
            self.of(edge).any(|except| except.facts.keys().any(is))
        };
        let (expected, seen) = (expected.facts(), seen.facts());
        let names: std::collections::BTreeSet<&String> = expected.keys().chain(seen.keys()).collect();
        let show = |value: Option<&String>| value.map_or("nothing".to_owned(), |value| format!("`{value:.300}`"));
        let differs = |name: &&&String| expected.get(**name) != seen.get(**name) && !excepted(name);
        let line =
            |name: &String| format!("{name}: the router {}, here {}", show(expected.get(name)), show(seen.get(name)));
        names.iter().filter(differs).map(|name| line(name)).collect()
    }
}
