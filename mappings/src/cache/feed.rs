//! One table of the configuration: its source, and how it is followed.

use super::demand::OnDemand;
use crate::{
    parse::Scope,
    snapshot::SnapshotFile,
    source::{
        Source,
        partitioned::{Index, Partitioned},
    },
};
use std::{sync::Arc, time::Duration};

/// A source, whose it is, and how it is followed.
#[derive(Clone)]
pub struct Feed {
    /// Which APIs it is for.
    pub scope: Scope,
    /// Where it is read from.
    pub source: Arc<dyn Source>,
    /// How often it is asked between refreshes whether it has changed; zero: never.
    pub poll: Duration,
    /// How long a reading that lost too much must be the same before it is believed.
    pub shrink_hold: Duration,
    /// Where the last good table is kept on disk.
    pub snapshot: Option<SnapshotFile>,
    /// What a start takes where there is no snapshot that can be used.
    pub bootstrap: Option<Arc<dyn Source>>,
    /// Where only the index is read at once.
    pub(super) demand: Option<OnDemand>,
}

impl Feed {
    /// How often it is asked, where nothing else is said.
    pub const POLL: Duration = Duration::from_secs(1);
    /// How long a doubtful reading waits, where nothing else is said.
    pub const SHRINK_HOLD: Duration = Duration::from_secs(600);

    /// A source followed as usual.
    #[must_use]
    pub fn new(scope: Scope, source: Arc<dyn Source>) -> Self {
        Self {
            scope,
            source,
            poll: Self::POLL,
            shrink_hold: Self::SHRINK_HOLD,
            snapshot: None,
            bootstrap: None,
            demand: None,
        }
    }

    /// A table of which only the index is held, and its APIs when they are asked for: as many as fit in `memory` bytes.
    #[must_use]
    pub fn on_demand(table: Arc<dyn Partitioned>, memory: u64) -> Self {
        let demand = Some(OnDemand::new(table.clone(), memory));
        Self { demand, ..Self::new(Scope::Index, Arc::new(Index(table))) }
    }

    /// Whether both read the same place for the same APIs.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        self.scope == other.scope && self.source.place() == other.source.place()
    }
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scope, source, poll, shrink_hold, snapshot, bootstrap, demand } = self;
        f.debug_struct("Feed")
            .field("scope", scope)
            .field("source", &source.place())
            .field("poll", poll)
            .field("shrink_hold", shrink_hold)
            .field("snapshot", snapshot)
            .field("bootstrap", &bootstrap.as_ref().map(|source| source.place()))
            .field("on_demand", &demand.is_some())
            .finish()
    }
}
