//! From a [`Forward`] to a connection: which address, under which name, within which time.
//!
//! Host and SNI are the row's domain whatever is dialled. Connections are pooled by address, SNI and group key, so
//! they are never shared between domains, not even clear-text ones.

mod resolver;

use hashbrown::{DefaultHashBuilder, HashMap};
use pingora_core::{protocols::ALPN, upstreams::peer::HttpPeer};
use resolver::Resolver;
use std::{
    hash::BuildHasher,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::runtime::Handle;
use verge_router::{
    Forward, Origin,
    origin::{Dial, DialHost, Domain, Protocol, Scheme, Timeouts, may_dial},
};

/// Streams of one HTTP/2 connection to an origin.
const MAX_H2_STREAMS: usize = 100;

/// The operator's time limits, where a row names none.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DialTimeouts {
    pub(crate) connect: Duration,
    pub(crate) read: Duration,
    pub(crate) write: Duration,
    pub(crate) idle: Duration,
}

/// The operator's part of dialling.
#[derive(Debug)]
pub(crate) struct DialRules {
    /// `[origins.connect]`: exempt from every check on addresses.
    pub(crate) connect: HashMap<Domain, Dial>,
    /// Whether loopback may be dialled for a row.
    pub(crate) loopback: bool,
    pub(crate) timeouts: DialTimeouts,
}

/// Opens nothing itself: says what pingora is to open.
pub(crate) struct Dialer {
    resolver: Resolver,
    rules: DialRules,
    /// Makes group keys, which mean nothing outside this process.
    groups: DefaultHashBuilder,
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
    pub(crate) fn new(rules: DialRules, background: Handle) -> Result<Self, resolver::ResolverError> {
        Ok(Self { resolver: Resolver::new(background)?, rules, groups: DefaultHashBuilder::default() })
    }

    /// What to connect to for the given attempt, counted from 0: another address each time, where there are several.
    pub(crate) async fn peer(&self, forward: &Forward, attempt: usize) -> Result<Box<HttpPeer>, DialError> {
        self.peer_of(forward.origin(), attempt).await
    }

    /// The same for an operator, who tries a row before any request asks for it.
    pub(crate) async fn peer_of(&self, origin: &Origin, attempt: usize) -> Result<Box<HttpPeer>, DialError> {
        let operator = self.rules.connect.get(origin.domain());
        let dial = operator.or(origin.connect());
        let port = dial.and_then(|dial| dial.port).unwrap_or(origin.port());
        let address = match dial.map(|dial| &dial.host) {
            Some(DialHost::Address(address)) => *address,
            Some(DialHost::Name(name)) => self.address(name, operator.is_some(), attempt).await?,
            None => self.address(origin.domain(), false, attempt).await?,
        };
        let tls = origin.scheme() == Scheme::Https;
        let mut peer = HttpPeer::new(SocketAddr::new(address, port), tls, origin.domain().as_str().to_owned());
        peer.group_key = self.groups.hash_one((origin.domain(), origin.protocol()));
        let Timeouts { connect, read, write, idle } = origin.timeouts();
        let defaults = &self.rules.timeouts;
        let connect = connect.unwrap_or(defaults.connect);
        peer.options.connection_timeout = Some(connect);
        peer.options.total_connection_timeout = Some(connect);
        peer.options.read_timeout = Some(read.unwrap_or(defaults.read));
        peer.options.write_timeout = Some(write.unwrap_or(defaults.write));
        peer.options.idle_timeout = Some(idle.unwrap_or(defaults.idle));
        peer.options.max_h2_streams = MAX_H2_STREAMS;
        peer.options.alpn = match (origin.protocol(), tls) {
            (Protocol::H2, _) => ALPN::H2,
            (Protocol::Auto, true) => ALPN::H2H1,
            (Protocol::H1, _) | (Protocol::Auto, false) => ALPN::H1,
        };
        Ok(Box::new(peer))
    }

    async fn address(&self, name: &Domain, exempt: bool, attempt: usize) -> Result<IpAddr, DialError> {
        let known = self.resolver.resolve(name).await;
        let fit = |address: &&IpAddr| exempt || may_dial(**address, self.rules.loopback);
        let count = known.addresses.iter().filter(fit).count();
        if let Some(address) = known.addresses.iter().filter(fit).nth(attempt % count.max(1)) {
            return Ok(*address);
        }
        Err(match known.addresses.first() {
            Some(address) => DialError::Forbidden(name.clone(), *address),
            None => DialError::Unresolvable(name.clone(), known.error.clone().unwrap_or_default()),
        })
    }
}
