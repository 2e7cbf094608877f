//! Beside serving: what the counters of each arm mean, a few times in each window.

use super::{
    Breakers,
    share::Stores,
    state::{ArmReport, State, Totals, Watch},
    verdict::{Cause, judge},
};
use crate::clock::unix_now;
use hashbrown::{HashMap, HashSet};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::{MissedTickBehavior, interval};
use verge_mappings::{Held, LiveTable, Trip};
use verge_router::{SplitRow, split::HeldArm, table::ApiTable};

/// How often the table is looked at for trips of other nodes, and counters are.
const LOOK: Duration = Duration::from_millis(250);

/// An arm that tripped now.
#[derive(Debug, Clone)]
pub(super) struct Tripped {
    pub(super) api: Box<str>,
    pub(super) row: Box<str>,
    pub(super) trip: Trip,
    /// All arms of the row, by their fingerprints.
    pub(super) arms: Vec<u64>,
}

impl Breakers {
    /// Watches for as long as the process lives.
    pub(crate) async fn run(self: Arc<Self>, table: Arc<LiveTable>, stores: Arc<Stores>) {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let Some(held) = table.load_full() else { continue };
            for tripped in self.look(&held, Instant::now()) {
                let Tripped { api, row, trip, .. } = &tripped;
                let (arm, reason, detail) = (&trip.arm, &trip.reason, &trip.detail);
                tracing::warn!(api = &**api, version = &**row, arm, reason, "a breaker took an arm out: {detail}");
                let shares = (**self.limits.load()).is_some_and(|limits| limits.share);
                if shares {
                    tokio::spawn(self.clone().share(stores.clone(), tripped));
                }
            }
        }
    }

    /// Follows the table, and judges every arm; those that tripped now.
    fn look(&self, held: &Arc<Held>, now: Instant) -> Vec<Tripped> {
        let limits = **self.limits.load();
        let mut watch = self.watch();
        let is_new = watch.held.as_ref().is_none_or(|last| !Arc::ptr_eq(last, held));
        if is_new {
            let same_table = watch.held.as_ref().is_some_and(|last| Arc::ptr_eq(&last.table, &held.table));
            if !same_table {
                self.follow(held);
            }
            watch.held = Some(held.clone());
        }
        let arms = self.arms.load();
        watch.arms.retain(|fingerprint, _| arms.contains_key(fingerprint));
        for (fingerprint, arm) in arms.iter() {
            let length = limits.map_or(Duration::from_secs(30), |limits| limits.window);
            watch.arms.entry(*fingerprint).or_default().look(now, arm.sum(), length);
        }
        let rows = if is_new || limits.is_some() { Some(rows(held)) } else { None };
        let told: HashSet<u64> = held.trips.tripped().collect();
        if is_new && let Some(rows) = &rows {
            self.give_chances(&mut watch, rows, &told, now);
            watch.told.clone_from(&told);
        }
        let mut tripped = Vec::new();
        if let (Some(limits), Some(rows)) = (limits, &rows) {
            for (fingerprint, arm) in arms.iter().filter(|(fingerprint, arm)| arm.stable != **fingerprint) {
                if told.contains(fingerprint) {
                    continue;
                }
                let stable = watch.arms.get(&arm.stable).map(|stable| stable.seen.clone()).unwrap_or_default();
                let Some(own) = watch.arms.get_mut(fingerprint).filter(|own| !own.is_tripped()) else { continue };
                let verdict = judge(&own.seen, &stable, &limits);
                let Some(cause) = own.judge(verdict, now, limits.window) else { continue };
                let Some(row) = rows.get(fingerprint) else { continue };
                own.trip(cause.clone(), weights(row));
                watch.trips += 1;
                let Cause { reason, detail } = cause;
                let trip = Trip {
                    arm: arm.name.to_string(),
                    of: *fingerprint,
                    reason: reason.to_owned(),
                    detail,
                    at: unix_now(),
                    node: crate::app::node_name(),
                };
                let all = row.arms().iter().map(HeldArm::fingerprint).collect();
                tripped.push(Tripped { api: arm.api.clone(), row: arm.row.clone(), trip, arms: all });
            }
        }
        let own = watch.arms.iter().filter(|(_, arm)| arm.is_tripped()).map(|(fingerprint, _)| *fingerprint);
        let out: HashSet<u64> = own.chain(told).collect();
        if **self.out.load() != out {
            self.out.store(Arc::new(out));
        }
        tripped
    }

    /// Has arms begin anew: where the table had a trip and has it no more, and of this node's own trips where the row's
    /// weights were changed.
    fn give_chances(&self, watch: &mut Watch, rows: &HashMap<u64, &Arc<SplitRow>>, told: &HashSet<u64>, now: Instant) {
        let arms = self.arms.load();
        for (fingerprint, arm) in &mut watch.arms {
            let (is_told, was_told) = (told.contains(fingerprint), watch.told.contains(fingerprint));
            let changed = match &arm.state {
                State::Tripped { weights: then, .. } => rows.get(fingerprint).is_some_and(|row| weights(row) != *then),
                _ => false,
            };
            if !is_told
                && (was_told || changed)
                && let Some(counted) = arms.get(fingerprint)
            {
                tracing::info!(
                    api = &*counted.api,
                    version = &*counted.row,
                    arm = &*counted.name,
                    "a tripped arm has another chance"
                );
                arm.begin_anew(now, counted.sum());
            }
        }
    }

    /// All arms, as operators are shown them.
    pub(crate) fn report(&self) -> Vec<ArmReport> {
        let watch = self.watch();
        let Some(held) = &watch.held else { return Vec::new() };
        let arms = self.arms.load();
        let now = unix_now();
        let mut reports = Vec::new();
        for row in held.table.apis().iter().flat_map(ApiTable::splits) {
            let seen = |fingerprint: u64| watch.arms.get(&fingerprint).map_or(0, |arm| arm.seen.requests());
            let all: u64 = row.arms().iter().map(|arm| seen(arm.fingerprint())).sum();
            for ((place, arm), weight) in row.arms().iter().enumerate().zip(row.weights(now)) {
                let fingerprint = arm.fingerprint();
                let (Some(counted), Some(own)) = (arms.get(&fingerprint), watch.arms.get(&fingerprint)) else {
                    continue;
                };
                let told = held.trips.of(row.api().name(), row.key()).find(|trip| trip.of == fingerprint);
                let (state, reason, detail) = match (&own.state, told) {
                    (_, Some(trip)) => ("tripped", Some(trip.reason.clone()), Some(trip.detail.clone())),
                    (State::Tripped { cause, .. }, None) => {
                        ("tripped", Some(cause.reason.to_owned()), Some(cause.detail.clone()))
                    }
                    (State::Failing(cause), None) => {
                        ("failing", Some(cause.reason.to_owned()), Some(cause.detail.clone()))
                    }
                    _ if row.is_stable(place) => ("stable", None, None),
                    (State::Passing, None) => ("passing", None, None),
                    (State::Inconclusive, None) => ("inconclusive", None, None),
                };
                let total = counted.sum();
                let millis = |percent| own.seen.percentile(percent).map(|latency| latency.as_secs_f64() * 1000.0);
                reports.push(ArmReport {
                    api: row.api().name().to_owned(),
                    version: row.key().to_owned(),
                    arm: arm.name().to_owned(),
                    weight,
                    requests: own.seen.requests(),
                    failures: own.seen.failed,
                    client_errors: own.seen.refused,
                    share: if all == 0 { 0.0 } else { own.seen.requests() as f64 / all as f64 },
                    p50_ms: millis(50),
                    p99_ms: millis(99),
                    state,
                    reason,
                    detail,
                    total: Totals { answered: total.answered, client_errors: total.refused, failed: total.failed },
                });
            }
        }
        reports
    }

    /// Trips since the start, and those of them that could not be written to the table.
    pub(crate) fn trips(&self) -> (u64, u64) {
        let watch = self.watch();
        (watch.trips, watch.unshared)
    }
}

/// The row of each arm.
fn rows(held: &Held) -> HashMap<u64, &Arc<SplitRow>> {
    let splits = held.table.apis().iter().flat_map(ApiTable::splits);
    splits.flat_map(|row| row.arms().iter().map(move |arm| (arm.fingerprint(), row))).collect()
}

/// Weights as an operator wrote them: a ramp's own steps change nothing.
fn weights(row: &SplitRow) -> Vec<u16> {
    row.arms().iter().map(HeldArm::weight).collect()
}
