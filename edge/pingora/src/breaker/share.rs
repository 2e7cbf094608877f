//! A trip, written to the table: one conditional put, after which all nodes keep off the arm within a poll.

use super::{Breakers, watch::Tripped};
use arc_swap::ArcSwap;
use std::{sync::Arc, time::Duration};
use verge_mappings::{Expect, LoadError, Store, StoreError, Trip};

/// Attempts to write a trip: the last one comes about two minutes after the first.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// Finds the table that an API's rows are written to; a reload replaces it.
pub(crate) struct Stores(ArcSwap<Find>);

type Find = Box<dyn Fn(&str) -> Option<Arc<dyn Store>> + Send + Sync>;

impl Stores {
    pub(crate) fn new(find: impl Fn(&str) -> Option<Arc<dyn Store>> + Send + Sync + 'static) -> Self {
        Self(ArcSwap::from_pointee(Box::new(find)))
    }

    /// Has them found otherwise.
    pub(crate) fn replace(&self, find: impl Fn(&str) -> Option<Arc<dyn Store>> + Send + Sync + 'static) {
        self.0.store(Arc::new(Box::new(find)));
    }

    fn find(&self, api: &str) -> Option<Arc<dyn Store>> {
        (self.0.load())(api)
    }
}

impl Breakers {
    /// Writes a trip, again where the store is only away for a while. Without the permission, or where the store stays away,
    /// this node protects itself alone, and says so.
    pub(super) async fn share(self: Arc<Self>, stores: Arc<Stores>, tripped: Tripped) {
        let Tripped { api, row, trip, .. } = &tripped;
        let Some(store) = stores.find(api) else {
            return self.alone(&tripped, &"the table is a file, which nodes do not write");
        };
        let (api, version, arm) = (&**api, &**row, &*trip.arm);
        let mut pause = FIRST_PAUSE;
        for attempt in 1.. {
            match put(&*store, &tripped).await {
                Ok(()) => return tracing::info!(api, version, arm, "the trip is in the table: all nodes follow"),
                Err(error) if attempt < ATTEMPTS && may_pass(&error) => {
                    tracing::warn!(api, version, arm, attempt, "the trip is not in the table yet: {error}");
                }
                Err(error) => return self.alone(&tripped, &error),
            }
            tokio::time::sleep(pause.mul_f64(0.5 + fastrand::f64())).await;
            pause *= 2;
            // An operator may have given the arm another chance in the meantime.
            if !self.out.load().contains(&trip.of) {
                return;
            }
        }
    }

    fn alone(&self, tripped: &Tripped, reason: &dyn std::fmt::Display) {
        self.watch().unshared += 1;
        let Tripped { api, row, trip, .. } = tripped;
        tracing::warn!(
            api = &**api,
            version = &**row,
            arm = trip.arm,
            "the trip holds on this node alone, for it cannot be written to the table: {reason}"
        );
    }
}

/// Whether the same may work a little later.
fn may_pass(error: &StoreError) -> bool {
    use LoadError::{Failed, Throttled, Timeout, Unreachable};
    match error {
        StoreError::Load(error) => {
            matches!(error, Failed { .. } | Throttled { .. } | Timeout { .. } | Unreachable { .. })
        }
        StoreError::Conflict { .. } => true,
        StoreError::Absent { .. } | StoreError::Unfit { .. } => false,
    }
}

async fn put(store: &dyn Store, tripped: &Tripped) -> Result<(), StoreError> {
    let Tripped { api, row, trip, arms } = tripped;
    let (layout, node) = (store.layout().await?, &trip.node);
    match store.put(trip.item(layout, api, row, &[]), Expect::Absent, node).await {
        Ok(_) => Ok(()),
        Err(StoreError::Conflict { .. }) => {
            let there = store.get(api, &Trip::key(row)).await?;
            let mut others = there.as_ref().map(Trip::read).unwrap_or_default();
            if others.iter().any(|other| other.of == trip.of) {
                // Another node was first.
                return Ok(());
            }
            // What is left of an earlier canary goes; what other arms of this split did stays.
            others.retain(|other| arms.contains(&other.of));
            let revision = there.and_then(|item| item.whole_number("revision")).unwrap_or(0);
            let item = trip.item(layout, api, row, &others);
            store.put(item, Expect::Revision(revision), node).await.map(drop)
        }
        Err(error) => Err(error),
    }
}
