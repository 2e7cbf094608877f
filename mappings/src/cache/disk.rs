//! The live table and the disk: what a start takes from snapshots, and when they are written again or go.

use super::{
    Feed, Held, LiveTable,
    last_good::{LastGood, last_good, place_of},
    refresh::read,
    retire::discard,
    run::now,
    slot::{Slot, State},
    stored::Stored,
};
use crate::{
    item::Item,
    parse::{Items, Scope},
    snapshot::{Snapshot, SnapshotError, SnapshotFile},
    source::{LoadError, Source},
};
use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::task::spawn_blocking;

/// How old the time of reading in a snapshot of an unchanged table may become.
const RESAVE: Duration = Duration::from_secs(300);

/// What a slot starts from.
pub(super) struct Start {
    pub(super) stored: Stored,
    last_good: LastGood,
    read_at: SystemTime,
}

impl LiveTable {
    /// Takes what is on this machine: each table's snapshot, or where that cannot be used its bootstrap file. No store is
    /// asked. What cannot be used is logged and counted, and is no reason not to start.
    pub async fn restore(&self) {
        let feeds: Vec<_> = self.state().slots.iter().map(|slot| slot.feed.clone()).collect();
        for feed in feeds {
            let Some(start) = self.start_of(&feed).await else { continue };
            let mut state = self.state();
            let slot = state.slots.iter_mut().find(|slot| Arc::ptr_eq(&slot.feed.source, &feed.source));
            let Some(slot) = slot else { continue };
            slot.reading = Some(Arc::new(start.give(slot)));
            state.stale = true;
        }
        self.restore_apis().await;
        if self.state().slots.iter().any(|slot| slot.restored)
            && let Err(error) = self.publish().await
        {
            tracing::error!("the copy on disk makes no table: {error}");
        }
    }

    /// What a table starts from.
    pub(super) async fn start_of(&self, feed: &Feed) -> Option<Start> {
        if let Some(file) = feed.snapshot.clone() {
            match spawn_blocking(move || load(&file)).await {
                Ok(Ok(Some(start))) if start.may_be_first(&feed.scope) => return Some(start),
                Ok(Err(error)) => self.snapshot_failed(&error),
                _ => {}
            }
        }
        match first_copy(&**feed.bootstrap.as_ref()?).await {
            Ok(start) => Some(start).filter(|start| start.may_be_first(&feed.scope)),
            Err(error) => {
                tracing::error!("bootstrap: {error}");
                None
            }
        }
    }

    /// Writes the snapshots that are behind and removes those of APIs that went, beside everything else; one at a time.
    pub async fn save(&self) {
        let Ok(_one_at_a_time) = self.saving.try_lock() else { return };
        // What comes up meanwhile is done too: whoever finds this busy leaves it to it.
        loop {
            let (jobs, gone) = self.jobs();
            if jobs.is_empty() && gone.is_empty() {
                return;
            }
            // What cannot be removed is refused or replaced later.
            let _ = spawn_blocking(move || gone.iter().for_each(SnapshotFile::remove)).await;
            for job in jobs {
                self.write(job).await;
            }
        }
    }

    /// The same, detached: a disk that hangs is no reason to read the store less often.
    pub(super) fn save_soon(self: &Arc<Self>) {
        let this = self.clone();
        drop(tokio::spawn(async move { this.save().await }));
    }

    /// Snapshots to write, and those to remove.
    pub(super) fn jobs(&self) -> (Vec<Job>, Vec<SnapshotFile>) {
        let mut state = self.state();
        (state.slots.iter().filter_map(Job::of).collect(), state.take_forgotten())
    }

