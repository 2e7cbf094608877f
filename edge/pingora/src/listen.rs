//! Sockets and the threads that serve them.
//!
//! One thread a core, each with a runtime, a proxy and a pool of upstream connections of its own: a request stays on
//! the thread that accepted it, and nothing on its way is shared but what is only read. All threads accept from the
//! same sockets. See docs/decisions/0001-own-accept-loop.md.

pub mod announced;
mod certificates;
mod clients;
pub(crate) mod descriptors;
mod permits;
mod requests;
mod tls;

use crate::{
    ingress::{Ingress, Wire},
    telemetry::Waited,
};
use arc_swap::ArcSwap;
use pingora_core::server::ShutdownWatch;
use pingora_timeout::timeout;
use socket2::{Domain, Socket, Type};
use std::{
    io,
    net::{SocketAddr, TcpListener as StdListener},
    path::PathBuf,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};
use tokio::net::{TcpListener, TcpStream};
use verge_router::origin::Cidr;

use certificates::Certificates;
pub(crate) use certificates::{Files, read_pairs};
use clients::Clients;
pub(crate) use permits::{Full, OpenConnections, Permit, PermitLimits};
pub(crate) use requests::{RequestLimits, Requests, UnderWay};
pub(crate) use tls::{AskClients, Tls};

/// Connections that wait to be accepted; the kernel's own bound (`somaxconn`) applies besides.
const BACKLOG: i32 = 4096;

/// How long accepting pauses when the process is out of descriptors.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(50);

/// A public listener.
#[derive(Clone)]
pub(crate) struct Listener {
    socket: Arc<StdListener>,
    tls: Option<Tls>,
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
    /// TLS as a whole.
    #[error("TLS cannot be spoken: {0}")]
    Tls(rustls::Error),
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
    /// A clear-text listener on a socket that is open.
    pub(crate) fn http(socket: StdListener) -> Self {
        Self { socket: Arc::new(socket), tls: None }
    }

    /// A TLS listener on a socket that is open.
    pub(crate) fn https(socket: StdListener, tls: Tls) -> Self {
        Self { socket: Arc::new(socket), tls: Some(tls) }
    }

    /// Its TLS, where it speaks any.
    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
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

/// The way from one serving thread's sockets to its proxy, which a reload switches.
pub(crate) struct Lane {
    ingress: ArcSwap<Ingress>,
}

impl Lane {
    pub(crate) fn new(ingress: Arc<Ingress>) -> Arc<Self> {
        Arc::new(Self { ingress: ArcSwap::new(ingress) })
    }

    /// Leads new connections there.
    pub(crate) fn switch(&self, ingress: Arc<Ingress>) {
        self.ingress.store(ingress);
    }
}

/// What all serving threads are made of.
pub(crate) struct Serving {
    pub(crate) listeners: Vec<Listener>,
    /// Balancers that say for whom they connect, where they do.
    pub(crate) balancers: Option<Arc<[Cidr]>>,
    pub(crate) open: Arc<OpenConnections>,
    pub(crate) shutdown: ShutdownWatch,
}

impl Serving {
    /// Starts one thread for each lane.
    ///
    /// # Errors
    /// A thread or its runtime cannot be made.
    pub(crate) fn start(&self, lanes: &[Arc<Lane>]) -> io::Result<Vec<JoinHandle<()>>> {
        let start = |(number, lane): (usize, &Arc<Lane>)| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let acceptors = self
                .listeners
                .iter()
                .map(|listener| {
                    let acceptor = Acceptor {
                        tls: listener.tls.clone(),
                        balancers: self.balancers.clone(),
                        lane: lane.clone(),
                        open: self.open.clone(),
                        shutdown: self.shutdown.clone(),
                    };
                    Ok((listener.socket.try_clone()?, acceptor))
                })
                .collect::<io::Result<Vec<_>>>()?;
            let (open, shutdown) = (self.open.clone(), self.shutdown.clone());
            std::thread::Builder::new()
                .name(format!("verge-serve-{number}"))
                .spawn(move || runtime.block_on(serve(acceptors, open, shutdown)))
        };
        lanes.iter().enumerate().map(start).collect()
    }
}

