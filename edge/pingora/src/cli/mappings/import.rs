//! `verge mappings import`: a file made the table, each row on condition that it is as the plan saw it.

mod progress;

use super::{
    Author, Exit, Failure, Outcome,
    diff::{against, lines, summary},
    plan::{Change, Plan},
    print, print_json,
    show::{count, quoted},
    tables::Tables,
    verdict::{judge, reasons},
};
use crate::cli::ConfigArg;
use progress::Progress;
use serde_json::{Value as Json, json};
use std::io::{self, IsTerminal, Write};
use verge_mappings::StoreError;

/// Write the rows of a file to the table.
///
/// Shows what would change, checks the whole table as it would stand before the first write, and writes each row on
/// condition that nobody else did meanwhile. Rows that are the same are not written, so it can be run again at any time.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings import -c verge.toml table.json --dry-run
  verge mappings import -c verge.toml table.json
  verge mappings import -c verge.toml table.json --prune --yes     rows that the file has not are removed
  aws dynamodb scan --table-name old | verge mappings import -c verge.toml -

--prune removes only rows of APIs that the file speaks of.

Exit codes: 0 the table is as the file says; 1 refused, or some rows were changed in the meantime; 64 usage;
69 store unreachable; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// JSON: what `export` or `aws dynamodb scan` prints; `-` reads stdin.
    #[arg(value_name = "FILE")]
    file: String,
    /// The API of rows that name none (sample layout), where several could be meant.
    #[arg(long, value_name = "NAME")]
    api: Option<String>,
    /// Remove the rows that are not in the file.
    #[arg(long)]
    prune: bool,
    /// Do not ask before rows are removed.
    #[arg(long, short)]
    yes: bool,
    /// Show and check the plan, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object: the plan, and what came of each change.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    author: Author,
}

pub(super) fn run(args: &Args) -> Outcome {
    let (tables, plan) = against(&args.config, &args.file, args.api.as_deref(), args.prune)?;
    for change in &plan.changes {
        tables.home(&change.id.api)?.store()?;
    }
    if !args.json {
        print(&lines(&plan))?;
    }
    eprintln!("{}", summary(&plan));
    let invalid = judge(&tables, &plan.changes);
    if !invalid.is_empty() {
        let why = reasons(&invalid, &plan.changes);
        return Err(Failure::new(Exit::Failed, format!("refused, nothing is written{why}")));
    }
    let unchanged = plan.unchanged;
    let report = if args.dry_run {
        eprintln!("nothing is written (--dry-run)");
        plan.changes.into_iter().map(|change| (change, Fate::Planned)).collect()
    } else {
        confirm(args, &tables, &plan)?;
        write(&tables, plan.into_turns(), &args.author.name())
    };
    if args.json {
        let changes: Vec<Json> = report.iter().map(|(change, fate)| fate.json(change)).collect();
        print_json(&json!({"changes": changes, "unchanged": unchanged}))?;
    }
    if args.dry_run { Ok(Exit::Ok) } else { conclude(&report) }
}

/// What came of a change.
#[derive(Debug)]
enum Fate {
    Planned,
    Written,
    /// Someone else was faster, or the store does not take it.
    Refused(StoreError),
    /// The store went away at this one.
    Failed(StoreError),
    /// After that.
    NotTried,
}

impl Fate {
    fn json(&self, change: &Change) -> Json {
        let (result, reason) = match self {
            Self::Planned => ("planned", None),
            Self::Written => ("written", None),
            Self::Refused(error) => (error.code(), Some(error)),
            Self::Failed(error) => (error.code(), Some(error)),
            Self::NotTried => ("not_tried", None),
        };
        let mut json = change.json();
        if let Some(members) = json.as_object_mut() {
            members.insert("result".to_owned(), result.into());
            members.extend(reason.map(|reason| ("reason".to_owned(), reason.to_string().into())));
        }
        json
    }
}

/// Asks before rows go.
fn confirm(args: &Args, tables: &Tables, plan: &Plan) -> Result<(), Failure> {
    let removals = plan.removals();
    if removals == 0 || args.yes {
        return Ok(());
    }
    let rows = tables.rows().keys().filter(|id| !id.is_own()).count();
    let going = count(removals, "row");
    let most = if removals * 2 > rows { format!(", more than half of {rows}") } else { String::new() };
    let seen = io::stdin().is_terminal() && io::stderr().is_terminal() && args.file != "-";
    if !seen {
        return Err(Failure::new(
            Exit::Failed,
            format!("{going} would be removed{most}, and nobody can be asked; --yes removes them, nothing is written"),
        ));
    }
    eprint!("{going} will be removed{most}. Go on? [y/N] ");
    let _ = io::stderr().flush();
    let mut answer = String::new();
    let read = io::stdin().read_line(&mut answer);
    match (read, answer.trim().to_ascii_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Failure::new(Exit::Failed, "as you say: nothing is written")),
    }
}

/// Makes the changes. A lost race costs one row; a store that is gone, the rest.
fn write(tables: &Tables, changes: Vec<Change>, who: &str) -> Vec<(Change, Fate)> {
    let mut progress = Progress::new(changes.len());
    let mut gone = false;
    let mut report = Vec::with_capacity(changes.len());
    for change in changes {
        let fate = if gone { Fate::NotTried } else { write_one(tables, &change, who) };
        gone |= matches!(fate, Fate::Failed(_));
        progress.step();
        report.push((change, fate));
    }
    progress.end();
    report
}

fn write_one(tables: &Tables, change: &Change, who: &str) -> Fate {
    let Some(store) = tables.home(&change.id.api).ok().and_then(|table| table.store().ok()) else {
        return Fate::NotTried;
    };
    let (api, key) = (&change.id.api, &change.id.key);
    let outcome = match change.after.clone() {
        Some(item) => tables.wait(store.put(item, change.expect(), who)),
        None => tables.wait(store.delete(api, key, change.expect())),
    };
    match outcome {
        Ok(_) => Fate::Written,
        // What is to be gone is gone.
        Err(StoreError::Absent { .. }) => Fate::Written,
        Err(error @ StoreError::Load(_)) => Fate::Failed(error),
        Err(error) => Fate::Refused(error),
    }
}

/// Says what was written and what was not.
fn conclude(report: &[(Change, Fate)]) -> Outcome {
    let written = report.iter().filter(|(_, fate)| matches!(fate, Fate::Written)).count();
    let left = report.len() - written;
    if left == 0 {
        if written > 0 {
            eprintln!("{written} written");
        }
        return Ok(Exit::Ok);
    }
    let mut exit = Exit::Failed;
    let mut why = String::new();
    let mut not_tried = 0;
    for (change, fate) in report {
        let error = match fate {
            Fate::Refused(error) => error,
            Fate::Failed(error) => {
                exit = Exit::Unavailable;
                error
            }
            Fate::NotTried => {
                not_tried += 1;
                continue;
            }
            Fate::Planned | Fate::Written => continue,
        };
        why.push_str(&format!("\n  {} {}: {error}", quoted(&change.id.api), quoted(&change.id.key)));
    }
    if not_tried > 0 {
        why.push_str(&format!("\n  {} not tried", count(not_tried, "more row")));
    }
    let again = "run it again: what is written already is left alone";
    Err(Failure::new(exit, format!("{written} written, {left} not; {again}{why}")))
}
