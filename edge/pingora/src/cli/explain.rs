//! `verge explain`: the whole decision about one request, step by step, by the code that serves; nothing is sent.

mod pins;
mod steps;

use super::{ConfigArg, Exit, Failure, Outcome, config, print, print_json};
use crate::{
    app::{generation::canary_key, read_table_once},
    clock::unix_now,
    proof::Locks,
    reply::Reply,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use pins::{Asked, known};
use serde::Serialize;
use std::net::IpAddr;
use steps::Steps;
use verge_config::origins::{Proofs, in_list};
use verge_mappings::Held;
use verge_router::{
    Edits, Forward, Hop, Moment, Rejection, Request,
    lifecycle::{parse_rfc3339, rfc3339},
    origin::Scheme,
    route,
    split::Seal,
};

/// Explain what would happen to a request.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge explain -c verge.toml -H 'Accept: application/vnd.example.v1+json' http://api.example.com/orders/7?x=1
  verge explain -c verge.toml -X POST -H 'APIVER: v2' --json http://api.example.com/orders
  verge explain -c verge.toml -H 'APIVER: v1' --now 2027-01-01T00:00:00Z http://api.example.com/   after the sunset?
  verge explain -c verge.toml -H 'APIVER: v2' --request-id ID http://api.example.com/              which arm was it?
  verge explain -c verge.toml -H 'X-Consumer: ann' http://api.example.com/                  what is she pinned to?
  verge explain -c verge.toml -H 'X-Consumer: ann' --pin v1 http://api.example.com/         and if it were v1?

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
    /// The version the consumer is pinned to, instead of what the store says; `none` for no pin.
    #[arg(long, value_name = "VERSION")]
    pin: Option<String>,
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
    // Another machine's key may not be here; then what is signed cannot be checked, and counts for nothing.
    let key = canary_key(&config.canary).unwrap_or_else(|failure| {
        eprintln!("warning: {}; signatures are not checked", failure.message);
        None
    });
    let testers = &config.canary.testers;
    let moment = Moment {
        client: hop.client,
        request_id: hop.request_id.as_bytes(),
        health: &*held.trips,
        seal: key.as_deref().map(|key| key as &dyn Seal),
        overridable: key.is_some() || !testers.is_empty(),
        is_tester: testers.iter().any(|network| network.contains(args.client)),
        ..Moment::at(args.now.unwrap_or_else(unix_now))
    };
    // Who the consumer is, the decision says; what it is pinned to can be read then.
    let asked = Asked::default();
    let _ = route(&request, &held.table, &Moment { pins: &asked, ..moment }, &mut ());
    let pins = known(asked, args.pin.as_deref(), &config)?;
    let moment = Moment { pins: &pins, ..moment };
    let explanation = explain(&request, &hop, &held, &moment, &config.origins.proofs);
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

fn explain(request: &Request<'_>, hop: &Hop<'_>, held: &Held, moment: &Moment<'_>, proofs: &Proofs) -> Explanation {
    let begin =
        format!("{} {} under host `{}`, at {}", request.method, request.path, request.host, rfc3339(moment.now));
    let mut witness = Steps { now: moment.now, trips: &held.trips, steps: vec![begin] };
    let decision = route(request, &held.table, moment, &mut witness);
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
        Ok(forward) => explanation.forward(&forward, request, hop, proofs),
        Err(rejection) => explanation.reject(&rejection, hop.request_id),
    }
    explanation
}

impl Explanation {
    fn forward(&mut self, forward: &Forward, request: &Request<'_>, hop: &Hop<'_>, proofs: &Proofs) {
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
        // That a secret is sent is told, not which.
        Locks::redacted(&proofs.locks).apply(origin.domain(), &mut recorded);
        if proofs.signs.iter().any(|sign| in_list(&sign.domains, origin.domain())) {
            recorded.set(http::header::AUTHORIZATION, HeaderValue::from_static("(signature)"));
            self.steps.push("the request is signed for AWS IAM".to_owned());
        }
        if proofs.identities.iter().any(|identity| in_list(&identity.domains, origin.domain())) {
            self.steps.push("the origin is shown a client certificate, if it asks".to_owned());
        }
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
