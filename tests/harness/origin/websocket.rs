//! An origin that speaks WebSocket (RFC 6455), as far as an echo must.

use crate::certs::Certificate;
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// Agrees to every handshake, sends every message back, answers pings, and repeats a close before it ends.
pub struct WebSocket {
    address: SocketAddr,
    handshakes: Arc<AtomicUsize>,
}

impl WebSocket {
    /// Serves over TLS, HTTP/1.1.
    pub async fn start(certificate: &Certificate) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let tls = TlsAcceptor::from(certificate.server_config(&["http/1.1"]));
        let handshakes = Arc::<AtomicUsize>::default();
        let shaken = handshakes.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, shaken) = (tls.clone(), shaken.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = tls.accept(stream).await {
                        let _ = converse(stream, &shaken).await;
                    }
                });
            }
        });
        Self { address, handshakes }
    }

    /// How many handshakes it has agreed to.
    #[must_use]
    pub fn handshakes(&self) -> usize {
        self.handshakes.load(Ordering::Acquire)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, shaken: &AtomicUsize) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    shaken.fetch_add(1, Ordering::AcqRel);
    // What the key is answered with is between client and origin; nobody here looks at it.
    let agreed = "HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    stream.write_all(agreed.as_bytes()).await?;
    loop {
        let (opcode, payload) = read_frame(&mut stream).await?;
        let answer = if opcode == 9 { 10 } else { opcode };
        let mut frame = vec![0x80 | answer];
        match payload.len() {
            length @ ..126 => frame.push(u8::try_from(length).unwrap()),
            length => {
                frame.push(126);
                frame.extend(u16::try_from(length).unwrap().to_be_bytes());
            }
        }
        frame.extend(payload);
        stream.write_all(&frame).await?;
        stream.flush().await?;
        if opcode == 8 {
            return stream.shutdown().await;
        }
    }
}

/// A client's frame, unmasked.
async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<(u8, Vec<u8>)> {
    let opcode = stream.read_u8().await? & 0x0f;
    let length = match stream.read_u8().await? & 0x7f {
        126 => usize::from(stream.read_u16().await?),
        length => usize::from(length),
    };
    let mut mask = [0; 4];
    stream.read_exact(&mut mask).await?;
    let mut payload = vec![0; length];
    stream.read_exact(&mut payload).await?;
    for (at, byte) in payload.iter_mut().enumerate() {
        *byte ^= mask[at % 4];
    }
    Ok((opcode, payload))
}
