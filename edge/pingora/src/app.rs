//! All the wiring: from a configuration to a running proxy, and to its end.

pub(crate) mod sources;

use crate::{
    admin::{Access, Admin},
    cli::{Exit, Failure, config::secret},
    dial::{DialRules, DialTimeouts, Dialer},
    ingress::{HeadLimits, IngressLimits},
    listen::{self, Listener, OpenConnections, Serving},
    proxy::{self, Verge},
    telemetry::{
        self, Metrics,
        access::{self, AccessLayer, Dropped},
    },
    trust::Bundle,
};
use pingora_core::server::configuration::ServerConf;
use sources::Sources;
use std::{
    fs::OpenOptions,
    io::{self, IsTerminal, Write},
    num::NonZeroUsize,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};
use verge_config::{AccessLog, Config, Format};
use verge_mappings::{Held, LiveTable, Store};

/// Threads beside the serving ones: table refresh, DNS, the operator's listeners.
const BACKGROUND_THREADS: usize = 2;

/// How long the listeners wait for a table that is on this machine.
const LOCAL_TABLE: Duration = Duration::from_secs(10);

/// Idle upstream connections kept by each serving thread.
const UPSTREAM_POOL: usize = 512;

/// A running proxy.
pub(crate) struct App {
    background: Runtime,
    threads: Vec<JoinHandle<()>>,
    down: watch::Sender<bool>,
    leaving: Arc<AtomicBool>,
    open: Arc<OpenConnections>,
    drain_wait: Duration,
    drain: Duration,
    addresses: Vec<(&'static str, std::net::SocketAddr)>,
    table: Arc<LiveTable>,
    sources: Sources,
}

impl App {
    /// Opens everything and begins to serve.
    pub(crate) fn start(config: Config) -> Result<Self, Failure> {
        let dropped = start_logs(&config)?;
        telemetry::watch_panics();
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        let background = runtime()?;
        let sources = Sources::open(&config, &background)?;
        let table = Arc::new(sources.live_table(&config));
        let leaving = Arc::new(AtomicBool::new(false));
        let open = Arc::new(OpenConnections::default());
        let (down, shutdown) = watch::channel(false);

        // What is on this machine is read before the listeners open; a store elsewhere never delays them.
        if sources.are_local() {
            let first = background.block_on(async { tokio::time::timeout(LOCAL_TABLE, table.refresh_once()).await });
            if let Ok(Err(error)) = first {
                tracing::warn!(%error, "serving begins without a table");
            }
        }
        background.spawn(table.clone().run({
            let mut shutdown = shutdown.clone();
            async move {
                let _ = shutdown.wait_for(|down| *down).await;
            }
        }));

        let listeners = public_listeners(&config)?;
        let mut addresses = Vec::new();
        for listener in &listeners {
            addresses.push((listener.scheme(), listener.address().map_err(|error| Failure::new(Exit::Failed, error))?));
        }
        let threads = config.listen.threads.map_or_else(cores, NonZeroUsize::get);
        let metrics: Vec<Arc<Metrics>> = (0..threads).map(|_| Arc::default()).collect();
        let dialer = Arc::new(dialer(&config, &background)?);
        let logs_access = config.log.access != AccessLog::Off;
        let proxies: Vec<Verge> = metrics
            .iter()
            .map(|metrics| Verge {
                table: table.clone(),
                dialer: dialer.clone(),
                max_body: config.limits.body,
                logs_access,
                metrics: metrics.clone(),
            })
            .collect();
        let roots = Bundle::gather(config.origins.ca.as_deref().map(Path::new))
            .map_err(|error| Failure::new(Exit::Config, error))?;
        let serving = Serving {
            listeners,
            limits: ingress_limits(&config),
            max_connections: config.limits.connections,
            open: open.clone(),
            conf: Arc::new(server_conf(&roots)),
            shutdown,
        };
        let threads = serving.start(proxies).map_err(|error| Failure::new(Exit::Failed, error))?;
        drop(roots);

        let admin = Arc::new(Admin {
            table: table.clone(),
            threads: metrics,
            open: open.clone(),
            log_dropped: dropped,
            leaving: leaving.clone(),
        });
        for (scheme, address) in &addresses {
            eprintln!("listening on {scheme}://{address}");
        }
        operator_listeners(&config, &admin, &background)?;
        Ok(Self {
            background,
            threads,
            down,
            leaving,
            open,
            drain_wait: config.listen.drain_wait,
            drain: config.listen.drain,
            addresses,
            table,
            sources,
        })
    }

