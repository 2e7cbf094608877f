//! 5. Rewrite: what goes to the origin and what comes back, as edits that an edge applies to its own head.

mod address;
mod again;
mod answer;
mod back;
mod crumbs;
mod target;
mod vary;

pub use again::{concerns_answers, is_rewritten};
pub use vary::add_vary;

use crate::{
    api::Api,
    lifecycle::Others,
    request::Request,
    resolve::Lead,
    split::{Choice, HeldArm},
    table::Mapping,
    version::Source,
};
pub(crate) use address::{address_value, write_address};
use alloc::{boxed::Box, string::String, sync::Arc};
use core::net::IpAddr;
use crumbs::drop_own_cookies;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use target::rewrite_target;

/// `verge-reason`: the code of an answer Verge authored.
pub const VERGE_REASON: HeaderName = HeaderName::from_static("verge-reason");
/// `verge-version`: the version that was chosen, told to the origin.
pub const VERGE_VERSION: HeaderName = HeaderName::from_static("verge-version");
/// `verge-arm`: the arm that was picked, told to the origin and to the client.
pub const VERGE_ARM: HeaderName = HeaderName::from_static("verge-arm");
/// `api-version`: the version that answers, told to the client.
pub const API_VERSION: HeaderName = HeaderName::from_static("api-version");
/// `verge-fallback`: the version asked for is unknown, and the nearest one answers, in this direction.
pub const VERGE_FALLBACK: HeaderName = HeaderName::from_static("verge-fallback");
/// `x-request-id`.
pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// `traceparent` (W3C Trace Context §3.2).
pub const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// `CDN-Loop` (RFC 8586).
pub const CDN_LOOP: HeaderName = HeaderName::from_static("cdn-loop");
/// `verge-client-subject`: whom the client's certificate is for, told to the origin.
pub const CLIENT_SUBJECT: HeaderName = HeaderName::from_static("verge-client-subject");
const X_APIGW_API_ID: &str = "x-apigw-api-id";
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
pub(crate) const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// The name by which Verge knows itself in `Via` and `CDN-Loop`.
pub const OWN_NAME: &str = "verge";

/// Fields that belong to one connection (RFC 9110 §7.6.1), besides those `Connection` nominates.
static HOP_BY_HOP: [HeaderName; 8] = [
    header::CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// A head that can be edited; each edge has its own.
pub trait Edits {
    /// The fields as they stand now.
    fn headers(&self) -> &HeaderMap;
    /// Replaces all lines of a field with one.
    fn set(&mut self, name: HeaderName, value: HeaderValue);
    /// Adds a line to a field.
    fn append(&mut self, name: HeaderName, value: HeaderValue);
    /// Removes all lines of a field.
    fn remove(&mut self, name: &HeaderName);
    /// Removes a field that belongs to the client's connection. An edge whose transport does this itself (and knows
    /// which ones an upgrade needs) leaves it to the transport.
    fn remove_hop_by_hop(&mut self, name: &HeaderName) {
        self.remove(name);
    }
}

/// The plainest head there is.
impl Edits for HeaderMap {
    fn headers(&self) -> &HeaderMap {
        self
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.insert(name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        Self::append(self, name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        Self::remove(self, name);
    }
}

/// The client's side of this hop, as the edge saw it.
#[derive(Debug, Clone)]
pub struct Hop<'a> {
    /// The address that connected.
    pub client: Option<IpAddr>,
    /// Whether it connected over TLS.
    pub tls: bool,
    /// The id this request goes by in logs, and in `x-request-id`.
    pub request_id: &'a HeaderValue,
    /// A `traceparent` to start the trace with, where the client sent none that can be used.
    pub traceparent: Option<&'a HeaderValue>,
}

/// The router's yes: where a request goes, and how it must look there.
///
/// Fields are private and [`crate::route`] is the only maker, so that what is dialled cannot be chosen by anybody else.
/// Owned, and holding the row's one `Arc`: a refresh changes nothing under a request in flight.
#[derive(Debug, Clone)]
pub struct Forward {
    mapping: Arc<Mapping>,
    choice: Option<Choice>,
    lead: Lead,
    target: String,
    /// What is told of other versions.
    others: Option<Box<Others>>,
}

impl Forward {
    pub(crate) fn new(
        mapping: Arc<Mapping>,
        choice: Option<Choice>,
        lead: Lead,
        request: &Request<'_>,
    ) -> Option<Self> {
        let target = rewrite_target(&mapping, request, lead.cut)?;
        Some(Self { mapping, choice, lead, target, others: None })
    }

    /// The same, with what is told of other versions.
    pub(crate) fn beside(self, others: Option<Box<Others>>) -> Self {
        Self { others, ..self }
    }

    /// Where the request may go once more, now that what was dialled first has failed before it answered: stable, where a
    /// canary was picked for a request that can be repeated (RFC 9110 §9.2.2). `request` is the head as received.
    #[must_use]
    pub fn fall_back(&self, request: &Request<'_>) -> Option<Self> {
        let choice = self.choice.as_ref()?;
        let mapping = choice.fallback.clone()?;
        Some(Self::new(mapping, Some(choice.fall_back()), self.lead, request)?.beside(self.others.clone()))
    }

    /// The row that answers.
    #[must_use]
    pub fn mapping(&self) -> &Arc<Mapping> {
        &self.mapping
    }

    /// The arm that was picked, where the row asked for is split.
    #[must_use]
    pub fn choice(&self) -> Option<&Choice> {
        self.choice.as_ref()
    }

    /// Its API.
    #[must_use]
    pub fn api(&self) -> &Arc<Api> {
        self.mapping.api()
    }

    /// Where to send the request.
    #[must_use]
    pub fn origin(&self) -> &crate::Origin {
        self.mapping.origin()
    }

    /// The same arm itself.
    pub(crate) fn arm(&self) -> Option<&HeldArm> {
        self.choice.as_ref()?.arm()
    }

    /// Where the version was read.
    #[must_use]
    pub fn source(&self) -> Source {
        self.lead.source
    }

    /// Whether the version asked for is unknown, and the nearest one answers by the API's policy.
    #[must_use]
    pub fn fell(&self) -> bool {
        self.lead.fell
    }

    /// The version's segment with its slash, `/v1`, that was cut out of the client's path after the API's own; empty
    /// where none was. `request` is the head as received.
    #[must_use]
    pub fn segment<'r>(&self, request: &Request<'r>) -> &'r str {
        let own = self.api().path().map_or(0, |path| path.as_str().len());
        request.path.get(own..own + self.lead.cut).unwrap_or_default()
    }

    /// The target at the origin, in origin form: base path + original path, one slash between, the query unchanged.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Edits the request head for the origin. `request` is the head as received, before any edit.
    pub fn edit_request(&self, request: &Request<'_>, hop: &Hop<'_>, edits: &mut impl Edits) {
        let headers = request.headers;
        for name in headers.keys() {
            if HOP_BY_HOP.contains(name) {
                edits.remove_hop_by_hop(name);
            } else if is_reserved(name) {
                edits.remove(name);
            }
        }
        for name in nominated(headers) {
            edits.remove_hop_by_hop(&name);
        }
        drop_own_cookies(edits);
        edits.set(header::HOST, self.origin().host().clone());
        if let Some(value) = hop.client.and_then(address_value) {
            edits.set(X_FORWARDED_FOR, value);
        }
        edits.set(X_FORWARDED_PROTO, HeaderValue::from_static(if hop.tls { "https" } else { "http" }));
        if let Ok(host) = HeaderValue::from_str(request.host) {
            edits.set(X_FORWARDED_HOST, host);
        }
        edits.set(X_REQUEST_ID, hop.request_id.clone());
        if let Some(traceparent) = hop.traceparent {
            edits.set(TRACEPARENT, traceparent.clone());
        }
        edits.set(VERGE_VERSION, self.mapping.version().clone());
        if let Some(arm) = self.arm() {
            edits.set(VERGE_ARM, arm.label().clone());
        }
        edits.append(header::VIA, HeaderValue::from_static("1.1 verge"));
        edits.append(CDN_LOOP, HeaderValue::from_static(OWN_NAME));
    }
}

