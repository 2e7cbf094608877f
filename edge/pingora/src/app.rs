//! All the wiring: from a configuration to a running proxy, through its reloads, to its end.

pub(crate) mod generation;
mod listeners;
pub(crate) mod logs;
pub(crate) mod sources;
mod told;

use crate::{
    admin::{Admin, Pages},
    breaker::{Breakers, Stores},
    cli::{Exit, Failure, config},
    explain::Rules,
    handover::{Predecessor, Sockets},
    listen::{self, Lane, Listener, OpenConnections, Serving},
    notify,
    telemetry::{self, Metrics, lines},
    usage::Usage,
};
use arc_swap::ArcSwap;
use generation::{Generation, Shared};
use logs::Logs;
use sources::Sources;
use std::{
    io,
    net::SocketAddr,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, sync::watch, task::AbortHandle};
use told::{Replaced, Signals, Told, Watched, start_successor};
use verge_config::{Config, Listen};
use verge_mappings::{ConsumerPins, Held, LiveTable, Store};

/// Threads beside the serving ones: table refresh, DNS, the operator's listeners.
const BACKGROUND_THREADS: usize = 2;

/// How long a thread stays that has built a table.
const BUILDER_STAYS: Duration = Duration::from_millis(500);

/// How long the listeners wait for a table that is on this machine.
const LOCAL_TABLE: Duration = Duration::from_secs(10);

/// How long a predecessor goes on while its successor has no table.
const TABLE_TO_TAKE_OVER: Duration = Duration::from_secs(60);

/// How a process begins.
#[derive(Debug, Default)]
pub(crate) struct Start {
    /// Where a successor asks for the listeners; `None`: there will be none.
    pub(crate) place: Option<PathBuf>,
    /// Whether to take over from who runs there.
    pub(crate) upgrade: bool,
}

/// Why a process ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It was told to.
    Told,
    /// Another one serves in its place.
    Replaced,
}

