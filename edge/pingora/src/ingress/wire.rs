//! A client's connection as the proxy sees it: TCP or TLS, one type, that ends where a request ends. Writes are gathered
//! until they are flushed.
//!
//! pingora reads one request from it and no more: what a client sends ahead stays here for the next one, and what is not
//! the request's own framing never gets through.

use super::{
    body::BodyEnd,
    farewell::{Transport, farewell},
    frames::FrameMeter,
    framing::BodyFraming,
    line::Line,
    pace::{Pace, PaceLimits},
    resets::ResetScan,
};
use crate::{
    listen::Permit,
    telemetry::{Malformed, Metrics},
};
use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType, l4::socket::SocketAddr as PeerAddr, raw_connect::ProxyDigest, tls::SslDigest,
};
use std::{
    io,
    net::SocketAddr,
    os::fd::AsRawFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep, sleep},
};
use tokio_rustls::server::TlsStream;

/// How long the origin's side of a tunnel may be silent once the client's has ended. pingora ends both with the first.
const HALF_CLOSED: Duration = Duration::from_secs(5);

/// Writes are gathered up to this many bytes, so that a head and a short body leave in one segment.
const GATHER: usize = 8 * 1024;

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Wire {
    transport: Transport,
    unsent: BytesMut,
    /// Read, and not yet taken.
    ahead: BytesMut,
    /// Where the request ends that is being read; `None` between requests, in HTTP/2, and in a tunnel.
    end: Option<BodyEnd>,
    /// Where the request asks for another protocol, or more of it is to come.
    line: Option<Arc<Line>>,
    /// What HTTP/2 frames cost that come, and those that end streams.
    frames: Option<Box<(FrameMeter, ResetScan, Arc<Metrics>)>>,
    limits: PaceLimits,
    incoming: Pace,
    outgoing: Pace,
    /// Runs while a write gets nowhere.
    stall: Option<Pin<Box<Sleep>>>,
    /// Runs when the client of a tunnel has ended its side, while the origin's may go on.
    half_closed: Option<Pin<Box<Sleep>>>,
    /// Whether anything was written: who closes now should let the client read it.
    answered: bool,
    socket: Arc<SocketDigest>,
    tls: Option<Arc<SslDigest>>,
    alpn: Option<ALPN>,
    /// Given back when the connection is closed.
    permit: Option<Permit>,
}

impl Wire {
    pub(crate) fn tcp(stream: TcpStream, peer: SocketAddr, limits: PaceLimits, permit: Permit) -> Self {
        let socket = socket_digest(&stream, peer);
        Self::new(Transport::Tcp(stream), socket, limits, permit)
    }

    pub(crate) fn tls(
        stream: TlsStream<TcpStream>,
        peer: SocketAddr,
        subject: Option<String>,
        limits: PaceLimits,
        permit: Permit,
    ) -> Self {
        let (tcp, session) = stream.get_ref();
        let socket = socket_digest(tcp, peer);
        let alpn = match session.alpn_protocol() {
            Some(b"h2") => Some(ALPN::H2),
            Some(_) => Some(ALPN::H1),
            None => None,
        };
        let cipher = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("");
        let version = session.protocol_version().and_then(|version| version.as_str()).unwrap_or("");
        // pingora has no field for a whole subject, and no use of its own for this one.
        let tls = Arc::new(SslDigest::new(cipher, version, subject, None, Vec::new()));
        let mut wire = Self::new(Transport::Tls(Box::new(stream)), socket, limits, permit);
        (wire.tls, wire.alpn) = (Some(tls), alpn);
        wire
    }

    fn new(transport: Transport, socket: Arc<SocketDigest>, limits: PaceLimits, permit: Permit) -> Self {
        Self {
            transport,
            unsent: BytesMut::new(),
            ahead: BytesMut::new(),
            end: None,
            line: None,
            frames: None,
            limits,
            incoming: Pace::default(),
            outgoing: Pace::default(),
            stall: None,
            half_closed: None,
            answered: false,
            socket,
            tls: None,
            alpn: None,
            permit: Some(permit),
        }
    }