/// One serving thread, from its start until the last connection of the process is closed.
async fn serve(acceptors: Vec<(StdListener, Acceptor)>, open: Arc<OpenConnections>, mut shutdown: ShutdownWatch) {
    for (socket, acceptor) in acceptors {
        match TcpListener::from_std(socket) {
            Ok(socket) => drop(tokio::spawn(Arc::new(acceptor).run(socket))),
            Err(error) => tracing::error!(%error, "a listener could not be shared with a serving thread"),
        }
    }
    let _ = shutdown.wait_for(|down| *down).await;
    open.drained().await;
}

/// Accepts from one socket on one thread.
struct Acceptor {
    tls: Option<Tls>,
    balancers: Option<Arc<[Cidr]>>,
    lane: Arc<Lane>,
    open: Arc<OpenConnections>,
    shutdown: ShutdownWatch,
}

impl Acceptor {
    async fn run(self: Arc<Self>, socket: TcpListener) {
        let mut shutdown = self.shutdown.clone();
        let mut starved = false;
        loop {
            let accepted = tokio::select! {
                biased;
                accepted = socket.accept() => accepted,
                _ = shutdown.wait_for(|down| *down) => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let ingress = self.lane.ingress.load_full();
                    starved = false;
                    // Who comes through a balancer is known when it has said so.
                    let client = self.balancers.is_none().then(|| peer.ip());
                    // Over a limit: closing at once costs the least and says the most.
                    let permit = match self.open.enter(client, &ingress.limits().permits) {
                        Ok(permit) => permit,
                        Err(full) => {
                            ingress.metrics().turned_away(full);
                            continue;
                        }
                    };
                    let this = self.clone();
                    tokio::spawn(async move {
                        ingress.metrics().connected();
                        this.serve(stream, peer, permit, &ingress).await;
                    });
                }
                // The peer gave up before we got to it.
                Err(error)
                    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) => {}
                Err(error) => {
                    self.lane.ingress.load().metrics().accept_failed();
                    // Said once, however long it lasts.
                    if !std::mem::replace(&mut starved, true) {
                        tracing::warn!(%error, "accepting fails; connections wait until it works again");
                    }
                    tokio::time::sleep(OUT_OF_DESCRIPTORS).await;
                }
            }
        }
    }

    async fn serve(&self, mut stream: TcpStream, peer: SocketAddr, mut permit: Permit, ingress: &Arc<Ingress>) {
        // An answer leaves when it is flushed; Nagle would only delay the last segment.
        let _ = stream.set_nodelay(true);
        let limits = ingress.limits();
        let peer = match &self.balancers {
            Some(balancers) => match self.announced(&mut stream, peer, balancers, &mut permit, ingress).await {
                Ok(client) => client,
                Err(full) => return ingress.metrics().turned_away(full),
            },
            None => peer,
        };
        let Some(tls) = &self.tls else {
            return ingress.serve(Wire::tcp(stream, peer, limits.pace, permit)).await;
        };
        let handshake = match self.open.shake_hands(&limits.permits) {
            Ok(handshake) => handshake,
            Err(full) => return ingress.metrics().turned_away(full),
        };
        match timeout(limits.handshake_timeout, tls.acceptor.accept(stream)).await {
            Ok(Ok(stream)) => {
                drop(handshake);
                let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
                let subject = shown.filter(|_| tls.tells_subject).and_then(clients::subject);
                ingress.serve(Wire::tls(stream, peer, subject, limits.pace, permit)).await;
            }
            Ok(Err(_)) => ingress.metrics().handshake_failed(),
            Err(_) => {
                ingress.metrics().handshake_failed();
                ingress.metrics().timed_out(Waited::Handshake);
            }
        }
    }

    /// For whom a balancer connects.
    async fn announced(
        &self,
        stream: &mut TcpStream,
        peer: SocketAddr,
        balancers: &[Cidr],
        permit: &mut Permit,
        ingress: &Ingress,
    ) -> Result<SocketAddr, Full> {
        if !balancers.iter().any(|network| network.contains(peer.ip())) {
            return Err(Full::Unannounced);
        }
        let limits = ingress.limits();
        let client = match timeout(limits.handshake_timeout, announced::read(stream)).await {
            Ok(Ok(Some(client))) => client,
            // The balancer itself has no share that a client could use up.
            Ok(Ok(None)) => return Ok(peer),
            Ok(Err(_)) => return Err(Full::Unannounced),
            Err(_) => {
                ingress.metrics().timed_out(Waited::Handshake);
                return Err(Full::Unannounced);
            }
        };
        permit.name(client.ip(), &limits.permits).map(|()| client)
    }
}
