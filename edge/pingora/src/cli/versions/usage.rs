//! `verge versions usage`: who still uses which version, as nodes counted it.

mod seen;

use super::consumer::parse_time;
use crate::{
    cli::{
        ConfigArg, Exit, Failure, Outcome, config,
        node::NodesArg,
        table::{
            print, print_json,
            show::{columns, quoted},
            tables::Tables,
        },
    },
    clock::unix_now,
    usage::ERROR,
};
use seen::{Asked, Seen, VersionSeen, ask};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use verge_mappings::parse_all;
use verge_router::{UnixTime, lifecycle::rfc3339, table::Good};

/// Show who still uses which version: may one be retired?
///
/// Nodes are asked what they counted since they started, through their admin listeners. A node that cannot be asked is named,
/// and then all figures are too low.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge versions usage -c verge.toml orders
  verge versions usage -c verge.toml orders --node http://10.0.0.7:9901 --node http://10.0.0.8:9901
  verge versions usage -c verge.toml orders --since 2026-11-01T00:00:00Z
  verge versions usage -c verge.toml orders --json | jq '.versions[] | select(.requests == 0) | .version'

Columns: VERSION, STATUS, SUNSET, REQUESTS (and those answered 410), CONSUMERS (an estimate: in two of three cases within
3.3 %, in 95 % within 6.5 %; 0 where `[usage] consumer` says nothing), LAST SEEN. Then the consumers of each version that ask
most: a count is never too low, and too high by at most what stands behind ≤.

Exit codes: 0 shown; 1 no such API; 64 usage; 69 store unreachable, or no node answered; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// The API.
    #[arg(value_name = "API")]
    api: String,
    #[command(flatten)]
    nodes: NodesArg,
    /// Only what was seen at this time (RFC 3339, UTC) or later.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    since: Option<UnixTime>,
    /// How many consumers of each version are named.
    #[arg(long, value_name = "N", default_value_t = 10)]
    top: usize,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let config = config::load_unserved(args.config.file())?;
    let (nodes, operator) = args.nodes.open(&config)?;
    if nodes.is_empty() {
        let reason = "no node is named: write --node http://HOST:PORT, its admin listener, or `[admin]`";
        return Err(Failure::new(Exit::Usage, reason));
    }
    let mut tables = Tables::of(&config)?;
    tables.reread();
    tables.check_read(&args.api)?;
    let (table, _) = parse_all(&tables.parts(&[]), tables.drafts(), tables.rules(), None);
    let Some(part) = table.api(&args.api) else { return Err(tables.unknown(&args.api)) };
    let asked = tables.wait(ask(nodes, operator, &args.api));
    let mut report = Report::new(&args.api, asked, args.since, args.top);
    // Rows that nobody uses are what this is about.
    part.good().for_each(|row| report.add(row));
    if args.json {
        print_json(&report.json())?;
    } else {
        print(&report.text())?;
    }
    Ok(if report.answered() == 0 { Exit::Unavailable } else { Exit::Ok })
}

/// What is said of an API's versions.
struct Report {
    api: String,
    asked: Vec<Asked>,
    versions: BTreeMap<String, Line>,
    top: usize,
    now: UnixTime,
}

/// A version: its row, and its use.
#[derive(Default)]
struct Line {
    status: Option<&'static str>,
    sunset: Option<UnixTime>,
    seen: VersionSeen,
}

impl Report {
    fn new(api: &str, asked: Vec<Asked>, since: Option<UnixTime>, top: usize) -> Self {
        let mut seen = Seen::default();
        asked.iter().filter_map(|asked| asked.page.as_ref().ok()).for_each(|page| seen.merge(page));
        let versions = seen.after(since).into_iter();
        let versions = versions.map(|(version, seen)| (version, Line { seen, ..Line::default() })).collect();
        Self { api: api.to_owned(), asked, versions, top, now: unix_now() }
    }