    /// Counts the frames that come from here on, as HTTP/2's.
    pub(super) fn count_frames(&mut self, metrics: Arc<Metrics>) {
        self.frames = Some(Box::new((FrameMeter::new(), ResetScan::new(), metrics)));
    }

    /// Returns when this many bytes have come; they are still to be read.
    pub(super) async fn read_ahead(&mut self, bytes: usize) -> io::Result<()> {
        let mut ahead = BytesMut::with_capacity(bytes);
        while ahead.len() < bytes {
            if self.read_buf(&mut ahead).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        self.ahead = ahead;
        Ok(())
    }

    /// What has been read and belongs to no request yet: the next one begins with it.
    pub(super) fn take_ahead(&mut self) -> BytesMut {
        // Whatever comes is part of a head until that is whole.
        self.end = None;
        self.line = None;
        std::mem::take(&mut self.ahead)
    }

    /// A request begins. `received` has its head, of `head` bytes, and is cut where the request ends.
    ///
    /// # Errors
    /// Its body is not what its head says.
    pub(super) fn begin(
        &mut self,
        received: &mut BytesMut,
        head: usize,
        framing: BodyFraming,
        upgrade: bool,
    ) -> io::Result<()> {
        let mut end = BodyEnd::of(framing);
        let taken = end.take(received.get(head..).unwrap_or_default()).map_err(|_| malformed())?;
        if head + taken < received.len() {
            self.ahead = received.split_off(head + taken);
        }
        self.line = (upgrade || !end.is_reached()).then(Arc::default);
        self.end = Some(end);
        self.incoming = Pace::default();
        self.outgoing = Pace::default();
        Ok(())
    }

    /// Reads what is part of the request; after its end, waits for the client to go away.
    fn poll_read_request(&mut self, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { transport, ahead, end: Some(end), line, incoming, limits, .. } = self else {
            return Poll::Ready(Ok(()));
        };
        let before = buf.filled().len();
        if end.is_reached() {
            // What is read here is the beginning of the next request; one is enough.
            if !ahead.is_empty() {
                return Poll::Pending;
            }
            ready!(transport.connection().poll_read(cx, buf))?;
            let early = buf.filled().get(before..).unwrap_or_default();
            if early.is_empty() {
                return Poll::Ready(Ok(()));
            }
            ahead.extend_from_slice(early);
            buf.set_filled(before);
            return Poll::Pending;
        }
        match transport.connection().poll_read(cx, buf) {
            Poll::Pending => {
                incoming.waits();
                line.iter().for_each(|line| line.waits());
                return Poll::Pending;
            }
            Poll::Ready(outcome) => outcome?,
        }
        line.iter().for_each(|line| line.reads());
        let fresh = buf.filled().get(before..).unwrap_or_default();
        incoming.moves(fresh.len(), limits)?;
        let taken = end.take(fresh).map_err(|_| malformed())?;
        ahead.extend_from_slice(fresh.get(taken..).unwrap_or_default());
        buf.set_filled(before + taken);
        Poll::Ready(Ok(()))
    }

    /// Writes to the transport, as long as the client takes something now and then.
    fn poll_write_out(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.answered = true;
        match self.transport.connection().poll_write(cx, bytes) {
            Poll::Ready(written) => {
                self.stall = None;
                let written = written?;
                if let Some(silence) = &mut self.half_closed {
                    silence.as_mut().reset(Instant::now() + HALF_CLOSED);
                }
                if let Some((frames, resets, metrics)) = self.frames.as_deref_mut() {
                    frames.wrote(written);
                    for _ in 0..resets.wrote(bytes.get(..written).unwrap_or_default()) {
                        metrics.malformed(Malformed::Stream);
                    }
                }
                if self.end.is_some() {
                    self.outgoing.moves(written, &self.limits)?;
                }
                Poll::Ready(Ok(written))
            }
            Poll::Pending => {
                if self.end.is_some() {
                    self.outgoing.waits();
                }
                self.poll_stall(cx).map(Err)
            }
        }
    }

    fn poll_stall(&mut self, cx: &mut Context<'_>) -> Poll<io::Error> {
        let grace = self.limits.grace;
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(grace)));
        stall.as_mut().poll(cx).map(|()| io::ErrorKind::TimedOut.into())
    }

    fn poll_send_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let unsent = std::mem::take(&mut self.unsent);
            let sent = self.poll_write_out(cx, &unsent);
            self.unsent = unsent;
            match ready!(sent)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.unsent.advance(n),
            }
        }
        // An idle connection holds no buffer.
        self.unsent = BytesMut::new();
        Poll::Ready(Ok(()))
    }
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the body is not the chunked coding")
}

