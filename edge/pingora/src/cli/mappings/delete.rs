//! `verge mappings delete`: one item gone.

use super::{
    Exit, Failure, Outcome, RowArg,
    plan::{Change, revision},
    print, print_json,
    show::{Paint, change_block},
    store_failure,
    tables::Tables,
    verdict::{judge, reasons},
};
use serde_json::json;
use verge_mappings::{Expect, Item};

/// Delete a row, or an API's `#api` item.
///
/// Refused while an alias or the missing-version policy names it, or while rows need it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings delete -c verge.toml orders v1 --dry-run
  verge mappings delete -c verge.toml orders v1
  verge mappings delete -c verge.toml orders v1 --revision 4     only if nobody wrote since
  verge mappings delete -c verge.toml orders v1 --yes            even if an alias names it

Exit codes: 0 deleted; 1 refused, absent or changed in the meantime; 64 usage; 69 store unreachable; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    row: RowArg,
    /// Show what would go, and delete nothing.
    #[arg(long)]
    dry_run: bool,
    /// Only at this revision; default: the one seen.
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    /// Delete it even if others name it.
    #[arg(long, short)]
    yes: bool,
    /// Print one JSON object: the item as it was, and whether it is gone.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let tables = Tables::read(&args.row.config)?;
    let id = args.row.id();
    let table = tables.home(&id.api)?;
    let store = table.store()?;
    tables.check_read(&id.api)?;
    let before = tables.rows().remove(&id).ok_or_else(|| tables.absent(&id))?;
    let expect = Expect::Revision(args.revision.unwrap_or_else(|| revision(&before)));
    let change = Change { id, before: Some(before), after: None };
    let changes = std::slice::from_ref(&change);
    let suffers = judge(&tables, changes);
    if !args.json {
        print(&change_block(&change, Paint::stdout()))?;
    }
    if !suffers.is_empty() && !args.yes {
        let why = reasons(&suffers, changes);
        return Err(Failure::new(
            Exit::Failed,
            format!("it is still needed, so it stays; --yes deletes it all the same{why}"),
        ));
    }
    let gone = if args.dry_run {
        eprintln!("nothing is deleted (--dry-run)");
        None
    } else {
        let (api, key) = (&change.id.api, &change.id.key);
        let gone = tables.wait(store.delete(api, key, expect)).map_err(store_failure)?;
        eprintln!("deleted from {}", table.place());
        Some(gone)
    };
    if args.json {
        let item = gone.as_ref().or(change.before.as_ref()).map(Item::to_plain_json);
        print_json(&json!({"deleted": gone.is_some(), "item": item}))?;
    }
    Ok(Exit::Ok)
}
