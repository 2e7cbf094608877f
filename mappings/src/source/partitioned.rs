//! A table read in parts: which APIs there are, and one API at a time.

use super::{LoadError, Sink, Source};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A table whose APIs can be read one by one.
#[async_trait]
pub trait Partitioned: Source {
    /// Reads what describes APIs, and the table's own items: no rows.
    ///
    /// # Errors
    /// Whatever kept it from reading all of them; a table in the sample layout, which has no parts.
    async fn read_index_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError>;

    /// Reads the rows of one API, as strongly consistent as the store can.
    ///
    /// # Errors
    /// Those of [`Partitioned::read_index_into`].
    async fn read_api_into(&self, api: &str, sink: &mut dyn Sink) -> Result<(), LoadError>;
}

/// The index of such a table.
pub(crate) struct Index(pub(crate) Arc<dyn Partitioned>);

#[async_trait]
impl Source for Index {
    async fn read_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.0.read_index_into(sink).await
    }

    fn place(&self) -> String {
        self.0.place()
    }

    async fn has_changed(&self) -> Result<bool, LoadError> {
        self.0.has_changed().await
    }
}

/// One API of such a table.
pub(crate) struct OneApi {
    pub(crate) table: Arc<dyn Partitioned>,
    pub(crate) api: Arc<str>,
    /// How many APIs may be read at once.
    pub(crate) permits: Arc<Semaphore>,
}

#[async_trait]
impl Source for OneApi {
    async fn read_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        let _permit = self.permits.acquire().await;
        self.table.read_api_into(&self.api, sink).await
    }

    fn place(&self) -> String {
        format!("{}, API {}", self.table.place(), self.api.escape_debug())
    }
}