/// Whether the request has been here before: `verge` among the `CDN-Loop` ids (RFC 8586) or the `Via` pseudonyms.
#[must_use]
pub fn is_loop(headers: &HeaderMap) -> bool {
    items(headers, &CDN_LOOP).any(is_own) || items(headers, &header::VIA).filter_map(received_by).any(is_own)
}

/// The elements of all lines of a list field.
fn items<'r>(headers: &'r HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'r [u8]> {
    headers.get_all(name).into_iter().flat_map(|line| line.as_bytes().split(|&b| b == b',')).map(<[u8]>::trim_ascii)
}

/// Whether an id, its parameters and comments aside, is Verge's own.
fn is_own(item: &[u8]) -> bool {
    let end = item.iter().position(|&b| matches!(b, b';' | b' ' | b'\t')).unwrap_or(item.len());
    item.get(..end).is_some_and(|id| id.eq_ignore_ascii_case(OWN_NAME.as_bytes()))
}

/// What follows the protocol in an element of `Via`: `protocol received-by [comment]`.
fn received_by(item: &[u8]) -> Option<&[u8]> {
    let space = item.iter().position(|&b| matches!(b, b' ' | b'\t'))?;
    Some(item.get(space + 1..)?.trim_ascii())
}

/// Whether a field is said to origins by proxies only, or would be one to an origin that reads `_` as `-`.
fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str();
    let begins = |prefix: &str| {
        let same = |(a, b): (u8, u8)| a == b || (a == b'_' && b == b'-');
        name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(same)
    };
    begins("verge-")
        || begins("x-forwarded-")
        || name == "forwarded"
        || (name.len() == X_APIGW_API_ID.len() && begins(X_APIGW_API_ID))
}

fn is_forwarding(name: &HeaderName) -> bool {
    *name == header::FORWARDED || name.as_str().starts_with("x-forwarded-")
}

/// Fields that `Connection` nominates, but those that no client may take away (framing, routing, forwarding, and what
/// finds loops, RFC 8586 §2).
fn nominated(headers: &HeaderMap) -> impl Iterator<Item = HeaderName> {
    headers
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|line| line.as_bytes().split(|&b| b == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        .filter(|name| {
            !HOP_BY_HOP.contains(name)
                && !is_forwarding(name)
                && ![header::HOST, header::CONTENT_LENGTH, header::VIA, CDN_LOOP].contains(name)
                && headers.contains_key(name)
        })
}

#[cfg(test)]
mod tests;
