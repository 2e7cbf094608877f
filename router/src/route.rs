//! The whole decision.

use crate::{
    UnixTime,
    api::Api,
    cors::is_preflight,
    moment::Moment,
    rejection::{Reason, Rejection, repeatable},
    request::{Present, Request},
    resolve::{self, Unresolved},
    rewrite::{self, Forward},
    split::{self, Dead},
    table::{ApiTable, Found, Good, MappingTable, RowId, is_deprecated},
    version::accept,
    well_known::{self, Listed},
    witness::{Fact, Witness},
};
use alloc::sync::Arc;
use http::Method;

/// Decides where a request goes: request head + mapping table + moment -> [`Forward`] or [`Rejection`].
///
/// The same arguments always give the same answer. `witness` is told what was found; `&mut ()` listens to nothing.
///
/// # Errors
/// The router's no; see [`Reason`]. A store that cannot be read is not among them: without a table there is no call.
pub fn route(
    request: &Request<'_>,
    table: &MappingTable,
    moment: &Moment<'_>,
    witness: &mut impl Witness,
) -> Result<Forward, Rejection> {
    if matches!(*request.method, Method::CONNECT | Method::TRACE) {
        return Err(Rejection::new(Reason::MethodNotAllowed));
    }
    let present = Present::among(request.headers);
    if present.hops && rewrite::is_loop(request.headers) {
        return Err(Rejection::new(Reason::LoopDetected));
    }
    if well_known::is_asked(request)
        && let Some(answer) = list(request, table, moment.now)
    {
        return Err(answer);
    }
    let part = table.find_api(request.host, request.path).ok_or_else(|| Rejection::new(Reason::UnknownHost))?;
    witness.saw(Fact::ApiFound(part.api()));
    decide(request, present, part, moment, witness).map_err(|no| {
        let has_life = no.row.as_ref().is_some_and(|row| row.lifecycle().is_some());
        no.to(request, part.others(has_life, moment.now).as_deref())
    })
}

/// The decision within one API.
fn decide(
    request: &Request<'_>,
    present: Present,
    part: &ApiTable,
    moment: &Moment<'_>,
    witness: &mut impl Witness,
) -> Result<Forward, Rejection> {
    let now = moment.now;
    if let Some(cors) = part.api().cors() {
        witness.saw(Fact::CrossOrigin(cors, request.headers));
        // Before anything that could say no: a preflight needs no version, no row and no table.
        if is_preflight(request) {
            witness.saw(Fact::Preflight);
            return Err(reject_for(Reason::Preflight, part.api()));
        }
    }
    if let Some(methods) = part.api().methods()
        && !methods.take(request.method)
        && !is_preflight(request)
    {
        witness.saw(Fact::MethodRefused(methods, request.method));
        return Err(reject_for(Reason::MethodNotAllowed, part.api()));
    }
    if !part.is_read() {
        return Err(reject_for(Reason::NoTable, part.api()));
    }
    let joined = accept::joined(request.headers);
    let read = Request { headers: joined.as_ref().unwrap_or(request.headers), ..*request };
    let resolved =
        resolve::resolve(&read, present, part, moment, witness).map_err(|no| reject(no, request, part, now))?;
    let (mapping, choice) = match part.get(resolved.row) {
        Some(Found::Good(Good::Mapping(mapping))) => (mapping.clone(), None),
        Some(Found::Good(Good::Split(row))) => {
            let picked = split::pick(row, request, part, moment, witness);
            let (mapping, choice) =
                picked.map_err(|dead| reject(lead_nowhere(dead, resolved.row), request, part, now))?;
            (mapping, Some(choice))
        }
        _ => return Err(reject_for(Reason::InvalidMapping, part.api())),
    };
    let others = part.others(mapping.lifecycle().is_some(), now);
    let forward = Forward::new(mapping, choice, resolved.lead, request);
    forward.map(|forward| forward.beside(others)).ok_or_else(|| reject_for(Reason::BadRequest, part.api()))
}

/// The versions of the APIs under a host; `None` where none lists them.
fn list(request: &Request<'_>, table: &MappingTable, now: UnixTime) -> Option<Rejection> {
    let parts = table.listed_under(request.host);
    let first = parts.first()?;
    // What was not read cannot be told from what is not there.
    let answer = match parts.iter().find(|part| !part.is_read()) {
        Some(unread) => reject_for(Reason::NoTable, unread.api()),
        None => {
            let versions = |part: &&ApiTable| {
                part.listed(now).into_iter().map(|good| (is_deprecated(&good, now), good)).map(|(is, good)| (good, is))
            };
            let listed =
                parts.iter().map(|part| Listed { api: part.api().clone(), versions: versions(part).collect() });
            Rejection::to_list(listed.collect())
        }
    };
    Some(answer.to(request, first.others(false, now).as_deref()))
}

/// A row is there, and none of its arms leads to a version that can answer.
fn lead_nowhere<'r>(dead: Dead, row: RowId) -> Unresolved<'r> {
    let reason = match dead {
        Dead { refused: true, .. } => Reason::NotAcceptable,
        Dead { retired: true, .. } => Reason::RetiredVersion,
        _ => Reason::InvalidMapping,
    };
    Unresolved { reason, requested: None, row: Some(row) }
}

fn reject(no: Unresolved<'_>, request: &Request<'_>, part: &ApiTable, now: UnixTime) -> Rejection {
    // A preflight that asked for nothing is not to blame for a default that is not served.
    if no.requested.is_none() && is_preflight(request) {
        return reject_for(Reason::Preflight, part.api());
    }
    let found = no.row.and_then(|row| part.get(row));
    Rejection {
        api: Some(part.api().clone()),
        requested: no.requested.map(repeatable),
        version: found.map(|found| found.key().into()),
        api_version: found.and_then(|found| part.reported(&found)),
        row: match found {
            Some(Found::Good(row)) => Some(row.clone().into()),
            _ => None,
        },
        supported: part.supported(now).into(),
        ..Rejection::new(no.reason)
    }
}

fn reject_for(reason: Reason, api: &Arc<Api>) -> Rejection {
    Rejection { api: Some(api.clone()), ..Rejection::new(reason) }
}
