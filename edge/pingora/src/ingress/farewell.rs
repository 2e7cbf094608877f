//! The end of a connection, in stages (RFC 9112 §9.6): ours first, then what the client still sends is read for a while,
//! so that its last bytes do not make the kernel throw away an answer it has not read.

use crate::listen::Permit;
use bytes::BytesMut;
use pingora_timeout::timeout;
use std::{io, pin::Pin, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, Empty},
    net::TcpStream,
};
use tokio_rustls::server::TlsStream;

/// What is still read, and for how long, after our last byte.
const LINGER_BYTES: usize = 64 * 1024;
pub(super) const LINGER: Duration = Duration::from_secs(1);

/// What a connection runs over.
#[derive(Debug)]
pub(super) enum Transport {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Closed(Empty),
}

/// What all transports are.
pub(super) trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

impl Transport {
    pub(super) fn connection(&mut self) -> Pin<&mut dyn Connection> {
        match self {
            Self::Tcp(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(stream.as_mut()),
            Self::Closed(nothing) => Pin::new(nothing),
        }
    }

    pub(super) fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Closed(_) => None,
        }
    }

    pub(super) fn is_open(&self) -> bool {
        !matches!(self, Self::Closed(_))
    }

    /// Leaves nothing behind.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::Closed(tokio::io::empty()))
    }
}

/// Sends what is left to be sent, and closes. A client that does not read has had its chance; one that is gone need not
/// be told. The place in the count of connections is kept until the end.
pub(super) async fn farewell(mut transport: Transport, unsent: BytesMut, _permit: Option<Permit>) {
    let last_words = async {
        let mut connection = transport.connection();
        connection.write_all(&unsent).await?;
        connection.shutdown().await?;
        let mut drained = 0;
        let mut sink = [0; 4096];
        while drained < LINGER_BYTES {
            match connection.read(&mut sink).await? {
                0 => break,
                n => drained += n,
            }
        }
        Ok::<(), io::Error>(())
    };
    let _ = timeout(LINGER, last_words).await;
}
