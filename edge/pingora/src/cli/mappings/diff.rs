//! `verge mappings diff`: what an import would do.

use super::{
    Exit, Failure, Outcome, file,
    plan::{Change, Plan},
    print, print_json,
    show::{Paint, change_line, count},
    tables::Tables,
};
use crate::cli::ConfigArg;
use serde_json::json;

/// Compare the table with a file: what `import FILE --prune` would do.
///
/// `+` the file has it and the table has not, `~` they differ, `-` the table has it and the file has not. Only APIs that
/// the file speaks of are compared; revisions and the like are not.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings diff -c verge.toml table.json
  verge mappings export -c staging.toml | verge mappings diff -c production.toml - --json

  ~ orders v2 base_path /a → /b
  + orders v3 https://abc.execute-api.us-east-1.amazonaws.com/prod
  - orders v1 https://xyz.execute-api.us-east-1.amazonaws.com/prod

Exit codes: 0 same; 1 different, or the file cannot be used; 64 usage; 69 store unreachable; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// JSON: what `export` or `aws dynamodb scan` prints; `-` reads stdin.
    #[arg(value_name = "FILE")]
    file: String,
    /// The API of rows that name none (sample layout), where several could be meant.
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let (_, plan) = against(&args.config, &args.file, args.api.as_deref(), true)?;
    if args.json {
        let changes: Vec<_> = plan.changes.iter().map(Change::json).collect();
        print_json(&json!({"changes": changes, "unchanged": plan.unchanged, "aside": plan.aside}))?;
    } else {
        print(&lines(&plan))?;
        eprintln!("{}", summary(&plan));
    }
    Ok(if plan.changes.is_empty() { Exit::Ok } else { Exit::Failed })
}

/// The tables as they are, and what a file would make of them.
pub(super) fn against(
    config: &ConfigArg,
    path: &str,
    api: Option<&str>,
    prune: bool,
) -> Result<(Tables, Plan), Failure> {
    let tables = Tables::read(config)?;
    tables.check_all_read()?;
    let wanted = file::rows(path, &tables, api)?;
    let plan = Plan::new(&tables.rows(), wanted, prune);
    Ok((tables, plan))
}

/// A line for each change.
pub(super) fn lines(plan: &Plan) -> String {
    let paint = Paint::stdout();
    plan.changes.iter().map(|change| change_line(change, paint)).collect()
}

/// The changes in numbers.
pub(super) fn summary(plan: &Plan) -> String {
    let of = |verb| plan.changes.iter().filter(|change| change.verb() == verb).count();
    let (add, change, remove) = (of("add"), of("change"), of("remove"));
    let aside = match plan.aside {
        0 => String::new(),
        aside => format!("; {} of APIs that the file does not name left alone", count(aside, "row")),
    };
    format!("{add} to add, {change} to change, {remove} to remove, {} the same{aside}", plan.unchanged)
}
