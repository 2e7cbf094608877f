//! A DynamoDB engine in this process, its content in one file on disk. Zero set-up, and for one node only: no other
//! node sees its table.
//!
//! It is served on a loopback port of its own and spoken to as any other DynamoDB, so that nothing else in Verge knows
//! the difference. Its client is configured in code: no variable or proxy setting of the environment reaches it.

#[cfg(feature = "cache")]
use super::partitioned::Partitioned;
use super::{LoadError, Sink, Source, dynamodb::DynamoStore};
use crate::{
    item::{Item, Layout},
    store::{Created, Expect, Store, StoreError},
};
use async_trait::async_trait;
use dynoxide::Database;
use std::{net::SocketAddr, path::PathBuf, thread};
use tokio::{net::TcpListener, sync::oneshot};

/// Where the embedded table is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// In this file, made with its directory where missing. Acknowledged writes survive a crash of the process.
    File(PathBuf),
    /// In memory, gone with the process: for trials and tests.
    Memory,
}

/// A table in this process. It is served for as long as this lives.
#[derive(Debug)]
pub struct Embedded {
    store: DynamoStore,
    address: SocketAddr,
    /// Dropped, it ends the engine.
    _running: oneshot::Sender<()>,
}

impl Embedded {
    /// Starts the engine on a thread of its own, and creates the table in the Verge layout where it is missing.
    ///
    /// # Errors
    /// The file cannot be opened, or the engine does not come up.
    pub async fn start(keep: Keep, table: &str) -> Result<Self, LoadError> {
        let place = match &keep {
            Keep::File(path) => format!("embedded table {table} in {}", path.display()),
            Keep::Memory => format!("embedded table {table} in memory"),
        };
        let (running, stopped) = oneshot::channel();
        let (started, address) = oneshot::channel();
        // The engine does its work on the thread that serves it: neither ours nor the proxy's.
        let engine = move || {
            let up = open(&keep).and_then(|database| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                let runtime = runtime.map_err(|error| error.to_string())?;
                let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)));
                let listener = listener.map_err(|error| error.to_string())?;
                let address = listener.local_addr().map_err(|error| error.to_string())?;
                Ok((database, runtime, listener, address))
            });
            match up {
                Err(reason) => drop(started.send(Err(reason))),
                Ok((database, runtime, listener, address)) => {
                    drop(started.send(Ok(address)));
                    let ended = async {
                        let _ = stopped.await;
                    };
                    let served = runtime.block_on(dynoxide::server::serve_with_shutdown(listener, database, ended));
                    if let Err(error) = served {
                        tracing::error!("the embedded table has stopped: {error}");
                    }
                }
            }
        };
        let unreachable = |reason: String| LoadError::Unreachable { place: place.clone(), reason };
        thread::Builder::new()
            .name("embedded-table".to_owned())
            .spawn(engine)
            .map_err(|error| unreachable(error.to_string()))?;
        let address =
            address.await.map_err(|_| unreachable("its thread has ended".to_owned()))?.map_err(unreachable)?;
        let store = DynamoStore::loopback(table, address, place);
        store.init().await.map_err(|error| match error {
            StoreError::Load(error) => error,
            other => LoadError::Malformed { place: store.place_name(), reason: other.to_string() },
        })?;
        tracing::info!(%address, "{} is for this node alone", store.place_name());
        Ok(Self { store, address, _running: running })
    }

    /// Where the engine listens: any DynamoDB client can be pointed there, with any credentials.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

fn open(keep: &Keep) -> Result<Database, String> {
    match keep {
        Keep::Memory => Database::memory(),
        Keep::File(path) => {
            if let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty()) {
                std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
            }
            Database::new(&path.to_string_lossy())
        }
    }
    .map_err(|error| error.to_string())
}

#[async_trait]
impl Source for Embedded {
    async fn read_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.store.read_into(sink).await
    }

    fn place(&self) -> String {
        self.store.place_name()
    }

    async fn has_changed(&self) -> Result<bool, LoadError> {
        self.store.has_changed().await
    }
}

#[cfg(feature = "cache")]
#[async_trait]
impl Partitioned for Embedded {
    async fn read_index_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.store.read_index_into(sink).await
    }

    async fn read_api_into(&self, api: &str, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.store.read_api_into(api, sink).await
    }
}

#[cfg(feature = "cache")]
#[async_trait]
impl crate::pins::PinSource for Embedded {
    async fn read_pin(&self, api: &str, key: &str) -> Result<Option<Item>, LoadError> {
        self.store.read_pin(api, key).await
    }
}

#[async_trait]
impl Store for Embedded {
    async fn init(&self) -> Result<Created, StoreError> {
        self.store.init().await
    }

    async fn layout(&self) -> Result<Layout, StoreError> {
        Store::layout(&self.store).await
    }

    async fn list(&self) -> Result<Vec<Item>, StoreError> {
        self.store.list().await
    }

    async fn get(&self, api: &str, key: &str) -> Result<Option<Item>, StoreError> {
        self.store.get(api, key).await
    }

    async fn pins(&self, api: &str) -> Result<Vec<Item>, StoreError> {
        self.store.pins(api).await
    }

    async fn put(&self, item: Item, expect: Expect, who: &str) -> Result<Item, StoreError> {
        self.store.put(item, expect, who).await
    }

    async fn delete(&self, api: &str, key: &str, expect: Expect) -> Result<Item, StoreError> {
        self.store.delete(api, key, expect).await
    }
}

#[cfg(test)]
#[cfg(feature = "cache")]
mod tests;
