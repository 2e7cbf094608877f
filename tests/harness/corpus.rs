//! The decision as data: `tests/corpus/*.toml`, read and checked; and what an edge did, held against it.
//!
//! Every edge runs the same cases. It loads them with [`load`], makes its table from [`Case::fixture`], sends or decides
//! the request, tells what came of it in an [`Observed`], and asks [`Case::differences`]. The format is described in
//! `tests/corpus/README.md`.

mod format;
pub mod router;

pub use format::load;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Deserialize;
use serde_json::Value as Json;
use std::{collections::BTreeMap, sync::Arc};
use verge_mappings::{Item, PIN, StoredPin};
use verge_router::{Pinned, Pins, UnixTime};

/// One request and what must come of it.
#[derive(Debug, Clone)]
pub struct Case {
    /// `accept.toml`.
    pub file: String,
    /// The fact it states, unique in the corpus.
    pub name: String,
    /// Why it must be so.
    pub why: String,
    /// The table it is decided against.
    pub fixture: Arc<Fixture>,
    /// The time it is decided at; `None`: any.
    pub now: Option<UnixTime>,
    /// The method.
    pub method: Method,
    /// Whether the client speaks TLS.
    pub tls: bool,
    /// `Host`, as written: case, port and dots kept.
    pub authority: String,
    /// The path, as written.
    pub path: String,
    /// The query, as written.
    pub query: Option<String>,
    /// The fields in their order, `Host` not among them.
    pub fields: Vec<(String, HeaderValue)>,
    /// What the origin answers.
    pub answer: Answer,
    /// What must be seen: fact -> value, or `None` for what must be absent.
    expected: Vec<(String, Option<String>)>,
}

/// The origin's answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Fields.
    pub headers: HeaderMap,
}

/// A configuration and the items of its tables.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// The name cases refer to.
    pub name: String,
    /// `[[api]]` and `[origins]`, as in the product's configuration.
    pub config: String,
    /// The items of `[table]`, in plain JSON.
    #[serde(default)]
    pub items: Vec<Json>,
    /// What `[table]` held at the reading before, for rows that live on their last good value.
    #[serde(default)]
    pub before: Vec<Json>,
    /// The items of each `[api.table]`, by API.
    #[serde(default)]
    pub own: BTreeMap<String, Vec<Json>>,
    /// APIs whose `[api.table]` was never read.
    #[serde(default)]
    pub unread: Vec<String>,
    /// Keys of the items that must be quarantined, in order; no others may be.
    #[serde(default)]
    pub invalid: Vec<String>,
}

impl Fixture {
    /// The whole configuration document, its tables in files that nobody reads here.
    #[must_use]
    pub fn document(&self) -> String {
        format!("{PREAMBLE}\n{}", self.config)
    }
}

/// Its items say what consumers are pinned to.
impl Pins for Fixture {
    fn pinned(&self, api: &str, subject: &[u8]) -> Pinned {
        let key = format!("{PIN}{}", String::from_utf8_lossy(subject));
        let pin = self.items.iter().find(|item| item["api"] == api && item["version"] == *key);
        match pin.map(|item| StoredPin::read(&Item::from_json(item).unwrap())) {
            None => Pinned::Nowhere,
            Some(Ok(stored)) => Pinned::To(stored.pin.into()),
            Some(Err(_)) => Pinned::Unreadable,
        }
    }
}

const PREAMBLE: &str = "[listen]\nhttp = \"127.0.0.1:8080\"\n[table]\nsource = \"file\"\npath = \"table.json\"";

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It went to an origin.
    #[default]
    Forward,
    /// Verge said no.
    Reject,
}

