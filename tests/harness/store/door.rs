//! The door of a store: what it does with requests, how many came, and how many stand before it.

use crate::patience::GLANCE;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client};
use hyper_util::rt::TokioIo;
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{net::TcpStream, time::Instant};

/// How soon it is seen that a client is gone, at the latest.
const UNNOTICED: Duration = Duration::from_millis(250);

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
    /// Requests are answered, each after so long.
    Slow(Duration),
    /// A scan fails at its page of this number, counted from 1.
    FailingOnPage(usize),
    /// A scan or a query gets its first page, and waits for the others until something else stands here.
    HoldingPages,
}

/// The place of a [`Door`].
#[derive(Debug, Default)]
pub(super) struct Doorway {
    door: Mutex<Door>,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    /// Operations, in order, as in `Scan`.
    operations: Vec<String>,
    /// Requests that are neither answered nor given up: each by its number, and since when.
    standing: BTreeMap<usize, Instant>,
    most_standing: usize,
}

impl Doorway {
    pub(super) fn set(&self, door: Door) {
        *self.door.lock().unwrap() = door;
    }

    pub(super) fn operations(&self) -> Vec<String> {
        self.counts.lock().unwrap().operations.clone()
    }

    pub(super) fn standing(&self) -> usize {
        self.counts.lock().unwrap().standing.len()
    }

    pub(super) fn most_standing(&self) -> usize {
        self.counts.lock().unwrap().most_standing
    }

    /// Counts a request, and hands it on if the door lets it.
    pub(super) async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        behind: SocketAddr,
    ) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        let target = head.headers.get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let _here = Standing::at(&self, operation.clone());
        let first_page = || {
            let asked: Json = serde_json::from_slice(&body).unwrap_or_default();
            asked.get("ExclusiveStartKey").is_none()
        };
        let door = self.door.lock().unwrap().clone();
        match door {
            Door::Silent => return std::future::pending().await,
            Door::Failing { status, error } => return failure(status, error),
            Door::FailingOnPage(page) if operation == "Scan" && (page == 1) == first_page() => {
                return failure(500, "InternalServerError");
            }
            Door::Slow(time) => tokio::time::sleep(time).await,
            // Whoever holds the door opens it, or the test ends.
            Door::HoldingPages if matches!(&*operation, "Scan" | "Query") && !first_page() => {
                while matches!(*self.door.lock().unwrap(), Door::HoldingPages) {
                    tokio::time::sleep(GLANCE).await;
                }
            }
            Door::Open | Door::FailingOnPage(_) | Door::HoldingPages => {}
        }
        hand_on(Request::from_parts(head, Full::new(body)), behind).await
    }
}

/// A request at the door. Where its client hangs up it is dropped, with the connection.
struct Standing {
    at: Arc<Doorway>,
    number: usize,
}

impl Standing {
    fn at(doorway: &Arc<Doorway>, operation: String) -> Self {
        let here = Self { at: doorway.clone(), number: doorway.counts.lock().unwrap().come(operation) };
        let doorway = doorway.clone();
        // A client that gave up and asks again is not two: the end of a connection is seen a moment after it.
        tokio::spawn(async move {
            tokio::time::sleep(UNNOTICED).await;
            doorway.counts.lock().unwrap().look();
        });
        here
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.at.counts.lock().unwrap().standing.remove(&self.number);
    }
}

impl Counts {
    fn come(&mut self, operation: String) -> usize {
        self.operations.push(operation);
        self.standing.insert(self.operations.len(), Instant::now());
        self.operations.len()
    }

    fn look(&mut self) {
        let standing = self.standing.values().filter(|since| since.elapsed() >= UNNOTICED).count();
        self.most_standing = self.most_standing.max(standing);
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
