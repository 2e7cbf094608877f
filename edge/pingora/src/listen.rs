//! Sockets and the threads that serve them.
//!
//! One thread a core, each with a runtime, a proxy and a pool of upstream connections of its own: a request stays on
//! the thread that accepted it, and nothing on its way is shared but what is only read. All threads accept from the
//! same sockets. See docs/decisions/0001-own-accept-loop.md.

use crate::{
    ingress::{Ingress, IngressLimits, Wire},
    proxy::Verge,
    telemetry::Metrics,
};
use pingora_core::{
    apps::HttpServerApp,
    server::{ShutdownWatch, configuration::ServerConf},
};
use pingora_proxy::{HttpProxy, http_proxy};
use pingora_timeout::timeout;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use socket2::{Domain, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;

/// Connections that wait to be accepted; the kernel's own bound (`somaxconn`) applies besides.
const BACKLOG: i32 = 4096;

/// How long accepting pauses when the process is out of descriptors.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

/// A public listener.
#[derive(Clone)]
pub(crate) struct Listener {
    socket: Arc<StdListener>,
    tls: Option<TlsAcceptor>,
}

/// What keeps a listener from opening.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ListenError {
    /// Somebody else has the port.
    #[error("{0} is taken by another process; stop it, or choose another address")]
    Taken(SocketAddr),
    /// Ports below 1024 need a privilege.
    #[error("{0} needs a privilege this process does not have (ports below 1024 need CAP_NET_BIND_SERVICE)")]
    Denied(SocketAddr),
    /// Anything else.
    #[error("{0} cannot be opened: {1}")]
    Other(SocketAddr, io::Error),
    /// A certificate or key.
    #[error("{}: {reason}", .path.display())]
    Certificate {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// Opens a socket for listening.
pub(crate) fn bind(address: SocketAddr) -> Result<StdListener, ListenError> {
    let open = || {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        // A restart must not wait for the last process's connections to time out.
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        Ok(StdListener::from(socket))
    };
    open().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::Taken(address),
        io::ErrorKind::PermissionDenied => ListenError::Denied(address),
        _ => ListenError::Other(address, error),
    })
}

impl Listener {
    /// A clear-text listener.
    pub(crate) fn http(address: SocketAddr) -> Result<Self, ListenError> {
        Ok(Self { socket: Arc::new(bind(address)?), tls: None })
    }

    /// A TLS listener: TLS 1.2 and 1.3, HTTP/2 and HTTP/1.1 by ALPN.
    pub(crate) fn https(address: SocketAddr, certificate: &Path, key: &Path) -> Result<Self, ListenError> {
        let tls = TlsAcceptor::from(Arc::new(server_config(certificate, key)?));
        Ok(Self { socket: Arc::new(bind(address)?), tls: Some(tls) })
    }

    /// Where it listens; the port is real where 0 was asked.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }
}

