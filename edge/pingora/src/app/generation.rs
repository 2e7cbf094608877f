//! What one configuration makes of the serving threads: limits, dialling rules, trust. A reload makes another
//! generation; connections of the old one finish the request they carry and close.

use crate::{
    breaker::Breakers,
    cli::{Exit, Failure},
    dial::{DialRules, DialTimeouts, Dialer, LoadLimits},
    explain::Rules,
    ingress::{HeadLimits, Ingress, IngressLimits, PaceLimits},
    listen::{OpenConnections, PermitLimits, RequestLimits},
    proof::{Identities, Locks, Proofs, Signers},
    proxy::{self, Canary, Verge},
    telemetry::Metrics,
    trust::Bundle,
    usage::Usage,
};
use pingora_core::{
    apps::HttpServerOptions,
    connectors::{ConnectorOptions, TransportConnector},
    server::configuration::ServerConf,
};
use pingora_proxy::http_proxy;
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    runtime::{Handle, Runtime},
    sync::watch,
};
use verge_config::{AccessLog, Config, Origins};
use verge_mappings::{ConsumerPins, LiveTable};
use verge_router::proxies::TrustedProxies;

/// Idle upstream connections kept by each serving thread.
const UPSTREAM_POOL: usize = 512;

/// What generations have in common.
pub(crate) struct Shared<'a> {
    pub(crate) table: &'a Arc<LiveTable>,
    /// One for each serving thread.
    pub(crate) metrics: &'a [Arc<Metrics>],
    pub(crate) breakers: &'a Arc<Breakers>,
    pub(crate) pins: &'a Arc<ConsumerPins>,
    pub(crate) usage: &'a Arc<Usage>,
    pub(crate) open: &'a Arc<OpenConnections>,
}

/// The serving side of one configuration.
pub(crate) struct Generation {
    /// One for each serving thread, in their order.
    ingresses: Vec<Arc<Ingress>>,
    rules: Arc<Rules>,
    over: watch::Sender<bool>,
}

impl Generation {
    /// Prepares everything; nothing is served by it yet.
    pub(crate) fn new(config: &Config, shared: &Shared<'_>, background: &Runtime) -> Result<Self, Failure> {
        let Shared { table, metrics, breakers, pins, usage, open } = *shared;
        let (over, shutdown) = watch::channel(false);
        let dialer = Arc::new(dialer(&config.origins, background.handle())?);
        let proofs = Arc::new(proofs(config, background)?);
        let roots = roots(&config.origins)?;
        let conf = Arc::new(server_conf(&roots));
        let logs_access = config.log.access != AccessLog::Off;
        let consumer: Arc<[_]> = config.usage.consumer.clone().into();
        let trusted = Arc::new(TrustedProxies::new(config.listen.trusted.clone()));
        let rules = Arc::new(Rules::open(config)?);
        let ingresses = metrics
            .iter()
            .enumerate()
            .map(|(thread, metrics)| {
                let verge = Verge {
                    table: table.clone(),
                    pins: pins.clone(),
                    dialer: dialer.clone(),
                    max_body: config.limits.body,
                    limits: limits(config),
                    logs_access,
                    metrics: metrics.clone(),
                    usage: usage.clone(),
                    consumer: consumer.clone(),
                    requests: open.requests().clone(),
                    proofs: proofs.clone(),
                    trusted: trusted.clone(),
                    canary: Canary { thread, breakers: breakers.clone(), overrides: rules.overrides().clone() },
                };
                let mut proxy = http_proxy(&conf, verge);
                proxy.server_options = Some(server_options());
                Arc::new(Ingress::new(Arc::new(proxy), limits(config), logs_access, metrics.clone(), shutdown.clone()))
            })
            .collect();
        if !config.origins.proofs.identities.is_empty() {
            let metrics = metrics.first().cloned().unwrap_or_default();
            background.spawn(Identities::follow(Arc::downgrade(dialer.identities()), metrics));
        }
        let limits = &config.limits;
        open.requests().limit(RequestLimits { in_flight: limits.in_flight, memory: limits.memory });
        Ok(Self { ingresses, rules, over })
    }

