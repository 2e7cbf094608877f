//! `verge canary promote` and `abort`: the split ends, for the canary or for the stable arm.

use super::{
    Edited, Moment, check_drain, row,
    split::{Split, settle},
    trip::Trip,
};
use crate::cli::{
    Outcome,
    table::{RowArg, show::quoted, write::Manner},
};
use verge_mappings::{Item, Value};

/// Make the canary's origin the row's own, for everybody.
///
/// If the canary stands for another version, the row becomes another name for it.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge canary promote -c verge.toml orders v2 --dry-run
  verge canary promote -c verge.toml orders v2
  verge canary undo -c verge.toml orders v2           the split is back, with the same clients on it

Exit codes: 0 written; 1 refused, or changed in the meantime; 64 usage; 69 store unreachable, or the probe failed;
78 configuration")]
pub(super) struct Promote {
    #[command(flatten)]
    row: RowArg,
    /// The arm; default: the first.
    #[arg(long, value_name = "NAME")]
    arm: Option<String>,
    /// Even if the breaker has taken it out.
    #[arg(long, short)]
    yes: bool,
    #[command(flatten)]
    write: Manner,
}

/// End the canary: the stable arm's origin is the row's own again, for everybody.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge canary abort -c verge.toml orders v2
  verge canary abort -c verge.toml orders v2 --drain     nobody new; whom the cookie pins stays until the next abort
  verge canary undo -c verge.toml orders v2              the split is back, with the same clients on it

Exit codes: 0 written; 1 refused, or changed in the meantime; 64 usage; 69 store unreachable, or the probe failed;
78 configuration")]
pub(super) struct Abort {
    #[command(flatten)]
    row: RowArg,
    /// Keep the split at weight 0, and the clients that Verge's cookie pins on their arm; needs the subject `cookie`.
    #[arg(long)]
    drain: bool,
    #[command(flatten)]
    write: Manner,
}

pub(super) fn promote(args: &Promote) -> Outcome {
    row::change(&args.row, &args.write, |item, moment| promoted(item, args.arm.as_deref(), args.yes, moment))
}

pub(super) fn abort(args: &Abort) -> Outcome {
    row::change(&args.row, &args.write, |item, moment| aborted(item, args.drain, moment))
}

fn promoted(item: &Item, arm: Option<&str>, yes: bool, moment: &Moment<'_>) -> Result<Edited, String> {
    let split = Split::read(item)?;
    let at = split.canary(arm)?;
    let arm = split.arms().get(at).ok_or("it has no arm")?;
    if let Some(trip) = moment.trip.filter(|trip| trip.names(&arm.name) && !yes) {
        return Err(format!(
            "{}: promoted, it would have all clients; `verge canary abort` ends it, --yes promotes it all the same",
            Trip::words(trip)
        ));
    }
    let mut after = item.clone();
    settle(&mut after, arm, moment.layout);
    let note = arm.version().map(|version| format!("it is another name for `{}` now", quoted(version)));
    Ok(Edited { item: after, notes: note.into_iter().collect() })
}

fn aborted(item: &Item, drain: bool, moment: &Moment<'_>) -> Result<Edited, String> {
    let mut split = Split::read(item)?.bounded();
    let mut after = item.clone();
    if drain {
        split.close();
        split.write(&mut after);
        after.remove("ramp");
        after.insert("drain", Value::Bool(true));
        check_drain(&after)?;
        let note = "pinned clients stay until `verge canary abort` without --drain".to_owned();
        return Ok(Edited { item: after, notes: vec![note] });
    }
    let stable = split.arms().last().ok_or("it has no arm")?;
    settle(&mut after, stable, moment.layout);
    Ok(Edited { item: after, notes: Vec::new() })
}

#[cfg(test)]
mod tests;
