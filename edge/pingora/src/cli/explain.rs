//! `verge explain`: the whole decision about one request, step by step, by the code that serves; nothing is sent.

use super::{ConfigArg, Exit, Failure, Outcome, config, print, print_json};
use crate::{app::read_table_once, clock::unix_now, reply::Reply};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use serde::Serialize;
use std::net::IpAddr;
use verge_mappings::Held;
use verge_router::{
    Edits, Fact, Forward, Hop, Moment, Rejection, Request, Source, SplitRow, Witness,
    api::{Scheme as VersionScheme, Unknown},
    cors::Cors,
    lifecycle::{parse_rfc3339, rfc3339},
    origin::Scheme,
    route,
    split::{By, Sticky},
    witness::Reading,
};

/// Explain what would happen to a request.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge explain -c verge.toml -H 'Accept: application/vnd.example.v1+json' http://api.example.com/orders/7?x=1
  verge explain -c verge.toml -X POST -H 'APIVER: v2' --json http://api.example.com/orders
  verge explain -c verge.toml -H 'APIVER: v1' --now 2027-01-01T00:00:00Z http://api.example.com/   after the sunset?

Exit codes: 0 the decision is printed, a rejection too; 69 the table cannot be read; 78 configuration")]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// The request method.
    #[arg(short = 'X', long = "method", value_name = "METHOD", default_value = "GET")]
    method: Method,
    /// A request field, as `Name: value`; may be repeated.
    #[arg(short = 'H', long = "header", value_name = "FIELD", value_parser = parse_field)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The time of the request (RFC 3339, UTC) instead of now.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    now: Option<i64>,
    /// The client's address.
    #[arg(long, value_name = "ADDRESS", default_value = "192.0.2.1")]
    client: IpAddr,
    /// The request's id, as in the access log: a choice made by chance is made again as it was.
    #[arg(long, value_name = "ID", default_value = "00000000000000000000000000000000")]
    request_id: HeaderValue,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// The request's URL.
    #[arg(value_name = "URL")]
    url: Uri,
}

fn parse_field(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("a field is written `Name: value`")?;
    let name = HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| format!("`{name}` is no field name"))?;
    let value =
        HeaderValue::from_bytes(value.trim().as_bytes()).map_err(|_| "the value has a control character".to_owned())?;
    Ok((name, value))
}

fn parse_time(text: &str) -> Result<i64, String> {
    parse_rfc3339(text).ok_or_else(|| "a time is written in RFC 3339 and UTC, such as 2026-11-23T10:00:00Z".to_owned())
}

pub(crate) fn run(args: &Args) -> Outcome {
    let Some(authority) = args.url.authority() else {
        return Err(Failure::new(Exit::Usage, "the URL must be absolute, such as http://api.example.com/orders"));
    };
    let config = config::load(&args.config.config)?;
    let held = read_table_once(&config)?;
    let mut headers = HeaderMap::new();
    for (name, value) in &args.headers {
        headers.append(name, value.clone());
    }
    let request = Request {
        method: &args.method,
        host: authority.as_str(),
        path: args.url.path(),
        query: args.url.query(),
        headers: &headers,
    };
    let hop = Hop {
        client: Some(args.client),
        tls: args.url.scheme_str() == Some("https"),
        request_id: &args.request_id,
        traceparent: None,
    };
    let explanation = explain(&request, &hop, &held, args.now.unwrap_or_else(unix_now));
    if args.json {
        print_json(&explanation)?;
    } else {
        print(explanation.text());
    }
    Ok(Exit::Ok)
}

