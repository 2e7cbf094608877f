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
    table::{ApiTable, Found, Good, MappingTable, RowId},
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
    let part = table.find_api(request.host, request.path).ok_or_else(|| Rejection::new(Reason::UnknownHost))?;
    witness.saw(Fact::ApiFound(part.api()));
    decide(request, present, part, moment, witness).map_err(|no| no.to(request))
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
    let resolved = resolve::resolve(request, present, part, now, witness).map_err(|no| reject(no, part, now))?;
    let (mapping, choice) = match part.get(resolved.row) {
        Some(Found::Good(Good::Mapping(mapping))) => (mapping.clone(), None),
        Some(Found::Good(Good::Split(row))) => {
            let picked = split::pick(row, request, part, moment, witness);
            let (mapping, choice) = picked.map_err(|dead| reject(lead_nowhere(dead, resolved.row), part, now))?;
            (mapping, Some(choice))
        }
        _ => return Err(reject_for(Reason::InvalidMapping, part.api())),
    };
    Forward::new(mapping, choice, resolved.lead, request).ok_or_else(|| reject_for(Reason::BadRequest, part.api()))
}

/// A row is there, and none of its arms leads to a version that can answer.
fn lead_nowhere<'r>(dead: Dead, row: RowId) -> Unresolved<'r> {
    let reason = if dead.retired { Reason::RetiredVersion } else { Reason::InvalidMapping };
    Unresolved { reason, requested: None, row: Some(row) }
}

fn reject(no: Unresolved<'_>, part: &ApiTable, now: UnixTime) -> Rejection {
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
