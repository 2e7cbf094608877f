//! What an edge keeps that is shown a request twice, on the way there and on the way back, with nothing of its own in between: the
//! decision is the same once more, from these fields alone.

use super::{API_VERSION, CDN_LOOP, Forward, HOP_BY_HOP, TRACEPARENT, X_REQUEST_ID, answer::PLACES, is_reserved};
use crate::{
    lifecycle::{API_DEPRECATED_VERSIONS, API_SUPPORTED_VERSIONS, DEPRECATION, SUNSET},
    split::seal::VERGE_OVERRIDE,
};
use http::{HeaderName, header};

/// By these a preflight is known (Fetch, "CORS-preflight request"), which decides before any version is read.
static PREFLIGHT: [HeaderName; 2] = [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD];
static OVERRIDE: HeaderName = VERGE_OVERRIDE;

impl Forward {
    /// Fields of the request that this decision hangs on, and with it what [`Self::edit_response`] does, whether they were
    /// there or not; one may be named twice. What says where a request has been before is not among them: it was no loop.
    ///
    /// Of those that are [rewritten](is_rewritten), what counts is what was received, not what the origin got.
    pub fn hangs_on(&self) -> impl Iterator<Item = &HeaderName> {
        let chosen_by = self.choice().into_iter().flat_map(|choice| {
            let overridden = choice.overridable.then_some(&OVERRIDE);
            choice.rows().flat_map(|row| row.vary()).chain(overridden)
        });
        self.api().vary().iter().chain(chosen_by).chain(&PREFLIGHT)
    }
}

/// Whether the origin may get another field of this name than was received ([`Forward::edit_request`]), or none. Of `Cookie` it
/// gets all but Verge's own.
#[must_use]
pub fn is_rewritten(name: &HeaderName) -> bool {
    HOP_BY_HOP.contains(name)
        || [header::HOST, header::VIA, CDN_LOOP, X_REQUEST_ID, TRACEPARENT].contains(name)
        || is_reserved(name)
}

/// Whether [`Forward::edit_response`] may read or change an answer's field of this name.
#[must_use]
pub fn concerns_answers(name: &HeaderName) -> bool {
    PLACES.iter().any(|(place, _)| place == name)
        || [header::VARY, header::CACHE_CONTROL, DEPRECATION, SUNSET, API_VERSION].contains(name)
        || [API_SUPPORTED_VERSIONS, API_DEPRECATED_VERSIONS].contains(name)
        || name.as_str().starts_with("verge-")
        || name.as_str().starts_with("access-control-")
}
