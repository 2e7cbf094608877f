//! A real DynamoDB-protocol endpoint: an engine in the process, behind a [`Door`] that counts what comes in, and that can
//! be shut.

mod door;

pub use door::Door;

use crate::patience::eventually;
use door::Doorway;
use dynoxide::{Database, ImportOptions};
use hyper::{server, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use std::{convert::Infallible, net::SocketAddr, sync::Arc};
use tokio::{net::TcpListener, runtime::Runtime};

/// How the key schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The AWS sample's: `hk`.
    Sample,
    /// Verge's: `api`, `version`.
    Verge,
}

/// The store. Its table is called [`Store::TABLE`].
pub struct Store {
    database: Database,
    layout: Layout,
    address: SocketAddr,
    serving: Option<Runtime>,
    doorway: Arc<Doorway>,
}

impl Store {
    /// The name of its table.
    pub const TABLE: &str = "api-versions";

    /// Starts one that holds an empty table.
    #[must_use]
    pub fn start(layout: Layout) -> Self {
        let store = Self::start_without_table(layout);
        store.create_table();
        store
    }

    /// Starts one that holds no table.
    #[must_use]
    pub fn start_without_table(layout: Layout) -> Self {
        let mut store = Self {
            database: Database::memory().unwrap(),
            layout,
            address: "127.0.0.1:0".parse().unwrap(),
            serving: None,
            doorway: Arc::default(),
        };
        store.serve();
        store
    }

    /// Takes it away: its port is closed, and all connections with it.
    pub fn stop(&mut self) {
        if let Some(runtime) = self.serving.take() {
            runtime.shutdown_background();
        }
    }

    /// Brings it back, on the same port and with the same table.
    pub async fn restart(&mut self) {
        self.stop();
        let address = self.address;
        // The port is free once the old runtime's threads are gone.
        eventually("the store's port", async || std::net::TcpListener::bind(address).is_ok()).await;
        self.serve();
    }

    /// Changes what stands at its door.
    pub fn set_door(&self, door: Door) {
        self.doorway.set(door);
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every operation that was asked for so far, as in `Scan`.
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        self.doorway.operations()
    }

    /// How many requests stand at its door now: taken, neither answered nor given up by who sent them.
    #[must_use]
    pub fn standing(&self) -> usize {
        self.doorway.standing()
    }

    /// How many stood there at once so far, at most, each of them for longer than it takes to see that a client is gone.
    #[must_use]
    pub fn most_standing(&self) -> usize {
        self.doorway.most_standing()
    }

    /// How often the table has been read from its beginning to now.
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        self.operations().iter().filter(|other| *other == operation).count()
    }

    /// `[table]` of a node that reads it.
    #[must_use]
    pub fn config(&self) -> String {
        format!(
            "source = \"dynamodb\"\nname = \"{}\"\nregion = \"us-east-1\"\nendpoint = \"http://{}\"\n",
            Self::TABLE,
            self.address
        )
    }

    /// Creates the table.
    pub fn create_table(&self) {
        let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
        let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
        let (schema, attributes) = match self.layout {
            Layout::Sample => (json!([key("hk", "HASH")]), json!([attribute("hk")])),
            Layout::Verge => {
                (json!([key("api", "HASH"), key("version", "RANGE")]), json!([attribute("api"), attribute("version")]))
            }
        };
        let request = json!({
            "TableName": Self::TABLE, "KeySchema": schema, "AttributeDefinitions": attributes,
            "BillingMode": "PAY_PER_REQUEST",
        });
        self.database.create_table(serde_json::from_value(request).unwrap()).unwrap();
    }

    /// Puts a row, written in plain JSON.
    pub fn put(&self, row: &Json) {
        let request = json!({"TableName": Self::TABLE, "Item": attributes(row)});
        self.database.put_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    /// Puts many rows at once.
    pub fn put_all(&self, rows: impl IntoIterator<Item = Json>) {
        let items = rows.into_iter().map(|row| serde_json::from_value(attributes(&row)).unwrap()).collect();
        self.database.import_items(Self::TABLE, items, ImportOptions::default()).unwrap();
    }

    /// Deletes a row by its key.
    pub fn delete(&self, key: &Json) {
        let request = json!({"TableName": Self::TABLE, "Key": attributes(key)});
        self.database.delete_item(serde_json::from_value(request).unwrap()).unwrap();
    }

    fn serve(&mut self) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (address, database) = (self.address, self.database.clone());
        let (listener, engine) = std::thread::scope(|scope| {
            // Blocking in a runtime is not allowed, and the caller may be in one.
            let bind = || {
                runtime.block_on(async {
                    let listener = TcpListener::bind(address).await.unwrap();
                    (listener, TcpListener::bind("127.0.0.1:0").await.unwrap())
                })
            };
            scope.spawn(bind).join().unwrap()
        });
        self.address = listener.local_addr().unwrap();
        let behind = engine.local_addr().unwrap();
        runtime.spawn(dynoxide::server::serve_on(engine, database));
        let doorway = self.doorway.clone();
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let doorway = doorway.clone();
                let service = service_fn(move |request| {
                    let doorway = doorway.clone();
                    async move { Ok::<_, Infallible>(doorway.answer(request, behind).await) }
                });
                tokio::spawn(server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        self.serving = Some(runtime);
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Plain JSON as DynamoDB writes it.
#[must_use]
pub fn attributes(row: &Json) -> Json {
    let Json::Object(members) = row else { panic!("a row is an object: {row}") };
    members.iter().map(|(name, value)| (name.clone(), attribute(value))).collect::<serde_json::Map<_, _>>().into()
}

fn attribute(value: &Json) -> Json {
    match value {
        Json::Null => json!({"NULL": true}),
        Json::Bool(flag) => json!({"BOOL": flag}),
        Json::Number(number) => json!({"N": number.to_string()}),
        Json::String(text) => json!({"S": text}),
        Json::Array(list) => json!({"L": list.iter().map(attribute).collect::<Vec<_>>()}),
        Json::Object(_) => json!({"M": attributes(value)}),
    }
}
