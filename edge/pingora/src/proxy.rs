//! The phases of a request, in order: route, dial, edit the request, edit the answer, log.

mod attempts;
mod canary;
mod deadline;
mod edits;
mod failpoint;
mod fault;
mod identity;
mod journey;
mod proving;
mod upgrade;
mod usage;
mod view;

use crate::{
    dial::Dialer,
    ingress::{IngressLimits, Line, check_http2},
    listen::Requests,
    proof::Proofs,
    reply::{self, Reply},
    telemetry::{Metrics, Waited},
    usage::Usage,
};
use async_trait::async_trait;
use bytes::Bytes;
use deadline::is_stream;
use edits::ResponseEdits;
use fault::{BODY_TOO_LARGE, detail_of, reason_of, waited_for};
use http::{StatusCode, header};
use journey::Journey;
use pingora_core::{protocols::Digest, upstreams::peer::HttpPeer};
use pingora_error::{Error, Result};
use pingora_http::{RequestHeader, ResponseHeader};
use pingora_proxy::{FailToProxy, ProxyHttp, Session};
use std::{
    os::fd::RawFd,
    sync::Arc,
    time::{Duration, Instant},
};
use verge_carry::head::is_authority;
use verge_config::ConsumerBy;
use verge_mappings::{ConsumerPins, LiveTable};
use verge_router::{Forward, Moment, Reason, Rejection, Request, proxies::TrustedProxies, route, table::ApiTable};
use view::{content_length, is_answered, is_final, target_of, view};

pub(crate) use attempts::{MAX_ATTEMPTS, is_for_another_address};
pub(crate) use canary::Canary;
pub(crate) use identity::fresh_id;

/// What all serving threads share, and what is this thread's own.
#[derive(Clone)]
pub(crate) struct Verge {
    pub(crate) table: Arc<LiveTable>,
    pub(crate) pins: Arc<ConsumerPins>,
    pub(crate) dialer: Arc<Dialer>,
    /// Limit on a request's body, in bytes.
    pub(crate) max_body: u64,
    pub(crate) limits: IngressLimits,
    /// Whether requests are logged.
    pub(crate) logs_access: bool,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) usage: Arc<Usage>,
    /// How consumers are told apart when they are counted.
    pub(crate) consumer: Arc<[ConsumerBy]>,
    pub(crate) requests: Arc<Requests>,
    pub(crate) proofs: Arc<Proofs>,
    /// Whose word about others is taken.
    pub(crate) trusted: Arc<TrustedProxies>,
    pub(crate) canary: Canary,
}

impl Verge {
    /// Decides, unless load is shed; a rejection is already the answer.
    fn take_on(&self, session: &Session, journey: &mut Journey) -> Result<Forward, Box<Reply>> {
        if journey.under_way.is_none() {
            let detail = "This node has more to do than it can; try again shortly.";
            return Err(self.fault(Reason::Overloaded, detail, session, journey));
        }
        self.decide(session, journey)
    }

    /// Decides; a rejection is already the answer.
    fn decide(&self, session: &Session, journey: &mut Journey) -> Result<Forward, Box<Reply>> {
        // Who reads more into an authority than a host and a port reads another host.
        let sound = |request: &Request<'_>| request.host.is_empty() || is_authority(request.host.as_bytes());
        let Some(request) = view(session.req_header()).filter(sound) else {
            return Err(self.fault(Reason::BadRequest, Reason::BadRequest.title(), session, journey));
        };
        let decision = {
            let held = self.table.load();
            match held.as_ref() {
                Some(held) => {
                    let pins = self.pins.beside(held);
                    let moment = Moment { pins: &pins, ..self.canary.moment(journey.client, &journey.id) };
                    let decision = route(&request, &held.table, &moment, &mut ());
                    match &decision {
                        Ok(forward) => held.touch(forward.api().name()),
                        // A consumer's pin that is not known is not the table's business.
                        Err(Rejection { reason: Reason::NoTable, api: Some(api), .. })
                            if !held.table.api(api.name()).is_some_and(ApiTable::is_read) =>
                        {
                            held.want(api.name());
                        }
                        Err(_) => {}
                    }
                    decision
                }
                None => {
                    journey.reason = Some(Reason::NoTable);
                    return Err(Box::new(Reply::to_no_table(&journey.id)));
                }
            }
        };
        decision.map_err(|rejection| {
            journey.reason = Some(rejection.reason);
            let reply = Reply::to_rejection(&rejection, &journey.id);
            journey.api = rejection.api;
            journey.requested = rejection.requested;
            journey.version = rejection.version;
            Box::new(reply)
        })
    }

