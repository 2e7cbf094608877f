//! The phases of a request, in order: route, dial, edit the request, edit the answer, log.

use crate::{
    dial::{DialError, Dialer},
    reply::Reply,
    telemetry::{Metrics, access},
};
use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};
use pingora_core::{protocols::Digest, upstreams::peer::HttpPeer};
use pingora_error::{Error, ErrorSource, ErrorType, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use std::{
    net::{IpAddr, SocketAddr},
    os::fd::RawFd,
    sync::Arc,
    time::{Instant, SystemTime},
};
use verge_mappings::LiveTable;
use verge_router::{Edits, Forward, Hop, Reason, Request, rewrite::TRACEPARENT, route};

/// How often a request may go to an origin.
pub(crate) const MAX_ATTEMPTS: usize = 2;

/// The error type of a name that cannot be dialled.
const UNDIALLABLE: ErrorType = ErrorType::Custom("undiallable");
/// The error type of a request whose body grew over the limit.
const BODY_TOO_LARGE: ErrorType = ErrorType::Custom("body too large");

/// What all serving threads share, and what is this thread's own.
#[derive(Clone)]
pub(crate) struct Verge {
    pub(crate) table: Arc<LiveTable>,
    pub(crate) dialer: Arc<Dialer>,
    /// Limit on a request's body, in bytes.
    pub(crate) max_body: u64,
    /// Whether requests are logged.
    pub(crate) logs_access: bool,
    pub(crate) metrics: Arc<Metrics>,
}

/// One request on its way.
pub(crate) struct Journey {
    started: Instant,
    id: Option<HeaderValue>,
    forward: Option<Forward>,
    /// Why the answer is ours, where it is.
    reason: Option<Reason>,
    /// The API that rejected, for the log.
    api: Option<Arc<verge_router::Api>>,
    requested: Option<Box<str>>,
    attempts: usize,
    upstream: Option<SocketAddr>,
    connected: Option<Instant>,
    answered: Option<Instant>,
    body: u64,
    fault: Option<String>,
}

impl Journey {
    fn id(&mut self) -> HeaderValue {
        self.id.get_or_insert_with(fresh_id).clone()
    }
}

/// A request id: 128 random bits in hex, which is also a fit W3C trace id.
pub(crate) fn fresh_id() -> HeaderValue {
    let mut text = [0; 32];
    write_hex(&mut text, fastrand::u128(1..));
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}

fn write_hex(out: &mut [u8], mut value: u128) {
    for digit in out.iter_mut().rev() {
        let nibble = u8::try_from(value & 0xf).unwrap_or(0);
        *digit = if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
        value >>= 4;
    }
}

/// `traceparent` (W3C Trace Context §3.2): the client's where it is well formed, else a trace of our own.
fn traceparent(headers: &HeaderMap, id: &HeaderValue) -> Option<HeaderValue> {
    let mut lines = headers.get_all(TRACEPARENT).iter();
    if let (Some(line), None) = (lines.next(), lines.next())
        && is_traceparent(line.as_bytes())
    {
        return None;
    }
    let mut text = *b"00-00000000000000000000000000000000-0000000000000000-00";
    if let (Some(trace), bytes) = (text.get_mut(3..35), id.as_bytes())
        && bytes.len() == trace.len()
    {
        trace.copy_from_slice(bytes);
    }
    if let Some(parent) = text.get_mut(36..52) {
        write_hex(parent, u128::from(fastrand::u64(1..)));
    }
    HeaderValue::from_bytes(&text).ok()
}

fn is_traceparent(text: &[u8]) -> bool {
    let hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let mut parts = text.split(|&b| b == b'-');
    let sound = |part: Option<&[u8]>, len: usize| {
        part.is_some_and(|part| {
            part.len() == len && part.iter().all(hex) && (len == 2 || part.iter().any(|&b| b != b'0'))
        })
    };
    parts.next() == Some(b"00")
        && sound(parts.next(), 32)
        && sound(parts.next(), 16)
        && sound(parts.next(), 2)
        && parts.next().is_none()
}

/// The head as the router may see it. The authority is `:authority` or the absolute target's, else `Host`.
fn view(head: &RequestHeader) -> Option<Request<'_>> {
    if !head.raw_path_is_utf8() {
        return None;
    }
    let host = match head.uri.authority() {
        Some(authority) => authority.as_str(),
        None => head.headers.get(header::HOST).map_or(Some(""), |host| host.to_str().ok())?,
    };
    Some(Request { method: &head.method, host, path: head.uri.path(), query: head.uri.query(), headers: &head.headers })
}

