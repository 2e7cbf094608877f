//! Nothing is asked: the missing-version policy, and where preflights go.

use super::{
    Unresolved,
    accepted::{Accepted, read_accept},
    lookup::{Against, Looked, look_up_value},
};
use crate::{
    api::Missing,
    cors::is_preflight,
    rejection::Reason,
    request::Request,
    table::RowId,
    version::Source,
    witness::{Fact, Witness},
};

/// The missing-version policy.
pub(super) fn choose_default<'r>(
    accepted: &Accepted,
    request: &Request<'_>,
    at: &Against<'_>,
    witness: &mut impl Witness,
) -> Result<RowId, Unresolved<'r>> {
    witness.saw(Fact::NothingAsked);
    if is_preflight(request) {
        return choose_for_preflight(at, witness);
    }
    if accepted.wildcard_refused && !accepted.others {
        return Err(Unresolved::new(Reason::NotAcceptable, None));
    }
    let Missing::Version(default) = at.part.api().missing() else {
        return Err(Unresolved::new(Reason::MissingVersion, None));
    };
    witness.saw(Fact::Default(default));
    match look_up_value(default.as_bytes(), at) {
        Looked::Row(row) if accepted.refuses(row, at) => Err(Unresolved::new(Reason::NotAcceptable, None)),
        Looked::Row(row) => Ok(row),
        _ => Err(Unresolved::new(Reason::UnknownVersion, None)),
    }
}

/// The version that answers where none is needed. It may not be refused: what the client does not accept is no answer,
/// wherever it asks.
#[cold]
pub(super) fn choose_neutral<'r>(
    request: &Request<'_>,
    at: &Against<'_>,
    witness: &mut impl Witness,
) -> Result<RowId, Unresolved<'r>> {
    witness.saw(Fact::Neutral);
    // Whatever led here may have ended before `Accept` was read.
    let mut accepted = Accepted::NONE;
    if at.part.api().reads(Source::Accept) {
        read_accept(request, at, &mut (), &mut accepted);
    }
    let accepts_nothing = accepted.wildcard_refused && !accepted.others && accepted.named().next().is_none();
    if accepts_nothing {
        return Err(Unresolved::new(Reason::NotAcceptable, None));
    }
    // Checked when the API was read: there is one.
    let version = at.part.api().neutral_version().unwrap_or_default();
    witness.saw(Fact::Default(version));
    match look_up_value(version.as_bytes(), at) {
        Looked::Row(row) if accepted.refuses(row, at) => Err(Unresolved::new(Reason::NotAcceptable, None)),
        Looked::Row(row) => Ok(row),
        _ => Err(Unresolved::new(Reason::UnknownVersion, None)),
    }
}

/// Where a missing version goes, else the API's `preflight` version.
fn choose_for_preflight<'r>(at: &Against<'_>, witness: &mut impl Witness) -> Result<RowId, Unresolved<'r>> {
    let default = match at.part.api().missing() {
        Missing::Version(default) => Some(&**default),
        Missing::Reject => None,
    };
    for version in [default, at.part.api().preflight()].into_iter().flatten() {
        if let Looked::Row(row) = look_up_value(version.as_bytes(), at) {
            witness.saw(Fact::Default(version));
            return Ok(row);
        }
    }
    Err(Unresolved::new(Reason::Preflight, None))
}
