//! The router itself, and the answers that all edges give by its decisions.

use crate::{
    clock,
    seen::{Asked, Seen, fields_of},
};
use http::{HeaderMap, HeaderValue, header};
use verge_carry::{Reply, head::is_sound};
use verge_router::{Hop, MappingTable, Moment, Reason, Request, route};
use verge_tests::corpus::{
    Case, Fixture, Observed, Upstream,
    router::{build, decide},
};

/// Who asks, at every edge.
pub(crate) const CLIENT: &str = "127.0.0.1";

/// A table, and who decides by it.
pub(crate) struct Core {
    table: MappingTable,
}

impl Core {
    pub(crate) fn new(fixture: &Fixture) -> Self {
        Self { table: build(fixture).unwrap() }
    }

    /// A case of the corpus, for its own sake.
    pub(crate) fn observe(&self, case: &Case) -> Observed {
        decide(case, &self.table)
    }

    /// What is to become of a request that goes by this id.
    pub(crate) fn decide(&self, fixture: &Fixture, asked: &Asked, id: &str) -> Seen {
        let headers = asked.headers();
        let request = Request {
            method: &asked.method,
            host: &asked.host,
            path: &asked.path,
            query: asked.query.as_deref(),
            headers: &headers,
        };
        let id = HeaderValue::from_str(id).unwrap();
        if !is_sound(&request) {
            return answer(&Reply::to_reason(Reason::BadRequest, Reason::BadRequest.title(), &id), asked);
        }
        let client = CLIENT.parse().ok();
        let moment = Moment {
            client,
            request_id: id.as_bytes(),
            pins: fixture,
            ..Moment::at(asked.now.unwrap_or_else(clock::now))
        };
        let forward = match route(&request, &self.table, &moment, &mut ()) {
            Ok(forward) => forward,
            Err(rejection) => return answer(&Reply::to_rejection(&rejection, &id), asked),
        };
        let trace = verge_carry::identity::traceparent(&headers, id.as_bytes(), 1);
        let hop = Hop { client, tls: asked.tls, request_id: &id, traceparent: trace.as_ref() };
        let mut upstream = headers.clone();
        forward.edit_request(&request, &hop, &mut upstream);
        let mut downstream = asked.answer.headers.clone();
        forward.edit_response(&request, asked.tls, &mut downstream);
        let host = upstream.remove(header::HOST).unwrap().to_str().unwrap().to_owned();
        let sent = fields_of(&upstream);
        let origin = forward.origin();
        let upstream = Upstream {
            scheme: origin.scheme().as_str().to_owned(),
            host,
            port: origin.port(),
            sni: origin.domain().to_string(),
            path: forward.target().to_owned(),
        };
        Seen::at(asked.answer.status, Some((upstream, sent)), fields_of(&downstream), b"")
    }
}

fn answer(reply: &Reply, asked: &Asked) -> Seen {
    let mut head = HeaderMap::new();
    for (name, value) in &reply.fields {
        head.append(name, value.clone());
    }
    let body: &[u8] = if asked.method == http::Method::HEAD { b"" } else { &reply.body };
    let head = fields_of(&head);
    Seen::at(reply.status.as_u16(), None, head, body)
}
