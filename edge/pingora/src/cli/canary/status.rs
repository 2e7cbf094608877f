//! `verge canary status`: how a row is split now, and what nodes see of it.

mod observed;

use super::{
    percent::Percent,
    ramp::Ramp,
    row,
    split::{Arm, Split},
    trip::Trip,
};
use crate::{
    cli::{
        Exit, Outcome, config,
        node::NodesArg,
        table::{
            RowArg, print, print_json,
            show::{columns, place, quoted, value},
            tables::Tables,
            verdict,
        },
    },
    clock::unix_now,
};
use observed::Observed;
use serde_json::{Value as Json, json};
use verge_mappings::Item;
use verge_router::{UnixTime, lifecycle::rfc3339};

/// Show how a row is split now, whether the breaker tripped, and what nodes see of each arm.
///
/// Weights are those of this moment, the ramp included. A node that cannot be reached is named, and is no error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge canary status -c verge.toml orders v2
  verge canary status -c verge.toml orders v2 --node http://10.0.0.7:9901 --node http://10.0.0.8:9901
  verge canary status -c verge.toml orders v2 --json | jq -r '.arms[] | \"\\(.name) \\(.share)\"'

Columns: ARM, WEIGHT, SHARE (expected, without arms that the breaker took out), ORIGIN (or → the version an arm stands
for); NODE, ARM, REQUESTS, SHARE, FAILED (share of its requests), P50, P99, STATE (inconclusive, passing, failing,
tripped) with the reason.

Exit codes: 0 shown, whatever nodes say; 1 there is no such row; 64 usage; 69 store unreachable; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    row: RowArg,
    #[command(flatten)]
    nodes: NodesArg,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let config = config::load_unserved(args.row.config.file())?;
    let (nodes, operator) = args.nodes.open(&config)?;
    let mut tables = Tables::of(&config)?;
    tables.reread();
    let id = args.row.id();
    tables.check_read(&id.api)?;
    let (item, trip) = row::find(&tables, &id)?;
    let now = unix_now();
    let Ok(split) = Split::read(&item) else {
        if args.json {
            print_json(&json!({"api": id.api, "version": id.key, "split": false}))?;
        } else {
            print(&format!("{} {} is not split: {}\n", quoted(&id.api), quoted(&id.key), place(&item)))?;
        }
        return Ok(Exit::Ok);
    };
    let served = verdict::split(&tables, &id);
    let weights = row::weights(served.as_deref(), &split, now);
    // What was tripped may be an earlier canary of the name.
    let trip = trip.filter(|trip| trip.is_of(served.as_deref()));
    let state = State { weights, split, trip, now };
    let observed = tables.wait(observed::ask(nodes, operator, &id));
    if args.json {
        let mut json = json!({"api": id.api, "version": id.key, "split": true, "nodes": observed::json(&observed)});
        if let (Some(members), Json::Object(more)) = (json.as_object_mut(), state.json(&item)) {
            members.extend(more);
        }
        print_json(&json)?;
    } else {
        print(&format!("{} {}\n{}", quoted(&id.api), quoted(&id.key), state.text(&item, &observed)))?;
    }
    Ok(Exit::Ok)
}

/// A split at one moment.
struct State {
    split: Split,
    /// Arm by arm, the ramp included.
    weights: Vec<u32>,
    trip: Option<Trip>,
    now: UnixTime,
}

impl State {
    fn is_out(&self, arm: &Arm) -> bool {
        self.trip.as_ref().is_some_and(|trip| trip.names(&arm.name))
    }

    /// What share of its clients each arm is to have: those of an arm that is out go to the others.
    fn shares(&self) -> Vec<Percent> {
        let arms = self.split.arms().iter().zip(&self.weights);
        let mut left: Vec<u32> = arms.map(|(arm, weight)| if self.is_out(arm) { 0 } else { *weight }).collect();
        if let (true, Some(stable)) = (left.iter().all(|weight| *weight == 0), left.last_mut()) {
            *stable = 1;
        }
        let total = left.iter().sum();
        left.into_iter().map(|weight| Percent::of(weight, total)).collect()
    }

    fn arms(&self) -> impl Iterator<Item = (&Arm, u32, Percent)> {
        let each = self.split.arms().iter().zip(&self.weights).zip(self.shares());
        each.map(|((arm, weight), share)| (arm, *weight, share))
    }

    fn json(&self, item: &Item) -> Json {
        let plain = |name: &str| item.get(name).map(verge_mappings::Value::to_plain_json);
        let arm = |(arm, weight, share): (&Arm, u32, Percent)| {
            json!({
                "name": arm.name,
                "weight": weight,
                "share": share.fraction(),
                "tripped": self.is_out(arm),
                "leads": Item::from(arm.rest.clone()).to_plain_json(),
            })
        };
        json!({
            "at": rfc3339(self.now),
            "arms": self.arms().map(arm).collect::<Vec<_>>(),
            "salt": plain("salt"),
            "sticky": plain("sticky"),
            "drain": plain("drain"),
            "ramp": plain("ramp"),
            "paused": Ramp::read(item).is_some_and(|ramp| ramp.paused(self.now).is_some()),
            "trip": self.trip.as_ref().map(Trip::json),
        })
    }

    fn text(&self, item: &Item, observed: &[Observed]) -> String {
        let cell = |text: &str| text.to_owned();
        let mut lines = vec![["ARM", "WEIGHT", "SHARE", "ORIGIN"].map(cell).to_vec()];
        for (arm, weight, share) in self.arms() {
            let out = if self.is_out(arm) { " (out)" } else { "" };
            lines.push(vec![quoted(&arm.name), format!("{weight}{out}"), share.to_string(), leads(arm)]);
        }
        let mut out = columns(&lines);
        let said = |name: &str| item.get(name).map(|stored| format!("{name} {}\n", value(stored)));
        out.extend(["salt", "sticky", "drain"].into_iter().filter_map(said));
        if let Some(ramp) = Ramp::read(item) {
            out.push_str(&format!("ramp {}\n", ramp.words(self.split.total(), self.now)));
        }
        if let Some(trip) = &self.trip {
            out.push_str(&format!("{}; `verge canary set` lets it in again, `abort` ends it\n", trip.words()));
        }
        out.push('\n');
        out.push_str(&observed::text(observed));
        out
    }
}

fn leads(arm: &Arm) -> String {
    match arm.version() {
        Some(version) => format!("→ {}", quoted(version)),
        None => place(&Item::from(arm.rest.clone())),
    }
}

#[cfg(test)]
mod tests;
