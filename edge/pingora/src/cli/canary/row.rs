//! One step of a canary: the row read, edited, written as `verge mappings` writes, and its trip cleared.

use super::{Edited, Moment, split::Split, trip::Trip};
use crate::{
    cli::{
        Exit, Failure, Outcome,
        table::{
            RowArg,
            plan::{BOOKKEEPING, RowId},
            print_json,
            show::quoted,
            tables::Tables,
            verdict,
            write::{self, Manner},
        },
    },
    clock::unix_now,
};
use serde_json::{Value as Json, json};
use verge_mappings::Item;
use verge_router::{UnixTime, split::SplitRow};

/// A step that begins anew with the breaker: where it had tripped, that is cleared.
pub(super) fn change(
    row: &RowArg,
    manner: &Manner,
    edit: impl FnOnce(&Item, &Moment<'_>) -> Result<Edited, String>,
) -> Outcome {
    step(row, manner, true, edit)
}

/// A step that leaves the breaker as it is.
pub(super) fn change_quietly(
    row: &RowArg,
    manner: &Manner,
    edit: impl FnOnce(&Item, &Moment<'_>) -> Result<Edited, String>,
) -> Outcome {
    step(row, manner, false, edit)
}

fn step(
    row: &RowArg,
    manner: &Manner,
    clears: bool,
    edit: impl FnOnce(&Item, &Moment<'_>) -> Result<Edited, String>,
) -> Outcome {
    let tables = Tables::read(&row.config)?;
    let id = row.id();
    let table = tables.home(&id.api)?;
    table.store()?;
    tables.check_read(&id.api)?;
    let (before, trip) = find(&tables, &id)?;
    let now = unix_now();
    let served = verdict::split(&tables, &id);
    let weights = Split::read(&before).map(|split| weights(served.as_deref(), &split, now)).unwrap_or_default();
    let out = trip.as_ref().filter(|trip| trip.is_of(served.as_deref()));
    let moment = Moment { key: &id.key, layout: table.layout(), now, trip: out, weights };
    let Edited { mut item, notes } = edit(&before, &moment).map_err(|reason| refusal(&id, &reason))?;
    for name in BOOKKEEPING {
        item.remove(name);
    }
    for note in notes {
        eprintln!("{note}");
    }
    let written = write::put(&tables, id, Some(before), item, manner)?;
    let mut json = written.json();
    if let Some(trip) = trip.filter(|_| clears) {
        let cleared = if manner.dry_run {
            eprintln!("{}; that would be cleared", trip.words());
            false
        } else {
            trip.clear(&tables)?
        };
        add(&mut json, "trip", json!({"cleared": cleared, "was": trip.json()}));
    }
    if manner.json {
        print_json(&json)?;
    }
    Ok(Exit::Ok)
}

/// The row, and its trip.
pub(super) fn find(tables: &Tables, id: &RowId) -> Result<(Item, Option<Trip>), Failure> {
    if id.is_own() {
        return Err(refusal(id, "this is no version: a canary is of a version's row"));
    }
    let row = tables.rows().remove(id).ok_or_else(|| tables.absent(id))?;
    Ok((row, Trip::read(tables, id)))
}

/// The arms' weights at this time, the ramp included; as they are stored where the row cannot be served.
pub(super) fn weights(served: Option<&SplitRow>, split: &Split, now: UnixTime) -> Vec<u32> {
    match served {
        Some(row) => row.weights(now).map(u32::from).collect(),
        None => split.arms().iter().map(|arm| arm.weight).collect(),
    }
}

pub(super) fn refusal(id: &RowId, reason: &str) -> Failure {
    Failure::new(Exit::Failed, format!("{} `{}`: {reason}", quoted(&id.api), quoted(&id.key)))
}

fn add(json: &mut Json, name: &str, value: Json) {
    if let Some(members) = json.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
