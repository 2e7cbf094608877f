//! What the live table keeps besides the table: its configuration, and each source with what it gave last.

use super::{
    DemandStatus, Feed,
    demand::{Demand, Past},
    last_good::LastGood,
    retire::discard,
    stored::Stored,
};
use crate::{
    guard::{Doubt, Size, Told, judge},
    parse::{Scope, only_api},
    snapshot::SnapshotFile,
    source::{LoadError, Source},
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use verge_router::{ApiDraft, MappingTable, origin::OriginRules};

pub(super) struct State {
    pub(super) drafts: Arc<[(String, ApiDraft)]>,
    pub(super) rules: Arc<OriginRules>,
    pub(super) refresh: Duration,
    pub(super) slots: Vec<Slot>,
    /// Whether the table held is not what the rest of this would build.
    pub(super) stale: bool,
    /// Readings of which no table was built yet.
    pub(super) taken: u64,
    pub(super) succeeded: u64,
    pub(super) failed: BTreeMap<&'static str, u64>,
    /// Snapshots that could not be read or written, by reason.
    pub(super) snapshots_failed: BTreeMap<&'static str, u64>,
    /// Polls that failed, by [`LoadError::code`].
    pub(super) polls_failed: BTreeMap<&'static str, u64>,
    pub(super) last_error: Option<(LoadError, SystemTime)>,
    /// The table before the one held, kept so that no request is the one to take it down.
    pub(super) retired: Option<Arc<MappingTable>>,
    /// Where APIs are loaded on demand.
    pub(super) demand: Option<Arc<Demand>>,
    /// What came of that since the start.
    pub(super) demanded: DemandStatus,
    /// What is known of APIs that were dropped for others.
    pub(super) past: Past,
    /// How often the APIs in memory began to be read again.
    pub(super) turns: u64,
    /// Snapshots of APIs that went, to be removed.
    pub(super) forgotten: Vec<SnapshotFile>,
}

/// A source and what it gave last.
pub(super) struct Slot {
    pub(super) feed: Feed,
    /// What is served.
    pub(super) reading: Option<Arc<Stored>>,
    pub(super) read_at: Option<(Instant, SystemTime)>,
    pub(super) error: Option<LoadError>,
    /// What was read last, where it is not served.
    pub(super) doubted: Option<Doubted>,
    /// Whether the last poll failed.
    pub(super) poll_fails: bool,
    /// Whether what is served is from the disk, and was not read from the source since.
    pub(super) restored: bool,
    /// Last good items of rows that are not good, as the snapshot holds them.
    pub(super) last_good: LastGood,
    /// What was served when the snapshot was written, where that is no longer served.
    pub(super) before: Option<Arc<Stored>>,
    /// Whether the snapshot does not hold what is served.
    pub(super) unsaved: bool,
    pub(super) saved_at: Option<Instant>,
}

/// A reading that is held back.
pub(super) struct Doubted {
    pub(super) reading: Arc<Stored>,
    pub(super) doubt: Doubt,
    /// Since when it has been read without a difference.
    pub(super) since: Instant,
}

impl Slot {
    pub(super) fn new(feed: Feed) -> Self {
        Self {
            feed,
            reading: None,
            read_at: None,
            error: None,
            doubted: None,
            poll_fails: false,
            restored: false,
            last_good: LastGood::new(),
            before: None,
            unsaved: true,
            saved_at: None,
        }
    }

    /// When what is held back may be believed.
    pub(super) fn confirmed_at(&self) -> Option<Instant> {
        let doubted = self.doubted.as_ref().filter(|doubted| doubted.doubt.passes())?;
        doubted.since.checked_add(self.feed.shrink_hold)
    }

    /// Whether operators want it to stay as it is.
    pub(super) fn is_frozen(&self) -> bool {
        self.doubted.as_ref().is_some_and(|doubted| doubted.doubt == Doubt::Frozen)
    }

    /// What is held back, in words.
    pub(super) fn held_back(&self) -> Option<String> {
        self.doubted.as_ref().map(|doubted| doubted.doubt.to_string())
    }

    /// What counts about a reading. An index has no rows: its APIs count, and where the configuration names them all it is
    /// rightly empty.
    fn size(&self, reading: &Stored) -> Size {
        match self.feed.scope {
            Scope::Index => Size { rows: reading.facts.apis.len() + 1, ..reading.size() },
            _ => reading.size(),
        }
    }

    /// The last reading that the source gave, served or not.
    fn latest(&self) -> Option<&Stored> {
        self.doubted.as_ref().map(|doubted| &doubted.reading).or(self.reading.as_ref()).map(|reading| &**reading)
    }

    /// Takes what was read, or holds it back.
    pub(super) fn judge(&mut self, looked: Looked, told: Told, started: (Instant, SystemTime)) -> Judged {
        let held = self.reading.as_deref().map(|reading| self.size(reading));
        let read = self.size(&looked.reading);
        let since = match &self.doubted {
            Some(doubted) if looked.same_as_doubted => doubted.since,
            _ => started.0,
        };
        let same_for = started.0.saturating_duration_since(since);
        if let Err(doubt) = judge(held, read, told, same_for, self.feed.shrink_hold) {
            let begins = self.doubted.as_ref().is_none_or(|before| !before.doubt.is_alarming());
            if begins && doubt.is_alarming() {
                self.warn(doubt);
            }
            discard(self.doubted.replace(Doubted { reading: looked.reading, doubt, since }).map(|old| old.reading));
            return Judged::HeldBack(format!("{}: {doubt}", self.feed.source.place()));
        }
        if let Some(doubted) = self.doubted.take() {
            tracing::info!(rows = read.rows, "{} is believed again", self.feed.source.place());
            discard(doubted.reading);
        }
        self.read_at = Some(started);
        self.restored = false;
        if looked.same && self.reading.is_some() {
            return Judged::Same;
        }
        let old = self.reading.replace(looked.reading);
        self.unsaved = true;
        if self.feed.snapshot.is_some() && self.before.is_none() {
            self.before = old;
        }
        Judged::New
    }

    /// Says once that something is held back, and what to do.
    fn warn(&self, doubt: Doubt) {
        let (place, hold) = (self.feed.source.place(), self.feed.shrink_hold.as_secs());
        if doubt == Doubt::Frozen {
            tracing::warn!("held back: {place}: {doubt}; what is held goes on serving");
        } else if doubt.passes() {
            tracing::warn!(
                "held back: {place}: {doubt}; what is held goes on serving. Put the rows back, or wait: the same \
                 content is believed after {hold} s (`shrink_hold`), or with `verge mappings accept`"
            );
        } else {
            tracing::warn!("held back: {place}: {doubt}; put rows in, or check which table is configured");
        }
    }
}

/// What became of a reading.
pub(super) enum Judged {
    New,
    Same,
    HeldBack(String),
}

/// A reading, looked over before anything is locked.
pub(super) struct Looked {
    pub(super) reading: Arc<Stored>,
    /// Whether it is what the source gave before.
    same: bool,
    /// Whether it is what is held back.
    same_as_doubted: bool,
}

impl Looked {
    pub(super) fn over(reading: Stored, before: Option<&Stored>, doubted: Option<&Stored>) -> Self {
        let same = |other: Option<&Stored>| other.is_some_and(|other| other.is_like(&reading));
        Self { same: same(before), same_as_doubted: same(doubted), reading: Arc::new(reading) }
    }
}

/// One reading's way home.
pub(super) struct Returned {
    pub(super) source: Arc<dyn Source>,
    pub(super) started: (Instant, SystemTime),
    pub(super) looked: Result<Looked, LoadError>,
}

impl State {
    /// Keeps a reading, or says why not.
    pub(super) fn take(&mut self, returned: Returned) -> Result<Option<String>, LoadError> {
        let Returned { source, started, looked } = returned;
        // A source that was replaced in the meantime has no say any more.
        let Some(at) = self.slots.iter().position(|slot| Arc::ptr_eq(&slot.feed.source, &source)) else {
            return Ok(None);
        };
        let own = own_tables(&self.slots);
        let homeless = self.slots.get(at).is_some_and(|slot| only_api(&slot.feed.scope, &self.drafts, &own).is_none());
        let scope = self.slots.get(at).map(|slot| slot.feed.scope.clone());
        let told = looked.as_ref().map(|looked| self.told(scope.as_ref(), &looked.reading)).unwrap_or_default();
        let Some(slot) = self.slots.get_mut(at) else { return Ok(None) };
        let looked = looked.and_then(|looked| {
            if looked.reading.facts.sample && homeless {
                let reason = "configure exactly one API, or give it to one with [api.table]".to_owned();
                return Err(LoadError::WhichApi { place: source.place(), reason });
            }
            Ok(looked)
        });
        match looked {
            Ok(looked) => {
                self.taken += 1;
                slot.error = None;
                match slot.judge(looked, told, started) {
                    Judged::HeldBack(reason) => return Ok(Some(reason)),
                    Judged::New => self.stale = true,
                    Judged::Same => {}
                }
                Ok(None)
            }
            Err(error) => {
                slot.error = Some(error.clone());
                Err(self.failed(error))
            }
        }
    }

    /// Counts a reading that failed, and says so.
    pub(super) fn failed(&mut self, error: LoadError) -> LoadError {
        tracing::warn!(code = error.code(), "the mapping table could not be read: {error}");
        *self.failed.entry(error.code()).or_default() += 1;
        self.last_error = Some((error.clone(), SystemTime::now()));
        error
    }

    /// What operators say of a reading. Of an API that is loaded on demand it stands beside the index.
    pub(super) fn told(&self, scope: Option<&Scope>, reading: &Stored) -> Told {
        match scope {
            Some(Scope::Within(api)) => {
                let control = self.index_slot().and_then(Slot::latest).map(|index| &index.facts.control);
                let accepted = control.is_some_and(|control| control.accepts(api, reading.facts.rows));
                Told { frozen: self.is_index_frozen(), accepted }
            }
            Some(Scope::Index) => reading.told_of_index(),
            _ => reading.told(),
        }
    }

    /// Whether operators want APIs that are loaded on demand to stay as they are.
    pub(super) fn is_index_frozen(&self) -> bool {
        self.index_slot().is_some_and(Slot::is_frozen)
    }

    fn index_slot(&self) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.feed.scope == Scope::Index)
    }
}

/// APIs with a table of their own, in order.
pub(super) fn own_tables(slots: &[Slot]) -> Vec<&str> {
    let own = slots.iter().filter_map(|slot| match &slot.feed.scope {
        Scope::Api(name) => Some(name.as_str()),
        Scope::All | Scope::Index | Scope::Within(_) => None,
    });
    let mut own: Vec<&str> = own.collect();
    own.sort_unstable();
    own
}