    fn fault(&self, reason: Reason, detail: &str, session: &Session, journey: &mut Journey) -> Box<Reply> {
        journey.reason = Some(reason);
        let reply = match (&journey.forward, view(session.req_header())) {
            (Some(forward), Some(request)) => {
                let status = forward.api().status(reason).unwrap_or(reason.default_status());
                let fields = forward.fault_fields(reason, &request);
                Reply::to_fault(reason, status, detail, &journey.id, fields)
            }
            _ => Reply::to_reason(reason, detail, &journey.id),
        };
        Box::new(reply)
    }

    /// Writes an answer of ours. A request whose body has not come yet is not waited for: the connection closes.
    async fn send(&self, session: &mut Session, reply: &Reply) -> Result<()> {
        self.metrics.replied(reply.reason);
        if !session.is_body_done() {
            session.set_keepalive(None);
        }
        let bodyless = reply.body.is_empty() || session.req_header().method == http::Method::HEAD;
        let written = async {
            session.write_response_header(Box::new(reply::head(reply)?), bodyless).await?;
            if !bodyless {
                session.write_response_body(Some(reply.body.clone()), true).await?;
            }
            Ok(())
        };
        // A client that is gone is no failure of ours.
        written.await.map_err(Error::into_down)
    }
}

#[async_trait]
impl ProxyHttp for Verge {
    type CTX = Journey;

    fn new_ctx(&self) -> Journey {
        Journey::begin()
    }

    /// No modules: bodies pass through as they are.
    fn init_downstream_modules(&self, _: &mut pingora_core::modules::http::HttpModules) {}

    /// 1. Route. `true` means the answer has been given.
    async fn request_filter(&self, session: &mut Session, journey: &mut Journey) -> Result<bool> {
        journey.under_way = self.requests.begin();
        journey.meet(session, &self.trusted);
        failpoint::reach(session.req_header().uri.path());
        let too_large = content_length(session.req_header()).is_some_and(|length| length > self.max_body);
        if session.req_header().version == http::Version::HTTP_2 {
            session.set_write_timeout(Some(self.limits.pace.grace));
            if let Some(line) = session.digest().and_then(Line::of) {
                line.name(&journey.id);
            }
            if let Some(reason) = check_http2(session.req_header(), &self.limits.head) {
                let reply = self.fault(reason, reason.title(), session, journey);
                self.send(session, &reply).await?;
                return Ok(true);
            }
        }
        upgrade::prepare(session);
        let decision = self.take_on(session, journey).and_then(|forward| {
            let target = target_of(&forward)
                .ok_or_else(|| self.fault(Reason::BadRequest, Reason::BadRequest.title(), session, journey))?;
            Ok((forward, target))
        });
        let reply = match decision {
            Ok((forward, target)) => {
                (journey.forward, journey.target) = (Some(forward), target);
                if !too_large {
                    let Some(reply) = self.prepare_to_sign(session, journey).await? else { return Ok(false) };
                    self.send(session, &reply).await?;
                    return Ok(true);
                }
                self.fault(
                    Reason::BodyTooLarge,
                    "The request body is larger than this proxy forwards.",
                    session,
                    journey,
                )
            }
            Err(reply) => reply,
        };
        self.send(session, &reply).await?;
        Ok(true)
    }

    /// 2. Dial what the decision says, and nothing else.
    async fn upstream_peer(&self, session: &mut Session, journey: &mut Journey) -> Result<Box<HttpPeer>> {
        self.dial(session, journey).await
    }

    async fn connected_to_upstream(
        &self,
        _: &mut Session,
        reused: bool,
        peer: &HttpPeer,
        _: RawFd,
        _: Option<&Digest>,
        journey: &mut Journey,
    ) -> Result<()> {
        if let Some(way) = journey.way.as_ref().filter(|_| !reused) {
            way.succeeded();
        }
        if self.logs_access {
            journey.connected = Some(Instant::now());
            journey.upstream = peer._address.as_inet().copied();
        }
        Ok(())
    }

