//! Nothing is asked: the missing-version policy, and where preflights go.

use super::{
    Unresolved,
    accepted::{Accepted, read_accept},
    lookup::{Against, Looked, look_up_value},
};
use crate::{
    api::UntilKnown,
    cors::is_preflight,
    moment::Moment,
    pin::Pinned,
    rejection::Reason,
    request::Request,
    split::find_subject,
    table::RowId,
    version::Source,
    witness::{Fact, Witness},
};

/// The missing-version policy.
pub(super) fn choose_default<'r>(
    accepted: &Accepted,
    request: &Request<'_>,
    at: &Against<'_>,
    moment: &Moment<'_>,
    witness: &mut impl Witness,
) -> Result<(RowId, Source), Unresolved<'r>> {
    witness.saw(Fact::NothingAsked);
    if is_preflight(request) {
        return Ok((choose_for_preflight(at, witness)?, Source::Missing));
    }
    if accepted.refuses_the_rest() {
        return Err(Unresolved::new(Reason::NotAcceptable, None));
    }
    if let Some(row) = choose_pinned(accepted, request, at, moment, witness)? {
        return Ok((row, Source::Pin));
    }
    let Some(default) = at.part.api().default_version() else {
        return Err(Unresolved::new(Reason::MissingVersion, None));
    };
    witness.saw(Fact::Default(default));
    Ok((take(default, accepted, at)?, Source::Missing))
}

/// The version that the consumer is pinned to; `None` where pins do not decide, or it has none.
fn choose_pinned<'r>(
    accepted: &Accepted,
    request: &Request<'_>,
    at: &Against<'_>,
    moment: &Moment<'_>,
    witness: &mut impl Witness,
) -> Result<Option<RowId>, Unresolved<'r>> {
    let api = at.part.api();
    let Some(policy) = api.pins() else { return Ok(None) };
    let mut room = None;
    let Some((_, subject)) = find_subject(policy.subject(), request, moment, &mut room) else {
        witness.saw(Fact::Consumer(None, &Pinned::Nowhere));
        return Ok(None);
    };
    let pinned = moment.pins.pinned(api.name(), subject);
    witness.saw(Fact::Consumer(Some(subject), &pinned));
    let pin = match &pinned {
        Pinned::To(pin) => pin,
        Pinned::Nowhere => return Ok(None),
        // An error is not an absence: whoever has a pin must not get what those get that have none.
        Pinned::Unreadable => return Err(Unresolved::new(Reason::InvalidMapping, None)),
        Pinned::NotKnown if policy.until_known() == UntilKnown::Unpinned => return Ok(None),
        Pinned::NotKnown => return Err(Unresolved::new(Reason::NoTable, None)),
    };
    let Some((version, upgraded)) = pin.at(at.now) else { return Ok(None) };
    witness.saw(Fact::PinnedTo { version, upgraded });
    take(version, accepted, at).map(Some)
}

/// The row of a version that nobody asked for.
fn take<'r>(version: &str, accepted: &Accepted, at: &Against<'_>) -> Result<RowId, Unresolved<'r>> {
    match look_up_value(version.as_bytes(), at) {
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
    if accepted.refuses_the_rest() && accepted.named().next().is_none() {
        return Err(Unresolved::new(Reason::NotAcceptable, None));
    }
    // Checked when the API was read: there is one.
    let version = at.part.api().neutral_version().unwrap_or_default();
    witness.saw(Fact::Default(version));
    take(version, &accepted, at)
}

/// Where a missing version goes, else the API's `preflight` version.
fn choose_for_preflight<'r>(at: &Against<'_>, witness: &mut impl Witness) -> Result<RowId, Unresolved<'r>> {
    for version in [at.part.api().default_version(), at.part.api().preflight()].into_iter().flatten() {
        if let Looked::Row(row) = look_up_value(version.as_bytes(), at) {
            witness.saw(Fact::Default(version));
            return Ok(row);
        }
    }
    Err(Unresolved::new(Reason::Preflight, None))
}
