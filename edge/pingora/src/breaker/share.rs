//! A trip, written to the table: one conditional put, after which all nodes keep off the arm within a poll.

use super::{Breakers, watch::Tripped};
use arc_swap::ArcSwap;
use std::sync::Arc;
use verge_mappings::{Expect, Store, StoreError, Trip};

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
    /// Writes a trip. Without the permission, or the store, this node protects itself alone, and says so.
    pub(super) async fn share(self: Arc<Self>, stores: Arc<Stores>, tripped: Tripped) {
        let Tripped { api, row, trip } = &tripped;
        let Some(store) = stores.find(api) else {
            return self.alone(&tripped, &"the table is a file, which nodes do not write");
        };
        match put(&*store, api, row, trip).await {
            Ok(()) => tracing::info!(
                api = &**api,
                version = &**row,
                arm = trip.arm,
                "the trip is in the table: all nodes follow"
            ),
            Err(error) => self.alone(&tripped, &error),
        }
    }

    fn alone(&self, tripped: &Tripped, reason: &dyn std::fmt::Display) {
        self.watch().unshared += 1;
        let Tripped { api, row, trip } = tripped;
        tracing::warn!(
            api = &**api,
            version = &**row,
            arm = trip.arm,
            "the trip holds on this node alone, for it cannot be written to the table: {reason}"
        );
    }
}

async fn put(store: &dyn Store, api: &str, row: &str, trip: &Trip) -> Result<(), StoreError> {
    let layout = store.layout().await?;
    let node = crate::app::node_name();
    let item = trip.item(layout, api, row, &node);
    match store.put(item.clone(), Expect::Absent, &node).await {
        Ok(_) => Ok(()),
        Err(StoreError::Conflict { .. }) => {
            let key = Trip::key(row);
            let there = store.get(api, &key).await?;
            match there.as_ref().and_then(Trip::read) {
                // Another node was first.
                Some(other) if other.of == trip.of => Ok(()),
                // What is left of an earlier canary.
                _ => {
                    let revision = there.and_then(|item| item.whole_number("revision")).unwrap_or(0);
                    store.put(item, Expect::Revision(revision), &node).await.map(drop)
                }
            }
        }
        Err(error) => Err(error),
    }
}
