//! `verge explain`: the whole decision about one request, by the table as it is now or by that of a running node.

mod pins;

use super::{
    ConfigArg, Exit, Failure, Outcome, config,
    node::{Node, Operator, OperatorArg},
    print, print_json,
};
use crate::{
    app::{read_table_once, runtime},
    explain::{Explanation, Question, Rules, SaidPin, Scene},
    overrides::{Overrides, read_key},
};
use http::{HeaderName, HeaderValue, Method, Uri};
use pins::{Asked, known};
use std::{net::IpAddr, time::Duration};
use verge_config::Config;
use verge_router::lifecycle::parse_rfc3339;

/// Explain what would happen to a request.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge explain -c verge.toml -H 'Accept: application/vnd.example.v1+json' http://api.example.com/orders/7?x=1
  verge explain -c verge.toml -X POST -H 'APIVER: v2' --json http://api.example.com/orders
  verge explain -c verge.toml -H 'APIVER: v1' --now 2027-01-01T00:00:00Z http://api.example.com/   after the sunset?
  verge explain -c verge.toml -H 'APIVER: v2' --request-id ID http://api.example.com/              which arm was it?
  verge explain -c verge.toml -H 'X-Consumer: ann' http://api.example.com/                  what is she pinned to?
  verge explain -c verge.toml -H 'X-Consumer: ann' --pin v1 http://api.example.com/         and if it were v1?
  verge explain -c verge.toml -H 'APIVER: v2' --node http://10.0.0.7:9901 http://api.example.com/
                                                     as that node has it: its table, its breakers, its pins

Exit codes: 0 the decision is printed, a rejection too; 64 usage; 69 the table cannot be read, or the node not asked;
78 configuration")]
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
    #[arg(long, value_name = "VERSION", value_parser = SaidPin::parse)]
    pin: Option<SaidPin>,
    /// A running node, by its admin listener, such as http://10.0.0.7:9901: what it would do, by what it holds now.
    #[arg(long, value_name = "URL")]
    node: Option<Node>,
    #[command(flatten)]
    operator: OperatorArg,
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
    if args.url.authority().is_none() {
        return Err(Failure::new(Exit::Usage, "the URL must be absolute, such as http://api.example.com/orders"));
    }
    let config = config::load_unserved(&args.config.config)?;
    let question = Question {
        method: args.method.clone(),
        url: args.url.clone(),
        headers: args.headers.iter().cloned().collect(),
        now: args.now,
        client: args.client,
        request_id: args.request_id.clone(),
        pin: args.pin.clone(),
    };
    let explanation = match &args.node {
        Some(node) => ask(node, &question, &args.operator.open(std::slice::from_ref(node), &config)?)?,
        None => here(&question, &config)?,
    };
    if args.json {
        print_json(&explanation)?;
    } else {
        print(text(&explanation));
    }
    Ok(Exit::Ok)
}

/// By the table as the store has it now.
fn here(question: &Question, config: &Config) -> Result<Explanation, Failure> {
    let held = read_table_once(config)?;
    // Another machine's key may not be here.
    let key = read_key(&config.canary).unwrap_or_else(|failure| {
        eprintln!("warning: {}; signatures are not checked", failure.message);
        None
    });
    let rules = Rules::with_overrides(Overrides::with_key(key, &config.canary), config);
    // Who the consumer is, the decision says; what it is pinned to can be read then.
    let asked = Asked::default();
    let scene = Scene { held: &held, rules: &rules, health: &*held.trips, pins: &asked };
    let _ = scene.explain(question);
    let pins = known(&asked, question.pin.as_ref(), config)?;
    Ok(Scene { pins: &pins, ..scene }.explain(question))
}

/// By what a node holds.
fn ask(node: &Node, question: &Question, operator: &Operator) -> Result<Explanation, Failure> {
    let unavailable = |error: String| Failure::new(Exit::Unavailable, format!("{node}: {error}"));
    let body = serde_json::to_value(question).map_err(|error| unavailable(error.to_string()))?;
    let background = runtime()?;
    let answer = background.block_on(node.post("/explain", &body, operator));
    background.shutdown_timeout(Duration::from_millis(100));
    serde_json::from_value(answer.map_err(unavailable)?)
        .map_err(|error| unavailable(format!("its answer is that of another release: {error}")))
}

/// For people.
fn text(explanation: &Explanation) -> String {
    let mut out = String::new();
    for (i, step) in explanation.steps.iter().enumerate() {
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
    let fields = |fields: &[(String, String)]| fields.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    section("set on the request", fields(&explanation.request_headers.set));
    section("removed from the request", explanation.request_headers.remove.clone());
    section("set on the answer", fields(&explanation.response_headers));
    let generation =
        explanation.table.generation.map(|generation| format!(", generation {generation}")).unwrap_or_default();
    section(
        "table",
        vec![format!("{} rows, read {} s ago{generation}", explanation.table.rows, explanation.table.age)],
    );
    out
}
