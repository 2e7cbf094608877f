//! `dist/conformance.json`: the corpus for who has another implementation (docs/conformance.md).

use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, fs};
use verge_tests::corpus::Case;

pub(crate) fn write(cases: &[Case]) {
    let mut tables: BTreeMap<&str, Json> = BTreeMap::new();
    let mut vectors = Vec::new();
    for case in cases {
        let fixture = &case.fixture;
        tables.entry(&fixture.name).or_insert_with(|| {
            json!({
                "config": fixture.document(), "items": fixture.items, "before": fixture.before,
                "own": fixture.own, "unread": fixture.unread, "invalid": fixture.invalid,
            })
        });
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let fields: Vec<_> = case.fields.iter().map(|(name, value)| [name.clone(), text(value)]).collect();
        let answer: Vec<_> =
            case.answer.headers.iter().map(|(name, value)| [name.as_str().to_owned(), text(value)]).collect();
        let expected: serde_json::Map<String, Json> =
            case.expected().iter().map(|(fact, value)| (fact.clone(), value.clone().into())).collect();
        vectors.push(json!({
            "name": case.name, "why": case.why, "table": fixture.name, "now": case.now,
            "request": {
                "method": case.method.as_str(), "tls": case.tls, "host": case.authority, "path": case.path,
                "query": case.query, "headers": fields,
            },
            "answer": {"status": case.answer.status, "headers": answer},
            "expect": expected,
        }));
    }
    let count = vectors.len();
    fs::create_dir_all("dist").unwrap();
    fs::write("dist/conformance.json", json!({"format": 1, "tables": tables, "cases": vectors}).to_string() + "\n")
        .unwrap();
    println!("dist/conformance.json: {count} cases");
}
