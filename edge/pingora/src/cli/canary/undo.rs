//! `verge canary undo`: the row as it was before the last step of its canary.

use super::{Edited, ramp::Ramp, row, split::Split};
use crate::cli::{
    Outcome,
    table::{
        RowArg,
        write::{Manner, previous},
    },
};
use verge_mappings::Item;
use verge_router::{UnixTime, lifecycle::parse_rfc3339};

/// Take the last step back: what `start`, `set`, `pause`, `promote` or `abort` wrote.
///
/// A second `undo` undoes the first. It is `verge mappings rollback` of a row that is or was split.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge canary undo -c verge.toml orders v2 --dry-run     what would come back
  verge canary undo -c verge.toml orders v2

Exit codes: 0 written; 1 refused, nothing to go back to, or changed in the meantime; 64 usage;
69 store unreachable, or the probe failed; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    row: RowArg,
    #[command(flatten)]
    write: Manner,
}

pub(super) fn run(args: &Args) -> Outcome {
    let id = args.row.id();
    row::change(&args.row, &args.write, |item, moment| undone(item, id.item(moment.layout), moment.now))
}

fn undone(item: &Item, bare: Item, now: UnixTime) -> Result<Edited, String> {
    let mut before = previous(item, bare).ok_or("there is nothing to go back to: it was written once through Verge")?;
    if [item, &before].into_iter().all(|item| Split::read(item).is_err()) {
        return Err("its last write was no canary's; `verge mappings rollback` takes back any".to_owned());
    }
    // Between the step and now no ramp ran: the share is to come back as it was, too.
    if let Some(mut ramp) = Ramp::read(&before)
        && let Some(since) = item.text("updated_at").and_then(parse_rfc3339)
    {
        ramp.skip(since, now);
        ramp.write(&mut before);
    }
    Ok(Edited { item: before, notes: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::canary::tests::{item, plain};
    use serde_json::json;

    fn undo(json: serde_json::Value) -> Result<serde_json::Value, String> {
        let bare = item(json!({"api": "orders", "version": "v2"}));
        undone(&item(json), bare, 1_795_600_800).map(|edited| plain(&edited.item))
    }

    #[test]
    fn what_stood_there_before_comes_back_whole() {
        let arms = json!([{"name": "canary", "weight": 1}, {"name": "stable", "weight": 1}]);
        let row = json!({"api": "orders", "version": "v2", "domain": "a.example.com", "revision": 4,
            "previous": {"split": arms, "salt": "s", "status": "hidden"}});
        let split = json!({"api": "orders", "version": "v2", "split": arms, "salt": "s", "status": "hidden"});
        assert_eq!(undo(row), Ok(split));
    }

    #[test]
    fn the_time_between_is_none_of_its_ramp() {
        let arms = json!([{"name": "canary", "weight": 1}, {"name": "stable", "weight": 1}]);
        let ramp = json!({"start": "2026-11-25T00:00:00Z", "step": 1, "interval": "1h", "until": 9});
        let row = json!({"domain": "a.example.com", "updated_at": "2026-11-25T09:00:00Z",
            "previous": {"split": arms, "ramp": ramp}});
        let pauses = json!([{"from": "2026-11-25T09:00:00Z", "to": "2026-11-25T10:00:00Z"}]);
        assert_eq!(undo(row).unwrap()["ramp"]["pauses"], pauses);
    }

    #[test]
    fn only_steps_of_a_canary_are_taken_back() {
        let row = json!({"domain": "a.example.com", "previous": {"domain": "b.example.com"}});
        assert!(undo(row).unwrap_err().contains("verge mappings rollback"));
        assert!(undo(json!({"domain": "a.example.com"})).unwrap_err().contains("nothing to go back to"));
    }
}