/// The decision as data: what `--json` prints.
#[derive(Debug, Serialize)]
struct Explanation {
    outcome: &'static str,
    status: Option<u16>,
    code: Option<&'static str>,
    api: Option<String>,
    version: Option<String>,
    source: Option<&'static str>,
    requested: Option<String>,
    supported: Vec<String>,
    arm: Option<String>,
    upstream: Option<Upstream>,
    request_headers: RequestHeaders,
    response_headers: Vec<(String, String)>,
    table: Table,
    steps: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Upstream {
    scheme: &'static str,
    host: String,
    port: u16,
    sni: Option<String>,
    path: String,
}

#[derive(Debug, Default, Serialize)]
struct RequestHeaders {
    set: Vec<(String, String)>,
    remove: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Table {
    generation: Option<u64>,
    rows: usize,
    age: u64,
}

fn explain(request: &Request<'_>, hop: &Hop<'_>, held: &Held, now: i64) -> Explanation {
    let begin = format!("{} {} under host `{}`, at {}", request.method, request.path, request.host, rfc3339(now));
    let mut witness = Steps { now, steps: vec![begin] };
    let moment = Moment { client: hop.client, request_id: hop.request_id.as_bytes(), ..Moment::at(now) };
    let decision = route(request, &held.table, &moment, &mut witness);
    let Steps { steps, .. } = witness;
    let mut explanation = Explanation {
        outcome: "forward",
        status: None,
        code: None,
        api: None,
        version: None,
        source: None,
        requested: None,
        supported: Vec::new(),
        arm: None,
        upstream: None,
        request_headers: RequestHeaders::default(),
        response_headers: Vec::new(),
        table: Table { generation: held.generation, rows: held.table.rows(), age: held.age().as_secs() },
        steps,
    };
    match decision {
        Ok(forward) => explanation.forward(&forward, request, hop),
        Err(rejection) => explanation.reject(&rejection, hop.request_id),
    }
    explanation
}

impl Explanation {
    fn forward(&mut self, forward: &Forward, request: &Request<'_>, hop: &Hop<'_>) {
        let origin = forward.origin();
        let host = origin.domain().to_string();
        self.api = Some(forward.api().name().to_owned());
        self.version = Some(forward.mapping().key().to_owned());
        self.source = Some(forward.source().as_str());
        self.arm = forward.choice().and_then(|choice| choice.arm()).map(|arm| arm.name().to_owned());
        let segment = forward.segment(request);
        if !segment.is_empty() {
            self.steps.push(format!("`{segment}` is cut out of the path"));
        }
        self.steps.push(format!(
            "forward to {}://{host}:{}{}",
            origin.scheme().as_str(),
            origin.port(),
            forward.target()
        ));
        if let Some(dial) = origin.connect() {
            self.steps.push(format!("the row dials {dial} instead; Host and SNI stay {host}"));
        }
        self.upstream = Some(Upstream {
            scheme: origin.scheme().as_str(),
            port: origin.port(),
            sni: (origin.scheme() == Scheme::Https).then(|| host.clone()),
            host,
            path: forward.target().to_owned(),
        });
        let mut recorded = Recorded::over(request.headers);
        forward.edit_request(request, hop, &mut recorded);
        self.request_headers = RequestHeaders { set: recorded.set, remove: recorded.remove };
        let mut recorded = Recorded::over(&HeaderMap::new());
        forward.edit_response(request, hop.tls, &mut recorded);
        self.response_headers = recorded.set;
    }