    /// 3. Edit the request: `upstream` is pingora's copy of the head, hop-by-hop fields already gone.
    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        upstream: &mut RequestHeader,
        journey: &mut Journey,
    ) -> Result<()> {
        self.edit_head(session, upstream, journey)?;
        // HTTP/1.0 has no interim answers (RFC 9110 §15.2).
        if upstream.headers.contains_key(header::EXPECT) && session.req_header().version != http::Version::HTTP_10 {
            // A body that waits for leave to come is no reason to close.
            session.set_close_on_response_before_downstream_finish(false);
            // Over HTTP/2 pingora does not hear an origin's 100, and the client would wait for it.
            if upstream.version == http::Version::HTTP_2 && upstream.remove_header(&header::EXPECT).is_some() {
                session.write_continue_response().await.map_err(Error::into_down)?;
            }
        }
        if let Some(line) = session.digest().and_then(Line::of) {
            line.want_body();
        }
        Ok(())
    }

    async fn request_body_filter(
        &self,
        session: &mut Session,
        body: &mut Option<Bytes>,
        done: bool,
        journey: &mut Journey,
    ) -> Result<()> {
        let length = body.as_ref().map_or(0, Bytes::len);
        if let Some(line) = session.digest().and_then(Line::of) {
            line.body_moved(length, done);
        }
        journey.body += length as u64;
        if journey.body > self.max_body {
            return Err(Error::explain(BODY_TOO_LARGE, "request body over the limit").into_down());
        }
        // Of a request without a body HTTP/1.1 has this said, too: after the connection, whose time is the arm's.
        if done && journey.body > 0 {
            journey.sent();
        }
        self.check_time(journey)
    }

    /// 4. Edit the answer.
    async fn response_filter(
        &self,
        session: &mut Session,
        head: &mut ResponseHeader,
        journey: &mut Journey,
    ) -> Result<()> {
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            upgrade::begin(session, self.limits.tunnel_timeout)?;
            // A tunnel may stay for days: it is no request any more.
            (journey.place, journey.under_way) = (None, None);
        }
        if head.status == StatusCode::SWITCHING_PROTOCOLS || is_stream(&head.headers) {
            journey.deadline = None;
        }
        if !head.status.is_informational() {
            session.set_close_on_response_before_downstream_finish(true);
        }
        let timed = self.logs_access || journey.asked.is_some();
        if timed && journey.answered.is_none() && is_final(head.status) {
            journey.answered = Some(Instant::now());
        }
        if let (Some(forward), Some(request)) = (&journey.forward, view(session.req_header()))
            && !head.status.is_informational()
        {
            forward.edit_response(&request, journey.tls, &mut ResponseEdits(head));
        }
        Ok(())
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _: &HttpPeer,
        journey: &mut Journey,
        error: Box<Error>,
    ) -> Box<Error> {
        self.not_connected(session, journey, error)
    }

    fn error_while_proxy(
        &self,
        peer: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        journey: &mut Journey,
        reused: bool,
    ) -> Box<Error> {
        let error = self.blame(session, journey, error.more_context(format!("Peer: {peer}")));
        self.broken_off(session, journey, error, reused)
    }

    fn upstream_response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        journey: &mut Journey,
    ) -> Result<Option<Duration>> {
        self.check_time(journey).map(|()| None)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &Error, journey: &mut Journey) -> FailToProxy {
        if upgrade::fell_silent(session, error) {
            self.metrics.timed_out(Waited::Tunnel);
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        }
        if let Some(waited) = waited_for(error) {
            self.metrics.timed_out(waited);
        }
        let Some(reason) = reason_of(error) else {
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        };
        journey.fault = Some(error.to_string());
        if reason == Reason::Internal {
            tracing::error!(%error, "a request failed for a reason of our own");
        }
        if is_answered(session) {
            // The client must see that the answer is cut short, not a second one.
            journey.reason = Some(reason);
            self.metrics.cut(reason);
            return FailToProxy { error_code: 0, can_reuse_downstream: false };
        }
        let reply = self.fault(reason, detail_of(reason, error), session, journey);
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
        self.count_arm(session, journey, status);
        self.count_version(session, journey);
        if !self.logs_access {
            return;
        }
        journey.log(session, status, duration, error);
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
