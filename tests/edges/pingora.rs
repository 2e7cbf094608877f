//! The proxy: a live node for the table at hand.

use crate::{
    Edge, is_timeless,
    origin::{Origin, domains},
    seen::{Asked, Seen},
    wire::Wire,
};
use serde_json::Value as Json;
use tokio::runtime::Runtime;
use verge_config::{Config, TableSource};
use verge_tests::{
    certs::Authority,
    corpus::Fixture,
    node::{Node, Setup},
};

pub(crate) struct Pingora<'r> {
    runtime: &'r Runtime,
    authority: &'r Authority,
    origin: Origin,
    node: Option<(String, Node, Wire)>,
}

impl<'r> Pingora<'r> {
    pub(crate) const fn new(runtime: &'r Runtime, authority: &'r Authority, origin: Origin) -> Self {
        Self { runtime, authority, origin, node: None }
    }

    fn start(&self, fixture: &Fixture) -> (Node, Wire) {
        let mut setup = Setup::new()
            .document(&fixture.config)
            .rows(fixture.items.clone().into())
            .limits("head = \"1MiB\"\nfields = 256")
            .trusting(self.authority);
        for (domain, clear) in domains(fixture) {
            setup = setup.dialling_at(&domain, if clear { self.origin.clear } else { self.origin.secure });
        }
        for api in &Config::parse(&fixture.document()).unwrap().apis {
            if let Some(TableSource::File { path }) = api.table.as_ref().map(|table| &table.source) {
                let items = fixture.own.get(&api.name).cloned().unwrap_or_default();
                setup.scratch().write(path, Json::from(items).to_string());
            }
        }
        let node = self.runtime.block_on(setup.start());
        let wire = Wire::to(node.http());
        (node, wire)
    }
}

impl Edge for Pingora<'_> {
    fn name(&self) -> &'static str {
        "pingora"
    }

    fn ask(&mut self, fixture: &Fixture, asked: &Asked) -> Option<Seen> {
        let pins =
            fixture.items.iter().any(|item| item["version"].as_str().is_some_and(|key| key.starts_with("#pin#")));
        // Over TLS, from a table's past, and with pins that are loaded beside requests, tests/e2e asks it.
        if !is_timeless(asked) || asked.tls || pins || !fixture.before.is_empty() || !fixture.unread.is_empty() {
            return None;
        }
        if self.node.as_ref().is_none_or(|(name, ..)| *name != fixture.name) {
            self.node = None;
            let (node, wire) = self.start(fixture);
            self.node = Some((fixture.name.clone(), node, wire));
        }
        let (_, _, wire) = self.node.as_mut()?;
        self.origin.answers(&asked.answer);
        let got = wire.ask(&asked.bytes(), asked.method == http::Method::HEAD).ok()?;
        Some(Seen::at(got.status, self.origin.got(), got.fields, &got.body))
    }
}