    /// Where it listens, with the scheme.
    pub(crate) fn addresses(&self) -> &[(&'static str, std::net::SocketAddr)] {
        &self.addresses
    }

    /// Whether a table is held.
    pub(crate) fn is_ready(&self) -> bool {
        self.table.is_ready()
    }

    /// Where an API's rows are written.
    pub(crate) fn store(&self, api: &str) -> Option<Arc<dyn Store>> {
        self.sources.store(api)
    }

    /// Has the table read at once.
    pub(crate) fn wake_table(&self) {
        self.table.wake();
    }

    /// Serves until SIGTERM or SIGINT, then drains.
    pub(crate) fn run_until_told(self) -> Result<Exit, Failure> {
        let told = self.background.block_on(async {
            let mut terminate = signal(SignalKind::terminate())?;
            let mut interrupt = signal(SignalKind::interrupt())?;
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            Ok::<_, io::Error>(())
        });
        told.map_err(|error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}")))?;
        self.stop();
        Ok(Exit::Ok)
    }

    /// Readiness red, wait, finish what is in flight, go.
    pub(crate) fn stop(self) {
        self.leaving.store(true, Ordering::Release);
        tracing::info!(open = self.open.count(), "told to stop");
        self.background.block_on(async {
            tokio::time::sleep(self.drain_wait).await;
            let _ = self.down.send(true);
            if tokio::time::timeout(self.drain, self.open.drained()).await.is_err() {
                tracing::warn!(open = self.open.count(), "connections were still open at the end of `drain`");
            }
        });
        if self.open.count() == 0 {
            for thread in self.threads {
                let _ = thread.join();
            }
        }
        self.background.shutdown_timeout(Duration::from_millis(100));
        access::flush();
    }
}

/// Reads the table once, for the commands that look at it without serving.
pub(crate) fn read_table_once(config: &Config) -> Result<Arc<Held>, Failure> {
    let background = runtime()?;
    let sources = Sources::open(config, &background)?;
    let table = sources.live_table(config);
    let outcome = background.block_on(table.refresh_once());
    let held = table.load_full();
    background.shutdown_timeout(Duration::from_millis(100));
    match (outcome, held) {
        (Err(error), _) => Err(Failure::new(Exit::Unavailable, error)),
        (Ok(_), Some(held)) => Ok(held),
        (Ok(_), None) => Err(Failure::new(Exit::Unavailable, table.status().waiting.unwrap_or_default())),
    }
}

pub(crate) fn runtime() -> Result<Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(BACKGROUND_THREADS)
        .thread_name("verge-background")
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("threads cannot be started: {error}")))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// The program's own log on stderr, and the access log where the configuration says.
fn start_logs(config: &Config) -> Result<Dropped, Failure> {
    // Libraries speak up only when something is wrong; what they say of requests is ours to say.
    let own = Targets::new()
        .with_default(tracing::Level::WARN)
        .with_target("verge", level(config))
        .with_target("verge_mappings", level(config))
        .with_target(access::TARGET, tracing_subscriber::filter::LevelFilter::OFF);
    let stderr = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let program = match config.log.format {
        Format::Json => stderr.json().with_filter(own).boxed(),
        Format::Text => stderr.with_ansi(io::stderr().is_terminal()).with_target(false).with_filter(own).boxed(),
    };
    let out: Option<Box<dyn Write + Send>> = match &config.log.access {
        AccessLog::Off => None,
        AccessLog::Stdout => Some(Box::new(io::stdout())),
        AccessLog::Path(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            Some(Box::new(file.map_err(|error| Failure::new(Exit::Config, format!("[log] access: {path}: {error}")))?))
        }
    };
    let (access, dropped) = match out {
        None => (None, Dropped::default()),
        Some(out) => {
            let (layer, dropped) = AccessLayer::start(out).map_err(|error| Failure::new(Exit::Failed, error))?;
            let only = Targets::new().with_target(access::TARGET, tracing::Level::INFO);
            (Some(layer.with_filter(only)), dropped)
        }
    };
    // A second subscriber in one process means a test; the first one goes on.
    let _ = tracing_subscriber::registry().with(program).with(access).try_init();
    Ok(dropped)
}

fn level(config: &Config) -> tracing::Level {
    config.log.level.as_str().parse().unwrap_or(tracing::Level::INFO)
}

fn public_listeners(config: &Config) -> Result<Vec<Listener>, Failure> {
    let http = config.listen.http.iter().map(|address| Listener::http(*address));
    let https = config
        .listen
        .https
        .iter()
        .map(|https| Listener::https(https.address, Path::new(&https.certificate), Path::new(&https.key)));
    http.chain(https)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(Exit::Config, format!("[listen]: {error}")))
}

fn operator_listeners(config: &Config, admin: &Arc<Admin>, background: &Runtime) -> Result<(), Failure> {
    let _guard = background.enter();
    let open = |place: &str, address, access| {
        let refuse = |error: &dyn std::fmt::Display| Failure::new(Exit::Config, format!("[{place}]: {error}"));
        let socket = listen::bind(address).map_err(|error| refuse(&error))?;
        let address = socket.local_addr().map_err(|error| refuse(&error))?;
        background.spawn(admin.clone().serve(socket, access));
        eprintln!("{place} on http://{address}");
        Ok::<_, Failure>(())
    };
    if let Some(settings) = &config.admin {
        let token = settings.token.as_ref().map(|token| secret(token, "[admin] token")).transpose()?;
        open("admin", settings.address, Access::Admin(token.map(Into::into)))?;
    }
    if let Some(settings) = &config.health {
        open("health", settings.address, Access::Health)?;
    }
    Ok(())
}

fn ingress_limits(config: &Config) -> IngressLimits {
    let limits = &config.limits;
    IngressLimits {
        head: HeadLimits { head: limits.head, fields: limits.fields, target: limits.target },
        head_timeout: limits.head_timeout,
        idle_timeout: limits.idle_timeout,
        body_timeout: limits.body_timeout,
    }
}

fn dialer(config: &Config, background: &Runtime) -> Result<Dialer, Failure> {
    let timeouts = &config.origins.timeouts;
    let rules = DialRules {
        connect: config.origins.connect.iter().cloned().collect(),
        loopback: config.origins.rules.loopback,
        timeouts: DialTimeouts {
            connect: timeouts.connect,
            read: timeouts.read,
            write: timeouts.write,
            idle: timeouts.idle,
        },
    };
    Dialer::new(rules, background.handle().clone()).map_err(|error| Failure::new(Exit::Failed, error))
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
