//! Where mapping tables come from: stored items, the sources they are read from, and the table held in memory.
//!
//! Without features this crate is pure: [`Item`]s in, a [`MappingTable`](verge_router::MappingTable) and a list of
//! [`InvalidItem`]s out. Each source, and the cache that refreshes beside serving, is a feature.
//!
//! Contract:
//! - An error is not an absence: a source that cannot be read gives a [`LoadError`], never an empty [`Reading`], and an
//!   API whose part was never read is marked so in the table.
//! - A bad item never takes the table down: it is quarantined with a reason, and its last good value goes on serving.
//! - The same items make the same table on every node, whatever order a store gives them in.
//!
//! # Verge's own items
//!
//! Keys that begin with `#` never are versions. In the Verge layout an API's own items stand in its partition (`#api`,
//! `#trip`, `#control`, `#pin#…`); the table's own stand in partition [`OWN_PARTITION`] (`#generation`, `#control`). In
//! the sample layout all of them are keyed by `hk`.

pub mod control;
pub mod guard;
pub mod item;
pub mod parse;
pub mod source;
pub mod store;

mod sorted;

#[cfg(feature = "cache")]
pub mod cache;
#[cfg(feature = "cache")]
pub mod pins;
#[cfg(feature = "cache")]
pub mod snapshot;

#[cfg(feature = "cache")]
pub use crate::cache::{DemandStatus, Export, Feed, Held, LiveTable, Refreshed, SourceStatus, Status};
pub use crate::item::{InvalidRow, Item, Layout, Members, PIN, StoredPin, Trip, Trips, Value};
pub use crate::parse::{InvalidItem, Part, Scope, parse_all};
#[cfg(feature = "cache")]
pub use crate::pins::{ConsumerPins, PinSource, PinStatus, pin_key};
#[cfg(feature = "cache")]
pub use crate::snapshot::SnapshotFile;
#[cfg(feature = "dynamodb")]
pub use crate::source::dynamodb::{DynamoSettings, DynamoStore, aws_credentials};
#[cfg(feature = "embedded")]
pub use crate::source::embedded::{Embedded, Keep};
#[cfg(feature = "file")]
pub use crate::source::file::FileSource;
#[cfg(feature = "cache")]
pub use crate::source::partitioned::Partitioned;
pub use crate::source::{LoadError, Reading, Sink, Source};
pub use crate::store::{Created, Expect, Store, StoreError};

/// The partition of the table's own items in the Verge layout.
pub const OWN_PARTITION: &str = "#verge";
/// The key of the item whose `generation` grows with every write.
pub const GENERATION: &str = "#generation";
/// The key of the item that describes an API.
pub const API_ITEM: &str = "#api";
/// How keys of items begin that tell of a breaker's trips.
pub const TRIP: &str = "#trip";
