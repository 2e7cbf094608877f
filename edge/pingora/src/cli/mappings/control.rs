//! `verge mappings freeze` and `accept`: what operators tell all nodes through the table.

use super::{
    Author, Exit, Failure, Outcome, print_json,
    show::count,
    store_failure,
    tables::{Table, Tables},
};
use crate::cli::ConfigArg;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use verge_mappings::{
    Expect, OWN_PARTITION,
    control::{CONTROL, Control, digest, digests},
};

/// Have all nodes keep the table they serve, whatever is written from now on.
///
/// Nodes that run hear of it with the next poll and hold newer content back until `--off`. A node that starts meanwhile
/// serves its snapshot, or, without one, the table as it is then.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings freeze -c verge.toml            all nodes keep what they serve
  verge mappings freeze -c verge.toml --off      they follow the table again
  verge mappings freeze -c verge.toml orders     the table of this API alone, where it has its own

Exit codes: 0 said, or already so; 1 refused; 64 usage; 69 store unreachable; 78 configuration")]
pub(super) struct Freeze {
    #[command(flatten)]
    manner: Manner,
    /// End it.
    #[arg(long)]
    off: bool,
}

/// Have all nodes believe the table as it is now, however much it lost.
///
/// A table that is empty or lost more than half its rows is held back for `shrink_hold`. This ends the wait, for exactly
/// the rows that are there now: a table that loses more afterwards is held back again. Without a table a node never takes
/// an empty one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings accept -c verge.toml --dry-run  what would be believed
  verge mappings accept -c verge.toml
  verge mappings accept -c verge.toml orders     the table of this API alone, where it has its own, or with
                                                 `load = \"on_demand\"` this API alone

Exit codes: 0 said, or already so; 1 refused; 64 usage; 69 store unreachable; 78 configuration")]
pub(super) struct Accept {
    #[command(flatten)]
    manner: Manner,
}

/// To whom it is said, and how.
#[derive(Debug, clap::Args)]
struct Manner {
    #[command(flatten)]
    config: ConfigArg,
    /// Only the table that holds this API; default: every table that is configured.
    #[arg(value_name = "API")]
    api: Option<String>,
    /// Show what would be said, and say nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object for each table in a list.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    author: Author,
}

pub(super) fn freeze(args: &Freeze) -> Outcome {
    let words = if args.off { "nodes follow the table again" } else { "nodes keep what they serve" };
    tell(&args.manner, |_, control| Ok((Control { frozen: !args.off, ..control }, words.to_owned())))
}

pub(super) fn accept(args: &Accept) -> Outcome {
    tell(&args.manner, |table, control| {
        let content = table.content()?;
        let words = format!("nodes believe the table of {}", count(content.rows(), "row"));
        let accepted_apis = if table.is_on_demand() {
            accepted_apis(digests(content), control.accepted_apis, args.manner.api.as_deref())?
        } else {
            BTreeMap::new()
        };
        Ok((Control { accepted: Some(digest(content)), accepted_apis, ..control }, words))
    })
}

/// How many APIs may be accepted at once, one by one: all of them stand in one item, which each node reads.
const MANY: usize = 1000;

/// What nodes believe that hold some APIs only: all of them, or this one besides what was accepted before.
fn accepted_apis(
    mut now: BTreeMap<String, String>,
    mut before: BTreeMap<String, String>,
    api: Option<&str>,
) -> Result<BTreeMap<String, String>, Failure> {
    match api {
        None if now.len() > MANY => {
            let reason =
                format!("it has {} APIs, and no more than {MANY} can be accepted at once: name one", now.len());
            Err(Failure::new(Exit::Failed, reason))
        }
        None => Ok(now),
        Some(api) => {
            before.retain(|api, digest| now.get(api) == Some(digest));
            if before.len() >= MANY {
                before.clear();
            }
            before.extend(now.remove_entry(api));
            Ok(before)
        }
    }
}

/// Changes what the tables say to nodes.
fn tell(manner: &Manner, change: impl Fn(&Table, Control) -> Result<(Control, String), Failure>) -> Outcome {
    let tables = Tables::read(&manner.config)?;
    let chosen: Vec<&Table> = match &manner.api {
        Some(api) => vec![tables.home(api)?],
        None => tables.all().iter().collect(),
    };
    let mut said: Vec<Json> = Vec::new();
    for table in chosen {
        let store = table.store()?;
        table.content()?;
        let before = tables.wait(store.get(OWN_PARTITION, CONTROL)).map_err(store_failure)?;
        let now = before.as_ref().map(Control::read).unwrap_or_default();
        let (then, words) = change(table, now.clone())?;
        let place = table.place();
        let written = then != now && !manner.dry_run;
        if written {
            let revision = before.as_ref().map(|item| Expect::Revision(super::plan::revision(item)));
            let item = then.item(table.layout());
            tables
                .wait(store.put(item, revision.unwrap_or(Expect::Absent), &manner.author.name()))
                .map_err(store_failure)?;
        }
        match (then == now, manner.dry_run) {
            (true, _) => eprintln!("{place}: already so: {words}"),
            (false, true) => eprintln!("{place}: {words} (--dry-run: not said)"),
            (false, false) => eprintln!("{place}: {words}, within a poll"),
        }
        said.push(json!({"table": place, "written": written, "frozen": then.frozen, "accepted": then.accepted}));
    }
    if said.is_empty() {
        return Err(Failure::new(Exit::Failed, "no table is configured"));
    }
    if manner.json {
        print_json(&Json::Array(said))?;
    }
    Ok(Exit::Ok)
}
