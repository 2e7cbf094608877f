//! The usual cast: two stages of one API, and the checks every answer of ours must pass.

use serde_json::{Value as Json, json};
use verge_tests::{
    books::{Books, Sees, answered, replied},
    certs::Authority,
    client::Connection,
    message::{Answer, Request},
    node::{Node, Setup},
    origin::Origin,
};

pub(crate) const V1: &str = "v1aaaaaaaa.execute-api.eu-central-1.amazonaws.com";
pub(crate) const V2: &str = "v2bbbbbbbb.execute-api.eu-central-1.amazonaws.com";

/// Two stages, and the authority that certifies them.
pub(crate) struct Stages {
    pub(crate) authority: Authority,
    pub(crate) v1: Origin,
    pub(crate) v2: Origin,
}

impl Stages {
    pub(crate) async fn start() -> Self {
        let authority = Authority::new();
        let v1 = Origin::start(&authority, &[V1]).await;
        let v2 = Origin::start(&authority, &[V2]).await;
        Self { authority, v1, v2 }
    }

    /// A node whose table has `v1` at `/prod` and `v2` at the root.
    pub(crate) fn setup(&self) -> Setup {
        self.reachable().rows(rows())
    }

    /// A node that can reach both stages, and whose table is empty.
    pub(crate) fn reachable(&self) -> Setup {
        Setup::new().trusting(&self.authority).dialling(&self.v1).dialling(&self.v2)
    }

    /// Opens the books of a case before both stages.
    pub(crate) async fn books<'a>(&'a self, node: &'a Node) -> Books<'a> {
        Books::open(node, &[&self.v1, &self.v2]).await
    }

    /// Neither stage has seen anything.
    pub(crate) fn saw_nothing(&self) {
        assert!(self.v1.seen().is_empty(), "{:#?}", self.v1.seen());
        assert!(self.v2.seen().is_empty(), "{:#?}", self.v2.seen());
    }
}

/// A row of API `orders`.
pub(crate) fn row(version: &str, domain: &str) -> Json {
    json!({"api": "orders", "version": version, "domain": domain})
}

/// The rows of [`Stages::setup`].
pub(crate) fn rows() -> Json {
    json!([
        {"api": "orders", "version": "v1", "domain": V1, "base_path": "/prod"},
        {"api": "orders", "version": "v2", "domain": V2},
    ])
}

/// An answer Verge authored (RFC 9457): status and code, and all that goes with them.
#[track_caller]
pub(crate) fn assert_problem(answer: &Answer, status: u16, code: &str) {
    assert_eq!((answer.status, answer.code().as_str()), (status, code), "{answer:?}");
    assert!(answer.complete, "{answer:?}");
    assert_eq!(answer.field("cache-control"), Some("no-store"), "{answer:?}");
    assert!(!answer.lines("vary").is_empty(), "no Vary: {answer:?}");
    let id = answer.field("x-request-id").unwrap_or_else(|| panic!("no x-request-id: {answer:?}"));
    let problem = answer.json();
    assert_eq!(problem["type"], format!("urn:verge:problem:{code}"), "{answer:?}");
    assert_eq!(problem["status"], status, "{answer:?}");
    assert_eq!(problem["instance"], id, "{answer:?}");
    for member in ["title", "detail"] {
        assert!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {answer:?}");
    }
}

/// Bytes on a fresh socket are refused before any origin: told so, in words the client can read, then closed; and counted.
pub(crate) async fn is_refused(node: &Node, origins: &[&dyn Sees], bytes: &[u8], status: u16, code: &str) {
    let case = String::from_utf8_lossy(bytes.get(..300).unwrap_or(bytes)).into_owned();
    let books = Books::open(node, origins).await;
    let mut connection = node.connect().await;
    connection.send(bytes).await;
    is_told_so(&mut connection, status, code, &case).await;
    books.balance(&case, 0, &[replied(code), answered(status / 100)]).await;
}

/// The answer is a refusal, and the last on its socket: nothing that follows is answered.
pub(crate) async fn is_told_so(connection: &mut Connection, status: u16, code: &str, case: &str) {
    let answer = connection.answer().await.unwrap_or_else(|| panic!("closed without an answer: {case:?}"));
    assert_eq!((answer.status, answer.field("verge-reason")), (status, Some(code)), "{case:?}: {answer:?}");
    assert_problem(&answer, status, code);
    assert_eq!(answer.field("connection"), Some("close"), "{case:?}");
    let _ = connection.try_send(Request::get("/again").version("v2").to_http1()).await;
    assert!(connection.answer().await.is_none(), "{case:?}");
}

/// A second request on the same socket is answered correctly, or the socket is closed.
pub(crate) async fn is_sound_or_closed(connection: &mut Connection) {
    if connection.try_send(Request::get("/again").version("v2").to_http1()).await.is_ok()
        && let Some(answer) = connection.answer().await
    {
        assert_eq!(answer.status, 200, "the second request got an answer that is not its own: {answer:?}");
        assert_eq!(answer.json()["target"], "/again", "{answer:?}");
        assert_eq!(answer.field("api-version"), Some("v2"));
    }
}