/// A running proxy.
pub(crate) struct App {
    background: Runtime,
    config: Config,
    signals: Signals,
    logs: Logs,
    sources: Sources,
    table: Arc<LiveTable>,
    metrics: Vec<Arc<Metrics>>,
    breakers: Arc<Breakers>,
    stores: Arc<Stores>,
    pins: Arc<ConsumerPins>,
    usage: Arc<Usage>,
    generation: Generation,
    rules: Arc<ArcSwap<Rules>>,
    lanes: Vec<Arc<Lane>>,
    threads: Vec<JoinHandle<()>>,
    down: watch::Sender<bool>,
    leaving: Arc<AtomicBool>,
    open: Arc<OpenConnections>,
    addresses: Vec<(&'static str, SocketAddr)>,
    operators: Vec<AbortHandle>,
    place: Option<PathBuf>,
    replaced: Replaced,
}

impl App {
    /// Opens everything and begins to serve.
    pub(crate) fn start(config: Config, start: Start) -> Result<Self, Failure> {
        let background = runtime()?;
        let signals = {
            let _guard = background.enter();
            Signals::listen()?
        };
        let logs = Logs::start(&config)?;
        telemetry::watch_panics();
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        if let Some(shortage) = listen::descriptors::shortage(config.limits.connections) {
            tracing::warn!("{shortage}");
        }
        let sources = Sources::open(&config, &background, None)?;
        let table = Arc::new(sources.live_table(&config));
        let open = Arc::new(OpenConnections::default());
        let leaving = Arc::new(AtomicBool::new(false));
        let (down, shutdown) = watch::channel(false);

        background.block_on(table.restore());
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

        let mut sockets = Sockets::default();
        let predecessor = start.place.as_deref().filter(|_| start.upgrade);
        let predecessor = predecessor.map(|place| ask(place, &mut sockets)).transpose()?.flatten();
        if predecessor.is_some() {
            wait_for_table(&table)?;
        }
        let listeners = listeners::public(&config, &mut sockets)?;
        let addresses = listeners
            .iter()
            .map(|listener| Ok((listener.scheme(), listener.address()?)))
            .collect::<io::Result<Vec<_>>>()
            .map_err(|error| Failure::new(Exit::Failed, error))?;
        let threads = config.listen.threads.map_or_else(cores, NonZeroUsize::get);
        let metrics: Vec<Arc<Metrics>> = (0..threads).map(|_| Arc::default()).collect();
        for tls in listeners.iter().filter_map(Listener::tls) {
            tls.follow(background.handle(), &metrics.first().cloned().unwrap_or_default());
        }
        let breakers = Arc::new(Breakers::new(threads, config.canary.breaker));
        let pins = Arc::new(ConsumerPins::new(sources.pins()));
        background.spawn(pins.clone().run());
        let usage = Arc::new(Usage::new(threads));
        let shared =
            Shared { table: &table, metrics: &metrics, breakers: &breakers, pins: &pins, usage: &usage, open: &open };
        let generation = Generation::new(&config, &shared, &background)?;
        background.spawn(open.requests().clone().watch_memory());
        let stores = Arc::new(Stores::new(sources.stores()));
        background.spawn(breakers.clone().run(table.clone(), stores.clone()));
        let lanes: Vec<Arc<Lane>> = generation.ingresses().iter().cloned().map(Lane::new).collect();
        let balancers = config.listen.proxy_protocol.clone().map(Arc::from);
        let serving = Serving { listeners, balancers, open: open.clone(), shutdown };
        let threads = serving.start(&lanes).map_err(|error| Failure::new(Exit::Failed, error))?;

        for (scheme, address) in &addresses {
            eprintln!("listening on {scheme}://{address}");
        }
        let rules = Arc::new(ArcSwap::new(generation.rules().clone()));
        let admin = Arc::new(Admin {
            rules: rules.clone(),
            table: table.clone(),
            breakers: breakers.clone(),
            pins: pins.clone(),
            usage: usage.clone(),
            pages: Pages::default(),
            node: node_name(),
            threads: metrics.clone(),
            open: open.clone(),
            losses: logs.losses(),
            leaving: leaving.clone(),
        });
        let operators = listeners::operators(&config, &mut sockets, &admin, &background)?;
        if let Some(Err(error)) = predecessor.map(Predecessor::replace) {
            tracing::warn!(%error, "who was to be replaced has gone");
        }
        notify::ready();
        let replaced = Replaced::watch(&background, sockets, start.place.clone());
        Ok(Self {
            background,
            config,
            signals,
            logs,
            sources,
            table,
            metrics,
            breakers,
            stores,
            pins,
            usage,
            generation,
            rules,
            lanes,
            threads,
            down,
            leaving,
            open,
            addresses,
            operators,
            place: start.place,
            replaced,
        })
    }