    /// The threads' parts, in their order.
    pub(crate) fn ingresses(&self) -> &[Arc<Ingress>] {
        &self.ingresses
    }

    /// What an explanation needs of it.
    pub(crate) fn rules(&self) -> &Arc<Rules> {
        &self.rules
    }

    /// Ends its connections, each after the request it carries. Those that carry none are closed after a moment, or,
    /// with `patience`, when that is over or they have carried one more.
    pub(crate) async fn retire(&self, patience: Option<Duration>) {
        for ingress in self.ingresses.iter().filter(|_| patience.is_some()) {
            ingress.be_patient(patience.unwrap_or_default());
        }
        let _ = self.over.send(true);
        for ingress in &self.ingresses {
            ingress.retire().await;
        }
    }
}

fn limits(config: &Config) -> IngressLimits {
    let limits = &config.limits;
    IngressLimits {
        head: HeadLimits { head: limits.head, fields: limits.fields, target: limits.target },
        head_timeout: limits.head_timeout,
        idle_timeout: limits.idle_timeout,
        handshake_timeout: limits.handshake_timeout,
        tunnel_timeout: limits.tunnel_timeout,
        request_timeout: limits.request_timeout,
        pace: PaceLimits { grace: limits.body_timeout, rate: limits.body_rate },
        permits: PermitLimits {
            connections: limits.connections,
            per_address: limits.connections_per_address,
            handshakes: limits.handshakes,
        },
    }
}

/// CONNECT is not proxied: the router refuses it. But it may come that far, for pingora's own refusal would be bare.
fn server_options() -> HttpServerOptions {
    let mut options = HttpServerOptions::default();
    options.allow_connect_method_proxying = true;
    options
}

/// What is proven to origins on a request's head.
fn proofs(config: &Config, background: &Runtime) -> Result<Proofs, Failure> {
    let proofs = &config.origins.proofs;
    Ok(Proofs { locks: Locks::open(&proofs.locks)?, signers: Signers::start(&proofs.signs, background)? })
}

/// Decides what is dialled for an origin.
pub(crate) fn dialer(origins: &Origins, background: &Handle) -> Result<Dialer, Failure> {
    let timeouts = &origins.timeouts;
    let rules = DialRules {
        connect: origins.connect.iter().cloned().collect(),
        loopback: origins.rules.loopback,
        timeouts: DialTimeouts {
            connect: timeouts.connect,
            read: timeouts.read,
            write: timeouts.write,
            idle: timeouts.idle,
            total: timeouts.total,
        },
        load: LoadLimits { in_flight: origins.load.in_flight, queue: origins.load.queue },
        dns: origins.dns.clone(),
    };
    let identities = Identities::open(&origins.proofs.identities)
        .map_err(|error| Failure::new(Exit::Config, format!("[[origins.identity]]: {error}")))?;
    Dialer::new(rules, identities, background.clone()).map_err(|error| Failure::new(Exit::Failed, error))
}

/// Opens single connections to origins, just as the proxy opens its own.
pub(crate) fn connector(origins: &Origins) -> Result<TransportConnector, Failure> {
    let roots = roots(origins)?;
    Ok(TransportConnector::new(Some(ConnectorOptions::from_server_conf(&server_conf(&roots)))))
}

fn roots(origins: &Origins) -> Result<Bundle, Failure> {
    Bundle::gather(origins.ca.as_deref().map(Path::new)).map_err(|error| Failure::new(Exit::Config, error))
}

/// What pingora is told; its server, its signals and its files are not used.
fn server_conf(roots: &Bundle) -> ServerConf {
    ServerConf {
        threads: 1,
        work_stealing: false,
        ca_file: Some(roots.path()),
        upstream_keepalive_pool_size: UPSTREAM_POOL,
        max_retries: proxy::MAX_ATTEMPTS,
        ..ServerConf::default()
    }
}
