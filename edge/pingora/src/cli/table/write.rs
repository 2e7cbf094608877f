//! One item written: shown, judged with the whole table as it would stand, and stored if nobody wrote in between.

use super::{
    Author, Exit, Failure, Outcome,
    plan::{Change, RowId, revision},
    print, print_json, probe,
    show::{Paint, change_block, quoted},
    store_failure,
    tables::Tables,
    verdict::{judge, reasons},
};
use serde_json::{Value as Json, json};
use verge_mappings::{API_ITEM, Expect, Item, Layout, Value};

/// How it is written.
#[derive(Debug, clap::Args)]
pub(crate) struct Manner {
    /// Only at this revision; default: the one seen.
    #[arg(long, value_name = "N")]
    revision: Option<u64>,
    /// Show what would change, and write nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// First connect to the row's origin as serving would, its certificate checked; where that fails, write nothing.
    #[arg(long)]
    probe: bool,
    /// Print one JSON object: the item before and after, whether it was written, and what a probe saw.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    author: Author,
}

impl Manner {
    /// What the row's origin shows, where it is asked for.
    fn probe(&self, tables: &Tables, changes: &[Change], id: &RowId) -> Result<Option<Json>, Failure> {
        self.probe.then(|| probe::run(tables, changes, id)).transpose()
    }
}

/// What came of a write.
pub(crate) struct Written {
    /// Whether the row is stored; else it was so already, or this was a dry run.
    pub(crate) stored: bool,
    pub(crate) before: Option<Item>,
    /// As it stands now, or would.
    pub(crate) after: Option<Item>,
    probed: Option<Json>,
}

impl Written {
    /// For a script.
    pub(crate) fn json(&self) -> Json {
        let plain = |item: &Option<Item>| item.as_ref().map(Item::to_plain_json);
        let mut json = json!({"written": self.stored, "before": plain(&self.before), "after": plain(&self.after)});
        if let (Some(probed), Some(members)) = (&self.probed, json.as_object_mut()) {
            members.insert("probe".to_owned(), probed.clone());
        }
        json
    }
}

/// Whether people write this item here at all.
pub(crate) fn check_target(tables: &Tables, id: &RowId) -> Result<(), Failure> {
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

/// Puts `after` where `before` stands, and ends the command.
pub(crate) fn change(tables: &Tables, id: RowId, before: Option<Item>, after: Item, manner: &Manner) -> Outcome {
    let written = put(tables, id, before, after, manner)?;
    if manner.json {
        print_json(&written.json())?;
    }
    Ok(Exit::Ok)
}

/// Puts `after` where `before` stands; what is printed for scripts is left to the caller.
pub(crate) fn put(
    tables: &Tables,
    id: RowId,
    before: Option<Item>,
    after: Item,
    manner: &Manner,
) -> Result<Written, Failure> {
    let table = tables.home(&id.api)?;
    let store = table.store()?;
    let expect = match (manner.revision, &before) {
        (Some(revision), _) => Expect::Revision(revision),
        (None, Some(item)) => Expect::Revision(revision(item)),
        (None, None) => Expect::Absent,
    };
    let Some(change) = Change::of(id.clone(), before.clone(), Some(after)) else {
        check_revision(manner.revision, before.as_ref())?;
        let probed = manner.probe(tables, &[], &id)?;
        eprintln!("nothing to change");
        return Ok(Written { stored: false, after: before.clone(), before, probed });
    };
    if !manner.json {
        print(&change_block(&change, Paint::stdout()))?;
    }
    let changes = std::slice::from_ref(&change);
    let invalid = judge(tables, changes);
    if !invalid.is_empty() {
        return Err(Failure::new(Exit::Failed, format!("refused, nothing is written{}", reasons(&invalid, changes))));
    }
    let probed = manner.probe(tables, changes, &id)?;
    let after = change.after.clone().unwrap_or_default();
    if manner.dry_run {
        check_revision(manner.revision, before.as_ref())?;
        eprintln!("nothing is written (--dry-run)");
        return Ok(Written { stored: false, before, after: Some(after), probed });
    }
    let stored = tables.wait(store.put(after, expect, &manner.author.name())).map_err(store_failure)?;
    eprintln!("written to {}, revision {}", table.place(), revision(&stored));
    Ok(Written { stored: true, before, after: Some(stored), probed })
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

/// What stood there before, on `bare`, which has the key.
pub(crate) fn previous(item: &Item, bare: Item) -> Option<Item> {
    let Some(Value::M(previous)) = item.get("previous") else { return None };
    let mut before = bare;
    for (name, value) in previous {
        before.insert(name, value.clone());
    }
    Some(before)
}
