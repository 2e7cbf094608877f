//! The whole corpus over the wire: every case that needs no clock of its own, as bytes to a live node.

use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use verge_config::{Config, TableSource};
use verge_router::origin::Domain;
use verge_tests::{
    certs::Authority,
    client::Connection,
    corpus::{self, Case, Fixture, Observed, Outcome, Upstream},
    message::{Answer, http1_head},
    node::{Node, Setup},
    origin::{Behaviour, Origin},
    patience::eventually,
};

/// The port is the operator's override here; what is spoken in the clear has no SNI; and of a row in the sample layout
/// the client is told the version in its key.
const BLIND: &[&str] = &["upstream.port"];
const BLIND_IN_THE_CLEAR: &[&str] = &["upstream.port", "upstream.sni"];
const BLIND_TO_SAMPLE_KEYS: &[&str] = &["upstream.port", "version"];

/// Cases this edge answers with 400 before they are routed: its HTTP library refuses a `Connection` field that
/// nominates what routing or framing needs, which the contract allows.
const REFUSED: &[&str] = &["routing_fields_cannot_be_nominated"];

#[tokio::test]
async fn every_case_holds_over_the_wire() {
    let mut by_fixture: BTreeMap<String, Vec<Case>> = BTreeMap::new();
    for case in corpus::load().into_iter().filter(|case| case.now.is_none()) {
        by_fixture.entry(case.fixture.name.clone()).or_default().push(case);
    }
    let authority = Authority::new();
    let mut reports = Vec::new();
    let mut count = 0;
    for cases in by_fixture.values() {
        let live = Live::start(&authority, &cases[0].fixture).await;
        for case in cases {
            count += 1;
            let observed = live.run(case).await;
            if REFUSED.contains(&case.name.as_str()) {
                assert_eq!((observed.status, observed.outcome), (400, Outcome::Reject), "{}", case.name);
                continue;
            }
            let differences = case.differences(&observed);
            if !differences.is_empty() {
                reports.push(case.report(&differences));
            }
        }
    }
    assert!(reports.is_empty(), "{} of {count} cases differ:\n{}", reports.len(), reports.join("\n"));
    assert!(count > 100, "only {count} cases were found");
}

/// A node that serves a fixture, and the origins behind it.
struct Live<'a> {
    authority: &'a Authority,
    node: Node,
    secure: Origin,
    clear: Origin,
    /// Whether consumers are pinned.
    pins: bool,
}

impl<'a> Live<'a> {
    async fn start(authority: &'a Authority, fixture: &Arc<Fixture>) -> Self {
        let (secure, clear) = domains(fixture);
        let as_strs = |domains: &BTreeSet<String>| domains.iter().cloned().collect::<Vec<_>>();
        let (secure, clear) = (as_strs(&secure), as_strs(&clear));
        let secure: Vec<&str> = secure.iter().map(String::as_str).collect();
        let clear: Vec<&str> = clear.iter().map(String::as_str).collect();
        let secure = Origin::start(authority, &secure).await;
        let clear = Origin::in_the_clear(&clear).await;
        let first = if fixture.before.is_empty() { &fixture.items } else { &fixture.before };
        let setup = Setup::new()
            .document(&fixture.config)
            .rows(first.clone().into())
            .limits("head = \"1MiB\"\nfields = 256")
            .trusting(authority)
            .dialling(&secure)
            .dialling(&clear)
            .tls(authority, "listener.example.com");
        let config = Config::parse(&fixture.document()).unwrap();
        let mut files = 1.0;
        for api in &config.apis {
            if let Some(TableSource::File { path }) = api.table.as_ref().map(|table| &table.source)
                && !fixture.unread.contains(&api.name)
            {
                let items = fixture.own.get(&api.name).cloned().unwrap_or_default();
                setup.scratch().write(path, Json::from(items).to_string());
                files += 1.0;
            }
        }
        let node = setup.start().await;
        if !fixture.before.is_empty() {
            // A file is read once before a node listens, and once when it begins to follow it.
            let started = async || node.metric("verge_table_refreshes_total").await >= 2.0 * files;
            eventually("the readings of the start", started).await;
            let before = node.metric("verge_table_refreshes_total").await;
            node.scratch().write("table.json", Json::from(fixture.items.clone()).to_string());
            let read = async || node.metric("verge_table_refreshes_total").await >= before + files;
            eventually("the second reading", read).await;
        }
        let pins =
            fixture.items.iter().any(|item| item["version"].as_str().is_some_and(|key| key.starts_with("#pin#")));
        Self { authority, node, secure, clear, pins }
    }

