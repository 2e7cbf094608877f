//! `verge canary`: the split of one row, from its first client to its last.
//!
//! Each step is an edit of the row, pure, and then written as `verge mappings` writes: judged with the whole table as it
//! would stand, conditional on what was seen, and kept under `previous`, so that the next step can take it back.

mod finish;
mod origin;
mod pause;
mod percent;
mod ramp;
mod row;
mod set;
mod split;
mod start;
mod status;
mod sticky;
mod token;
mod trip;
mod undo;

use super::Outcome;
use clap::Subcommand;
use split::Split;
use sticky::has_own_cookie;
use trip::Trip;
use verge_mappings::{Item, Layout, Value};
use verge_router::UnixTime;

/// Send a share of a version's clients elsewhere, move the share, and end it one way or the other.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge canary start -c verge.toml orders v2 --weight 5% --sticky header:x-user \\
      --to https://new.execute-api.us-east-1.amazonaws.com/live
  verge canary status -c verge.toml orders v2
  verge canary set -c verge.toml orders v2 --weight 25%
  verge canary promote -c verge.toml orders v2     the canary for everybody
  verge canary abort -c verge.toml orders v2       or for nobody
  verge canary undo -c verge.toml orders v2        the last step taken back

Exit codes: 0 success, 1 refused, absent or changed in the meantime, 64 usage,
69 store unreachable or probe failed, 78 configuration")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Start(start::Args),
    Set(set::Args),
    Pause(pause::Args),
    Promote(finish::Promote),
    Abort(finish::Abort),
    Undo(undo::Args),
    Status(status::Args),
    Token(token::Args),
}

pub(crate) fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Start(args) => start::run(args),
        Command::Set(args) => set::run(args),
        Command::Pause(args) => pause::run(args),
        Command::Promote(args) => finish::promote(args),
        Command::Abort(args) => finish::abort(args),
        Command::Undo(args) => undo::run(args),
        Command::Status(args) => status::run(args),
        Command::Token(args) => token::run(args),
    }
}

/// What a step knows besides the row.
struct Moment<'m> {
    /// The row's key.
    key: &'m str,
    layout: Layout,
    now: UnixTime,
    trip: Option<&'m Trip>,
    /// The arms' weights at this time, ramp included; empty where the row cannot be served.
    weights: Vec<u32>,
}

impl Moment<'_> {
    /// The first arm's weight at this time.
    fn first_weight(&self, split: &Split) -> u32 {
        let stored = split.arms().first().map(|arm| arm.weight);
        self.weights.first().copied().or(stored).unwrap_or_default()
    }
}

/// A row as it is wanted, and what is to be said of it.
#[derive(Debug, PartialEq)]
struct Edited {
    item: Item,
    notes: Vec<String>,
}

/// A row that drains must be able to tell who was there.
fn check_drain(item: &Item) -> Result<(), String> {
    if item.get("drain") == Some(&Value::Bool(true)) && !has_own_cookie(item) {
        return Err("with `drain` clients are kept by the cookie that Verge signs, and this row has none: \
                    add --sticky cookie"
            .to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value as Json;

    pub(super) const NOW: UnixTime = 1_795_600_800;

    pub(super) fn item(json: Json) -> Item {
        Item::from_json(&json).unwrap()
    }

    pub(super) fn plain(item: &Item) -> Json {
        item.to_plain_json()
    }

    pub(super) fn moment(now: UnixTime) -> Moment<'static> {
        Moment { key: "v2", layout: Layout::Verge, now, trip: None, weights: Vec::new() }
    }
}