    /// Writes one.
    pub(super) async fn write(&self, job: Job) {
        let (source, file, stored) = (job.source.clone(), job.file.clone(), job.stored.clone());
        let held = self.load_full();
        let saved = spawn_blocking(move || job.run(held.as_deref())).await;
        if let Ok(Err(error)) = &saved {
            self.snapshot_failed(error);
        }
        let mut state = self.state();
        let Some(slot) = state.slots.iter_mut().find(|slot| Arc::ptr_eq(&slot.feed.source, &source)) else {
            // It went while its snapshot was written.
            state.forgotten.push(file);
            return;
        };
        // A disk that is full is tried again with the next change, or after a while.
        slot.saved_at = Some(now());
        slot.unsaved = !slot.reading.as_ref().is_some_and(|reading| Arc::ptr_eq(reading, &stored));
        if let Ok(Ok(last_good)) = saved {
            slot.last_good = last_good;
            discard(slot.before.take());
        }
    }

    /// Counts and says what is wrong with a snapshot.
    fn snapshot_failed(&self, error: &SnapshotError) {
        *self.state().snapshots_failed.entry(error.code()).or_default() += 1;
        tracing::error!(code = error.code(), "{error}");
    }
}

impl State {
    /// Snapshots to remove: those that no slot is followed by again.
    fn take_forgotten(&mut self) -> Vec<SnapshotFile> {
        let mut gone = std::mem::take(&mut self.forgotten);
        gone.retain(|file| !self.slots.iter().any(|slot| slot.feed.snapshot.as_ref() == Some(file)));
        gone
    }
}

impl Slot {
    /// Whether its snapshot is behind, in content or in time.
    fn is_behind(&self) -> bool {
        let old = |saved: Instant| now().saturating_duration_since(saved) >= RESAVE;
        !self.restored && (self.unsaved || self.saved_at.is_none_or(old))
    }
}

/// One snapshot to write.
pub(super) struct Job {
    source: Arc<dyn Source>,
    file: SnapshotFile,
    stored: Arc<Stored>,
    before: Option<Arc<Stored>>,
    last_good: LastGood,
    read_at: SystemTime,
}

impl Job {
    fn of(slot: &Slot) -> Option<Self> {
        let file = slot.feed.snapshot.clone().filter(|_| slot.is_behind())?;
        Some(Self {
            source: slot.feed.source.clone(),
            file,
            stored: slot.reading.clone()?,
            before: slot.before.clone(),
            last_good: slot.last_good.clone(),
            read_at: slot.read_at?.1,
        })
    }

    /// Writes, and returns which last good items.
    fn run(self, held: Option<&Held>) -> Result<LastGood, SnapshotError> {
        let last_good = match held {
            Some(held) => last_good(held, &self.stored, self.last_good, self.before.as_deref()),
            None => self.last_good,
        };
        let items: Vec<Item> = last_good.values().cloned().collect();
        self.file.save(&self.stored, &items, self.read_at)?;
        Ok(last_good)
    }
}

fn load(file: &SnapshotFile) -> Result<Option<Start>, SnapshotError> {
    let Some(Snapshot { read_at, stored, last_good }) = file.load()? else { return Ok(None) };
    let place = |item: Item| Some((place_of(&item, stored.layout())?, item));
    let last_good = last_good.into_iter().filter_map(place).collect();
    Ok(Some(Start { stored, last_good, read_at }))
}

async fn first_copy(bootstrap: &dyn Source) -> Result<Start, LoadError> {
    let stored = read(bootstrap).await?;
    Ok(Start { stored, last_good: LastGood::new(), read_at: SystemTime::now() })
}

impl Start {
    /// A table without rows is never the first; an index has none.
    fn may_be_first(&self, scope: &Scope) -> bool {
        matches!(scope, Scope::Index | Scope::Within(_)) || self.stored.facts.rows.lines() > 0
    }

    /// Tells a slot all but the reading itself.
    pub(super) fn give(self, slot: &mut Slot) -> Stored {
        let Self { stored, last_good, read_at } = self;
        tracing::info!(
            rows = stored.facts.rows.lines(),
            generation = stored.facts.generation,
            "{}: starting from the copy on disk",
            slot.feed.source.place()
        );
        // A clock that was set back since makes it new, and no younger than that.
        let age = SystemTime::now().duration_since(read_at).unwrap_or_default();
        slot.read_at = Some((now().checked_sub(age).unwrap_or_else(now), read_at));
        slot.restored = true;
        slot.last_good = last_good;
        stored
    }
}
