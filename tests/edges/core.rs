//! The router itself, and the answers that all edges give by its decisions.

use crate::seen::{Asked, Seen, fields_of};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value as Json;
use std::time::{SystemTime, UNIX_EPOCH};
use verge_carry::{Reply, head::is_sound};
use verge_config::Config;
use verge_mappings::{Item, Part, Reading, Scope, parse_all};
use verge_router::{Hop, MappingTable, Moment, Reason, Request, route};
use verge_tests::corpus::Fixture;

/// Who asks, at every edge.
pub(crate) const CLIENT: &str = "127.0.0.1";

/// A table, and who decides by it.
pub(crate) struct Core {
    table: MappingTable,
}

impl Core {
    pub(crate) fn new(fixture: &Fixture) -> Self {
        let config = Config::parse(&fixture.document()).unwrap();
        let drafts: Vec<_> = config.apis.iter().map(|api| (api.name.clone(), api.draft.clone())).collect();
        let rules = &config.origins.rules;
        let before =
            (!fixture.before.is_empty()).then(|| parse_all(&parts(fixture, &fixture.before), &drafts, rules, None).0);
        Self { table: parse_all(&parts(fixture, &fixture.items), &drafts, rules, before.as_ref()).0 }
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
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
        let client = CLIENT.parse().ok();
        let moment = Moment {
            client,
            request_id: id.as_bytes(),
            pins: fixture,
            ..Moment::at(asked.now.unwrap_or(i64::try_from(clock).unwrap()))
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
        let request = Some((host, forward.target().to_owned(), fields_of(&upstream)));
        Seen::at(asked.answer.status, request, fields_of(&downstream), b"")
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

fn parts(fixture: &Fixture, items: &[Json]) -> Vec<Part> {
    let read = |items: &[Json]| Reading::new(items.iter().map(|item| Item::from_json(item).unwrap()).collect(), None);
    let own = fixture.own.iter().map(|(api, items)| Part::of(api, read(items)));
    let unread = fixture.unread.iter().map(|api| Part { reading: None, scope: Scope::Api(api.clone()) });
    std::iter::once(Part::all(read(items))).chain(own).chain(unread).collect()
}
