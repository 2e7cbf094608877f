//! `verge check`: is the configuration right, and can the table be read?

use super::{ConfigArg, Exit, Failure, Outcome, config};
use crate::app::read_table_once;
use verge_router::api::Missing;

/// Check the configuration and, with --table, the live table.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge check -c verge.toml
  verge check -c verge.toml --table --json

Exit codes: 0 all well; 1 the table holds rows that cannot be used; 64 usage; 69 the table cannot be read; 78 configuration")]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Read the table too, and check every row.
    #[arg(long)]
    table: bool,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let config = config::load(&args.config.config)?;
    let warnings = config.warnings();
    let mut report = serde_json::json!({
        "config": "ok",
        "warnings": warnings.iter().map(ToString::to_string).collect::<Vec<_>>(),
    });
    if !args.json {
        for warning in &warnings {
            eprintln!("warning: {warning}");
        }
        println!("{}: ok", args.config.config.display());
    }
    let mut exit = Exit::Ok;
    if args.table {
        let held = read_table_once(&config)?;
        let apis: Vec<_> = held
            .table
            .apis()
            .iter()
            .map(|part| {
                let missing = match part.api().missing() {
                    Missing::Reject => "reject".to_owned(),
                    Missing::Version(version) => version.to_string(),
                };
                (part.api().name().to_owned(), part.rows(), missing)
            })
            .collect();
        if args.json {
            report["table"] = serde_json::json!({
                "rows": held.table.rows(),
                "generation": held.generation,
                "apis": apis.iter().map(|(name, rows, missing)| serde_json::json!({"name": name, "rows": rows, "missing": missing})).collect::<Vec<_>>(),
                "invalid": held.invalid.iter().map(|row| serde_json::json!({"api": row.api, "key": row.key, "reason": row.reason})).collect::<Vec<_>>(),
            });
        } else {
            println!("table: {} rows in {} APIs", held.table.rows(), apis.len());
            for (name, rows, missing) in &apis {
                println!("  {name}: {rows} rows, no version asked: {missing}");
            }
            for row in held.invalid.iter() {
                println!("  quarantined: {} `{}`: {}", row.api, row.key.escape_debug(), row.reason);
            }
        }
        if !held.invalid.is_empty() {
            exit = Exit::Failed;
        }
    }
    if args.json {
        println!("{}", serde_json::to_string_pretty(&report).map_err(|error| Failure::new(Exit::Failed, error))?);
    }
    Ok(exit)
}
