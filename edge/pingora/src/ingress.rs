//! Between the socket and the proxy: every connection comes in here, and every HTTP/1 head is read here, whole, under
//! one deadline and one limit, before pingora parses it.

mod body;
mod chunks;
mod farewell;
mod frames;
mod framing;
mod head;
mod headers;
mod http2;
mod line;
mod octets;
mod pace;
mod resets;
#[cfg(any(test, feature = "fuzzing"))]
pub mod second_opinion;
mod wire;

use crate::{
    listen::PermitLimits,
    proxy::{Verge, fresh_id},
    reply::{self, Reply},
    telemetry::{Metrics, Waited, access},
};
use bytes::BytesMut;
use head::{HeadScan, Progress};
use pingora_core::{
    apps::HttpServerApp,
    protocols::{ALPN, GetSocketDigest, Shutdown, Ssl, http::ServerSession},
    server::ShutdownWatch,
};
use pingora_proxy::HttpProxy;
use pingora_timeout::timeout;
use std::{
    pin::{Pin, pin},
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use verge_router::Reason;

use farewell::LINGER;
use framing::BodyFraming;
pub(crate) use head::{HeadLimits, check_http2};
pub(crate) use http2::is_call;
pub(crate) use line::Line;
pub(crate) use pace::PaceLimits;
pub(crate) use wire::Wire;

/// Where a head is waited for, which connections do most of the time: most heads fit.
const WAITING_BUFFER: usize = 2048;
/// What is added for those that do not.
const HEAD_BUFFER: usize = 4096;

/// What an HTTP/2 connection begins with, in bytes (RFC 9113 §3.4).
const HTTP2_PREFACE: usize = 24;

/// When all is over, a request that is on its way is still taken, with `Connection: close`: hanging up at once would
/// lose what the client has sent in the meantime.
const LAST_CALL: Duration = Duration::from_millis(250);

/// Time and size limits of the client's side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct IngressLimits {
    /// Sizes.
    pub(crate) head: HeadLimits,
    /// From the first byte of a head (or from the accept) to its last.
    pub(crate) head_timeout: Duration,
    /// Between two requests.
    pub(crate) idle_timeout: Duration,
    /// For a TLS handshake.
    pub(crate) handshake_timeout: Duration,
    /// Between two messages of a tunnel.
    pub(crate) tunnel_timeout: Duration,
    /// From a request's head to the end of its answer, but for streams.
    pub(crate) request_timeout: Duration,
    /// Of bodies and answers.
    pub(crate) pace: PaceLimits,
    /// How many may be connected.
    pub(crate) permits: PermitLimits,
}

/// Takes connections to the proxy.
pub(crate) struct Ingress {
    proxy: Arc<HttpProxy<Verge>>,
    limits: IngressLimits,
    /// Whether requests are logged.
    logs_access: bool,
    metrics: Arc<Metrics>,
    /// True when this configuration, or the process, is over.
    over: ShutdownWatch,
    /// How long a connection then stays that carries no request.
    last_call: OnceLock<Duration>,
}

/// What reading a head came to.
enum Head {
    Whole {
        length: usize,
        body: BodyFraming,
        upgrade: bool,
    },
    /// Nobody there: closed, idle too long, or we are going down.
    Gone,
    Refused(Reason),
}

impl Ingress {
    pub(crate) fn new(
        proxy: Arc<HttpProxy<Verge>>,
        limits: IngressLimits,
        logs_access: bool,
        metrics: Arc<Metrics>,
        over: ShutdownWatch,
    ) -> Self {
        Self { proxy, limits, logs_access, metrics, over, last_call: OnceLock::new() }
    }

    pub(crate) fn limits(&self) -> &IngressLimits {
        &self.limits
    }

    pub(crate) fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Serves one connection to its end.
    pub(crate) async fn serve(self: &Arc<Self>, mut wire: Wire) {
        if wire.selected_alpn_proto() == Some(ALPN::H2) {
            // pingora would wait for the preface for ever.
            let preface = timeout(self.limits.head_timeout, wire.read_ahead(HTTP2_PREFACE)).await;
            match preface {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return,
                Err(_) => return self.metrics.timed_out(Waited::Head),
            }
            self.clone().serve_http2(wire).await;
        } else {
            self.serve_http1(Box::new(wire)).await;
        }
    }

    /// Before all is over: has connections stay this long that carry no request.
    pub(crate) fn be_patient(&self, patience: Duration) {
        let _ = self.last_call.set(patience);
    }

    /// Has pingora let go of connections that wait for a request.
    pub(crate) async fn retire(&self) {
        self.proxy.http_cleanup().await;
    }

