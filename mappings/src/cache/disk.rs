//! The live table and the disk: what a start takes from snapshots, and when they are written again.

use super::{
    Feed, LiveTable,
    refresh::read,
    run::now,
    slot::{Slot, discard},
    stored::Stored,
};
use crate::{
    item::{Item, Layout},
    parse::{InvalidItem, Items, Kept, Scope},
    snapshot::{Snapshot, SnapshotError, SnapshotFile},
    source::{LoadError, Source},
};
use std::{
    collections::HashSet,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::task::spawn_blocking;

/// How old the time of reading in a snapshot of an unchanged table may become.
const RESAVE: Duration = Duration::from_secs(300);

/// What a slot starts from.
pub(super) struct Start {
    pub(super) stored: Stored,
    kept: Kept,
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

    /// Writes the snapshots that are behind, beside everything else; one at a time.
    pub async fn save(&self) {
        let Ok(_one_at_a_time) = self.saving.try_lock() else { return };
        let invalid = self.load_full().map(|held| held.invalid.clone()).unwrap_or_default();
        let jobs: Vec<Job> = self.state().slots.iter().filter_map(Job::of).collect();
        for job in jobs {
            let (source, stored, invalid) = (job.source.clone(), job.stored.clone(), invalid.clone());
            let Ok(saved) = spawn_blocking(move || job.run(&invalid)).await else { continue };
            if let Err(error) = &saved {
                self.snapshot_failed(error);
            }
            let mut state = self.state();
            let Some(slot) = state.slots.iter_mut().find(|slot| Arc::ptr_eq(&slot.feed.source, &source)) else {
                continue;
            };
            // A disk that is full is tried again with the next change, or after a while.
            slot.saved_at = Some(now());
            slot.unsaved = !slot.reading.as_ref().is_some_and(|reading| Arc::ptr_eq(reading, &stored));
            if let Ok(kept) = saved {
                slot.kept = kept;
                discard(slot.before.take());
            }
        }
    }

    /// Counts and says what is wrong with a snapshot.
    fn snapshot_failed(&self, error: &SnapshotError) {
        *self.state().snapshots_failed.entry(error.code()).or_default() += 1;
        tracing::error!(code = error.code(), "{error}");
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
struct Job {
    source: Arc<dyn Source>,
    file: SnapshotFile,
    stored: Arc<Stored>,
    before: Option<Arc<Stored>>,
    kept: Kept,
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
            kept: slot.kept.clone(),
            read_at: slot.read_at?.1,
        })
    }

    /// Writes, and returns what it kept.
    fn run(self, invalid: &[InvalidItem]) -> Result<Kept, SnapshotError> {
        let kept = still_kept(invalid, self.stored.layout(), self.kept, self.before.as_deref());
        let items: Vec<Item> = kept.values().cloned().collect();
        self.file.save(&self.stored, &items, self.read_at)?;
        Ok(kept)
    }
}

/// The last good items of rows that serve and are not good: as they were kept before, or as they were last read.
fn still_kept(invalid: &[InvalidItem], layout: Option<Layout>, mut known: Kept, before: Option<&Stored>) -> Kept {
    let place = |item: &InvalidItem| {
        let api = if layout == Some(Layout::Sample) { String::new() } else { item.api.clone() };
        (api, item.key.clone())
    };
    let wanted: Vec<_> = invalid.iter().filter(|item| item.kept).map(place).collect();
    let mut kept = Kept::new();
    let unknown: HashSet<_> = wanted.iter().filter(|place| !known.contains_key(*place)).cloned().collect();
    if let (false, Some(before)) = (unknown.is_empty(), before) {
        // One that cannot be taken out again keeps less.
        let _ = before.each(&mut |item| {
            if let Some(place) = place_of(item, layout).filter(|place| unknown.contains(place)) {
                known.insert(place, item.clone());
            }
        });
    }
    for place in wanted {
        if let Some(item) = known.remove(&place) {
            kept.insert(place, item);
        }
    }
    kept
}

fn place_of(item: &Item, layout: Option<Layout>) -> Option<(String, String)> {
    let layout = layout?;
    let api = if layout == Layout::Sample { "" } else { item.text("api")? };
    Some((api.to_owned(), item.key(layout)?.to_owned()))
}

fn load(file: &SnapshotFile) -> Result<Option<Start>, SnapshotError> {
    let Some(Snapshot { read_at, stored, kept }) = file.load()? else { return Ok(None) };
    let kept = kept.into_iter().filter_map(|item| Some((place_of(&item, stored.layout())?, item))).collect();
    Ok(Some(Start { stored, kept, read_at }))
}

async fn first_copy(bootstrap: &dyn Source) -> Result<Start, LoadError> {
    let stored = read(bootstrap).await?;
    Ok(Start { stored, kept: Kept::new(), read_at: SystemTime::now() })
}

impl Start {
    /// A table without rows is never the first; an index has none.
    fn may_be_first(&self, scope: &Scope) -> bool {
        matches!(scope, Scope::Index | Scope::Within(_)) || self.stored.facts.rows.lines() > 0
    }

    /// Tells a slot all but the reading itself.
    pub(super) fn give(self, slot: &mut Slot) -> Stored {
        let Self { stored, kept, read_at } = self;
        tracing::info!(
            rows = stored.facts.rows.lines(),
            generation = stored.facts.generation,
            "{}: starting from the copy on disk",
            slot.feed.source.place()
        );
        let age = SystemTime::now().duration_since(read_at).unwrap_or_default();
        slot.read_at = Some((now().checked_sub(age).unwrap_or_else(now), read_at));
        slot.restored = true;
        slot.kept = kept;
        stored
    }
}