fn server_config(certificate: &Path, key: &Path) -> Result<ServerConfig, ListenError> {
    let refuse = |path: &Path, reason: String| ListenError::Certificate { path: path.to_owned(), reason };
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(|certificates| certificates.collect::<Result<Vec<_>, _>>())
        .map_err(|error| refuse(certificate, format!("the certificate cannot be read: {error}")))?;
    if chain.is_empty() {
        return Err(refuse(certificate, "there is no certificate in this file (PEM is expected)".into()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| refuse(key, format!("the private key cannot be read: {error}")))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(chain, private))
        .map_err(|error| refuse(certificate, format!("certificate and key do not make a pair: {error}")))?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// Connections open now, over all threads; who drains waits for none.
#[derive(Debug, Default)]
pub(crate) struct OpenConnections {
    count: AtomicUsize,
    none: Notify,
}

impl OpenConnections {
    /// Takes a place, where there is one.
    fn enter(self: &Arc<Self>, most: usize) -> Option<Place> {
        let place = Place(self.clone());
        (self.count.fetch_add(1, Ordering::AcqRel) < most).then_some(place)
    }

    /// Returns when no connection is open.
    pub(crate) async fn drained(&self) {
        loop {
            let none = self.none.notified();
            if self.count.load(Ordering::Acquire) == 0 {
                return;
            }
            none.await;
        }
    }

    /// How many are open.
    pub(crate) fn count(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }
}

struct Place(Arc<OpenConnections>);

impl Drop for Place {
    fn drop(&mut self) {
        if self.0.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.none.notify_waiters();
        }
    }
}

/// What each serving thread is made of.
pub(crate) struct Serving {
    pub(crate) listeners: Vec<Listener>,
    pub(crate) limits: IngressLimits,
    pub(crate) max_connections: usize,
    pub(crate) open: Arc<OpenConnections>,
    pub(crate) conf: Arc<ServerConf>,
    pub(crate) shutdown: ShutdownWatch,
}

impl Serving {
    /// Starts one thread for each of these proxies, which differ only in what they count.
    ///
    /// # Errors
    /// A thread or its runtime cannot be made.
    pub(crate) fn start(&self, proxies: Vec<Verge>) -> io::Result<Vec<JoinHandle<()>>> {
        proxies
            .into_iter()
            .enumerate()
            .map(|(number, verge)| {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                let thread = Thread {
                    metrics: verge.metrics.clone(),
                    // Made here, so that the trust roots have been read when this returns.
                    proxy: Arc::new(http_proxy(&self.conf, verge)),
                    listeners: self.listeners.clone(),
                    limits: self.limits,
                    max_connections: self.max_connections,
                    open: self.open.clone(),
                    shutdown: self.shutdown.clone(),
                };
                std::thread::Builder::new().name(format!("verge-serve-{number}")).spawn(move || thread.run(&runtime))
            })
            .collect()
    }
}

struct Thread {
    proxy: Arc<HttpProxy<Verge>>,
    metrics: Arc<Metrics>,
    listeners: Vec<Listener>,
    limits: IngressLimits,
    max_connections: usize,
    open: Arc<OpenConnections>,
    shutdown: ShutdownWatch,
}

impl Thread {
    fn run(self, runtime: &Runtime) {
        runtime.block_on(async {
            let ingress = Arc::new(Ingress::new(self.proxy.clone(), self.limits, self.metrics.clone()));
            for listener in self.listeners {
                let accepting = Accepting {
                    tls: listener.tls,
                    ingress: ingress.clone(),
                    metrics: self.metrics.clone(),
                    open: self.open.clone(),
                    max_connections: self.max_connections,
                    handshake: self.limits.head_timeout,
                    shutdown: self.shutdown.clone(),
                };
                match listener.socket.try_clone().and_then(TcpListener::from_std) {
                    Ok(socket) => drop(tokio::spawn(accepting.run(socket))),
                    Err(error) => tracing::error!(%error, "a listener could not be shared with a serving thread"),
                }
            }
            let mut shutdown = self.shutdown;
            let _ = shutdown.wait_for(|down| *down).await;
            self.proxy.http_cleanup().await;
            self.open.drained().await;
        });
    }
}

/// Accepts from one socket on one thread.
struct Accepting {
    tls: Option<TlsAcceptor>,
    ingress: Arc<Ingress>,
    metrics: Arc<Metrics>,
    open: Arc<OpenConnections>,
    max_connections: usize,
    handshake: Duration,
    shutdown: ShutdownWatch,
}

impl Accepting {
    async fn run(self, socket: TcpListener) {
        let this = Arc::new(self);
        let mut shutdown = this.shutdown.clone();
        loop {
            let accepted = tokio::select! {
                biased;
                accepted = socket.accept() => accepted,
                _ = shutdown.wait_for(|down| *down) => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    // Over the limit: closing at once costs the least and says the most.
                    let Some(place) = this.open.enter(this.max_connections) else { continue };
                    let this = this.clone();
                    tokio::spawn(async move {
                        let _place = place;
                        this.metrics.connected();
                        this.serve(stream, peer).await;
                    });
                }
                // The peer gave up before we got to it.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    tracing::warn!(%error, "accepting failed; trying again shortly");
                    tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
                }
            }
        }
    }

    async fn serve(&self, stream: TcpStream, peer: SocketAddr) {
        // An answer leaves when it is flushed; Nagle would only delay the last segment.
        let _ = stream.set_nodelay(true);
        let wire = match &self.tls {
            None => Wire::tcp(stream, peer),
            Some(acceptor) => match timeout(self.handshake, acceptor.accept(stream)).await {
                Ok(Ok(stream)) => Wire::tls(stream, peer),
                _ => {
                    self.metrics.handshake_failed();
                    return;
                }
            },
        };
        self.ingress.serve(wire, &self.shutdown).await;
    }
}