    /// Where it listens, with the scheme.
    pub(crate) fn addresses(&self) -> &[(&'static str, SocketAddr)] {
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

    /// Serves until SIGTERM or SIGINT, or until another process serves in its place, then drains. Follows its configuration file, where it has one: on SIGHUP, and
    /// when the file changes.
    pub(crate) fn run_until_told(mut self, file: Option<&Path>) -> Exit {
        let mut watched = file.map(Watched::new);
        let leave = loop {
            let told = self.background.block_on(self.signals.told(watched.as_mut(), &mut self.replaced));
            match (told, file) {
                (Told::Leave(leave), _) => break leave,
                (Told::Reload, Some(file)) => match self.reload(file) {
                    Ok(()) => tracing::info!(file = %file.display(), "the configuration is reloaded"),
                    Err(failure) => tracing::error!("the configuration stays as it was: {}", failure.message),
                },
                (Told::Succeed, Some(file)) => start_successor(file),
                (Told::Reload | Told::Succeed, None) => {}
            }
        };
        self.stop(leave);
        Exit::Ok
    }

    /// Takes another configuration, whole or not at all. `[listen]`, `[admin]` and `[health]` stay as they were.
    fn reload(&mut self, file: &Path) -> Result<(), Failure> {
        let mut config = config::load(file)?;
        for warning in config.warnings() {
            tracing::warn!("{warning}");
        }
        if config.listen != self.config.listen
            || config.admin != self.config.admin
            || config.health != self.config.health
        {
            tracing::warn!("[listen], [admin] and [health] change with a restart or an upgrade only");
            config.listen.clone_from(&self.config.listen);
        }
        let sources = Sources::open(&config, &self.background, Some(&self.sources))?;
        let Self { table, metrics, breakers, pins, usage, open, .. } = &*self;
        let shared = Shared { table, metrics, breakers, pins, usage, open };
        let generation = Generation::new(&config, &shared, &self.background)?;
        self.logs.reload(&config)?;
        // From here on nothing fails: a table that cannot be read yet leaves the old one serving.
        let outcome = self.background.block_on(sources.replace(&self.table, &config));
        if let Err(error) = outcome {
            tracing::warn!(%error, "the new table is not read yet; the old one goes on serving");
        }
        for (lane, ingress) in self.lanes.iter().zip(generation.ingresses()) {
            lane.switch(ingress.clone());
        }
        let old = std::mem::replace(&mut self.generation, generation);
        self.background.block_on(old.retire(None));
        self.rules.store(self.generation.rules().clone());
        self.breakers.reload(config.canary.breaker);
        self.stores.replace(sources.stores());
        self.pins.replace(sources.pins());
        self.sources = sources;
        self.config = config;
        Ok(())
    }

    /// Readiness red, wait, finish what is in flight, go. Who is replaced is not missed: the successor is ready, so
    /// nothing turns red, and clients get time to leave by themselves.
    pub(crate) fn stop(self, leave: Leave) {
        tracing::info!(open = self.open.count(), ?leave, "this process ends");
        let Listen { drain, mut drain_wait, .. } = self.config.listen;
        let mut patience = None;
        match leave {
            Leave::Told => {
                self.leaving.store(true, Ordering::Release);
                notify::stopping();
                self.replaced.stop(&self.background, self.place.as_deref());
            }
            Leave::Replaced => {
                self.operators.iter().for_each(AbortHandle::abort);
                (drain_wait, patience) = (Duration::ZERO, Some(drain * 4 / 5));
            }
        }
        self.background.block_on(async {
            tokio::time::sleep(drain_wait).await;
            let _ = self.down.send(true);
            self.generation.retire(patience).await;
            if tokio::time::timeout(drain, self.open.drained()).await.is_err() {
                tracing::warn!(open = self.open.count(), "connections were still open at the end of `drain`");
            }
        });
        if self.open.count() == 0 {
            for thread in self.threads {
                let _ = thread.join();
            }
        }
        self.background.shutdown_timeout(Duration::from_millis(100));
        lines::flush();
    }
}

/// What this node goes by where nodes are told apart.
pub(crate) fn node_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").ok().filter(|host| !host.trim().is_empty());
    let host = host.or_else(|| std::env::var("HOSTNAME").ok());
    format!("verge@{}", host.as_deref().map_or("unknown", str::trim))
}

/// Reads the table once, for the commands that look at it without serving.
pub(crate) fn read_table_once(config: &Config) -> Result<Arc<Held>, Failure> {
    let background = runtime()?;
    let sources = Sources::open(config, &background, None)?;
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
        // Tables are built on threads that come and go: while one stays, the allocator keeps what it worked in.
        .thread_keep_alive(BUILDER_STAYS)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Failed, format!("threads cannot be started: {error}")))
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Asks who runs for its listeners.
fn ask(place: &Path, sockets: &mut Sockets) -> Result<Option<Predecessor>, Failure> {
    let predecessor = Predecessor::ask(place, sockets);
    let predecessor = predecessor
        .map_err(|error| Failure::new(Exit::Failed, format!("nothing is taken over: {}: {error}", place.display())))?;
    match &predecessor {
        Some(_) => tracing::info!("this process takes over"),
        None => tracing::warn!(place = %place.display(), "there is nobody to take over from; this process starts anew"),
    }
    Ok(predecessor)
}

/// Who takes over without a table would serve worse than who was there.
fn wait_for_table(table: &LiveTable) -> Result<(), Failure> {
    let begun = Instant::now();
    while !table.is_ready() {
        if begun.elapsed() > TABLE_TO_TAKE_OVER {
            let why = table.status().waiting.unwrap_or_default();
            return Err(Failure::new(Exit::Unavailable, format!("nothing is taken over: there is no table; {why}")));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}
