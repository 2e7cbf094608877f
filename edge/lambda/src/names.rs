//! Names of fields that many events have: they are told to `edge.mjs` once, and are numbers from then on. A name costs more than
//! most values otherwise: to be copied, to be checked, and to be looked up.

use http::{HeaderName, header};
use verge_router::rewrite::{API_VERSION, CDN_LOOP, TRACEPARENT, VERGE_ARM, VERGE_REASON, VERGE_VERSION, X_REQUEST_ID};

/// How many names stand first that an edit may be told by. Such edits are not looked at again: all of these may be edited in
/// origin-request and origin-response, the two in which the router edits (viewer-request is given one field, `verge-key`).
const EDITED: usize = 12;

/// The names. A number is the place of its name here, plus one; 0 is none.
pub static NAMES: [HeaderName; 44] = [
    // Those that nearly every event has edited.
    header::HOST,
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-host"),
    X_REQUEST_ID,
    TRACEPARENT,
    VERGE_VERSION,
    CDN_LOOP,
    API_VERSION,
    header::VARY,
    header::CACHE_CONTROL,
    VERGE_REASON,
    header::CONTENT_TYPE,
    // Those that are read.
    VERGE_ARM,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
    header::ACCESS_CONTROL_ALLOW_ORIGIN,
    header::ACCESS_CONTROL_EXPOSE_HEADERS,
    header::ACCESS_CONTROL_REQUEST_HEADERS,
    header::ACCESS_CONTROL_REQUEST_METHOD,
    header::AUTHORIZATION,
    header::CONTENT_LENGTH,
    header::COOKIE,
    header::IF_MODIFIED_SINCE,
    header::IF_NONE_MATCH,
    header::LINK,
    header::LOCATION,
    header::ORIGIN,
    header::PRAGMA,
    header::REFERER,
    header::SET_COOKIE,
    header::USER_AGENT,
    header::VIA,
    HeaderName::from_static("cloudfront-forwarded-proto"),
    HeaderName::from_static("cloudfront-viewer-address"),
    HeaderName::from_static("cloudfront-viewer-country"),
    HeaderName::from_static("priority"),
    HeaderName::from_static("sec-fetch-dest"),
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("tracestate"),
    HeaderName::from_static("x-amz-cf-id"),
    HeaderName::from_static("x-amzn-trace-id"),
];

/// The name of this number.
pub(crate) fn name(number: u32) -> Option<&'static HeaderName> {
    NAMES.get(usize::try_from(number).ok()?.checked_sub(1)?)
}

/// The number that an edit of this name is told by; 0 where it is told by the name.
pub(crate) fn number(name: &str) -> u32 {
    let place = NAMES.iter().take(EDITED).position(|known| known.as_str() == name);
    place.and_then(|place| u32::try_from(place + 1).ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fields::Trigger;

    #[test]
    fn a_number_is_one_names() {
        for (place, known) in NAMES.iter().enumerate() {
            let written = u32::try_from(place + 1).unwrap();
            assert_eq!(name(written), Some(known));
            assert_eq!(number(known.as_str()), if place < EDITED { written } else { 0 }, "{known}");
            assert_eq!(NAMES.iter().filter(|other| *other == known).count(), 1, "{known}");
        }
        assert_eq!((name(0), number("x-other")), (None, 0));
        assert_eq!(name(u32::try_from(NAMES.len() + 1).unwrap()), None);
    }

    #[test]
    fn what_has_a_number_to_be_edited_by_may_be_edited() {
        for known in NAMES.iter().take(EDITED) {
            let known = known.as_str();
            assert!(Trigger::OriginRequest.may_edit(known) && Trigger::OriginResponse.may_edit(known), "{known}");
        }
    }
}