fn socket_digest(stream: &TcpStream, peer: SocketAddr) -> Arc<SocketDigest> {
    let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
    // Known from accept(): saves a getpeername per request.
    let _ = digest.peer_addr.set(Some(PeerAddr::Inet(peer)));
    Arc::new(digest)
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if let Some(silence) = &mut self.half_closed {
            return silence.as_mut().poll(cx).map(Ok);
        }
        let tunnel = self.line.as_ref().is_some_and(|line| line.is_tunnel());
        if tunnel {
            self.end = None;
        }
        if self.end.is_some() {
            return self.poll_read_request(cx, buf);
        }
        let before = buf.filled().len();
        if self.ahead.is_empty() {
            ready!(self.transport.connection().poll_read(cx, buf))?;
        } else {
            let taken = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(taken));
        }
        if let Some((frames, _, metrics)) = self.frames.as_deref_mut()
            && frames.take(buf.filled().get(before..).unwrap_or_default()).is_err()
        {
            metrics.flooded();
            return Poll::Ready(Err(io::Error::other("more frames than a client has reason to send")));
        }
        if tunnel && buf.filled().len() == before {
            return self.half_closed.insert(Box::pin(sleep(HALF_CLOSED))).as_mut().poll(cx).map(Ok);
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.unsent.len() + buf.len() > GATHER {
            ready!(self.poll_send_unsent(cx))?;
        }
        if buf.len() >= GATHER {
            return self.poll_write_out(cx, buf);
        }
        self.unsent.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_unsent(cx))?;
        match self.transport.connection().poll_flush(cx) {
            Poll::Ready(flushed) => {
                self.stall = None;
                Poll::Ready(flushed)
            }
            Poll::Pending => self.poll_stall(cx).map(Err),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_unsent(cx))?;
        self.transport.connection().poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for Wire {
    async fn shutdown(&mut self) {
        let (transport, unsent) = (self.transport.take(), std::mem::take(&mut self.unsent));
        farewell(transport, unsent, self.permit.take()).await;
    }
}

/// A failed request ends its connection without a word; what was answered is to be read all the same.
impl Drop for Wire {
    fn drop(&mut self) {
        if self.answered
            && self.transport.is_open()
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let (transport, unsent) = (self.transport.take(), std::mem::take(&mut self.unsent));
            runtime.spawn(farewell(transport, unsent, self.permit.take()));
        }
    }
}

impl UniqueID for Wire {
    fn id(&self) -> UniqueIDType {
        self.transport.tcp().map_or(-1, AsRawFd::as_raw_fd)
    }
}

impl Ssl for Wire {
    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.tls.clone()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.alpn.clone()
    }
}

impl GetTimingDigest for Wire {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        Vec::new()
    }
}

impl GetProxyDigest for Wire {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.line.as_ref()?.digest()
    }
}

impl GetSocketDigest for Wire {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(self.socket.clone())
    }
}

impl Peek for Wire {}
