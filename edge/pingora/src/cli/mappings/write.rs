//! One item written: shown, judged with the whole table as it would stand, and stored if nobody wrote in between.

use super::{
    Author, Exit, Failure, Outcome,
    plan::{Change, RowId, revision},
    print, print_json,
    show::{Paint, change_block, quoted},
    store_failure,
    tables::Tables,
    verdict::{judge, reasons},
};
use serde_json::json;
use verge_mappings::{API_ITEM, Expect, Item, Layout};

/// How it is written.
#[derive(Debug, clap::Args)]
pub(super) struct Manner {
    /// Only at this revision; default: the one seen.
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    /// Show what would change, and write nothing.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object: the item before and after, and whether it was written.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    author: Author,
}

/// Whether people write this item here at all.
pub(super) fn check_target(tables: &Tables, id: &RowId) -> Result<(), Failure> {
    let refuse = |reason: String| Err(Failure::new(Exit::Failed, reason));
    if id.is_own() && !id.is_portable() {
        let key = quoted(&id.key);
        return refuse(format!(
            "`{key}` is Verge's own: of the keys that begin with `#` only `{API_ITEM}` is written by hand"
        ));
    }
    let table = tables.home(&id.api)?;
    if table.layout() == Layout::Sample
        && let Some(only) = table.only_api().filter(|only| *only != id.api)
    {
        return refuse(format!("{} is in the sample layout, and holds API `{only}` alone", table.place()));
    }
    if id.key != API_ITEM && !tables.apis().contains(&id.api) {
        return Err(tables.unknown(&id.api));
    }
    Ok(())
}

/// Puts `after` where `before` stands.
pub(super) fn change(tables: &Tables, id: RowId, before: Option<Item>, after: Item, manner: &Manner) -> Outcome {
    let table = tables.home(&id.api)?;
    let store = table.store()?;
    let expect = match (manner.revision, &before) {
        (Some(revision), _) => Expect::Revision(revision),
        (None, Some(item)) => Expect::Revision(revision(item)),
        (None, None) => Expect::Absent,
    };
    let Some(change) = Change::of(id, before.clone(), Some(after)) else {
        check_revision(manner.revision, before.as_ref())?;
        eprintln!("nothing to change");
        if manner.json {
            let item = before.as_ref().map(Item::to_plain_json);
            print_json(&json!({"written": false, "before": item, "after": item}))?;
        }
        return Ok(Exit::Ok);
    };
    if !manner.json {
        print(&change_block(&change, Paint::stdout()))?;
    }
    let changes = std::slice::from_ref(&change);
    let invalid = judge(tables, changes);
    if !invalid.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("refused, nothing is written{}", reasons(&invalid, changes))));
    }
    let after = change.after.clone().unwrap_or_default();
    let (written, after) = if manner.dry_run {
        check_revision(manner.revision, before.as_ref())?;
        eprintln!("nothing is written (--dry-run)");
        (false, after)
    } else {
        let stored = tables.wait(store.put(after, expect, &manner.author.name())).map_err(store_failure)?;
        eprintln!("written to {}, revision {}", table.place(), revision(&stored));
        (true, stored)
    };
    if manner.json {
        let before = before.as_ref().map(Item::to_plain_json);
        print_json(&json!({"written": written, "before": before, "after": after.to_plain_json()}))?;
    }
    Ok(Exit::Ok)
}

/// What a write would have found.
fn check_revision(expected: Option<u64>, before: Option<&Item>) -> Result<(), Failure> {
    let found = before.map(revision);
    match expected {
        Some(expected) if found != Some(expected) => {
            let found = found.map_or("nothing".to_owned(), |found| format!("revision {found}"));
            Err(Failure::new(Exit::Failed, format!("expected revision {expected}, found {found}; read it again")))
        }
        _ => Ok(()),
    }
}
