//! How a case is written, and what of it is refused.

use super::{Answer, Case, Fixture, Outcome};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::Arc,
};
use verge_router::{Reason, Source, lifecycle::parse_rfc3339};

/// Reads the whole corpus.
///
/// # Panics
/// Where a file is not as `tests/corpus/README.md` says, naming file and case.
#[must_use]
pub fn load() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<(String, RawFile)> = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let text = std::fs::read_to_string(&path).unwrap();
            let file = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            files.push((name, file));
        }
    }
    files.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut fixtures: BTreeMap<String, Arc<Fixture>> = BTreeMap::new();
    for (file, raw) in &mut files {
        for fixture in raw.table.drain(..) {
            let name = fixture.name.clone();
            assert!(
                fixtures.insert(name.clone(), Arc::new(fixture)).is_none(),
                "{file}: table `{name}` is there twice"
            );
        }
    }
    let mut names = BTreeSet::new();
    let mut cases = Vec::new();
    for (file, raw) in files {
        let RawFile { default, case, .. } = raw;
        for raw in case {
            let place = format!("{file}: {}", raw.name);
            assert!(names.insert(raw.name.clone()), "{place}: another case has this name");
            let case = raw.read(&file, &default, &fixtures).unwrap_or_else(|problem| panic!("{place}: {problem}"));
            cases.push(case);
        }
    }
    cases
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    #[serde(default)]
    default: Defaults,
    #[serde(default)]
    table: Vec<Fixture>,
    #[serde(default)]
    case: Vec<RawCase>,
}

/// What the cases of a file share where they do not say otherwise.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Defaults {
    table: Option<String>,
    url: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    name: String,
    why: String,
    table: Option<String>,
    now: Option<String>,
    #[serde(default = "get")]
    method: String,
    url: Option<String>,
    #[serde(default)]
    headers: Vec<RawField>,
    #[serde(default)]
    response: RawAnswer,
    expect: RawExpect,
}

fn get() -> String {
    "GET".to_owned()
}

/// `["Accept", "a/b"]`, or `{ name = "Accept", repeat = "a/b,", times = 1000, value = "c/d" }`.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawField {
    Plain(String, String),
    Repeated(Repeated),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeated {
    name: String,
    repeat: String,
    times: usize,
    #[serde(default)]
    value: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawAnswer {
    status: Option<u16>,
    #[serde(default)]
    headers: Vec<(String, String)>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExpect {
    outcome: Outcome,
    status: Option<u16>,
    code: Option<String>,
    version: Option<String>,
    arm: Option<String>,
    source: Option<String>,
    requested: Option<String>,
    supported: Option<Vec<String>>,
    #[serde(default)]
    upstream: RawUpstream,
    #[serde(default)]
    request_set: Vec<(String, String)>,
    #[serde(default)]
    request_remove: Vec<String>,
    #[serde(default)]
    response_headers: Vec<(String, String)>,
    #[serde(default)]
    response_remove: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawUpstream {
    scheme: Option<String>,
    host: Option<String>,
    port: Option<u16>,
    sni: Option<String>,
    path: Option<String>,
}

impl RawCase {
    fn read(self, file: &str, default: &Defaults, fixtures: &BTreeMap<String, Arc<Fixture>>) -> Result<Case, String> {
        if self.name.is_empty() || !self.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        {
            return Err("a name is a fact in_snake_case".to_owned());
        }
        if !self.why.ends_with('.') {
            return Err("`why` is a sentence".to_owned());
        }
        let now = match self.now {
            Some(now) => Some(parse_rfc3339(&now).ok_or("`now` is no RFC 3339 time")?),
            None => None,
        };
        let table = self.table.as_ref().or(default.table.as_ref()).ok_or("`table` is missing")?;
        let fixture = fixtures.get(table).ok_or_else(|| format!("there is no table `{table}`"))?;
        let url = self.url.as_ref().or(default.url.as_ref()).ok_or("`url` is missing")?;
        let (tls, rest) = match url.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            _ => return Err("`url` begins with http:// or https://".to_owned()),
        };
        let slash = rest.find('/').ok_or("`url` has a path")?;
        let (authority, target) = rest.split_at(slash);
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query.to_owned())),
            None => (target, None),
        };
        let mut fields = Vec::new();
        for field in self.headers {
            let (name, value) = match field {
                RawField::Plain(name, value) => (name, value),
                RawField::Repeated(Repeated { name, repeat, times, value }) => (name, repeat.repeat(times) + &value),
            };
            read_name(&name)?;
            fields.push((name, read_value(&value)?));
        }
        let mut headers = HeaderMap::new();
        for (name, value) in self.response.headers {
            headers.append(read_name(&name)?, read_value(&value)?);
        }
        let answer = Answer { status: self.response.status.unwrap_or(200), headers };
        Ok(Case {
            file: file.to_owned(),
            name: self.name,
            why: self.why,
            fixture: fixture.clone(),
            now,
            method: self.method.parse().map_err(|_| "`method` is none")?,
            tls,
            authority: authority.to_owned(),
            path: path.to_owned(),
            query,
            fields,
            expected: self.expect.read(answer.status)?,
            answer,
        })
    }
}

