//! Names to addresses, beside the requests: an answer is kept for its TTL, renewed in the background after it, and the
//! last good one goes on while the name server is away.

use super::{by_domain::ByDomain, health::Health};
use crate::telemetry;
use arc_swap::ArcSwapOption;
use hickory_resolver::{
    TokioResolver,
    config::{NameServerConfig, ResolverConfig},
    net::runtime::TokioRuntimeProvider,
};
use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{runtime::Handle, sync::Mutex};
use verge_router::origin::Domain;

/// A TTL below or above these is taken as these.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(300);

/// How long a failed lookup is not repeated.
const FAILED: Duration = Duration::from_secs(1);

/// A lookup that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(3);

/// The resolver cannot be set up.
#[derive(Debug, thiserror::Error)]
#[error("the system's resolver configuration cannot be read: {0}")]
pub(crate) struct ResolverError(String);

/// What is known about a name.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) addresses: Vec<IpAddr>,
    /// Why there are none.
    pub(crate) error: Option<String>,
    fresh_until: Instant,
}

/// A name, with what is known of it.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    known: ArcSwapOption<Known>,
    /// Held by whoever looks the name up while no address is known; the others wait for its answer.
    first: Mutex<()>,
    renewing: AtomicBool,
    pub(super) health: Health,
}

/// Resolves and remembers. The names come from the table and the configuration, so their number is bounded.
pub(crate) struct Resolver {
    dns: TokioResolver,
    entries: ByDomain<Entry>,
    background: Handle,
}

impl Resolver {
    /// Asks these name servers, or the system's where there are none.
    pub(crate) fn new(servers: &[SocketAddr], background: Handle) -> Result<Self, ResolverError> {
        let _guard = background.enter();
        let builder = match servers {
            [] => TokioResolver::builder_tokio(),
            servers => {
                let servers = servers.iter().map(|server| at(*server)).collect();
                let config = ResolverConfig::from_name_servers(servers);
                Ok(TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()))
            }
        };
        let dns = builder.and_then(|builder| builder.build()).map_err(|error| ResolverError(error.to_string()))?;
        Ok(Self { dns, entries: ByDomain::default(), background })
    }

    /// What is known of a name.
    pub(super) fn entry(&self, name: &Domain) -> Arc<Entry> {
        self.entries.get(name)
    }

    /// The addresses of a name. Waits only where none is known.
    pub(super) async fn resolve(&self, name: &Domain, entry: &Arc<Entry>) -> Arc<Known> {
        if let Some(known) = entry.usable() {
            if Instant::now() >= known.fresh_until && !entry.renewing.swap(true, Ordering::AcqRel) {
                self.look_up(name.clone(), entry.clone());
            }
            return known;
        }
        let _first = entry.first.lock().await;
        if let Some(known) = entry.usable() {
            return known;
        }
        let lookup = self.look_up(name.clone(), entry.clone());
        match lookup.await {
            Ok(known) => known,
            Err(error) => Arc::new(Known::failed(error.to_string())),
        }
    }

    fn look_up(&self, name: Domain, entry: Arc<Entry>) -> tokio::task::JoinHandle<Arc<Known>> {
        let dns = self.dns.clone();
        self.background.spawn(async move {
            // A trailing dot: the name is complete, the search list must not turn it into another.
            let query = format!("{name}.");
            let found = match tokio::time::timeout(PATIENCE, dns.lookup_ip(query)).await {
                Ok(Ok(answer)) => {
                    let ttl = answer.valid_until().saturating_duration_since(Instant::now());
                    Known {
                        addresses: answer.iter().collect(),
                        error: None,
                        fresh_until: Instant::now() + ttl.clamp(SHORTEST, LONGEST),
                    }
                }
                Ok(Err(error)) if error.is_nx_domain() => Known::failed("there is no such name".to_owned()),
                Ok(Err(error)) if error.is_no_records_found() => Known::failed("the name has no address".to_owned()),
                Ok(Err(error)) => Known::failed(error.to_string()),
                Err(_) => Known::failed(format!("no answer within {PATIENCE:?}")),
            };
            if found.addresses.is_empty() {
                telemetry::lookup_failed();
            }
            let last = entry.known.load_full();
            let known = match last {
                // A failure never replaces an address that was good.
                Some(last) if found.addresses.is_empty() && !last.addresses.is_empty() => {
                    Arc::new(Known { fresh_until: found.fresh_until, ..Known::clone(&last) })
                }
                _ => Arc::new(found),
            };
            entry.known.store(Some(known.clone()));
            entry.renewing.store(false, Ordering::Release);
            known
        })
    }
}

/// A name server at an address.
fn at(server: SocketAddr) -> NameServerConfig {
    let mut config = NameServerConfig::udp_and_tcp(server.ip());
    config.connections.iter_mut().for_each(|connection| connection.port = server.port());
    config
}

impl Entry {
    /// What is known, where it can be relied on: addresses however old they are, that there are none only for a while.
    fn usable(&self) -> Option<Arc<Known>> {
        self.known.load_full().filter(|known| !known.addresses.is_empty() || Instant::now() < known.fresh_until)
    }
}

impl Known {
    fn failed(error: String) -> Self {
        Self { addresses: Vec::new(), error: Some(error), fresh_until: Instant::now() + FAILED }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_is_forgotten_after_a_while() {
        let resolver = Resolver::new(&[], Handle::current()).unwrap();
        let name = Domain::parse("localhost").unwrap();
        let entry = resolver.entry(&name);
        entry.known.store(Some(Arc::new(Known::failed("just now".into()))));
        assert_eq!(resolver.resolve(&name, &entry).await.error.as_deref(), Some("just now"));
        let old = Known { fresh_until: Instant::now(), ..Known::failed("long ago".into()) };
        entry.known.store(Some(Arc::new(old)));
        assert_ne!(resolver.resolve(&name, &entry).await.error.as_deref(), Some("long ago"));
    }
}
