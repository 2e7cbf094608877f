//! `Vary` (RFC 9110 §12.5.5): what could have changed the choice, told to caches.

use super::Edits;
use crate::api::Api;
use http::{HeaderMap, HeaderName, HeaderValue, header};

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