/// What an edge did with a request.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// Forwarded or rejected.
    pub outcome: Outcome,
    /// The status the client got.
    pub status: u16,
    /// A rejection's code.
    pub code: Option<String>,
    /// The row that answered.
    pub version: Option<String>,
    /// The arm that was picked.
    pub arm: Option<String>,
    /// Where the version was read.
    pub source: Option<String>,
    /// What the client asked for, as the rejection repeats it.
    pub requested: Option<String>,
    /// The versions a rejection lists.
    pub supported: Vec<String>,
    /// Where the request went.
    pub upstream: Option<Upstream>,
    /// The head the origin got.
    pub request: HeaderMap,
    /// The head the client got.
    pub response: HeaderMap,
    /// The client's address, which stands for `{client}` in expectations.
    pub client: String,
    /// Facts this edge cannot see, by name or by prefix: `source`, `upstream`.
    pub blind: &'static [&'static str],
}

/// Where a request went.
#[derive(Debug, Clone, Default)]
pub struct Upstream {
    /// `https` or `http`.
    pub scheme: String,
    /// The `Host` field.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The name in the TLS handshake.
    pub sni: String,
    /// The target: path and query.
    pub path: String,
}

impl Observed {
    fn fact(&self, name: &str) -> Option<String> {
        let upstream = self.upstream.as_ref();
        match name.split_once('.') {
            Some(("request", field)) => joined(&self.request, field),
            Some(("response", field)) => joined(&self.response, field),
            Some(("upstream", "scheme")) => upstream.map(|to| to.scheme.clone()),
            Some(("upstream", "host")) => upstream.map(|to| to.host.clone()),
            Some(("upstream", "port")) => upstream.map(|to| to.port.to_string()),
            Some(("upstream", "sni")) => upstream.map(|to| to.sni.clone()),
            Some(("upstream", "path")) => upstream.map(|to| to.path.clone()),
            _ => match name {
                "outcome" => Some(format!("{:?}", self.outcome).to_lowercase()),
                "status" => Some(self.status.to_string()),
                "code" => self.code.clone(),
                "version" => self.version.clone(),
                "arm" => self.arm.clone(),
                "source" => self.source.clone(),
                "requested" => self.requested.clone(),
                "supported" => Some(self.supported.join(", ")),
                _ => None,
            },
        }
    }

    fn sees(&self, fact: &str) -> bool {
        !self
            .blind
            .iter()
            .any(|blind| fact.strip_prefix(blind).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    }
}

/// All lines of a field as one (RFC 9110 §5.3); the names in `Vary` in lower case, which is all that tells them apart.
fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
    if lines.is_empty() {
        return None;
    }
    let line = lines.join(", ");
    Some(if name == "vary" { line.to_ascii_lowercase() } else { line })
}

impl Case {
    /// The fields as the router takes them, `Host` not among them.
    #[must_use]
    pub fn headers(&self) -> HeaderMap {
        let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
        self.fields.iter().map(|(field, value)| (name(field), value.clone())).collect()
    }

    /// The target as it stands in a request line.
    #[must_use]
    pub fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// What must be seen, fact by fact; `None`: it must be absent.
    #[must_use]
    pub fn expected(&self) -> &[(String, Option<String>)] {
        &self.expected
    }

    /// Where what was seen is not what must be, one line for each fact.
    #[must_use]
    pub fn differences(&self, observed: &Observed) -> Vec<String> {
        let mut differences = Vec::new();
        for (fact, expected) in self.expected.iter().filter(|(fact, _)| observed.sees(fact)) {
            let got = observed.fact(fact);
            let same = match (expected.as_deref(), got.as_deref()) {
                (Some("{any}"), got) => got.is_some(),
                (Some("{client}"), got) => got == Some(&observed.client),
                (expected, got) => expected == got,
            };
            if !same {
                let show = |value: Option<&str>| value.map_or("nothing".to_owned(), |value| format!("`{value}`"));
                let line = format!("{fact}: expected {}, got {}", show(expected.as_deref()), show(got.as_deref()));
                differences.push(line);
            }
        }
        differences
    }

    /// A report on a case that failed: where it stands, why it matters, what differs.
    #[must_use]
    pub fn report(&self, differences: &[String]) -> String {
        format!("{}: {}\n    {}\n    - {}", self.file, self.name, self.why, differences.join("\n    - "))
    }
}