    fn add(&mut self, row: &Good) {
        let life = row.lifecycle();
        let deprecated = life.and_then(|life| life.deprecated_at()).is_some_and(|at| at <= self.now);
        let status = match () {
            () if row.is_retired(self.now) => "retired",
            () if deprecated => "deprecated",
            () => "active",
        };
        let line = self.versions.entry(row.key().to_owned()).or_default();
        (line.status, line.sunset) = (Some(status), life.and_then(|life| life.sunset_at()));
    }

    fn answered(&self) -> usize {
        self.asked.iter().filter(|asked| asked.page.is_ok()).count()
    }

    fn json(&self) -> Json {
        let versions = self.versions.iter().map(|(version, Line { status, sunset, seen })| {
            let top = seen.most(self.top).into_iter().map(|(consumer, one)| {
                json!({
                    "consumer": consumer,
                    "requests": one.requests,
                    "over": one.over,
                    "last_seen": rfc3339(one.last),
                })
            });
            json!({
                "version": version,
                "status": status,
                "sunset_at": sunset.map(rfc3339),
                "requests": seen.requests,
                "retired": seen.retired,
                "consumers": seen.distinct.estimate(),
                "last_seen": seen.last.map(rfc3339),
                "top": top.collect::<Vec<_>>(),
            })
        });
        let nodes = self.asked.iter().map(|Asked { place, page }| match page {
            Ok(page) => json!({"url": place, "reachable": true, "node": page.node, "since": page.since, "missed": page.missed + page.untold}),
            Err(reason) => json!({"url": place, "reachable": false, "error": reason}),
        });
        json!({
            "api": self.api,
            "at": rfc3339(self.now),
            "complete": self.answered() == self.asked.len(),
            "consumers_error": ERROR,
            "nodes": nodes.collect::<Vec<_>>(),
            "versions": versions.collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        let cell = |text: &str| text.to_owned();
        let mut lines = vec![["VERSION", "STATUS", "SUNSET", "REQUESTS", "CONSUMERS", "LAST SEEN"].map(cell).to_vec()];
        for (version, Line { status, sunset, seen }) in &self.versions {
            let requests = match seen.retired {
                0 => seen.requests.to_string(),
                retired => format!("{} (+{retired} got 410)", seen.requests),
            };
            let (few, many) = (seen.distinct.estimate(), seen.distinct.estimate() > 32);
            lines.push(vec![
                quoted(version),
                cell(status.unwrap_or("not in the table")),
                sunset.map_or(cell("-"), rfc3339),
                requests,
                if many { format!("~{few}") } else { few.to_string() },
                seen.last.map_or(cell("never"), rfc3339),
            ]);
        }
        let mut out = columns(&lines);
        for (version, Line { seen, .. }) in &self.versions {
            let most = seen.most(self.top);
            if most.is_empty() {
                continue;
            }
            out.push_str(&format!("\n{}\n", quoted(version)));
            let line = |(consumer, one): &(&str, &seen::ConsumerSeen)| {
                let over = if one.over == 0 { String::new() } else { format!("≤{} too high", one.over) };
                vec![format!("  {}", quoted(consumer)), one.requests.to_string(), rfc3339(one.last), over]
            };
            out.push_str(&columns(&most.iter().map(line).collect::<Vec<_>>()));
        }
        out.push('\n');
        for Asked { place, page } in &self.asked {
            match page {
                Ok(page) => {
                    let missed = page.missed + page.untold;
                    let missed =
                        if missed == 0 { String::new() } else { format!("; {missed} requests are not counted") };
                    out.push_str(&format!(
                        "{place} ({}) counts since {}{missed}\n",
                        quoted(&page.node),
                        quoted(&page.since)
                    ));
                }
                Err(reason) => {
                    out.push_str(&format!("{place} was not asked, all figures are too low: {}\n", quoted(reason)))
                }
            }
        }
        out
    }
}
