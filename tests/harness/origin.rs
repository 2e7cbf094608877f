//! A stand-in for API Gateway: a real server for a few domains, which remembers every request it saw.
//!
//! Like API Gateway it answers 403 to whom it does not know by Host and SNI, before anything else. All else it answers
//! with a description of the request, unless it was told to behave otherwise.

mod behaviour;
mod odd;
mod signature;
mod websocket;
mod wire;

pub use behaviour::{Behaviour, Gate};
pub use odd::{BlackHole, RawOrigin};
pub use signature::Caller;
pub use websocket::WebSocket;

use crate::{
    certs::{Authority, Certificate},
    patience::within,
};
use behaviour::Body;
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::BodyExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt},
    net::TcpListener,
    sync::watch,
};
use tokio_rustls::TlsAcceptor;
use wire::Wire;

/// A request as the origin saw it.
#[derive(Debug, Clone)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query, byte for byte.
    pub target: String,
    /// `Host` or `:authority`.
    pub host: String,
    /// The name in the TLS handshake.
    pub sni: Option<String>,
    /// The client's certificate, as it was sent.
    pub certificate: Option<Vec<u8>>,
    /// `h2` or `http/1.1`.
    pub protocol: &'static str,
    /// All fields, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body, or what came of it.
    pub body: Bytes,
    /// Whether the body came to its end.
    pub complete: bool,
    /// Which connection it came over, counted from 1.
    pub connection: usize,
    /// Which request on that connection it was, counted from 1.
    pub turn: usize,
}

impl Seen {
    /// The one line of a field.
    ///
    /// # Panics
    /// It has several lines.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let lines = self.lines(name);
        assert!(lines.len() <= 1, "`{name}` has several lines: {lines:?}");
        lines.first().copied()
    }

    /// All lines of a field.
    #[must_use]
    pub fn lines(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    }
}

/// What a client showed in its TLS handshake.
#[derive(Debug, Clone, Default)]
struct Client {
    sni: Option<String>,
    certificate: Option<Vec<u8>>,
}

/// What all its connections share.
struct Stage {
    domains: Vec<String>,
    behaviours: Mutex<Vec<(String, Behaviour)>>,
    seen: watch::Sender<Vec<Seen>>,
    connections: watch::Sender<usize>,
}

/// A free port.
const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The stand-in. It ends with the runtime it was started in.
pub struct Origin {
    address: SocketAddr,
    stage: Arc<Stage>,
}

impl Origin {
    /// Serves these domains over TLS, HTTP/2 and HTTP/1.1, with a certificate of this authority.
    pub async fn start(authority: &Authority, domains: &[&str]) -> Self {
        Self::speaking(&["h2", "http/1.1"], &authority.certify(domains), domains).await
    }

    /// Serves these domains with another certificate, or fewer protocols.
    pub async fn speaking(protocols: &[&str], certificate: &Certificate, domains: &[&str]) -> Self {
        Self::listen(ANYWHERE, domains, Some(TlsAcceptor::from(certificate.server_config(protocols)))).await
    }

    /// Serves these domains at this address of the machine's own.
    pub async fn start_at(address: SocketAddr, authority: &Authority, domains: &[&str]) -> Self {
        let tls = TlsAcceptor::from(authority.certify(domains).server_config(&["h2", "http/1.1"]));
        Self::listen(address, domains, Some(tls)).await
    }

    /// Serves these domains to clients with a certificate of an authority alone.
    pub async fn asking(protocols: &[&str], certificate: &Certificate, clients: &Authority, domains: &[&str]) -> Self {
        let tls = TlsAcceptor::from(certificate.server_config_asking(protocols, clients));
        Self::listen(ANYWHERE, domains, Some(tls)).await
    }

    /// Serves these domains in the clear, HTTP/1.1.
    pub async fn in_the_clear(domains: &[&str]) -> Self {
        Self::listen(ANYWHERE, domains, None).await
    }

