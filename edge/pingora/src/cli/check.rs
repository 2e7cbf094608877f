//! `verge check`: is the configuration right, and can the table be read?

use super::{ConfigArg, Exit, Outcome, config, print, print_json};
use crate::app::read_table_once;
use serde::Serialize;
use std::fmt;
use verge_mappings::Held;
use verge_router::api::Missing;

/// Check the configuration and, with --table, the live table.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge check -c verge.toml
  verge check -c verge.toml --table --json
  verge check -c verge.toml --hosted      # a document for Envoy or Lambda@Edge

Exit codes: 0 all well; 1 the table holds rows that cannot be used; 64 usage; 69 the table cannot be read; 78 configuration")]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Read the table too, and check every row.
    #[arg(long)]
    table: bool,
    /// Check it as an edge in Envoy or Lambda@Edge reads it: what is that program's business is not looked into.
    #[arg(long)]
    hosted: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// What was found: what `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    config: &'static str,
    warnings: Vec<String>,
    table: Option<TableReport>,
}

#[derive(Debug, Serialize)]
struct TableReport {
    rows: usize,
    generation: Option<u64>,
    apis: Vec<ApiReport>,
    invalid: Vec<InvalidReport>,
}

#[derive(Debug, Serialize)]
struct ApiReport {
    name: String,
    rows: usize,
    missing: String,
}

#[derive(Debug, Serialize)]
struct InvalidReport {
    api: String,
    key: String,
    reason: String,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let load = if args.hosted { config::load_hosted } else { config::load };
    let config = load(&args.config.config)?;
    let report = Report {
        config: "ok",
        warnings: config.warnings().iter().map(ToString::to_string).collect(),
        table: if args.table { Some(TableReport::of(&*read_table_once(&config)?)) } else { None },
    };
    if args.json {
        print_json(&report)?;
    } else {
        for warning in &report.warnings {
            eprintln!("warning: {warning}");
        }
        print(format_args!("{}: ok\n", args.config.config.display()));
        if let Some(table) = &report.table {
            print(table);
        }
    }
    let sound = report.table.is_none_or(|table| table.invalid.is_empty());
    Ok(if sound { Exit::Ok } else { Exit::Failed })
}

impl TableReport {
    fn of(held: &Held) -> Self {
        let apis = held.table.apis().iter().map(|part| ApiReport {
            name: part.api().name().to_owned(),
            rows: part.rows(),
            missing: match part.api().missing() {
                Missing::Reject => "reject".to_owned(),
                Missing::Version(version) => version.to_string(),
                Missing::Pin => match part.api().default_version() {
                    Some(version) => format!("pin, else {version}"),
                    None => "pin, else reject".to_owned(),
                },
            },
        });
        let invalid = held.invalid.iter().map(|item| InvalidReport {
            api: item.api.clone(),
            key: item.key.clone(),
            reason: item.reason.clone(),
        });
        Self { rows: held.table.rows(), generation: held.generation, apis: apis.collect(), invalid: invalid.collect() }
    }
}

impl fmt::Display for TableReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "table: {} rows in {} APIs", self.rows, self.apis.len())?;
        for api in &self.apis {
            writeln!(f, "  {}: {} rows, no version asked: {}", api.name, api.rows, api.missing)?;
        }
        for item in &self.invalid {
            writeln!(f, "  quarantined: {} `{}`: {}", item.api, item.key.escape_debug(), item.reason)?;
        }
        Ok(())
    }
}
