//! Envoy itself, with the filter in it: a listener for each table, all of them in one process.

mod bootstrap;

use self::bootstrap::{Listener, bootstrap};
use crate::{
    Edge, NotAsked,
    clock::Clock,
    origin::Origin,
    rows::has_pins,
    seen::{Asked, Seen},
    tables::TableServer,
    wire::{LISTENER, Wire},
};
use std::{
    collections::BTreeMap,
    env,
    net::{SocketAddr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};
use tokio::runtime::Builder;
use verge_tests::{certs::Authority, corpus::Fixture, patience::eventually_in, scratch::Scratch};

pub(crate) struct Envoy {
    child: Child,
    /// By table, and whether TLS is spoken.
    wires: BTreeMap<(String, bool), Wire>,
    origin: Origin,
    clock: Clock,
    log: PathBuf,
    _scratch: Scratch,
}

/// How long it may take to begin: each table is a machine of its own.
const PATIENCE: Duration = Duration::from_secs(180);

impl Envoy {
    /// `tls`: the tables that are asked over TLS too.
    pub(crate) fn start(
        fixtures: &BTreeMap<String, Arc<Fixture>>,
        tls: &[&str],
        authority: &Authority,
        origin: &Origin,
    ) -> Self {
        let program = env::var("ENVOY").expect("ENVOY: where the program is");
        let filter = PathBuf::from(env::var("FILTER").unwrap_or_else(|_| "dist/verge_envoy.wasm".to_owned()));
        let filter = filter.canonicalize().expect("dist/verge_envoy.wasm: `make wasm` makes it");
        let tables = TableServer::start(fixtures);
        let certificate = authority.certify(&[LISTENER]);
        let asked: Vec<(&Fixture, bool)> = fixtures
            .values()
            .flat_map(|fixture| [(&**fixture, false), (&**fixture, true)])
            .filter(|(fixture, secure)| !secure || tls.contains(&&*fixture.name))
            .collect();
        let mut wires = BTreeMap::new();
        let mut listeners = Vec::new();
        for ((fixture, secure), address) in asked.iter().zip(free(asked.len())) {
            let config = authority.client_config(&["http/1.1"]);
            let wire = if *secure { Wire::over_tls(address, config) } else { Wire::to(address) };
            wires.insert((fixture.name.clone(), *secure), wire);
            listeners.push(Listener { address, certificate: secure.then_some(&certificate), fixture });
        }
        let scratch = Scratch::new();
        let config = bootstrap(&listeners, &filter, origin, authority, tables.address);
        let file = scratch.write("envoy.json", config.to_string());
        let log = scratch.path().join("envoy.log");
        let clock = Clock::new();
        let child = Command::new(program)
            .args(["--concurrency", "1", "--log-level", "warn", "--use-dynamic-base-id", "--log-path"])
            .arg(&log)
            .arg("-c")
            .arg(file)
            .envs(clock.environment())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut envoy = Self { child, wires, origin: origin.clone(), clock, log, _scratch: scratch };
        let last = listeners.last().map(|listener| listener.address);
        envoy.wait("Envoy to listen", || last.is_none_or(|address| TcpStream::connect(address).is_ok()));
        // Each listener has a machine in the main thread and one in the worker, and both ask again each second.
        for listener in listeners.iter().filter(|listener| !listener.fixture.before.is_empty()) {
            envoy.wait("Envoy to have its tables", || tables.asked_again(&listener.path()) >= 4);
        }
        envoy
    }

    fn wait(&mut self, what: &str, ready: impl Fn() -> bool) {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(eventually_in(PATIENCE, what, async || {
            let said = || std::fs::read_to_string(&self.log).unwrap_or_default();
            assert!(self.child.try_wait().unwrap().is_none(), "Envoy went: {}", said());
            ready()
        }));
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Edge for Envoy {
    fn name(&self) -> &'static str {
        "envoy"
    }

    fn ask(&mut self, fixture: &Fixture, asked: &Asked) -> Result<Seen, NotAsked> {
        if has_pins(fixture) {
            return Err(NotAsked::known("a table with pins: this edge reads none"));
        }
        if !self.clock.put(asked.now) {
            return Err(NotAsked::known("at another time: there is no compiler of C for its clock"));
        }
        let wire = self.wires.get_mut(&(fixture.name.clone(), asked.tls));
        let wire = wire.ok_or_else(|| NotAsked::Failed("it has no listener for this".to_owned()))?;
        let seen = Seen::over(wire, &self.origin, asked);
        if seen.status == 0 && self.child.try_wait().unwrap().is_some() {
            panic!("Envoy went: {}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
        Ok(seen)
    }
}

/// So many addresses that nobody listens at.
fn free(count: usize) -> Vec<SocketAddr> {
    // All are held until all are found, so that no two are the same.
    let held: Vec<TcpListener> = (0..count).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|listener| listener.local_addr().unwrap()).collect()
}
