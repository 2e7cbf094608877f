//! `verge mappings init`: a table to begin with.

use super::{Exit, Failure, Outcome, print, print_json, store_failure, tables::Tables};
use crate::cli::{ConfigArg, config};
use serde_json::json;
use std::path::Path;
use verge_config::{Config, TableSource};
use verge_mappings::{Created, Scope};

/// Create the configured table where it is missing.
///
/// Each table of the configuration is created in Verge's layout (partition key `api`, sort key `version`, billed per
/// request, with point-in-time recovery where the store has it), and waited for until it can be used. A table that is there is left as it is, the AWS sample's too.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings init -c verge.toml
  verge mappings init -c verge.toml --json      one object a table: place, created

Exit codes: 0 each table is there; 1 a table is a file; 64 usage; 69 store unreachable; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Print a JSON list.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let config = config::load_unserved(&args.config.config)?;
    // Opening an embedded table makes it, so its file is looked for before.
    let there: Vec<(Scope, bool)> = embedded_files(&config);
    let tables = Tables::of(&config)?;
    if tables.all().is_empty() {
        return Err(Failure::new(Exit::Config, "no [table] is configured"));
    }
    let mut report = Vec::new();
    for table in tables.all() {
        let created = tables.wait(table.store()?.init()).map_err(store_failure)?;
        let was_there = there.iter().find(|(scope, _)| *scope == table.scope).map(|(_, there)| *there);
        if let Created::Unrecoverable(reason) = &created {
            eprintln!("{}: point-in-time recovery is off: {reason}", table.place());
        }
        let new = was_there.map_or(created != Created::Already, |there| !there);
        report.push((table.place(), new));
    }
    if args.json {
        let each = report.iter().map(|(place, new)| json!({"place": place, "created": new}));
        print_json(&each.collect())?;
    } else {
        let line =
            |(place, new): &(String, bool)| format!("{place}: {}\n", if *new { "created" } else { "already there" });
        print(&report.iter().map(line).collect::<String>())?;
    }
    Ok(Exit::Ok)
}

fn embedded_files(config: &Config) -> Vec<(Scope, bool)> {
    let own = config.apis.iter().filter_map(|api| Some((Scope::Api(api.name.clone()), api.table.as_ref()?)));
    let tables = config.table.iter().map(|table| (Scope::All, table)).chain(own);
    tables
        .filter_map(|(scope, table)| match &table.source {
            TableSource::Embedded { path, .. } => Some((scope, Path::new(path).exists())),
            _ => None,
        })
        .collect()
}
