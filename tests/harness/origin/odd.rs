//! Origins that no HTTP library would make: exact bytes, and silence on the lower layers.

use crate::{certs::Certificate, patience::within};
use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
};
use tokio_rustls::TlsAcceptor;

/// Speaks HTTP/1.1 over TLS with exactly these bytes: reads one request head and answers them, then closes.
pub struct RawOrigin {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    heard: Arc<Mutex<Vec<u8>>>,
}

impl RawOrigin {
    /// Answers every request with these bytes.
    pub async fn start(certificate: &Certificate, answer: impl Into<Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let tls = TlsAcceptor::from(certificate.server_config(&["http/1.1"]));
        let origin = Self { address: listener.local_addr().unwrap(), requests: Arc::default(), heard: Arc::default() };
        let answer: Arc<[u8]> = answer.into().into();
        let (requests, heard) = (origin.requests.clone(), origin.heard.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, answer) = (tls.clone(), answer.clone());
                let (requests, heard) = (requests.clone(), heard.clone());
                tokio::spawn(async move {
                    let Ok(mut stream) = tls.accept(stream).await else { return };
                    let mut head = Vec::new();
                    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
                        match stream.read_buf(&mut head).await {
                            Ok(n) if n > 0 => {}
                            _ => return,
                        }
                    }
                    requests.fetch_add(1, Ordering::AcqRel);
                    let _ = stream.write_all(&answer).await;
                    let _ = stream.shutdown().await;
                    // What the proxy still sends is read, so that closing is no reset.
                    let _ = stream.read_to_end(&mut head).await;
                    heard.lock().unwrap().extend(head);
                });
            }
        });
        origin
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Everything it has been sent over connections that are closed.
    #[must_use]
    pub fn heard(&self) -> Vec<u8> {
        self.heard.lock().unwrap().clone()
    }

    /// How many request heads it has read.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Acquire)
    }
}

/// An address that takes no connection and refuses none: its queue is full, so the kernel drops what comes.
pub struct BlackHole {
    address: SocketAddr,
    _socket: TcpListener,
    _queue: Vec<TcpStream>,
}

impl BlackHole {
    /// Digs one.
    pub async fn dig() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let socket = socket.listen(1).unwrap();
        let address = socket.local_addr().unwrap();
        let mut queue = Vec::new();
        // The queue is full when a connection is not made at once.
        let full = async {
            while let Ok(Ok(stream)) =
                tokio::time::timeout(Duration::from_millis(200), TcpStream::connect(address)).await
            {
                queue.push(stream);
            }
        };
        within("a full queue", full).await;
        Self { address, _socket: socket, _queue: queue }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}
