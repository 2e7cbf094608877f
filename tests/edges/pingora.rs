//! The proxy: a live node for the table at hand.

use crate::{
    Edge, NotAsked,
    clock::Clock,
    origin::Origin,
    rows::{has_pins, named, own},
    seen::{Asked, Seen},
    wire::{LISTENER, Wire},
};
use serde_json::Value as Json;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use verge_tests::{
    certs::Authority,
    corpus::Fixture,
    node::{Node, Setup},
    patience::eventually,
};

pub(crate) struct Pingora<'a> {
    runtime: Runtime,
    authority: &'a Authority,
    origin: Origin,
    clock: Clock,
    live: Option<Live>,
}

/// A node, and connections to it.
struct Live {
    fixture: String,
    clear: Wire,
    secure: Wire,
    _node: Node,
}

/// How long a consumer's pin may be loaded, beside its requests.
const PATIENCE: Duration = Duration::from_secs(20);

impl<'a> Pingora<'a> {
    pub(crate) fn new(authority: &'a Authority, origin: Origin) -> Self {
        Self { runtime: Runtime::new().unwrap(), authority, origin, clock: Clock::new(), live: None }
    }

    fn start(&self, fixture: &Fixture) -> Live {
        let first = if fixture.before.is_empty() { &fixture.items } else { &fixture.before };
        let mut setup = Setup::new()
            .document(&fixture.config)
            .rows(first.clone().into())
            .limits("head = \"1MiB\"\nfields = 256")
            .log("access = \"off\"")
            .trusting(self.authority)
            .tls(self.authority, LISTENER);
        for row in named(fixture) {
            setup = setup.dialling_at(&row.domain, if row.clear { self.origin.clear } else { self.origin.secure });
        }
        for (name, value) in self.clock.environment() {
            setup = setup.environment(name, &value);
        }
        let own = own(fixture);
        for (_, path, items) in &own {
            setup.scratch().write(path, Json::from(items.clone()).to_string());
        }
        let node = self.runtime.block_on(async {
            let node = setup.start().await;
            if !fixture.before.is_empty() {
                // A file is read once before a node listens, and once when it begins to follow it.
                let files = 1.0 + u32::try_from(own.len()).map_or(0.0, f64::from);
                let refreshes = async || node.metric("verge_table_refreshes_total").await;
                eventually("the readings of the start", async || refreshes().await >= 2.0 * files).await;
                let before = refreshes().await;
                node.scratch().write("table.json", Json::from(fixture.items.clone()).to_string());
                eventually("the second reading", async || refreshes().await >= before + files).await;
            }
            node
        });
        let tls = self.authority.client_config(&["http/1.1"]);
        Live {
            fixture: fixture.name.clone(),
            clear: Wire::to(node.http()),
            secure: Wire::over_tls(node.https(), tls),
            _node: node,
        }
    }
}

impl Edge for Pingora<'_> {
    fn name(&self) -> &'static str {
        "pingora"
    }

    fn ask(&mut self, fixture: &Fixture, asked: &Asked) -> Result<Seen, NotAsked> {
        if self.live.as_ref().is_none_or(|live| live.fixture != fixture.name) {
            self.clock.put(None);
            self.live = None;
            self.live = Some(self.start(fixture));
        }
        if !self.clock.put(asked.now) {
            return Err(NotAsked::known("at another time: there is no compiler of C for its clock"));
        }
        let Some(live) = &mut self.live else { return Err(NotAsked::Failed("no node".to_owned())) };
        let wire = if asked.tls { &mut live.secure } else { &mut live.clear };
        let started = Instant::now();
        loop {
            let seen = Seen::over(wire, &self.origin, asked);
            // The first request of a consumer has its pin loaded.
            let loads = has_pins(fixture) && seen.code.as_deref() == Some("no_table");
            if !loads || started.elapsed() > PATIENCE {
                return Ok(seen);
            }
        }
    }
}
