//! `Vary` (RFC 9110 §12.5.5): what could have changed the choice, told to caches.

use super::{Edits, Forward};
use crate::{api::Api, split::seal::VERGE_OVERRIDE};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// By these a browser asks for what a page of another origin may do (Fetch, "HTTP requests"), which decides before any version
/// is read, and what an answer is told to browsers by.
static ASKED_BY_BROWSERS: [HeaderName; 3] =
    [header::ORIGIN, header::ACCESS_CONTROL_REQUEST_METHOD, header::ACCESS_CONTROL_REQUEST_HEADERS];

static OVERRIDE: HeaderName = VERGE_OVERRIDE;

impl Forward {
    /// Fields of the request that this decision hangs on, and with it what [`Self::edit_response`] does, whether they were
    /// there or not; one may be named twice. An edge that makes the decision once more for the way back needs no others.
    pub fn hangs_on(&self) -> impl Iterator<Item = &HeaderName> {
        let chosen_by = self.choice().into_iter().flat_map(|choice| {
            let overridden = choice.overridable.then_some(&OVERRIDE);
            choice.rows().flat_map(|row| row.vary()).chain(overridden)
        });
        self.api().vary().iter().chain(chosen_by).chain(&ASKED_BY_BROWSERS)
    }
}

/// Completes `Vary` with every field that could have changed the choice. What the URL says is no field: it is part of every
/// cache's key (RFC 9111 §4).
pub fn add_vary(api: &Api, edits: &mut impl Edits) {
    if !edits.headers().contains_key(header::VARY) {
        if let Some(vary) = api.vary_value() {
            edits.append(header::VARY, vary.clone());
        }
        return;
    }
    for name in api.vary() {
        vary_by(name, edits);
    }
}

/// Completes `Vary` with one field.
pub(super) fn vary_by(name: &HeaderName, edits: &mut impl Edits) {
    if !varies_by(edits.headers(), name) {
        edits.append(header::VARY, HeaderValue::from(name.clone()));
    }
}

/// Whether `Vary` names this field already, or is `*`.
fn varies_by(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(header::VARY).iter().any(|line| {
        line.as_bytes().split(|&b| b == b',').any(|item| {
            let item = item.trim_ascii();
            item == b"*" || item.eq_ignore_ascii_case(name.as_str().as_bytes())
        })
    })
}
