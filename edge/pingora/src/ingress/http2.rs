//! HTTP/2 connections: pingora's sessions in a loop of our own, which adds what pingora's has not: deadlines for the
//! bodies of requests, and an end for connections that chatter.

use super::{Ingress, Line, Wire, line::Progress as Moved, pace::PaceLimits};
use crate::telemetry::{Malformed, Waited, access};
use http::{HeaderMap, header};
use pingora_core::{
    apps::HttpServerApp,
    protocols::{
        Digest, GetProxyDigest, GetSocketDigest, GetTimingDigest, Ssl,
        http::{
            ServerSession,
            v2::server::{H2Accept, H2Options, HttpSession, default_h2_options, handshake},
        },
    },
};
use pingora_error::Error;
use pingora_timeout::timeout;
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::Notify;

/// Requests on one connection that are not even HTTP/2's.
const MALFORMED: usize = 32;

/// What a head is decoded to at most, whatever `[limits] head` is: above that limit there is an answer, above this there
/// is none of ours.
const DECODED: usize = 64 << 10;

/// Streams that are open, for those who wait for none.
#[derive(Default)]
struct Streams {
    open: AtomicUsize,
    none: Notify,
}

struct Stream(Arc<Streams>);

impl Streams {
    fn begin(self: &Arc<Self>) -> Stream {
        self.open.fetch_add(1, Ordering::AcqRel);
        Stream(self.clone())
    }

    /// Returns when there has been none for so long.
    async fn idle(&self, patience: Duration) {
        while self.open.load(Ordering::Acquire) > 0 {
            self.none.notified().await;
        }
        pingora_timeout::sleep(patience).await;
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if self.0.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_one();
        }
    }
}

/// pingora's defaults, with room for heads that are answered as too large.
fn options(head: usize) -> H2Options {
    let mut options = default_h2_options();
    let decoded = DECODED.max(head.saturating_mul(2));
    options.max_header_list_size(u32::try_from(decoded).unwrap_or(u32::MAX));
    options
}

impl Ingress {
    pub(super) async fn serve_http2(self: Arc<Self>, mut wire: Wire) {
        wire.count_frames(self.metrics.clone());
        let digest = Digest {
            ssl_digest: wire.get_ssl_digest(),
            timing_digest: wire.get_timing_digest(),
            proxy_digest: wire.get_proxy_digest(),
            socket_digest: wire.get_socket_digest(),
        };
        let shaken = handshake(Box::new(wire), Some(options(self.limits.head.head))).await;
        let mut connection = match shaken {
            Ok(connection) => connection,
            Err(error) => return self.ended(&error),
        };
        let streams = Arc::<Streams>::default();
        let mut over = self.over.clone();
        let (mut leaving, mut malformed) = (false, 0);
        loop {
            let patience = if leaving { super::LAST_CALL } else { self.limits.idle_timeout };
            let accepted = tokio::select! {
                biased;
                _ = over.wait_for(|over| *over), if !leaving => {
                    connection.graceful_shutdown();
                    leaving = true;
                    continue;
                }
                accepted = HttpSession::from_h2_conn(&mut connection, Arc::new(digest.clone())) => accepted,
                () = streams.idle(patience) => return,
            };
            match accepted {
                Ok(Some(H2Accept::Session(session))) => {
                    drop(tokio::spawn(self.clone().serve_stream(session, streams.begin())));
                }
                Ok(Some(H2Accept::Rejected)) => {
                    // A bare 400. What pingora would reset itself does not get past the codec, whose resets are counted where
                    // they are written.
                    self.metrics.malformed(Malformed::Stream);
                    malformed += 1;
                    if malformed > MALFORMED {
                        return self.metrics.malformed(Malformed::Connection);
                    }
                }
                Ok(None) => return,
                Err(error) => return self.ended(&error),
            }
        }
    }

    /// A connection ended by an error: counted where the codec could not, or by its own limits would not, read on. Who goes
    /// away, or floods as the frame meter sees it, is no concern of this count.
    fn ended(&self, error: &Error) {
        let cause = error.cause.as_ref().and_then(|cause| cause.downcast_ref::<h2::Error>());
        if cause.is_some_and(|cause| !cause.is_io() && !cause.is_remote()) {
            self.metrics.malformed(Malformed::Connection);
        }
    }

    async fn serve_stream(self: Arc<Self>, mut session: HttpSession, _open: Stream) {
        // Both sides of a call may be silent for as long as the origin likes.
        if session.is_body_done() || is_call(&session.req_header().headers) {
            self.proxy.process_new_http(ServerSession::new_http2(session), &self.over).await;
            return;
        }
        // What the log is told of a stream whose phases end in the middle.
        let begun = Instant::now();
        let told = self.logs_access.then(|| (session.req_header().clone(), session.client_addr().cloned()));
        let line = Arc::<Line>::default();
        // The codec reads ahead of us: it does not tell a client that sends nothing from an origin that takes nothing. For
        // the origin, or else clients could have a breaker take out an arm.
        line.waits();
        if let Some(digest) = session.digest_mut() {
            digest.proxy_digest = line.digest();
        }
        tokio::select! {
            biased;
            _ = self.proxy.process_new_http(ServerSession::new_http2(session), &self.over) => {}
            // pingora has no deadline here; without its session the stream is reset.
            () = overdue(&line, &self.limits.pace) => {
                self.metrics.timed_out(Waited::Body);
                let Some((head, client)) = told else { return };
                let client = client.as_ref().and_then(|client| client.as_inet());
                tracing::info!(
                    target: access::TARGET,
                    request_id = line.id(),
                    client = %client.map(|address| address.ip().to_string()).unwrap_or_default(),
                    method = head.method.as_str(),
                    host = head.uri.authority().map(|authority| authority.as_str()).unwrap_or_default(),
                    path = head.uri.path(),
                    protocol = "h2",
                    status = 0_u64,
                    duration_ms = begun.elapsed().as_secs_f64() * 1000.0,
                    fault = "the request body came too slowly: the stream is reset",
                );
            }
        }
    }
}

/// Whether this is gRPC, whose bodies are messages that come when they come.
pub(crate) fn is_call(headers: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    kind.get(..GRPC.len()).is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}

/// Returns when a body is too slow.
async fn overdue(line: &Line, limits: &PaceLimits) {
    line.wanted().await;
    let begun = Instant::now();
    loop {
        let Ok(moved) = timeout(limits.grace, line.moved()).await else { return };
        match moved {
            Moved::Done => return std::future::pending().await,
            Moved::Bytes(bytes) if begun.elapsed() > limits.allow(bytes) => return,
            Moved::Bytes(_) => {}
        }
    }
}
