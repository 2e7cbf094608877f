//! Metrics of the arms of splits: as many as the table has, up to what breakers watch.

use super::Page;
use crate::breaker::{ArmReport, Totals};

/// What breakers know, for the gauges.
#[derive(Debug, Default)]
pub(crate) struct CanaryGauges {
    pub(crate) arms: Vec<ArmReport>,
    /// Trips, and those that could not be shared.
    pub(crate) trips: (u64, u64),
}

/// Writes what is known of each arm.
pub(super) fn write(page: &mut Page, canary: &CanaryGauges) {
    let CanaryGauges { arms, trips: (trips, unshared) } = canary;
    page.single("verge_arm_trips_total", "counter", "Arms that breakers of this node took out.", trips);
    page.single("verge_arm_trips_unshared_total", "counter", "Those that could not be written to the table.", unshared);
    let labels =
        |arm: &'_ ArmReport| [("api", arm.api.clone()), ("version", arm.version.clone()), ("arm", arm.arm.clone())];
    let with = |arm: &ArmReport, more: &[(&'static str, &str)]| {
        labels(arm).into_iter().chain(more.iter().map(|(name, text)| (*name, (*text).to_owned()))).collect::<Vec<_>>()
    };
    page.family("verge_arm_requests_total", "counter", "Requests to each arm of a split, by how they ended.");
    for arm in arms {
        let Totals { answered, client_errors, failed } = arm.total;
        for (outcome, count) in [("answered", answered), ("client_error", client_errors), ("failed", failed)] {
            page.sample("verge_arm_requests_total", &borrowed(&with(arm, &[("outcome", outcome)])), count);
        }
    }
    page.family("verge_arm_weight", "gauge", "The weight of each arm now, ramps included.");
    for arm in arms {
        page.sample("verge_arm_weight", &borrowed(&with(arm, &[])), arm.weight);
    }
    page.family("verge_arm_state", "gauge", "1 for the state each arm is in.");
    for arm in arms {
        page.sample("verge_arm_state", &borrowed(&with(arm, &[("state", arm.state)])), 1);
    }
}

fn borrowed<'l>(labels: &'l [(&'static str, String)]) -> Vec<(&'l str, &'l str)> {
    labels.iter().map(|(name, text)| (*name, text.as_str())).collect()
}
