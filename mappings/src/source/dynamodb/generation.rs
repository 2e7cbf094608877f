//! The generation item: one small read that tells whether a scan would give anything new.

use super::{DynamoStore, LoadError, convert, failure::bounded, write::Key};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What is known about the generation.
#[derive(Debug, Default)]
pub(super) struct Watch(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Whether there was a reading that a poll can be compared with.
    read: bool,
    /// That of the last reading, or the newer one that was reported since.
    generation: Option<u64>,
    /// A change was reported, and not read yet.
    reported: bool,
}

impl Watch {
    /// After a change was seen, a replica that has not seen it will not do: half of a write could be read.
    pub(super) fn wants_consistency(&self, now: Option<u64>) -> bool {
        let known = self.known();
        known.reported || (known.read && now > known.generation)
    }

    /// A reading came to its end.
    pub(super) fn has_read(&self, generation: Option<u64>) {
        *self.known() = Known { read: true, generation, reported: false };
    }

    /// Whether a poll brings news. Each change is said once, so that a table that cannot be read is read again after a
    /// back-off, not at each poll. An older generation is a replica that is behind, and no news.
    fn is_moved_by(&self, polled: Option<u64>) -> bool {
        let mut known = self.known();
        let moved = known.read && polled > known.generation;
        if moved {
            (known.generation, known.reported) = (polled, true);
        }
        moved
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DynamoStore {
    /// Reads the one item, eventually consistent. Before the first reading there is nothing to ask for.
    pub(super) async fn generation_has_moved(&self) -> Result<bool, LoadError> {
        if !self.watch.known().read {
            return Ok(false);
        }
        Ok(self.watch.is_moved_by(self.read_generation(false).await?))
    }

    /// The table's generation; `None` where it carries none, or is not described yet.
    pub(super) async fn read_generation(&self, consistent: bool) -> Result<Option<u64>, LoadError> {
        let Some(layout) = *self.known_layout() else { return Ok(None) };
        let call = self.client().await?.get_item().table_name(&self.settings.table).consistent_read(consistent);
        let call = call.set_key(Some(Key::generation(layout).attributes()));
        let answer = bounded(&self.site("GetItem"), call.send()).await?;
        Ok(answer.item.map(convert::item).and_then(|item| item.generation()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_said_once_and_only_forwards() {
        let watch = Watch::default();
        assert!(!watch.is_moved_by(Some(1)), "nothing was read yet");
        watch.has_read(None);
        assert!(!watch.is_moved_by(None) && !watch.wants_consistency(None));
        assert!(watch.is_moved_by(Some(1)) && watch.wants_consistency(Some(1)));
        assert!(!watch.is_moved_by(Some(1)), "it was said");
        assert!(watch.is_moved_by(Some(2)));
        watch.has_read(Some(2));
        assert!(!watch.wants_consistency(Some(2)) && watch.wants_consistency(Some(3)));
        for behind in [None, Some(1), Some(2)] {
            assert!(!watch.is_moved_by(behind));
        }
    }

    #[cfg(feature = "embedded")]
    mod with_a_store {
        use crate::{Embedded, Expect, Item, Keep, Source, Store};
        use serde_json::json;

        fn row(version: &str) -> Item {
            Item::from_json(&json!({"api": "orders", "version": version, "domain": "a.example.com"})).unwrap()
        }

        #[tokio::test]
        async fn a_write_by_another_process_is_seen() {
            let path = std::env::temp_dir().join(format!("verge-poll-{}-{}", std::process::id(), fastrand::u64(..)));
            let reader = Embedded::start(Keep::File(path.join("t.db")), "api-versions").await.unwrap();
            let writer = Embedded::start(Keep::File(path.join("t.db")), "api-versions").await.unwrap();
            assert_eq!(reader.has_changed().await, Ok(false), "nothing was read yet");
            reader.read().await.unwrap();
            assert_eq!(reader.has_changed().await, Ok(false));
            writer.put(row("v1"), Expect::Absent, "ann").await.unwrap();
            assert_eq!(reader.has_changed().await, Ok(true));
            assert_eq!(reader.has_changed().await, Ok(false), "it was said");
            assert_eq!(reader.read().await.unwrap().rows(), 1);
            writer.delete("orders", "v1", Expect::Anything).await.unwrap();
            assert_eq!(reader.has_changed().await, Ok(true));
            let _ = std::fs::remove_dir_all(path);
        }

        #[tokio::test]
        async fn a_store_that_is_gone_is_an_error() {
            let engine = Embedded::start(Keep::Memory, "api-versions").await.unwrap();
            engine.put(row("v1"), Expect::Absent, "ann").await.unwrap();
            let store = super::DynamoStore::loopback("api-versions", engine.address(), "the store".to_owned());
            store.read().await.unwrap();
            drop(engine);
            let patience = std::time::Instant::now() + std::time::Duration::from_secs(20);
            while store.has_changed().await == Ok(false) {
                assert!(std::time::Instant::now() < patience, "the engine does not end");
            }
        }
    }
}
