//! A real DynamoDB-protocol endpoint: an engine in the process, behind a door that counts what comes in, and that can
//! be shut.

use crate::patience::{GLANCE, eventually};
use bytes::Bytes;
use dynoxide::Database;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client, server, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
};

/// What stands at the door.
#[derive(Debug, Clone, Default)]
pub enum Door {
    /// Nothing: requests are answered.
    #[default]
    Open,
    /// Every request gets this error.
    Failing {
        /// The status.
        status: u16,
        /// The error's name, as in `ProvisionedThroughputExceededException`.
        error: &'static str,
    },
    /// Requests are taken, and never answered.
    Silent,
    /// A scan fails at its page of this number, counted from 1.
    FailingOnPage(usize),
    /// A scan or a query gets its first page, and waits for the others until something else stands here.
    HoldingPages,
}

/// How the key schema is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The AWS sample's: `hk`.
    Sample,
    /// Verge's: `api`, `version`.
    Verge,
}

#[derive(Debug, Default)]
struct Counts {
    /// Operations, in order, as in `Scan`.
    operations: Vec<String>,
}

/// The store. Its table is called [`Store::TABLE`].
pub struct Store {
    database: Database,
    layout: Layout,
    address: SocketAddr,
    serving: Option<Runtime>,
    door: Arc<Mutex<Door>>,
    counts: Arc<Mutex<Counts>>,
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
            door: Arc::default(),
            counts: Arc::default(),
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
        *self.door.lock().unwrap() = door;
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Every operation that was asked for so far, as in `Scan`.
    #[must_use]
    pub fn operations(&self) -> Vec<String> {
        self.counts.lock().unwrap().operations.clone()
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
        let (door, counts) = (self.door.clone(), self.counts.clone());
        runtime.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (door, counts) = (door.clone(), counts.clone());
                let service = service_fn(move |request| {
                    let (door, counts) = (door.clone(), counts.clone());
                    async move { Ok::<_, Infallible>(answer(request, &door, &counts, behind).await) }
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

/// Counts a request, and hands it on if the door lets it.
async fn answer(
    request: Request<Incoming>,
    door: &Mutex<Door>,
    counts: &Mutex<Counts>,
    behind: SocketAddr,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    counts.lock().unwrap().operations.push(operation.clone());
    let at = door;
    let door = at.lock().unwrap().clone();
    let first_page = || {
        let asked: Json = serde_json::from_slice(&body).unwrap_or_default();
        asked.get("ExclusiveStartKey").is_none()
    };
    match door {
        Door::Silent => std::future::pending().await,
        Door::Failing { status, error } => failure(status, error),
        Door::FailingOnPage(page) if operation == "Scan" && (page == 1) == first_page() => {
            failure(500, "InternalServerError")
        }
        // Whoever holds the door opens it, or the test ends.
        Door::HoldingPages if matches!(&*operation, "Scan" | "Query") && !first_page() => {
            while matches!(*at.lock().unwrap(), Door::HoldingPages) {
                tokio::time::sleep(GLANCE).await;
            }
            hand_on(Request::from_parts(head, Full::new(body)), behind).await
        }
        Door::Open | Door::FailingOnPage(_) | Door::HoldingPages => {
            hand_on(Request::from_parts(head, Full::new(body)), behind).await
        }
    }
}

fn failure(status: u16, error: &str) -> Response<Full<Bytes>> {
    let body = json!({"__type": format!("com.amazonaws.dynamodb.v20120810#{error}"), "message": "told to fail"});
    let mut answer = Response::new(Full::new(Bytes::from(body.to_string())));
    *answer.status_mut() = StatusCode::from_u16(status).unwrap();
    answer.headers_mut().insert("content-type", "application/x-amz-json-1.0".parse().unwrap());
    answer
}

async fn hand_on(request: Request<Full<Bytes>>, behind: SocketAddr) -> Response<Full<Bytes>> {
    let stream = TcpStream::connect(behind).await.unwrap();
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let (head, body) = sender.send_request(request).await.unwrap().into_parts();
    Response::from_parts(head, Full::new(body.collect().await.unwrap().to_bytes()))
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
