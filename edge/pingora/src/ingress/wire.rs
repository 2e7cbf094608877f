//! A client's connection as the proxy sees it: TCP or TLS, one type, with writes gathered until they are flushed.

use async_trait::async_trait;
use bytes::{Buf, BytesMut};
use pingora_core::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType, l4::socket::SocketAddr as PeerAddr, raw_connect::ProxyDigest, tls::SslDigest,
};
use pingora_timeout::timeout;
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
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// What is still read, and for how long, after our last byte.
const LINGER_BYTES: usize = 64 * 1024;
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// Writes are gathered up to this many bytes, so that a head and a short body leave in one segment.
const GATHER: usize = 8 * 1024;

#[derive(Debug)]
enum Transport {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// A client's connection.
#[derive(Debug)]
pub(crate) struct Wire {
    transport: Transport,
    unsent: BytesMut,
    /// Read, and not yet taken.
    ahead: BytesMut,
    socket: Arc<SocketDigest>,
    tls: Option<Arc<SslDigest>>,
    alpn: Option<ALPN>,
}

impl Wire {
    pub(crate) fn tcp(stream: TcpStream, peer: SocketAddr) -> Self {
        let socket = socket_digest(&stream, peer);
        Self::new(Transport::Tcp(stream), socket, None, None)
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>, peer: SocketAddr) -> Self {
        let (tcp, session) = stream.get_ref();
        let socket = socket_digest(tcp, peer);
        let alpn = match session.alpn_protocol() {
            Some(b"h2") => Some(ALPN::H2),
            Some(_) => Some(ALPN::H1),
            None => None,
        };
        let cipher = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str()).unwrap_or("");
        let version = session.protocol_version().and_then(|version| version.as_str()).unwrap_or("");
        let tls = Arc::new(SslDigest::new(cipher, version, None, None, Vec::new()));
        Self::new(Transport::Tls(Box::new(stream)), socket, Some(tls), alpn)
    }

    fn new(transport: Transport, socket: Arc<SocketDigest>, tls: Option<Arc<SslDigest>>, alpn: Option<ALPN>) -> Self {
        Self { transport, unsent: BytesMut::new(), ahead: BytesMut::new(), socket, tls, alpn }
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

    fn transport(&mut self) -> Pin<&mut dyn Connection> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream),
            Transport::Tls(stream) => Pin::new(stream.as_mut()),
        }
    }

    fn poll_send_unsent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.unsent.is_empty() {
            let unsent = std::mem::take(&mut self.unsent);
            let sent = self.transport().poll_write(cx, &unsent);
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

/// What both transports are.
trait Connection: AsyncRead + AsyncWrite + Unpin {}
impl<T: AsyncRead + AsyncWrite + Unpin> Connection for T {}

fn socket_digest(stream: &TcpStream, peer: SocketAddr) -> Arc<SocketDigest> {
    let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
    // Known from accept(): saves a getpeername per request.
    let _ = digest.peer_addr.set(Some(PeerAddr::Inet(peer)));
    Arc::new(digest)
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let taken = self.ahead.len().min(buf.remaining());
            buf.put_slice(&self.ahead.split_to(taken));
            return Poll::Ready(Ok(()));
        }
        self.transport().poll_read(cx, buf)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.unsent.len() + buf.len() > GATHER {
            ready!(self.poll_send_unsent(cx))?;
        }
        if buf.len() >= GATHER {
            return self.transport().poll_write(cx, buf);
        }
        self.unsent.extend_from_slice(buf);
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_unsent(cx))?;
        self.transport().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send_unsent(cx))?;
        self.transport().poll_shutdown(cx)
    }
}

#[async_trait]
impl Shutdown for Wire {
    /// Closes in stages (RFC 9112 §9.6): ours first, then what the client still sends is read for a while, so that
    /// its last bytes do not make the kernel throw away an answer it has not read.
    async fn shutdown(&mut self) {
        let farewell = async {
            AsyncWriteExt::shutdown(self).await?;
            let mut drained = 0;
            let mut sink = [0; 4096];
            while drained < LINGER_BYTES {
                match self.read(&mut sink).await? {
                    0 => break,
                    n => drained += n,
                }
            }
            Ok::<(), io::Error>(())
        };
        // A client that does not read has had its chance; one that is gone need not be told.
        let _ = timeout(LINGER, farewell).await;
    }
}

impl UniqueID for Wire {
    fn id(&self) -> UniqueIDType {
        match &self.transport {
            Transport::Tcp(stream) => stream.as_raw_fd(),
            Transport::Tls(stream) => stream.get_ref().0.as_raw_fd(),
        }
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
        None
    }
}

impl GetSocketDigest for Wire {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        Some(self.socket.clone())
    }
}

impl Peek for Wire {}
