//! `verge canary set`: the weight of an arm, the ramp, the way clients are recognised.

use super::{
    Edited, Moment, check_drain,
    percent::Percent,
    ramp::{Ramp, RampArg},
    row,
    split::Split,
    sticky::Sticky,
};
use crate::cli::{
    Exit, Failure, Outcome,
    table::{RowArg, write::Manner},
};
use verge_mappings::{Item, Value};

/// Move a canary: give it another share, a ramp, or another way to recognise clients.
///
/// What the arm gains the stable arm loses. A ramp that runs goes on from the new share; one that has nothing left to
/// raise ends. If the breaker had taken the arm out, this lets it in again.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge canary set -c verge.toml orders v2 --weight 25%
  verge canary set -c verge.toml orders v2 --weight 0%             nobody new, and nobody stays
  verge canary set -c verge.toml orders v2 --weight 0% --drain     nobody new; whom the cookie pins stays
  verge canary set -c verge.toml orders v2 --ramp step=10%,interval=30m,until=100%
  verge canary set -c verge.toml orders v2 --no-ramp               the share stays as it is now
  verge canary set -c verge.toml orders v2 --arm blue --weight 2%

Exit codes: 0 written, or already so; 1 refused, or changed in the meantime; 64 usage;
69 store unreachable, or the probe failed; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    row: RowArg,
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    write: Manner,
}

/// What is to be otherwise.
#[derive(Debug, Default, clap::Args)]
struct Wanted {
    /// The arm's share, such as 25% or 0.01%.
    #[arg(long, value_name = "PERCENT")]
    weight: Option<Percent>,
    /// The arm; default: the first.
    #[arg(long, value_name = "NAME")]
    arm: Option<String>,
    /// Raise the first arm's share by and by: step=5%,interval=1h,until=50%[,start=TIME].
    #[arg(long, value_name = "RAMP", conflicts_with = "no_ramp")]
    ramp: Option<RampArg>,
    /// End the ramp; without --weight the share stays as it is now.
    #[arg(long)]
    no_ramp: bool,
    #[command(flatten)]
    sticky: Sticky,
    /// At weight 0, keep the clients that Verge's cookie pins to their arm.
    #[arg(long, conflicts_with = "no_drain")]
    drain: bool,
    /// No longer.
    #[arg(long)]
    no_drain: bool,
}

impl Wanted {
    fn is_empty(&self) -> bool {
        let ramp = self.no_ramp || self.ramp.is_some();
        self.weight.is_none() && !ramp && self.sticky.is_empty() && !self.drain && !self.no_drain
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    if args.wanted.is_empty() {
        return Err(Failure::new(Exit::Usage, "say what to set: --weight, --ramp, --no-ramp, --sticky or --drain"));
    }
    row::change(&args.row, &args.write, |item, moment| set(item, &args.wanted, moment))
}

/// The row as it is wanted.
fn set(item: &Item, wanted: &Wanted, moment: &Moment<'_>) -> Result<Edited, String> {
    let mut split = Split::read(item)?.bounded();
    let at = split.canary(wanted.arm.as_deref())?;
    let total = split.total();
    let ramp = Ramp::read(item);
    let mut after = item.clone();
    let mut notes = Vec::new();

    let weight = wanted.weight.map(|share| share.weight(total)).transpose()?;
    if let Some(weight) = weight {
        split.give(at, weight)?;
    }
    let first = weight.filter(|_| at == 0);
    let on_ramp = ramp.is_some() || wanted.ramp.is_some();
    if wanted.no_ramp && ramp.is_none() {
        notes.push("there is no ramp".to_owned());
    }
    if first.is_none() && on_ramp && (wanted.no_ramp || wanted.ramp.is_some()) {
        // What the ramp has raised so far stays.
        split.give(0, moment.first_weight(&split))?;
    }
    match (&wanted.ramp, ramp, first) {
        (Some(new), _, _) => after.insert("ramp", new.value(total, moment.now)?),
        (None, Some(_), _) if wanted.no_ramp => drop(after.remove("ramp")),
        (None, Some(ramp), Some(weight)) if weight == 0 || ramp.until().is_some_and(|until| weight >= until) => {
            after.remove("ramp");
            notes.push("the ramp ends here".to_owned());
        }
        (None, Some(mut ramp), Some(weight)) => {
            ramp.restart(moment.now);
            let paused = if ramp.paused(moment.now).is_some() { ", once it is resumed" } else { "" };
            notes.push(format!("the ramp goes on from {}{paused}", Percent::of(weight, total)));
            ramp.write(&mut after);
        }
        (None, _, _) => {}
    }
    if wanted.no_drain {
        after.remove("drain");
    }
    if wanted.drain {
        after.insert("drain", Value::Bool(true));
    }
    wanted.sticky.write(&mut after);
    check_drain(&after)?;
    split.write(&mut after);
    Ok(Edited { item: after, notes })
}

#[cfg(test)]
mod tests;