    async fn listen(address: SocketAddr, domains: &[&str], tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let stage = Arc::new(Stage {
            domains: domains.iter().map(|domain| (*domain).to_owned()).collect(),
            behaviours: Mutex::default(),
            seen: watch::Sender::default(),
            connections: watch::Sender::default(),
        });
        let origin = Self { address: listener.local_addr().unwrap(), stage: stage.clone() };
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let mut number = 0;
                stage.connections.send_modify(|count| {
                    *count += 1;
                    number = *count;
                });
                tokio::spawn(stage.clone().serve(Wire::new(stream), tls.clone(), number));
            }
        });
        origin
    }

    /// Behaves otherwise where the path ends like this.
    #[must_use]
    pub fn on(self, path: &str, behaviour: Behaviour) -> Self {
        self.now_on(path, behaviour);
        self
    }

    /// Changes its behaviour while it runs.
    pub fn now_on(&self, path: &str, behaviour: Behaviour) {
        let mut behaviours = self.stage.behaviours.lock().unwrap();
        behaviours.retain(|(other, _)| other != path);
        behaviours.push((path.to_owned(), behaviour));
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its first domain.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.stage.domains[0]
    }

    /// All its domains.
    #[must_use]
    pub fn domains(&self) -> &[String] {
        &self.stage.domains
    }

    /// Every request so far, in the order in which they were read.
    #[must_use]
    pub fn seen(&self) -> Vec<Seen> {
        self.stage.seen.borrow().clone()
    }

    /// How many requests there have been.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.stage.seen.borrow().len()
    }

    /// The only request there was.
    ///
    /// # Panics
    /// There were none, or several.
    #[must_use]
    pub fn only_seen(&self) -> Seen {
        let seen = self.seen();
        assert_eq!(seen.len(), 1, "the origin should have seen one request: {seen:#?}");
        seen[0].clone()
    }

    /// The last request there was.
    #[must_use]
    pub fn last_seen(&self) -> Seen {
        self.seen().last().cloned().expect("the origin has seen no request")
    }

    /// Waits until so many requests have been seen.
    pub async fn has_seen(&self, count: usize) {
        let mut seen = self.stage.seen.subscribe();
        let _ = within("a request at the origin", seen.wait_for(|seen| seen.len() >= count)).await.unwrap();
    }

    /// Waits until it has accepted so many connections.
    pub async fn has_connections(&self, count: usize) {
        let mut connections = self.stage.connections.subscribe();
        let _ = within("a connection to the origin", connections.wait_for(|now| *now >= count)).await.unwrap();
    }

    /// How many connections it has accepted.
    #[must_use]
    pub fn connections(&self) -> usize {
        *self.stage.connections.borrow()
    }
}

impl Stage {
    async fn serve(self: Arc<Self>, wire: Wire, tls: Option<TlsAcceptor>, connection: usize) {
        let reset = wire.reset_flag();
        let Some(tls) = tls else {
            return self.serve_http(TokioIo::new(wire), "http/1.1", Client::default(), connection, reset).await;
        };
        // Who does not like the certificate hangs up; that is what some tests are about.
        let Ok(stream) = tls.accept(wire).await else { return };
        let session = stream.get_ref().1;
        let sni = session.server_name().map(str::to_owned);
        let certificate = session.peer_certificates().and_then(|chain| chain.first()).map(|leaf| leaf.to_vec());
        let protocol = if session.alpn_protocol() == Some(b"h2") { "h2" } else { "http/1.1" };
        self.serve_http(TokioIo::new(stream), protocol, Client { sni, certificate }, connection, reset).await;
    }

    async fn serve_http<T>(
        self: Arc<Self>,
        io: TokioIo<T>,
        protocol: &'static str,
        client: Client,
        connection: usize,
        reset: wire::ResetFlag,
    ) where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let turns = Arc::new(Mutex::new(0));
        let secure = client.sni.is_some();
        let service = service_fn(move |request: Request<Incoming>| {
            let (stage, client, turns, reset) = (self.clone(), client.clone(), turns.clone(), reset.clone());
            async move {
                let turn = {
                    let mut turns = turns.lock().unwrap();
                    *turns += 1;
                    *turns
                };
                let seen = read(request, client, connection, turn).await;
                let answer = stage.answer(&seen, secure, &reset).await;
                answer.map_err(|()| io::Error::other("told to hang up"))
            }
        });
        // A client that goes away is not the origin's problem.
        if protocol == "h2" {
            let mut server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            let _ = server.max_header_list_size(1 << 20).serve_connection(io, service).await;
        } else {
            let mut connection = hyper::server::conn::http1::Builder::new().serve_connection(io, service);
            if (&mut connection).await.is_err() {
                // TLS is closed as it should be; what has been told to end in a reset stays silent.
                let _ = connection.into_parts().io.into_inner().shutdown().await;
            }
        }
    }

    async fn answer(&self, seen: &Seen, secure: bool, reset: &wire::ResetFlag) -> Result<Response<Body>, ()> {
        self.seen.send_modify(|all| all.push(seen.clone()));
        let host = seen.host.split(':').next().unwrap_or_default();
        let known = self.domains.iter().any(|domain| domain == host) && (!secure || seen.sni.as_deref() == Some(host));
        if !known {
            return Ok(behaviour::forbidden());
        }
        let path = seen.target.split('?').next().unwrap_or_default();
        let found = self.behaviours.lock().unwrap().iter().find(|(end, _)| path.ends_with(end.as_str())).cloned();
        found.map_or(Behaviour::Echo, |(_, behaviour)| behaviour).act(seen, reset).await
    }
}

async fn read(request: Request<Incoming>, client: Client, connection: usize, turn: usize) -> Seen {
    let (head, mut stream) = request.into_parts();
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let host = match head.uri.authority() {
        Some(authority) => authority.to_string(),
        None => head.headers.get(http::header::HOST).map(text).unwrap_or_default(),
    };
    let mut body = Vec::new();
    let complete = loop {
        match stream.frame().await {
            None => break true,
            Some(Ok(frame)) => body.extend_from_slice(&frame.into_data().unwrap_or_default()),
            Some(Err(_)) => break false,
        }
    };
    Seen {
        method: head.method.to_string(),
        target: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
        host,
        sni: client.sni,
        certificate: client.certificate,
        protocol: if head.version == Version::HTTP_2 { "h2" } else { "http/1.1" },
        fields: head.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: body.into(),
        complete,
        connection,
        turn,
    }
}
