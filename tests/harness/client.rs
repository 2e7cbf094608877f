//! Clients: a socket that sends exactly the bytes it is given, and HTTP/2 over TLS.

use crate::{
    message::{Answer, Request},
    patience::within,
};
use bytes::{Buf, Bytes, BytesMut};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Frame, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, pki_types::ServerName};
use std::{
    convert::Infallible,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;

/// What a connection runs over.
trait Transport: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Transport for T {}

/// An HTTP/1 connection on which nothing is written that was not asked for.
pub struct Connection {
    transport: Box<dyn Transport>,
    unread: BytesMut,
}

impl Connection {
    /// Connects in the clear.
    pub async fn open(address: SocketAddr) -> Self {
        let stream = within("a connection", TcpStream::connect(address)).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self { transport: Box::new(stream), unread: BytesMut::new() }
    }

    /// Connects in the clear, from this address of the machine's own.
    pub async fn open_from(source: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source, 0)).unwrap();
        let stream = within("a connection", socket.connect(address)).await.unwrap();
        Self { transport: Box::new(stream), unread: BytesMut::new() }
    }

    /// Connects over TLS, and returns the protocol that was agreed on.
    ///
    /// # Errors
    /// The handshake failed.
    pub async fn open_tls(
        address: SocketAddr,
        name: &str,
        config: Arc<ClientConfig>,
    ) -> io::Result<(Self, Option<Vec<u8>>)> {
        Self::open_tls_after(b"", address, name, config).await
    }

    /// The same, after these bytes in the clear.
    ///
    /// # Errors
    /// The handshake failed.
    pub async fn open_tls_after(
        first: &[u8],
        address: SocketAddr,
        name: &str,
        config: Arc<ClientConfig>,
    ) -> io::Result<(Self, Option<Vec<u8>>)> {
        let stream = tls(first, address, name, config).await?;
        let protocol = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        Ok((Self { transport: Box::new(stream), unread: BytesMut::new() }, protocol))
    }

    /// Sends these bytes.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).await.unwrap();
    }

    /// Sends these bytes to a peer that may be gone.
    ///
    /// # Errors
    /// It is gone.
    pub async fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        within("sending", async {
            self.transport.write_all(bytes.as_ref()).await?;
            self.transport.flush().await
        })
        .await
    }

    /// Sends these bytes again and again until the peer closes, and says how often; what it says meanwhile is not read by
    /// anybody.
    ///
    /// # Panics
    /// It does not close within the patience.
    pub async fn send_until_closed(&mut self, mut bytes: impl FnMut(u32) -> Vec<u8>) -> u32 {
        let (mut from, mut to) = tokio::io::split(&mut self.transport);
        let sent = std::cell::Cell::new(0);
        let sending = async {
            while to.write_all(&bytes(sent.get())).await.is_ok() && to.flush().await.is_ok() {
                sent.set(sent.get() + 1);
            }
        };
        let reading = async {
            let mut sink = vec![0; 16 << 10];
            while matches!(from.read(&mut sink).await, Ok(n) if n > 0) {}
        };
        within("the peer's close", async {
            tokio::select! {
                () = sending => {}
                () = reading => {}
            }
        })
        .await;
        sent.get()
    }

    /// Sends these bytes in small pieces, then says that nothing more will be sent, and returns all that the peer says
    /// until its own end.
    pub async fn exchange(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut heard = self.unread.split().to_vec();
        let (mut from, mut to) = tokio::io::split(&mut self.transport);
        let sending = async {
            for piece in bytes.chunks(7001) {
                to.write_all(piece).await.unwrap();
                to.flush().await.unwrap();
            }
            to.shutdown().await.unwrap();
        };
        let ((), read) = within("the peer's end", async { tokio::join!(sending, from.read_to_end(&mut heard)) }).await;
        read.unwrap();
        heard
    }

    /// Says that nothing more will be sent.
    pub async fn finish_sending(&mut self) {
        self.transport.shutdown().await.unwrap();
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, request: &Request) -> Answer {
        self.send(request.to_http1()).await;
        self.answer_to(&request.method).await.expect("the connection was closed without an answer")
    }

    /// The next answer, to a request of any method but `HEAD`; `None` where the connection ends before one begins.
    pub async fn answer(&mut self) -> Option<Answer> {
        self.answer_to("GET").await
    }

    /// The next answer to a request of this method.
    pub async fn answer_to(&mut self, method: &str) -> Option<Answer> {
        within("an answer", self.read_answer(method)).await
    }

    /// Whether the peer closes the connection; what it still sends is put aside.
    pub async fn is_closed(&mut self) -> bool {
        within("the peer's close", async { while self.fill().await {} }).await;
        true
    }

    /// The next interim or final status, without its body: for `100 Continue`.
    pub async fn head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        within("a head", self.read_head()).await
    }

    /// The next line, without its end; `None` where the peer has closed.
    pub async fn line(&mut self) -> Option<String> {
        within("a line", self.read_line()).await
    }

    /// Reads a little more; whether there was something.
    async fn fill(&mut self) -> bool {
        matches!(self.transport.read_buf(&mut self.unread).await, Ok(n) if n > 0)
    }

    async fn read_head(&mut self) -> Option<(u16, Vec<(String, String)>)> {
        let end = loop {
            if let Some(end) = self.unread.windows(4).position(|four| four == b"\r\n\r\n") {
                break end;
            }
            if !self.fill().await {
                assert!(self.unread.is_empty(), "half a head: {:?}", self.unread);
                return None;
            }
        };
        let head = self.unread.split_to(end + 4);
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut lines = head.trim_end().split("\r\n");
        let status_line = lines.next().unwrap_or_default();
        let status = status_line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status line: {status_line:?}"));
        let field = |line: &str| {
            let (name, value) = line.split_once(':').unwrap_or_else(|| panic!("no field line: {line:?}"));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Some((status, lines.map(field).collect()))
    }

    async fn read_answer(&mut self, method: &str) -> Option<Answer> {
        let mut interim = Vec::new();
        let (status, fields) = loop {
            let (status, fields) = self.read_head().await?;
            if (200..).contains(&status) || status == 101 {
                break (status, fields);
            }
            interim.push(status);
        };
        let mut answer = Answer { status, fields, body: Bytes::new(), trailers: Vec::new(), complete: true, interim };
        let bodyless = method == "HEAD" || matches!(status, 101 | 204 | 304);
        if !bodyless {
            let body = if answer.members("transfer-encoding") == ["chunked"] {
                self.read_chunks().await
            } else if let Some(length) = answer.field("content-length") {
                self.read_exactly(length.parse().unwrap()).await
            } else {
                while self.fill().await {}
                Ok(self.unread.split().freeze())
            };
            (answer.body, answer.complete) = match body {
                Ok(body) => (body, true),
                Err(part) => (part, false),
            };
        }
        Some(answer)
    }

    /// The next so many bytes.
    ///
    /// # Errors
    /// Those that came before the end.
    pub async fn read_exactly(&mut self, length: usize) -> Result<Bytes, Bytes> {
        while self.unread.len() < length {
            if !self.fill().await {
                return Err(self.unread.split().freeze());
            }
        }
        Ok(self.unread.split_to(length).freeze())
    }

    async fn read_line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|two| two == b"\r\n") {
                let line = self.unread.split_to(end);
                self.unread.advance(2);
                return Some(String::from_utf8_lossy(&line).into_owned());
            }
            if !self.fill().await {
                return None;
            }
        }
    }

    async fn read_chunks(&mut self) -> Result<Bytes, Bytes> {
        let mut body = BytesMut::new();
        loop {
            let Some(line) = self.read_line().await else { return Err(body.freeze()) };
            let size = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16);
            let size = size.unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
            if size == 0 {
                while self.read_line().await.is_some_and(|line| !line.is_empty()) {}
                return Ok(body.freeze());
            }
            match self.read_exactly(size + 2).await {
                Ok(chunk) => body.extend_from_slice(&chunk[..size]),
                Err(part) => {
                    body.extend_from_slice(&part);
                    return Err(body.freeze());
                }
            }
        }
    }
}

