//! `verge canary pause`: the ramp halted, and resumed.

use super::{Edited, Moment, ramp::Ramp, row, split::Split};
use crate::cli::{
    Outcome,
    table::{RowArg, show::quoted, write::Manner},
};
use verge_mappings::Item;

/// Halt a ramp where it is, or have it go on from there.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge canary pause -c verge.toml orders v2              the share stays as it is
  verge canary pause -c verge.toml orders v2 --resume     the ramp goes on from there

Exit codes: 0 written, or already so; 1 refused, or changed in the meantime; 64 usage;
69 store unreachable, or the probe failed; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    row: RowArg,
    /// Go on.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    write: Manner,
}

pub(super) fn run(args: &Args) -> Outcome {
    row::change_quietly(&args.row, &args.write, |item, moment| pause(item, args.resume, moment))
}

fn pause(item: &Item, resume: bool, moment: &Moment<'_>) -> Result<Edited, String> {
    Split::read(item)?;
    let mut ramp = Ramp::read(item).ok_or(
        "it has no ramp to halt: its weights stay until `verge canary set` moves them; --weight 0% takes its clients off",
    )?;
    let since = ramp.paused(moment.now).map(quoted);
    let note = match (resume, since) {
        (false, Some(since)) => format!("the ramp is paused since {since}"),
        (false, None) => {
            ramp.pause(moment.now);
            "the ramp stays where it is; --resume has it go on".to_owned()
        }
        (true, Some(_)) => {
            ramp.resume(moment.now);
            "the ramp goes on".to_owned()
        }
        (true, None) => "the ramp is not paused".to_owned(),
    };
    let mut after = item.clone();
    ramp.write(&mut after);
    Ok(Edited { item: after, notes: vec![note] })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::canary::tests::{NOW, item, moment, plain};
    use serde_json::json;
    use verge_router::lifecycle::rfc3339;

    #[test]
    fn a_ramp_is_halted_and_goes_on() {
        let row = item(json!({
            "split": [{"name": "canary", "weight": 1, "version": "v3"}, {"name": "stable", "weight": 1, "version": "v1"}],
            "ramp": {"start": "2026-11-25T00:00:00Z", "step": 1, "interval": "1h", "until": 2},
        }));
        let paused = pause(&row, false, &moment(NOW)).unwrap().item;
        assert_eq!(plain(&paused)["ramp"]["pauses"], json!([{"from": rfc3339(NOW)}]));
        let again = pause(&paused, false, &moment(NOW + 60)).unwrap();
        assert_eq!((&again.item, again.notes), (&paused, vec![format!("the ramp is paused since {}", rfc3339(NOW))]));
        let on = pause(&paused, true, &moment(NOW + 60)).unwrap().item;
        assert_eq!(plain(&on)["ramp"]["pauses"], json!([{"from": rfc3339(NOW), "to": rfc3339(NOW + 60)}]));
        assert_eq!(pause(&on, true, &moment(NOW + 90)).unwrap().notes, ["the ramp is not paused"]);
    }

    #[test]
    fn what_has_no_ramp_cannot_be_halted() {
        let refused = |json| pause(&item(json), false, &moment(NOW)).unwrap_err();
        assert!(refused(json!({"domain": "a.example.com"})).contains("begin with `verge canary start`"));
        let split = [json!({"name": "a", "weight": 1}), json!({"name": "b", "weight": 1})];
        assert!(refused(json!({"split": split})).contains("it has no ramp to halt"));
    }
}