    fn reject(&mut self, rejection: &Rejection, request_id: &HeaderValue) {
        self.outcome = "reject";
        self.status = Some(rejection.status().as_u16());
        self.code = Some(rejection.reason.code());
        self.api = rejection.api.as_ref().map(|api| api.name().to_owned());
        self.version = rejection.version.as_deref().map(str::to_owned);
        self.requested = rejection.requested.as_deref().map(str::to_owned);
        self.supported = rejection.supported.iter().map(|version| version.to_string()).collect();
        self.steps.push(format!("reject: {} ({})", rejection.reason.title(), rejection.status().as_u16()));
        let reply = Reply::to_rejection(rejection, request_id);
        self.response_headers = reply.fields.iter().map(|(name, value)| text_of(name, value)).collect();
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for (i, step) in self.steps.iter().enumerate() {
            out.push_str(&format!("{:>2}. {step}\n", i + 1));
        }
        let mut section = |title: &str, lines: Vec<String>| {
            if !lines.is_empty() {
                out.push_str(&format!("\n{title}\n"));
                for line in lines {
                    out.push_str(&format!("    {line}\n"));
                }
            }
        };
        let fields =
            |fields: &[(String, String)]| fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        section("set on the request", fields(&self.request_headers.set));
        section("removed from the request", self.request_headers.remove.clone());
        section("set on the answer", fields(&self.response_headers));
        let generation =
            self.table.generation.map(|generation| format!(", generation {generation}")).unwrap_or_default();
        section("table", vec![format!("{} rows, read {} s ago{generation}", self.table.rows, self.table.age)]);
        out
    }
}

fn text_of(name: &HeaderName, value: &HeaderValue) -> (String, String) {
    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// Edits written down instead of carried out.
struct Recorded {
    headers: HeaderMap,
    set: Vec<(String, String)>,
    remove: Vec<String>,
}

impl Recorded {
    fn over(headers: &HeaderMap) -> Self {
        Self { headers: headers.clone(), set: Vec::new(), remove: Vec::new() }
    }
}

impl Edits for Recorded {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.set.push(text_of(&name, &value));
        self.headers.insert(name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.set.push(text_of(&name, &value));
        self.headers.append(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.remove.push(name.as_str().to_owned());
        self.headers.remove(name);
    }
}

/// The facts, as sentences.
struct Steps {
    now: i64,
    steps: Vec<String>,
}

impl Witness for Steps {
    fn saw(&mut self, fact: Fact<'_>) {
        self.steps.push(match fact {
            Fact::ApiFound(api) => {
                let path = api.path().map(|path| format!(" under {}", path.as_str())).unwrap_or_default();
                let sources: Vec<_> = Source::ALL
                    .into_iter()
                    .filter(|source| api.reads(*source))
                    .map(|source| match source {
                        Source::Header => format!("header `{}`", api.header_text()),
                        Source::Query => format!("query parameter `{}`", api.query()),
                        Source::Path => "the path".to_owned(),
                        Source::Host => {
                            format!("the host by `{}`", api.host().map(ToString::to_string).unwrap_or_default())
                        }
                        source => source.as_str().to_owned(),
                    })
                    .collect();
                let scheme = match api.scheme() {
                    VersionScheme::Label => String::new(),
                    scheme => format!(", by scheme `{}`", scheme.as_str()),
                };
                format!("API `{}`{path} takes it; versions are read from {}{scheme}", api.name(), sources.join(" and "))
            }
            Fact::CrossOrigin(cors, fields) => cross_origin(cors, fields),
            Fact::Preflight => "a CORS preflight: it carries no version, and is answered here".to_owned(),
            Fact::Range(range, reading) => format!(
                "Accept `{}`, weight {}: {}",
                printable(range.element),
                f64::from(range.q) / 1000.0,
                sentence(reading)
            ),
            Fact::Value(source, value, reading) => {
                format!("{} value `{}`: {}", source.as_str(), printable(value), sentence(reading))
            }
            Fact::MethodRefused(methods, method) => {
                format!("the API takes {}, and not `{method}`", methods.allow().to_str().unwrap_or_default())
            }
            Fact::NothingAsked => "no version is asked for; the missing-version policy decides".to_owned(),
            Fact::Neutral => "the path needs no version".to_owned(),
            Fact::Fell(unknown) => {
                let nearest = if unknown == Unknown::Forward { "newer" } else { "older" };
                format!("it is unknown, and the policy `{}` takes the nearest {nearest} version", unknown.as_str())
            }
            Fact::Default(default) => format!("the policy is version `{default}`"),
            Fact::Resolved { source, key } => format!("row `{key}` answers, by {}", source.as_str()),
            Fact::Picked { row, arm, by } => picked(row, arm, by, self.now),
        });
    }
}

/// Which arm, by what, and of which.
fn picked(row: &SplitRow, arm: usize, by: By, now: i64) -> String {
    let name = row.arms().get(arm).map_or("", |arm| arm.name());
    let by = match by {
        By::Override => "by override".to_owned(),
        By::Pin => "as the cookie pins the client to it while it drains".to_owned(),
        By::Sticky(place) => format!("by `{}`", row.sticky().get(place).map(Sticky::text).unwrap_or_default()),
        By::Chance => "by chance, from the request id".to_owned(),
        By::Left => "as all others are out".to_owned(),
        By::Fallback => "as another failed".to_owned(),
    };
    let total: u64 = row.weights(now).map(u64::from).sum();
    let share = |weight: u16| f64::from(weight) * 100.0 / total.max(1) as f64;
    let arms: Vec<String> = row
        .arms()
        .iter()
        .zip(row.weights(now))
        .map(|(arm, weight)| format!("{} {} %", arm.name(), share(weight)))
        .collect();
    format!("arm `{name}` is picked {by}; shares now: {}", arms.join(", "))
}

fn cross_origin(cors: &Cors, fields: &HeaderMap) -> String {
    let origin = match fields.get(header::ORIGIN) {
        Some(origin) => format!("web origin `{}`", printable(origin.as_bytes())),
        None => "a request without Origin".to_owned(),
    };
    match cors.allows(fields) {
        Some(allow) => format!("the CORS policy lets `{}` read the answer: {origin}", printable(allow.as_bytes())),
        None => format!("the CORS policy gives no fields to {origin}"),
    }
}

fn sentence(reading: Reading<'_>) -> String {
    match reading {
        Reading::Nothing => "names no version of this API".to_owned(),
        Reading::Malformed => "cannot be a version".to_owned(),
        Reading::Unknown => "no row has this version".to_owned(),
        Reading::Row(key) => format!("row `{key}`"),
        Reading::Contradiction => "names two versions that differ".to_owned(),
    }
}

fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().chars().take(200).collect()
}