fn client(session: &Session) -> Option<IpAddr> {
    session.client_addr().and_then(|address| address.as_inet()).map(SocketAddr::ip)
}

fn is_tls(session: &Session) -> bool {
    session.digest().is_some_and(|digest| digest.ssl_digest.is_some())
}

fn unix_now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

impl Verge {
    /// Decides; a rejection is already the answer.
    fn decide(&self, head: &RequestHeader, journey: &mut Journey) -> Result<Forward, Box<Reply>> {
        let Some(request) = view(head) else {
            return Err(self.fault(Reason::BadRequest, Reason::BadRequest.title(), journey));
        };
        let decision = {
            let held = self.table.load();
            match held.as_ref() {
                Some(held) => route(&request, &held.table, unix_now(), &mut ()),
                None => {
                    return Err(self.fault(
                        Reason::NoTable,
                        "The version table has not been loaded yet; try again shortly.",
                        journey,
                    ));
                }
            }
        };
        decision.map_err(|rejection| {
            journey.reason = Some(rejection.reason);
            let reply = Reply::to_rejection(&rejection, &journey.id());
            journey.api = rejection.api;
            journey.requested = rejection.requested;
            Box::new(reply)
        })
    }

    fn fault(&self, reason: Reason, detail: &str, journey: &mut Journey) -> Box<Reply> {
        journey.reason = Some(reason);
        let api = journey.forward.as_ref().map(|forward| forward.api().clone());
        let status = api.as_ref().and_then(|api| api.status(reason)).unwrap_or(reason.default_status());
        let vary = api.as_ref().map(|api| api.vary_value());
        let mut reply = Reply::to_fault(reason, status, detail, &journey.id(), vary);
        if let Some(forward) = &journey.forward {
            reply.fields.push((verge_router::rewrite::API_VERSION, forward.mapping().version().clone()));
        }
        Box::new(reply)
    }

    /// Writes an answer of ours. A request whose body has not come yet is not waited for: the connection closes.
    async fn send(&self, session: &mut Session, reply: &Reply) -> Result<()> {
        self.metrics.replied(reply.reason);
        if !session.is_body_done() {
            session.set_keepalive(None);
        }
        let bodyless = session.req_header().method == http::Method::HEAD;
        session.write_response_header(Box::new(reply.head()?), bodyless).await?;
        if !bodyless {
            session.write_response_body(Some(reply.body.clone()), true).await?;
        }
        Ok(())
    }
}

/// pingora's request head, as something the router can edit.
struct RequestEdits<'a>(&'a mut RequestHeader);

impl Edits for RequestEdits<'_> {
    fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        // Both are valid already; pingora's fallible signature is for texts.
        let _ = self.0.insert_header(name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        let _ = self.0.append_header(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.remove_header(name);
    }

    /// pingora has already done this, and has left what an upgrade and the framing need.
    fn remove_hop_by_hop(&mut self, _: &HeaderName) {}
}

/// The same for an answer's head.
struct ResponseEdits<'a>(&'a mut ResponseHeader);