async fn tls(
    first: &[u8],
    address: SocketAddr,
    name: &str,
    config: Arc<ClientConfig>,
) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
    let mut stream = within("a connection", TcpStream::connect(address)).await?;
    stream.set_nodelay(true)?;
    stream.write_all(first).await?;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    within("a TLS handshake", TlsConnector::from(config).connect(name, stream)).await
}

/// An HTTP/2 connection over TLS.
#[derive(Clone)]
pub struct Http2 {
    sender: http2::SendRequest<BoxBody<Bytes, Infallible>>,
}

/// A request whose body never comes; dropped, it is reset.
pub struct Begun(JoinHandle<bool>);

impl Begun {
    /// Whether the server ends the stream without an answer.
    pub async fn is_reset(mut self) -> bool {
        within("the stream's end", &mut self.0).await.unwrap()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A body that is always about to come.
struct Never;

impl hyper::body::Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}

impl Http2 {
    /// Connects; the server must agree on `h2`.
    pub async fn open(address: SocketAddr, name: &str, config: Arc<ClientConfig>) -> Self {
        let stream = tls(b"", address, name, config).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]), "the server does not speak HTTP/2");
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Self { sender }
    }

    /// Sends a request and waits for its answer.
    pub async fn ask(&mut self, request: &Request) -> Answer {
        self.try_ask(request).await.expect("the stream was ended without an answer")
    }

    /// Sends a request's head, and nothing of its body.
    pub async fn begin(&mut self, request: &Request) -> Begun {
        within("leave to send", self.sender.ready()).await.unwrap();
        let answer = self.sender.send_request(head(request).body(Never.boxed()).unwrap());
        Begun(tokio::spawn(async { answer.await.is_err() }))
    }

    /// Sends a request and waits for its answer; `None` where the stream ends before one begins.
    pub async fn try_ask(&mut self, request: &Request) -> Option<Answer> {
        let builder = head(request);
        let message = builder.body(Full::new(request.body.clone().unwrap_or_default()).boxed()).unwrap();
        self.send(message).await
    }

    /// Asks for a tunnel to an authority (RFC 9113 §8.5), and waits for the answer.
    pub async fn connect(&mut self, authority: &str) -> Answer {
        let head = http::Request::builder().method("CONNECT").uri(authority);
        self.send(head.body(Full::default().boxed()).unwrap()).await.expect("the stream was ended without an answer")
    }

    async fn send(&mut self, message: http::Request<BoxBody<Bytes, Infallible>>) -> Option<Answer> {
        let answer = within("an answer", self.sender.send_request(message)).await.ok()?;
        let (head, mut stream) = answer.into_parts();
        let (mut body, mut trailers) = (BytesMut::new(), http::HeaderMap::new());
        let complete = loop {
            match within("the body", stream.frame()).await {
                None => break true,
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(part) => body.extend_from_slice(&part),
                    Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
                },
                Some(Err(_)) => break false,
            }
        };
        Some(Answer {
            status: head.status.as_u16(),
            fields: lines(&head.headers),
            body: body.freeze(),
            trailers: lines(&trailers),
            complete,
            interim: Vec::new(),
        })
    }
}

fn lines(fields: &http::HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    fields.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}

fn head(request: &Request) -> http::request::Builder {
    let uri = format!("https://{}{}", request.host, request.target);
    let start = http::Request::builder().method(request.method.as_str()).uri(uri);
    request.fields.iter().fold(start, |builder, (name, value)| builder.header(name, value))
}
