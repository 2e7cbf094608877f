//! Loads of pins: a bounded number at a time and a second, slower while the store fails.

use super::{ConsumerPins, Entry, Wanted, key::name_of};
use crate::{
    item::{Item, PIN, StoredPin},
    source::LoadError,
};
use async_trait::async_trait;
use std::{
    sync::{
        Arc, PoisonError,
        atomic::{AtomicU32, Ordering::Relaxed},
    },
    time::Duration,
};
use tokio::sync::{Semaphore, mpsc};
use verge_router::Pinned;

/// Loads at a time, of each kind.
const AT_ONCE: usize = 8;
/// Between the beginnings of two: 200 a second of each kind, at most.
const PACE: Duration = Duration::from_millis(5);
/// How often that is doubled where loads fail: up to 2.5 s.
const SLOWEST: u32 = 9;

/// A place that pins are read from, one at a time.
#[async_trait]
pub trait PinSource: Send + Sync {
    /// The item under this key, read consistently.
    ///
    /// # Errors
    /// Whatever kept it from being read; that it is not there is none.
    async fn read_pin(&self, api: &str, key: &str) -> Result<Option<Item>, LoadError>;
}

impl ConsumerPins {
    /// Loads what is asked for, for as long as anybody may ask.
    pub async fn run(self: Arc<Self>) {
        let wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some([cold, stale]) = wanted else { return };
        tokio::join!(self.follow(cold), self.follow(stale));
    }

    async fn follow(self: &Arc<Self>, mut wanted: mpsc::Receiver<Wanted>) {
        let permits = Arc::new(Semaphore::new(AT_ONCE));
        let failures = Arc::new(AtomicU32::new(0));
        while let Some(wanted) = wanted.recv().await {
            let Ok(permit) = permits.clone().acquire_owned().await else { return };
            let (pins, failing) = (self.clone(), failures.clone());
            tokio::spawn(async move {
                if pins.load(wanted).await {
                    failing.store(0, Relaxed);
                } else {
                    failing.fetch_add(1, Relaxed);
                }
                drop(permit);
            });
            tokio::time::sleep(PACE * (1 << failures.load(Relaxed).min(SLOWEST))).await;
        }
    }

    /// Whether the store could be read.
    async fn load(&self, wanted: Wanted) -> bool {
        let Wanted { key, epoch } = wanted;
        let (api, name) = name_of(&key);
        let source = (self.find.load())(api);
        let read = match source {
            Some(source) => source.read_pin(api, &format!("{PIN}{name}")).await,
            None => Ok(None),
        };
        let item = match read {
            Ok(item) => item,
            Err(error) => {
                if self.counts.failed.fetch_add(1, Relaxed).is_power_of_two() {
                    tracing::warn!(api, %error, "a consumer's pin cannot be loaded; those that are known stay");
                }
                return false;
            }
        };
        let (count, pinned) = match item.as_ref().map(StoredPin::read) {
            None => (&self.counts.absent, Pinned::Nowhere),
            Some(Ok(stored)) => (&self.counts.found, Pinned::To(Arc::new(stored.pin))),
            Some(Err(error)) => {
                tracing::warn!(api, consumer = name, %error, "a consumer's pin cannot be read");
                let before = self.pinned.get(&key).map(|entry| entry.pinned.clone());
                (&self.counts.unreadable, before.unwrap_or(Pinned::Unreadable))
            }
        };
        count.fetch_add(1, Relaxed);
        let (into, from) = match pinned {
            Pinned::Nowhere => (&self.unpinned, &self.pinned),
            _ => (&self.pinned, &self.unpinned),
        };
        // First in, then out: in between it is known twice, never not at all.
        into.insert(key.clone(), Arc::new(Entry { pinned, epoch }));
        from.invalidate(&key);
        self.asked.invalidate(&key);
        true
    }
}

#[cfg(feature = "dynamodb")]
#[async_trait]
impl PinSource for crate::DynamoStore {
    async fn read_pin(&self, api: &str, key: &str) -> Result<Option<Item>, LoadError> {
        crate::Store::get(self, api, key).await.map_err(|error| match error {
            crate::StoreError::Load(error) => error,
            other => LoadError::Malformed { place: self.place_name(), reason: other.to_string() },
        })
    }
}
