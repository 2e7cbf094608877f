//! The router itself, asked the corpus's cases without any edge.

use super::{Case, Fixture, Observed, Outcome, Upstream};
use http::{HeaderMap, HeaderValue, header};
use serde_json::Value as Json;
use std::net::IpAddr;
use verge_config::Config;
use verge_mappings::{Item, Part, Reading, Scope, parse_all};
use verge_router::{
    ApiDraft, Forward, Hop, MappingTable, Moment, Rejection, Request, UnixTime,
    rewrite::{concerns_answers, is_rewritten},
    route,
};

/// 2026-01-01T00:00:00Z, for cases that hold at any time.
const ANY_TIME: UnixTime = 1_767_225_600;

/// From the block for documentation (RFC 5737).
const CLIENT: &str = "192.0.2.7";

/// What a random choice is drawn from.
const REQUEST_ID: &str = "0000000000000000";

/// A fixture as a table, by the ways the product itself takes.
///
/// # Errors
/// Other items are refused than those it names.
pub fn build(fixture: &Fixture) -> Result<MappingTable, String> {
    let refuse = |what: String| format!("table `{}`: {what}", fixture.name);
    let config = Config::parse(&fixture.document()).map_err(|problems| refuse(problems.to_string()))?;
    let drafts: Vec<(String, ApiDraft)> = config.apis.iter().map(|api| (api.name.clone(), api.draft.clone())).collect();
    let rules = &config.origins.rules;
    let previous =
        (!fixture.before.is_empty()).then(|| parse_all(&parts(fixture, &fixture.before), &drafts, rules, None).0);
    let (table, invalid) = parse_all(&parts(fixture, &fixture.items), &drafts, rules, previous.as_ref());
    let keys: Vec<&str> = invalid.iter().map(|item| &*item.key).collect();
    if keys != fixture.invalid {
        return Err(refuse(format!("these items are quarantined: {invalid:?}, expected {:?}", fixture.invalid)));
    }
    Ok(table)
}

fn parts(fixture: &Fixture, items: &[Json]) -> Vec<Part> {
    let read = |items: &[Json]| Reading::new(items.iter().map(|item| Item::from_json(item).unwrap()).collect(), None);
    let own = fixture.own.iter().map(|(api, items)| Part::of(api, read(items)));
    let unread = fixture.unread.iter().map(|api| Part { reading: None, scope: Scope::Api(api.clone()) });
    std::iter::once(Part::all(read(items))).chain(own).chain(unread).collect()
}

/// What the router decides, carried out as an edge would.
#[must_use]
pub fn decide(case: &Case, table: &MappingTable) -> Observed {
    let headers = case.headers();
    let request = Request {
        method: &case.method,
        host: &case.authority,
        path: &case.path,
        query: case.query.as_deref(),
        headers: &headers,
    };
    let moment = Moment {
        client: CLIENT.parse().ok(),
        request_id: REQUEST_ID.as_bytes(),
        pins: &*case.fixture,
        ..Moment::at(case.now.unwrap_or(ANY_TIME))
    };
    let decision = route(&request, table, &moment, &mut ());
    let observed = match &decision {
        Ok(forward) => {
            let observed = carry_out(forward, &request, case);
            assert_other_fields_decide_nothing(forward, &request, table, &moment, case, &observed);
            observed
        }
        Err(rejection) => reply(rejection),
    };
    Observed { client: CLIENT.to_owned(), ..observed }
}

/// Applies the edits as an edge would.
fn carry_out(forward: &Forward, request: &Request<'_>, case: &Case) -> Observed {
    let request_id = HeaderValue::from_static(REQUEST_ID);
    let client: IpAddr = CLIENT.parse().unwrap();
    let hop = Hop { client: Some(client), tls: case.tls, request_id: &request_id, traceparent: None };
    let mut upstream = request.headers.clone();
    forward.edit_request(request, &hop, &mut upstream);
    let mut downstream = case.answer.headers.clone();
    forward.edit_response(request, case.tls, &mut downstream);
    assert_unconcerned_fields_are_nothing_to(forward, request, case, &downstream);
    let origin = forward.origin();
    Observed {
        outcome: Outcome::Forward,
        status: case.answer.status,
        version: Some(forward.mapping().key().to_owned()),
        arm: forward.choice().and_then(|choice| choice.arm()).map(|arm| arm.name().to_owned()),
        source: Some(forward.source().as_str().to_owned()),
        upstream: Some(Upstream {
            scheme: origin.scheme().as_str().to_owned(),
            host: upstream.get(http::header::HOST).unwrap().to_str().unwrap().to_owned(),
            port: origin.port(),
            sni: origin.domain().to_string(),
            path: forward.target().to_string(),
        }),
        request: upstream,
        response: downstream,
        ..Observed::default()
    }
}

/// What a decision is said to hang on is all that it hangs on: from the head as the origin got it, without all other fields, and
/// with what was received of those that were rewritten, the same decision is made once more.
fn assert_other_fields_decide_nothing(
    forward: &Forward,
    request: &Request<'_>,
    table: &MappingTable,
    moment: &Moment<'_>,
    case: &Case,
    observed: &Observed,
) {
    let mut headers = HeaderMap::new();
    for name in forward.hangs_on() {
        if headers.contains_key(name) {
            continue;
        }
        // Verge's own cookie counts at edges with a key alone, which decide once.
        let from = if is_rewritten(name) || *name == header::COOKIE { request.headers } else { &observed.request };
        for line in from.get_all(name) {
            headers.append(name, line.clone());
        }
    }
    let request = Request { headers: &headers, ..*request };
    let again =
        route(&request, table, moment, &mut ()).unwrap_or_else(|_| panic!("{}: another field decides", case.name));
    let mut downstream = case.answer.headers.clone();
    again.edit_response(&request, case.tls, &mut downstream);
    assert_eq!(downstream, observed.response, "{}: another field decides", case.name);
    assert_eq!(again.target(), forward.target(), "{}: another field decides", case.name);
}

/// Fields of an answer that are said not to concern the router change nothing, and are not changed: with all there could be of
/// them the answer comes to the same as without any.
fn assert_unconcerned_fields_are_nothing_to(forward: &Forward, request: &Request<'_>, case: &Case, edited: &HeaderMap) {
    let of = |headers: &HeaderMap, concerned: bool| -> HeaderMap {
        let those = headers.iter().filter(|(name, _)| concerns_answers(name) == concerned);
        those.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let mut fewer = of(&case.answer.headers, true);
    forward.edit_response(request, case.tls, &mut fewer);
    assert_eq!(of(edited, true), fewer, "{}: fields that do not concern it count", case.name);
    assert_eq!(of(edited, false), of(&case.answer.headers, false), "{}: fields are edited all the same", case.name);
}

/// What a reply takes from a rejection; its body is the edge's.
fn reply(rejection: &Rejection) -> Observed {
    let mut head = HeaderMap::new();
    for (name, value) in rejection.fields() {
        head.append(name, value);
    }
    Observed {
        outcome: Outcome::Reject,
        status: rejection.status().as_u16(),
        code: Some(rejection.reason.code().to_owned()),
        version: rejection.version.as_deref().map(str::to_owned),
        requested: rejection.requested.as_deref().map(str::to_owned),
        supported: rejection.supported.iter().map(|version| version.to_string()).collect(),
        response: head,
        ..Observed::default()
    }
}
