//! From a [`Forward`] to a connection: which address, under which name, within which time.
//!
//! Host and SNI are the row's domain whatever is dialled. Connections are pooled by address, SNI and group key, so
//! they are never shared between domains, not even clear-text ones.

mod by_domain;
mod health;
mod load;
mod resolver;

use crate::proof::Identities;
use by_domain::ByDomain;
use hashbrown::{DefaultHashBuilder, HashMap};
use load::Load;
use pingora_core::{protocols::ALPN, upstreams::peer::HttpPeer};
use resolver::{Entry, Resolver};
use std::{
    hash::BuildHasher,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::runtime::Handle;
use verge_router::{
    Forward, Origin,
    origin::{Dial, DialHost, Domain, Protocol, Scheme, Timeouts, may_dial},
};

pub(crate) use load::{LoadLimits, NoPlace, Place};

/// Streams of one HTTP/2 connection to an origin.
const MAX_H2_STREAMS: usize = 100;

/// The operator's time limits, where a row names none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DialTimeouts {
    pub(crate) connect: Duration,
    pub(crate) read: Duration,
    pub(crate) write: Duration,
    pub(crate) idle: Duration,
    pub(crate) total: Duration,
}

/// The operator's part of dialling.
#[derive(Debug)]
pub(crate) struct DialRules {
    /// `[origins.connect]`: exempt from every check on addresses.
    pub(crate) connect: HashMap<Domain, Dial>,
    /// Whether loopback may be dialled for a row.
    pub(crate) loopback: bool,
    pub(crate) timeouts: DialTimeouts,
    pub(crate) load: LoadLimits,
    /// Name servers; none for the system's.
    pub(crate) dns: Vec<SocketAddr>,
}

/// Opens nothing itself: says what pingora is to open.
pub(crate) struct Dialer {
    resolver: Resolver,
    rules: DialRules,
    loads: ByDomain<Load>,
    identities: Arc<Identities>,
    /// Makes group keys, which mean nothing outside this process.
    groups: DefaultHashBuilder,
}

/// What to connect to, and how that was found.
pub(crate) struct Dialled {
    pub(crate) peer: Box<HttpPeer>,
    /// `None` where an address was given, not a name.
    pub(crate) way: Option<Way>,
}

/// One of the addresses of a name: what becomes of it is remembered for the next request.
pub(crate) struct Way {
    name: Arc<Entry>,
    address: IpAddr,
    others: bool,
}

/// Why an origin cannot be dialled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum DialError {
    /// The name has no address.
    #[error("`{0}` does not resolve: {1}")]
    Unresolvable(Domain, String),
    /// All its addresses are of a kind that is never dialled.
    #[error("`{0}` resolves to {1} only, which is never dialled")]
    Forbidden(Domain, IpAddr),
}

impl Dialer {
    /// Lookups run on `background`, never on a serving thread.
    ///
    /// # Errors
    /// The system's resolver configuration cannot be read.
    pub(crate) fn new(
        rules: DialRules,
        identities: Arc<Identities>,
        background: Handle,
    ) -> Result<Self, resolver::ResolverError> {
        let resolver = Resolver::new(&rules.dns, background)?;
        Ok(Self { resolver, rules, identities, loads: ByDomain::default(), groups: DefaultHashBuilder::default() })
    }

    /// The client certificates that origins are shown.
    pub(crate) fn identities(&self) -> &Arc<Identities> {
        &self.identities
    }

    /// Takes a place at an origin, or keeps the one that is there; waits a while where all are taken.
    ///
    /// # Errors
    /// They still are.
    pub(crate) async fn enter(&self, forward: &Forward, held: Option<Place>) -> Result<Place, NoPlace> {
        let load = self.loads.get(forward.origin().domain());
        match held.filter(|place| place.is_at(&load)) {
            Some(place) => Ok(place),
            None => load.enter(&self.rules.load).await,
        }
    }

