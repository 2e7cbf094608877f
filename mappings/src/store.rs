//! The writing side: items put and deleted one at a time, each write conditional on what its author saw.

use crate::{
    item::{Item, Layout},
    source::{LoadError, Source},
};
use async_trait::async_trait;

/// What a writer believes is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Nothing.
    Absent,
    /// An item of this `revision`; an item without one has revision 0.
    Revision(u64),
    /// Whatever is there when the write begins.
    Anything,
}

/// What [`Store::init`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    /// The table is new.
    New,
    /// The same, and what was deleted or overwritten by others cannot be had back from AWS: point-in-time recovery is off,
    /// for this reason.
    Unrecoverable(String),
    /// It was there already.
    Already,
}

/// A table that can be written.
///
/// Every write raises the item's `revision`, keeps what stood there under `previous`, and bumps the table's
/// `#generation`, all in one transaction. The caller has validated the item: [`read_row`](crate::item::read_row),
/// [`read_api`](crate::item::read_api). In the sample layout, which has no `api`, that argument does not matter.
#[async_trait]
pub trait Store: Source {
    /// Creates the table in the Verge layout where it is missing, and waits until it can be used.
    ///
    /// # Errors
    /// The store refuses, or the table is there in no known layout.
    async fn init(&self) -> Result<Created, StoreError>;

    /// How its keys are laid out.
    ///
    /// # Errors
    /// The table cannot be described, or its keys are those of no known layout.
    async fn layout(&self) -> Result<Layout, StoreError>;

    /// All items, Verge's own but pins among them, read consistently, ordered by API and key.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn list(&self) -> Result<Vec<Item>, StoreError>;

    /// One item, read consistently.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn get(&self, api: &str, key: &str) -> Result<Option<Item>, StoreError>;

    /// An API's pins, read consistently, ordered by key: they are in no listing, for there may be millions.
    ///
    /// # Errors
    /// The store cannot be read.
    async fn pins(&self, api: &str) -> Result<Vec<Item>, StoreError>;

    /// Puts an item in whole, and returns it as stored. `who` goes to `updated_by`.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where something else is stored than expected.
    async fn put(&self, item: Item, expect: Expect, who: &str) -> Result<Item, StoreError>;

    /// Deletes an item, and returns what it was.
    ///
    /// # Errors
    /// [`StoreError::Absent`] where there is none, [`StoreError::Conflict`] where it is another than expected.
    async fn delete(&self, api: &str, key: &str, expect: Expect) -> Result<Item, StoreError>;
}

/// Why a write was not made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be used.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Someone else wrote in between.
    #[error("`{key}` was changed in the meantime: expected {expected}, found {found}; read it again and decide anew")]
    Conflict {
        /// The item's key.
        key: String,
        /// What the writer believed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// There is no such item.
    #[error("`{key}` is not in the table")]
    Absent {
        /// The item's key.
        key: String,
    },
    /// The item cannot be stored.
    #[error("`{key}` cannot be stored: {reason}")]
    Unfit {
        /// The item's key.
        key: String,
        /// Why.
        reason: String,
    },
}

impl StoreError {
    /// A fixed name, for scripts and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Load(error) => error.code(),
            Self::Conflict { .. } => "conflict",
            Self::Absent { .. } => "absent",
            Self::Unfit { .. } => "unfit",
        }
    }
}
