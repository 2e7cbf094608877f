//! What comes back, edited for the client.

use super::{
    API_VERSION, Edits, Forward, VERGE_ARM, VERGE_FALLBACK, VERGE_REASON, add_vary,
    back::{Back, Place},
    vary::vary_by,
};
use crate::{
    lifecycle::{Here, announce},
    origin::Scheme,
    rejection::Reason,
    request::Request,
    split::{By, Choice, seal::VERGE_OVERRIDE},
};
use alloc::vec::Vec;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Fields of an answer that name places.
pub(super) static PLACES: [(HeaderName, Place); 5] = [
    (header::LOCATION, Place::Reference),
    (header::CONTENT_LOCATION, Place::Reference),
    (header::LINK, Place::Link),
    (header::REFRESH, Place::Refresh),
    (header::SET_COOKIE, Place::Cookie),
];

/// Which fields that need an edit are there at all: one walk over the names, as most answers have none of them.
#[derive(Debug, Clone, Copy, Default)]
struct Present {
    places: bool,
    cors: bool,
    reason: bool,
    arm: bool,
    fallback: bool,
}

impl Present {
    fn among(headers: &HeaderMap) -> Self {
        let mut present = Self::default();
        for name in headers.keys() {
            match name.as_str() {
                "location" | "content-location" | "link" | "refresh" | "set-cookie" => present.places = true,
                "verge-reason" => present.reason = true,
                "verge-arm" => present.arm = true,
                "verge-fallback" => present.fallback = true,
                name if name.starts_with("access-control-") => present.cors = true,
                _ => {}
            }
        }
        present
    }
}

impl Forward {
    /// Edits the answer's head for the client; `edits` stands on the origin's fields.
    ///
    /// `request` is the head as received, and `tls` tells whether the client came over TLS: URLs of the origin are mapped
    /// back to where the client found them.
    pub fn edit_response(&self, request: &Request<'_>, tls: bool, edits: &mut impl Edits) {
        let present = Present::among(edits.headers());
        if present.places {
            let back = self.back(request, tls);
            for (name, place) in &PLACES {
                map_lines(name, |line| back.map(*place, line), edits);
            }
        }
        edits.set(API_VERSION, self.mapping().version().clone());
        // An origin must not pass its own answer off as one of ours, nor the version asked for as another one.
        if present.reason {
            edits.remove(&VERGE_REASON);
        }
        if present.arm {
            edits.remove(&VERGE_ARM);
        }
        if self.fell() {
            edits.set(VERGE_FALLBACK, HeaderValue::from_static(self.api().unknown().as_str()));
        } else if present.fallback {
            edits.remove(&VERGE_FALLBACK);
        }
        add_vary(self.api(), edits);
        if let Some(choice) = self.choice() {
            say_choice(choice, edits);
        }
        if let Some(cors) = self.api().cors() {
            cors.edit(request.headers, present.cors, edits);
        }
        self.tell_versions(request, edits);
    }

    /// The fields of an answer of ours that takes the place of the origin's, for this reason.
    #[must_use]
    pub fn fault_fields(&self, reason: Reason, request: &Request<'_>) -> Vec<(HeaderName, HeaderValue)> {
        let mut head: HeaderMap = reason.fields().into_iter().collect();
        head.insert(API_VERSION, self.mapping().version().clone());
        add_vary(self.api(), &mut head);
        if let Some(choice) = self.choice() {
            name_choice(choice, &mut head);
        }
        if let Some(cors) = self.api().cors() {
            cors.edit(request.headers, false, &mut head);
        }
        self.tell_versions(request, &mut head);
        head.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What the row says of its life, and the table of other versions.
    fn tell_versions(&self, request: &Request<'_>, edits: &mut impl Edits) {
        let life = self.mapping().lifecycle();
        if let Some(life) = life {
            announce(life, edits);
        }
        if let Some(others) = &self.others {
            let here = Here { api: self.api(), request, segment: self.segment(request) };
            others.tell(life.map(|life| (life, self.mapping().version_str())), &here, edits);
        }
    }

    /// The way back of this request.
    fn back<'a>(&'a self, request: &Request<'a>, tls: bool) -> Back<'a> {
        let api = self.api();
        let own = api.path().map_or("", |path| path.as_str());
        let segment = self.segment(request);
        let cut = if api.strip() { own.len() } else { 0 } + segment.len();
        Back {
            origin: self.origin(),
            scheme: if tls { Scheme::Https } else { Scheme::Http }.as_str(),
            host: request.host,
            own,
            strip: api.strip(),
            segment,
            nothing_left: cut > 0 && request.path.len() == cut,
        }
    }
}

/// What a choice adds to every answer: which arm, and what that depended on.
fn name_choice(choice: &Choice, edits: &mut impl Edits) {
    if let Some(arm) = choice.arm() {
        edits.set(VERGE_ARM, arm.label().clone());
    }
    for row in choice.rows() {
        row.vary().iter().for_each(|name| vary_by(name, edits));
    }
    if choice.overridable {
        vary_by(&VERGE_OVERRIDE, edits);
    }
}

/// What a choice adds to the answer of an origin.
fn say_choice(choice: &Choice, edits: &mut impl Edits) {
    name_choice(choice, edits);
    // What a tester is shown is for nobody else.
    if choice.by() == By::Override {
        edits.set(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(cookie) = &choice.cookie {
        edits.append(header::SET_COOKIE, HeaderValue::clone(cookie));
    }
    // Out of a shared cache the cookie would put everybody on one client's arm, and so would an answer that hangs on the
    // address, which no field names that it could vary by (RFC 9111 §5.2.2.7).
    if choice.cookie.is_some() || choice.rows().any(|row| row.sticks_to_address()) {
        edits.append(header::CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

/// Puts each line of a field as the client is to see it, and never two into one.
fn map_lines(name: &HeaderName, map: impl Fn(&HeaderValue) -> Option<HeaderValue>, edits: &mut impl Edits) {
    let mut changed = false;
    let lines: Vec<HeaderValue> = edits
        .headers()
        .get_all(name)
        .iter()
        .map(|line| match map(line) {
            Some(mapped) => {
                changed = true;
                mapped
            }
            None => line.clone(),
        })
        .collect();
    if !changed {
        return;
    }
    for (place, line) in lines.into_iter().enumerate() {
        if place == 0 {
            edits.set(name.clone(), line);
        } else {
            edits.append(name.clone(), line);
        }
    }
}