    /// How long a whole exchange with the origin may take.
    pub(crate) fn total(&self, forward: &Forward) -> Duration {
        forward.origin().timeouts().total.unwrap_or(self.rules.timeouts.total)
    }

    /// What to connect to, with so much time left: an address that took no connection lately only where there is no other.
    pub(crate) async fn peer(&self, forward: &Forward, rest: Duration) -> Result<Dialled, DialError> {
        self.peer_of(forward.origin(), rest).await
    }

    /// The same for an operator, who tries a row before any request asks for it.
    pub(crate) async fn peer_of(&self, origin: &Origin, rest: Duration) -> Result<Dialled, DialError> {
        let operator = self.rules.connect.get(origin.domain());
        let dial = operator.or(origin.connect());
        let port = dial.and_then(|dial| dial.port).unwrap_or(origin.port());
        let way = match dial.map(|dial| &dial.host) {
            Some(DialHost::Address(address)) => Err(*address),
            Some(DialHost::Name(name)) => Ok(self.way(name, operator.is_some()).await?),
            None => Ok(self.way(origin.domain(), false).await?),
        };
        let address = way.as_ref().map_or_else(|address| *address, |way| way.address);
        let tls = origin.scheme() == Scheme::Https;
        let mut peer = HttpPeer::new(SocketAddr::new(address, port), tls, origin.domain().as_str().to_owned());
        let identity = self.identities.of(origin.domain()).filter(|_| tls);
        let reading = identity.as_ref().map(|identity| identity.reading);
        peer.group_key = self.groups.hash_one((origin.domain(), origin.protocol(), reading));
        peer.client_cert_key = identity.map(|identity| identity.pair.clone());
        let Timeouts { connect, read, write, idle, total: _ } = origin.timeouts();
        let defaults = &self.rules.timeouts;
        let connect = connect.unwrap_or(defaults.connect).min(rest);
        peer.options.connection_timeout = Some(connect);
        peer.options.total_connection_timeout = Some(connect);
        peer.options.read_timeout = Some(read.unwrap_or(defaults.read).min(rest));
        peer.options.write_timeout = Some(write.unwrap_or(defaults.write).min(rest));
        peer.options.idle_timeout = Some(idle.unwrap_or(defaults.idle));
        peer.options.max_h2_streams = MAX_H2_STREAMS;
        peer.options.alpn = match (origin.protocol(), tls) {
            (Protocol::H2, _) => ALPN::H2,
            (Protocol::Auto, true) => ALPN::H2H1,
            (Protocol::H1, _) | (Protocol::Auto, false) => ALPN::H1,
        };
        Ok(Dialled { peer: Box::new(peer), way: way.ok() })
    }

    async fn way(&self, name: &Domain, exempt: bool) -> Result<Way, DialError> {
        let entry = self.resolver.entry(name);
        let known = self.resolver.resolve(name, &entry).await;
        let fit = |address: &IpAddr| exempt || may_dial(*address, self.rules.loopback);
        let fitting = known.addresses.iter().copied().filter(fit);
        if let Some(address) = entry.health.pick(fitting.clone(), Instant::now()) {
            return Ok(Way { others: fitting.take(2).count() > 1, name: entry, address });
        }
        Err(match known.addresses.first() {
            Some(address) => DialError::Forbidden(name.clone(), *address),
            None => DialError::Unresolvable(name.clone(), known.error.clone().unwrap_or_default()),
        })
    }
}

impl Way {
    /// The address took no connection: it is set back for a while; for how long, where that is news.
    pub(crate) fn failed(&self) -> Option<Duration> {
        self.name.health.failed(self.address, Instant::now())
    }

    /// The address took a connection.
    pub(crate) fn succeeded(&self) {
        self.name.health.succeeded(self.address);
    }

    /// Whether the name has other addresses.
    pub(crate) fn has_others(&self) -> bool {
        self.others
    }

    /// The address.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }
}
