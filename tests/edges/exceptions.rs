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

    /// Why this edge cannot be asked this; `None`: it can.
    pub(crate) fn skips(&self, edge: &str, name: &str, asked: &Asked) -> Option<String> {
        let why = |except: &'_ Except| {
            let fields = asked.fields.iter().map(|(name, _)| name.to_ascii_lowercase());
            let field = fields.filter(|field| except.fields.contains_key(field)).min();
            let field = field.map(|field| format!("with `{field}`: {}", except.fields[&field]));
            except.cases.get(name).map(|why| format!("`{name}`: {why}")).or(field)
        };
        self.of(edge).find_map(why)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen::fields;
    use verge_tests::corpus::{self, Upstream};

    fn seen(status: u16, fields_there: &[(&str, &[u8])], host: &str) -> Seen {
        let upstream = Upstream { host: host.to_owned(), ..Upstream::default() };
        Seen::at(status, Some((upstream, fields(fields_there.iter().copied()))), fields([]), b"")
    }

    #[test]
    fn every_fact_that_differs_is_told_but_what_is_excepted() {
        let exceptions = Exceptions::read();
        let expected =
            seen(200, &[("verge-version", b"v1"), ("connection", b"close"), ("te", b"trailers")], "a.example");
        let other = seen(403, &[("verge-version", b"v2"), ("x-more", b"1")], "b.example");
        let told = exceptions.differences("pingora", &expected, &other);
        let facts: Vec<&str> = told.iter().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(facts, ["request.te", "request.verge-version", "request.x-more", "status", "upstream.host"]);
        assert!(!exceptions.differences("envoy", &expected, &other).iter().any(|line| line.starts_with("request.te")));
        assert!(exceptions.differences("pingora", &expected, &expected).is_empty());
    }

    #[test]
    fn an_exception_names_a_case_that_is_there() {
        let cases: Vec<String> = corpus::load().into_iter().map(|case| case.name).collect();
        let named = Exceptions::read().0.into_values().flat_map(|except| except.cases.into_keys());
        let gone: Vec<String> = named.filter(|name| !cases.contains(name)).collect();
        assert!(gone.is_empty(), "{gone:?}");
    }
}