    async fn run(&self, case: &Case) -> Observed {
        let fields: Vec<(&str, &str)> =
            case.answer.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        for origin in [&self.secure, &self.clear] {
            origin.now_on("", Behaviour::answer(case.answer.status, &fields, ""));
        }
        let (secure, clear) = (self.secure.seen().len(), self.clear.seen().len());
        let mut connection = if case.tls {
            let config = self.authority.client_config(&["http/1.1"]);
            Connection::open_tls(self.node.https(), "listener.example.com", config).await.unwrap().0
        } else {
            self.node.connect().await
        };
        connection.send(bytes(case)).await;
        let Some(mut answer) = connection.answer_to(case.method.as_str()).await else { return Observed::default() };
        if self.pins && code(&answer) == Some("no_table") {
            // The first request of a consumer has its pin loaded.
            eventually("the consumer's pin", async || {
                let mut connection = self.node.connect().await;
                connection.send(bytes(case)).await;
                answer = connection.answer_to(case.method.as_str()).await.unwrap();
                code(&answer) != Some("no_table")
            })
            .await;
        }
        let mut seen = self.secure.seen().split_off(secure);
        let over_tls = !seen.is_empty();
        seen.extend(self.clear.seen().split_off(clear));
        assert!(seen.len() <= 1, "{}: sent {} times", case.name, seen.len());
        let mut observed = look(&answer);
        let sample = case.fixture.items.iter().any(|item| item.get("hk").is_some());
        observed.blind = if sample { BLIND_TO_SAMPLE_KEYS } else { BLIND };
        if let Some(seen) = seen.pop() {
            observed.outcome = Outcome::Forward;
            observed.upstream = Some(Upstream {
                scheme: if over_tls { "https" } else { "http" }.to_owned(),
                host: seen.host.clone(),
                port: 0,
                sni: seen.sni.clone().unwrap_or_default(),
                path: seen.target.clone(),
            });
            observed.request = map(&seen.fields);
            observed.source = Some(self.source_of(seen.field("x-request-id").unwrap()).await);
            if !over_tls {
                observed.blind = BLIND_IN_THE_CLEAR;
            }
        }
        observed
    }
}

impl Live<'_> {
    /// Where a request's version was read, as the access log has it.
    async fn source_of(&self, id: &str) -> String {
        let mut source = String::new();
        eventually("the request's line in the log", async || {
            let log = self.node.log();
            let line = log.iter().rev().find(|line| line["request_id"] == id);
            source = line.and_then(|line| line["source"].as_str()).unwrap_or_default().to_owned();
            line.is_some()
        })
        .await;
        source
    }
}

fn code(answer: &Answer) -> Option<&str> {
    answer.field("verge-reason")
}

/// What the client saw.
fn look(answer: &Answer) -> Observed {
    let response = map(&answer.fields);
    let text = |name: &str| Some(response.get(name)?.to_str().unwrap().to_owned());
    let mut observed = Observed {
        outcome: Outcome::Reject,
        status: answer.status,
        code: text("verge-reason"),
        version: text("api-version"),
        arm: text("verge-arm"),
        client: "127.0.0.1".to_owned(),
        ..Observed::default()
    };
    if let Ok(problem) = serde_json::from_slice::<Json>(&answer.body) {
        observed.requested = problem["requested"].as_str().map(str::to_owned);
        let supported = problem["supported"].as_array().cloned().unwrap_or_default();
        observed.supported = supported.iter().filter_map(|version| Some(version.as_str()?.to_owned())).collect();
    }
    observed.response = response;
    observed
}

/// The request as it goes over the wire.
fn bytes(case: &Case) -> Vec<u8> {
    http1_head(&case.method, &case.target(), &case.authority, &case.fields)
}

fn map(fields: &[(String, String)]) -> http::HeaderMap {
    fields
        .iter()
        .filter_map(|(name, value)| Some((name.parse::<http::HeaderName>().ok()?, value.parse().ok()?)))
        .collect()
}

/// Every domain a fixture's rows name: those spoken to over TLS, and those in the clear.
fn domains(fixture: &Fixture) -> (BTreeSet<String>, BTreeSet<String>) {
    let rows = fixture.items.iter().chain(&fixture.before).chain(fixture.own.values().flatten());
    let arms = |row: &'_ Json| row.get("split").and_then(Json::as_array).cloned().unwrap_or_default();
    let rows = rows.flat_map(|row| arms(row).into_iter().chain([row.clone()]));
    let (mut secure, mut clear) = (BTreeSet::new(), BTreeSet::new());
    for row in rows {
        let domain = row.get("domain").or(row.get("dn")).and_then(Json::as_str);
        let Some(domain) = domain.and_then(|domain| Domain::parse(domain).ok()) else { continue };
        let plain = row.get("scheme").and_then(Json::as_str) == Some("http");
        if plain {
            clear.insert(domain.to_string())
        } else {
            secure.insert(domain.to_string())
        };
    }
    (secure, clear)
}
