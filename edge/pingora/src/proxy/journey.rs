//! One request from its head to its log line.

use super::{
    identity::{fresh_id, given_id},
    view::is_tls,
};
use crate::{
    dial::{Place, Way},
    listen::UnderWay,
    telemetry::access,
};
use http::{HeaderValue, Uri, header};
use pingora_error::Error;
use pingora_proxy::Session;
use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use verge_router::{
    Api, Forward, Reason,
    proxies::{TrustedProxies, was_tls},
};

/// One request on its way.
pub(crate) struct Journey {
    pub(super) started: Instant,
    /// What this request goes by; also what chance is drawn from.
    pub(super) id: HeaderValue,
    /// Whom the request is from.
    pub(super) client: Option<IpAddr>,
    /// The trusted proxy that sent it, where one did.
    pub(super) proxy: Option<IpAddr>,
    /// Whether the client asked over TLS.
    pub(super) tls: bool,
    pub(super) forward: Option<Forward>,
    /// The target at the origin.
    pub(super) target: Uri,
    /// Why the answer is ours, where it is.
    pub(super) reason: Option<Reason>,
    /// The API that rejected, for the log.
    pub(super) api: Option<Arc<Api>>,
    pub(super) requested: Option<Box<str>>,
    /// The row that rejected.
    pub(super) version: Option<Box<str>>,
    pub(super) attempts: usize,
    pub(super) upstream: Option<SocketAddr>,
    pub(super) connected: Option<Instant>,
    pub(super) answered: Option<Instant>,
    /// Since when the arm that was picked is waited for: it was dialled, and the client has sent all of its request.
    pub(super) asked: Option<Instant>,
    pub(super) body: u64,
    /// This request's share of the process, of its origin, and of the time there is.
    pub(super) under_way: Option<UnderWay>,
    pub(super) place: Option<Place>,
    pub(super) deadline: Option<Instant>,
    /// How the address was found that is dialled.
    pub(super) way: Option<Way>,
    pub(super) fault: Option<String>,
}

impl Journey {
    pub(super) fn begin() -> Self {
        Self {
            started: Instant::now(),
            id: fresh_id(),
            client: None,
            proxy: None,
            tls: false,
            forward: None,
            target: Uri::default(),
            reason: None,
            api: None,
            requested: None,
            version: None,
            attempts: 0,
            upstream: None,
            connected: None,
            answered: None,
            asked: None,
            body: 0,
            under_way: None,
            place: None,
            deadline: None,
            way: None,
            fault: None,
        }
    }

    /// Learns who asks: who connected, or for whom a trusted proxy did.
    pub(super) fn meet(&mut self, session: &Session, trusted: &TrustedProxies) {
        let peer = peer(session);
        (self.client, self.tls) = (peer, is_tls(session));
        let Some(proxy) = peer.filter(|peer| !trusted.is_empty() && trusted.contains(*peer)) else { return };
        let headers = &session.req_header().headers;
        self.proxy = Some(proxy);
        self.client = Some(trusted.client(proxy, headers));
        self.tls = was_tls(headers).unwrap_or(self.tls);
        if let Some(id) = given_id(headers) {
            self.id = id;
        }
    }

    /// The client has sent all of its request: how long that took is no matter of an arm's.
    pub(super) fn sent(&mut self) {
        if let (Some(asked), None) = (&mut self.asked, self.answered) {
            *asked = Instant::now();
        }
    }

    /// Writes the access log's line.
    pub(super) fn log(&self, session: &Session, status: u16, duration: Duration, error: Option<&Error>) {
        let head = session.req_header();
        let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
        let upstream_ms = match (self.connected, self.answered) {
            (Some(connected), Some(answered)) => millis(answered.saturating_duration_since(connected)),
            _ => 0.0,
        };
        let forward = self.forward.as_ref();
        let api = forward.map(|forward| forward.api()).or(self.api.as_ref());
        let choice = forward.and_then(|forward| forward.choice());
        let fault = match (&self.fault, error) {
            (Some(fault), _) => fault.clone(),
            (None, Some(error)) => error.to_string(),
            (None, None) => String::new(),
        };
        // The query is left out: it is where clients put what they should not.
        tracing::info!(
            target: access::TARGET,
            request_id = self.id.to_str().unwrap_or_default(),
            client = %self.client.or_else(|| peer(session)).map(|address| address.to_string()).unwrap_or_default(),
            proxy = %self.proxy.map(|address| address.to_string()).unwrap_or_default(),
            method = head.method.as_str(),
            host = head.uri.authority().map(|authority| authority.as_str())
                .or_else(|| head.headers.get(header::HOST)?.to_str().ok()).unwrap_or_default(),
            path = head.uri.path(),
            protocol = match head.version { http::Version::HTTP_2 => "h2", http::Version::HTTP_10 => "http/1.0", _ => "http/1.1" },
            status = u64::from(status),
            reason = self.reason.map(Reason::code).unwrap_or_default(),
            api = api.map(|api| api.name()).unwrap_or_default(),
            version = forward.map(|forward| forward.mapping().version_str()).unwrap_or_default(),
            arm = choice.and_then(|choice| choice.arm()).map(|arm| arm.name()).unwrap_or_default(),
            arm_by = choice.map(|choice| choice.by().as_str()).unwrap_or_default(),
            source = forward.map(|forward| forward.source().as_str()).unwrap_or_default(),
            fallback = forward.filter(|forward| forward.fell()).map(|forward| forward.api().unknown().as_str()).unwrap_or_default(),
            requested = self.requested.as_deref().unwrap_or_default(),
            origin = forward.map(|forward| forward.origin().domain().as_str()).unwrap_or_default(),
            upstream = %self.upstream.map(|address| address.to_string()).unwrap_or_default(),
            attempts = self.attempts as u64,
            body_bytes = session.body_bytes_sent() as u64,
            duration_ms = millis(duration),
            upstream_ms = upstream_ms,
            fault = %fault,
        );
    }
}

/// The address that connected, or for which a balancer says that it did.
fn peer(session: &Session) -> Option<IpAddr> {
    session.client_addr().and_then(|address| address.as_inet()).map(SocketAddr::ip)
}