impl RawExpect {
    fn read(self, origin_status: u16) -> Result<Vec<(String, Option<String>)>, String> {
        let forward = self.outcome == Outcome::Forward;
        if forward && (self.code.is_some() || self.requested.is_some() || self.supported.is_some()) {
            return Err("a forward has no `code`, `requested` or `supported`".to_owned());
        }
        if forward && (self.version.is_none() || self.source.is_none()) {
            return Err("a forward says its `version` and `source`".to_owned());
        }
        if !forward && self.status.is_none() {
            return Err("a rejection says its `status`".to_owned());
        }
        if !forward && self.code.as_deref().and_then(Reason::from_code).is_none() {
            return Err("a rejection says its `code`, as the contract lists them".to_owned());
        }
        if self
            .source
            .as_deref()
            .is_some_and(|source| !["missing", "pin"].contains(&source) && Source::parse(source).is_err())
        {
            return Err("`source` is the name of one, `missing` or `pin`".to_owned());
        }
        let outcome = if forward { "forward" } else { "reject" };
        let mut expected = vec![("outcome".to_owned(), Some(outcome.to_owned()))];
        let mut expect = |fact: &str, value: Option<String>| {
            if value.is_some() {
                expected.push((fact.to_owned(), value));
            }
        };
        expect("status", Some(self.status.unwrap_or(origin_status).to_string()));
        expect("code", self.code);
        expect("version", self.version);
        expect("arm", self.arm);
        expect("source", self.source);
        expect("requested", self.requested);
        expect("supported", self.supported.map(|versions| versions.join(", ")));
        expect("upstream.scheme", self.upstream.scheme);
        expect("upstream.host", self.upstream.host);
        expect("upstream.port", self.upstream.port.map(|port| port.to_string()));
        expect("upstream.sni", self.upstream.sni);
        expect("upstream.path", self.upstream.path);
        for (name, value) in self.request_set {
            expected.push((format!("request.{}", read_name(&name)?), Some(value)));
        }
        for name in self.request_remove {
            expected.push((format!("request.{}", read_name(&name)?), None));
        }
        for (name, value) in self.response_headers {
            let name = read_name(&name)?;
            let value = if name == http::header::VARY { value.to_ascii_lowercase() } else { value };
            expected.push((format!("response.{name}"), Some(value)));
        }
        for name in self.response_remove {
            expected.push((format!("response.{}", read_name(&name)?), None));
        }
        Ok(expected)
    }
}

fn read_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::from_bytes(name.as_bytes()).map_err(|_| format!("`{name}` is no field name"))
}

fn read_value(value: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_bytes(value.as_bytes()).map_err(|_| format!("`{value}` is no field value"))
}
