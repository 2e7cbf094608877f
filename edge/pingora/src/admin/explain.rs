//! `POST /explain`: what would happen to a request, by the table that is served now.

use super::{Admin, HEAD_TIMEOUT, json, text};
use crate::explain::{Explanation, Question, Said, Scene};
use bytes::Bytes;
use http::{Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use tokio::time::timeout;
use verge_router::Pins;

/// A request that is asked about may be as long as one that comes, written as JSON.
const LONGEST_QUESTION: usize = 256 << 10;

impl Admin {
    /// Answers the question that a body is.
    pub(super) async fn explain(&self, body: Incoming) -> Response<Full<Bytes>> {
        let read = timeout(HEAD_TIMEOUT, Limited::new(body, LONGEST_QUESTION).collect()).await;
        let Ok(Ok(body)) = read else {
            return text(StatusCode::BAD_REQUEST, "the question does not come, or is too long\n");
        };
        let question: Question = match serde_json::from_slice(&body.to_bytes()) {
            Ok(question) => question,
            Err(error) => return text(StatusCode::BAD_REQUEST, format!("this is no question: {error}\n")),
        };
        let held = self.table.load();
        let Some(held) = held.as_ref() else {
            let why = self.table.status().waiting.unwrap_or_default();
            return text(StatusCode::SERVICE_UNAVAILABLE, format!("no table is held: {why}\n"));
        };
        let rules = self.rules.load();
        let (said, beside) = (question.pin.as_ref().map(Said::from), self.pins.beside(held));
        let pins = said.as_ref().map_or(&beside as &dyn Pins, |said| said);
        let scene = Scene { held, rules: &rules, health: &*self.breakers, pins };
        let explanation = Explanation { node: Some(self.node.clone()), ..scene.explain(&question) };
        json(StatusCode::OK, &serde_json::json!(explanation))
    }
}