impl Edits for ResponseEdits<'_> {
    fn headers(&self) -> &HeaderMap {
        &self.0.headers
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        let _ = self.0.insert_header(name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        let _ = self.0.append_header(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.remove_header(name);
    }
}

#[async_trait]
impl ProxyHttp for Verge {
    type CTX = Journey;

    fn new_ctx(&self) -> Journey {
        Journey {
            started: Instant::now(),
            id: None,
            forward: None,
            reason: None,
            api: None,
            requested: None,
            attempts: 0,
            upstream: None,
            connected: None,
            answered: None,
            body: 0,
            fault: None,
        }
    }

    /// No modules: bodies pass through as they are.
    fn init_downstream_modules(&self, _: &mut pingora_core::modules::http::HttpModules) {}

    /// 1. Route. `true` means the answer has been given.
    async fn request_filter(&self, session: &mut Session, journey: &mut Journey) -> Result<bool> {
        let too_large = content_length(session.req_header()).is_some_and(|length| length > self.max_body);
        let reply = match self.decide(session.req_header(), journey) {
            Ok(forward) => {
                journey.forward = Some(forward);
                if !too_large {
                    return Ok(false);
                }
                self.fault(Reason::BodyTooLarge, "The request body is larger than this proxy forwards.", journey)
            }
            Err(reply) => reply,
        };
        self.send(session, &reply).await?;
        Ok(true)
    }

    /// 2. Dial what the decision says, and nothing else.
    async fn upstream_peer(&self, _: &mut Session, journey: &mut Journey) -> Result<Box<HttpPeer>> {
        let Some(forward) = &journey.forward else {
            return Error::e_explain(ErrorType::InternalError, "no decision to dial");
        };
        let attempt = journey.attempts;
        journey.attempts += 1;
        if attempt > 0 {
            self.metrics.retried();
        }
        self.dialer.peer(forward, attempt).await.map_err(|error| {
            if let DialError::Forbidden(..) = error {
                tracing::error!(api = forward.api().name(), version = forward.mapping().key(), %error, "an origin resolves to an address that is never dialled");
            }
            Error::explain(UNDIALLABLE, error.to_string()).into_up()
        })
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        _: bool,
        peer: &HttpPeer,
        _: RawFd,
        _: Option<&Digest>,
        journey: &mut Journey,
    ) -> Result<()> {
        journey.connected = Some(Instant::now());
        journey.upstream = peer._address.as_inet().copied();
        Ok(())
    }

    /// 3. Edit the request: `upstream` is pingora's copy of the head, hop-by-hop fields already gone.
    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        journey: &mut Journey,
    ) -> Result<()> {
        let id = journey.id();
        let (Some(forward), Some(request)) = (&journey.forward, view(session.req_header())) else {
            return Error::e_explain(ErrorType::InternalError, "no decision to carry out");
        };
        let traceparent = traceparent(request.headers, &id);
        let hop =
            Hop { client: client(session), tls: is_tls(session), request_id: &id, traceparent: traceparent.as_ref() };
        forward.edit_request(&request, &hop, &mut RequestEdits(upstream));
        upstream.set_uri(Uri::from(forward.target().clone()));
        Ok(())
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        journey: &mut Journey,
    ) -> Result<()> {
        journey.body += body.as_ref().map_or(0, |part| part.len() as u64);
        if journey.body > self.max_body {
            return Err(Error::explain(BODY_TOO_LARGE, "request body over the limit").into_down());
        }
        Ok(())
    }

    /// 4. Edit the answer.
    async fn response_filter(&self, _: &mut Session, head: &mut ResponseHeader, journey: &mut Journey) -> Result<()> {
        if journey.answered.is_none() && !head.status.is_informational() {
            journey.answered = Some(Instant::now());
        }
        if let Some(forward) = &journey.forward
            && !head.status.is_informational()
        {
            forward.edit_response(&mut ResponseEdits(head));
        }
        Ok(())
    }

    /// A connection that was never made has carried nothing: any method may try the next address.
    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        journey: &mut Journey,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let another = matches!(error.etype(), ErrorType::ConnectRefused | ErrorType::ConnectNoRoute);
        error.set_retry(another && journey.attempts < MAX_ATTEMPTS);
        error
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, journey: &mut Journey) -> FailToProxy {
        let Some(reason) = reason_of(error) else {
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        };
        journey.fault = Some(error.to_string());
        if reason == Reason::Internal {
            tracing::error!(%error, "a request failed for a reason of our own");
        }
        let head_sent = session.response_written().is_some_and(|head| !head.status.is_informational());
        if head_sent {
            // The client must see that the answer is cut short, not a second one.
            journey.reason = Some(reason);
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        }
        let reply = self.fault(reason, detail_of(reason, error), journey);
        session.set_keepalive(None);
        // The client may be gone; the log line says what happened either way.
        let _ = self.send(session, &reply).await;
        FailToProxy { error_code: reply.status.as_u16(), can_reuse_downstream: false }
    }

    /// 5. Count and log.
    async fn logging(&self, session: &mut Session, error: Option<&Error>, journey: &mut Journey) {
        let status = session.response_written().map_or(0, |head| head.status.as_u16());
        let duration = journey.started.elapsed();
        self.metrics.answered(status, duration);
        if !self.logs_access {
            return;
        }
        let head = session.req_header();
        let id = journey.id();
        let millis = |duration: std::time::Duration| duration.as_secs_f64() * 1000.0;
        let upstream_ms = match (journey.connected, journey.answered) {
            (Some(connected), Some(answered)) => millis(answered.saturating_duration_since(connected)),
            _ => 0.0,
        };
        let forward = journey.forward.as_ref();
        let api = forward.map(|forward| forward.api()).or(journey.api.as_ref());
        let fault = match (&journey.fault, error) {
            (Some(fault), _) => fault.clone(),
            (None, Some(error)) => error.to_string(),
            (None, None) => String::new(),
        };
        // The query is left out: it is where clients put what they should not.
        tracing::info!(
            target: access::TARGET,
            request_id = id.to_str().unwrap_or_default(),
            client = %client(session).map(|address| address.to_string()).unwrap_or_default(),
            method = head.method.as_str(),
            host = head.uri.authority().map(|authority| authority.as_str())
                .or_else(|| head.headers.get(header::HOST)?.to_str().ok()).unwrap_or_default(),
            path = head.uri.path(),
            protocol = match head.version { http::Version::HTTP_2 => "h2", http::Version::HTTP_10 => "http/1.0", _ => "http/1.1" },
            status = u64::from(status),
            reason = journey.reason.map(Reason::code).unwrap_or_default(),
            api = api.map(|api| api.name()).unwrap_or_default(),
            version = forward.map(|forward| forward.mapping().version_str()).unwrap_or_default(),
            source = forward.map(|forward| forward.source().as_str()).unwrap_or_default(),
            requested = journey.requested.as_deref().unwrap_or_default(),
            origin = forward.map(|forward| forward.origin().domain().as_str()).unwrap_or_default(),
            upstream = %journey.upstream.map(|address| address.to_string()).unwrap_or_default(),
            attempts = journey.attempts as u64,
            body_bytes = session.body_bytes_sent() as u64,
            duration_ms = millis(duration),
            upstream_ms = upstream_ms,
            fault = %fault,
        );
    }

    /// Failures are in the access log and the metrics, one line each; pingora's own would double them.
    fn suppress_error_log(&self, _: &Session, _: &Journey, _: &Error) -> bool {
        true
    }

    fn suppress_proxy_warn_log(
        &self,
        _: &Session,
        _: &Journey,
        _: &Error,
        _: pingora_proxy::ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

fn content_length(head: &RequestHeader) -> Option<u64> {
    head.headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// What a failure is called to the client; `None` where there is no client any more.
fn reason_of(error: &Error) -> Option<Reason> {
    use ErrorType::{
        ConnectTimedout, ConnectionClosed, HandshakeError, InvalidCert, InvalidHTTPHeader, ReadError, ReadTimedout,
        TLSHandshakeFailure, TLSHandshakeTimedout, TLSWantX509Lookup, WriteError, WriteTimedout,
    };
    let kind = error.etype();
    if *kind == BODY_TOO_LARGE {
        return Some(Reason::BodyTooLarge);
    }
    Some(match (error.esource(), kind) {
        (ErrorSource::Downstream, ReadError | WriteError | ConnectionClosed | ReadTimedout | WriteTimedout) => {
            return None;
        }
        (ErrorSource::Downstream, _) => Reason::BadRequest,
        (_, TLSHandshakeFailure | InvalidCert | HandshakeError | TLSWantX509Lookup) => Reason::OriginTls,
        (_, ConnectTimedout | TLSHandshakeTimedout | ReadTimedout | WriteTimedout) => Reason::OriginTimeout,
        (ErrorSource::Upstream, _) => Reason::OriginUnreachable,
        (_, InvalidHTTPHeader) => Reason::BadRequest,
        _ => Reason::Internal,
    })
}

/// What the client is told: which step failed, and nothing about addresses.
fn detail_of(reason: Reason, error: &Error) -> &'static str {
    match (reason, error.etype()) {
        (Reason::OriginTimeout, ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout) => {
            "The origin did not accept a connection in time."
        }
        (Reason::OriginTimeout, ErrorType::WriteTimedout) => "The origin did not take the request in time.",
        (Reason::OriginTimeout, _) => "The origin did not answer in time.",
        (Reason::OriginTls, _) => "The origin's TLS handshake failed, or its certificate is not valid for its name.",
        (Reason::OriginUnreachable, kind) if *kind == UNDIALLABLE => {
            "The origin's name does not resolve to an address that may be dialled."
        }
        (Reason::OriginUnreachable, ErrorType::ConnectRefused | ErrorType::ConnectNoRoute) => {
            "The origin refused the connection."
        }
        (Reason::OriginUnreachable, _) => "The connection to the origin broke before it answered.",
        (Reason::BodyTooLarge, _) => "The request body is larger than this proxy forwards.",
        (reason, _) => reason.title(),
    }
}