    async fn serve_http1(&self, mut wire: Box<Wire>) {
        let mut first = true;
        // One for the whole connection: waiting for it takes a lock that all threads share.
        let mut over = self.over.clone();
        let mut nothing_comes = pin!(async move {
            let _ = over.wait_for(|over| *over).await;
            tokio::time::sleep(self.last_call.get().copied().unwrap_or(LAST_CALL)).await;
        });
        loop {
            let mut head = wire.take_ahead();
            let begun = match self.read_head(&mut wire, &mut head, first, nothing_comes.as_mut()).await {
                Head::Whole { length, body, upgrade } => wire.begin(&mut head, length, body, upgrade),
                Head::Gone => break,
                Head::Refused(reason) => return self.refuse(wire, reason).await,
            };
            if begun.is_err() {
                return self.refuse(wire, Reason::BadRequest).await;
            }
            first = false;
            let mut session = ServerSession::new_http1(wire);
            session.set_pipelined_prefix(head);
            session.set_read_timeout(Some(self.limits.pace.grace));
            session.set_write_timeout(Some(self.limits.pace.grace));
            session.set_total_drain_timeout(Some(LINGER));
            session.set_keepalive((!*self.over.borrow()).then_some(self.limits.idle_timeout.as_secs()));
            let reused = self.proxy.process_new_http(session, &self.over).await;
            let same = reused.and_then(|reused| reused.consume().0.into_any().downcast::<Wire>().ok());
            match same {
                Some(same) => wire = same,
                None => return,
            }
        }
        Shutdown::shutdown(wire.as_mut()).await;
    }

    /// Reads one head into `head`, whole; what is there already has been read with the request before.
    async fn read_head(
        &self,
        wire: &mut Wire,
        head: &mut BytesMut,
        first: bool,
        nothing_comes: Pin<&mut impl Future<Output = ()>>,
    ) -> Head {
        let accepted = first.then(Instant::now);
        if head.is_empty() {
            head.reserve(WAITING_BUFFER);
            let patience = if first { self.limits.head_timeout } else { self.limits.idle_timeout };
            tokio::select! {
                biased;
                read = timeout(patience, wire.read_buf(head)) => match read {
                    Ok(Ok(n)) if n > 0 => {}
                    Err(_) if first => {
                        self.metrics.timed_out(Waited::Head);
                        return Head::Gone;
                    }
                    _ => return Head::Gone,
                },
                () = nothing_comes => return Head::Gone,
            }
        }
        let mut scan = HeadScan::default();
        if let Some(seen) = self.scan(&mut scan, head) {
            return seen;
        }
        let rest = async {
            loop {
                head.reserve(HEAD_BUFFER);
                match wire.read_buf(head).await {
                    Ok(n) if n > 0 => {}
                    _ => return Head::Gone,
                }
                if let Some(seen) = self.scan(&mut scan, head) {
                    return seen;
                }
            }
        };
        // A first head has had its time since the accept, any other since its first byte.
        let spent = accepted.map_or(Duration::ZERO, |accepted| accepted.elapsed());
        timeout(self.limits.head_timeout.saturating_sub(spent), rest).await.unwrap_or_else(|_| {
            self.metrics.timed_out(Waited::Head);
            Head::Gone
        })
    }

    /// What a head is as far as it has come, where that is known.
    fn scan(&self, scan: &mut HeadScan, head: &[u8]) -> Option<Head> {
        match scan.scan(head, &self.limits.head) {
            Progress::Complete(length, body) => Some(Head::Whole { length, body, upgrade: scan.asks_for_upgrade() }),
            Progress::Refused(reason) => Some(Head::Refused(reason)),
            Progress::Partial => None,
        }
    }

    /// Answers a head that never reaches the proxy, and lets the client read the answer.
    async fn refuse(&self, mut wire: Box<Wire>, reason: Reason) {
        self.metrics.refused(reason);
        let id = fresh_id();
        if self.logs_access {
            let digest = wire.get_socket_digest();
            let client = digest.as_ref().and_then(|digest| digest.peer_addr()?.as_inet());
            // Of the head itself nothing is logged: it is not one.
            tracing::info!(
                target: access::TARGET,
                request_id = id.to_str().unwrap_or_default(),
                client = %client.map(|address| address.ip().to_string()).unwrap_or_default(),
                status = u64::from(reason.default_status().as_u16()),
                reason = reason.code(),
            );
        }
        let reply = reply::into_http1(&Reply::to_reason(reason, reason.title(), &id));
        // A client that does not read has had its chance.
        let _ = timeout(LINGER, wire.write_all(&reply)).await;
        Shutdown::shutdown(wire.as_mut()).await;
    }
}
