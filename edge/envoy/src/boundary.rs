//! What Envoy calls, by the proxy-wasm ABI (v0.2.1). One root context in each of its threads holds the configuration and
//! the table; requests are contexts under it.

#![allow(
    unsafe_code,
    reason = "an exported name is unsafe to choose: these are the ABI's, and no other crate exports them"
)]

use crate::{
    asked::{Around, Asked, fields},
    decide::{Decision, Sent, decide},
    edge::Edge,
    edits::Edit,
    fault,
    fetch::{Answer, Fetching},
    host::{self, Body, Head, Level},
    setup::Setup,
    stats::Stats,
};
use std::sync::{Mutex, MutexGuard, PoisonError};
use verge_carry::Reply;

/// What one thread of Envoy's holds. Nothing that is called from in here calls back.
#[derive(Default)]
struct Filter {
    roots: Vec<(u32, Root)>,
    /// In the order of their ids, which grow.
    exchanges: Vec<(u32, Box<Exchange>)>,
}

/// One plugin configuration.
#[derive(Default)]
struct Root {
    edge: Option<Edge>,
    stats: Stats,
    fetching: Fetching,
    count: u64,
}

/// One request and its answer.
struct Exchange {
    root: u32,
    sent: Option<Box<Sent>>,
    /// What is to take the place of the body of an answer of Envoy's.
    body: Option<Vec<u8>>,
}

static FILTER: Mutex<Option<Filter>> = Mutex::new(None);

fn filter() -> MutexGuard<'static, Option<Filter>> {
    FILTER.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What Envoy is to do next with a message.
const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;

#[unsafe(no_mangle)]
extern "C" fn proxy_abi_version_0_2_1() {}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_vm_start(_: u32, _: usize) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_context_create(id: u32, root: u32) {
    let mut filter = filter();
    let Filter { roots, exchanges } = filter.get_or_insert_default();
    if root == 0 {
        roots.push((id, Root::default()));
    } else {
        let place = exchanges.partition_point(|(other, _)| *other < id);
        exchanges.insert(place, (id, Box::new(Exchange { root, sent: None, body: None })));
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_done(_: u32) -> u32 {
    1
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_delete(id: u32) {
    if let Some(filter) = &mut *filter() {
        match filter.exchanges.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(place) => drop(filter.exchanges.remove(place)),
            Err(_) => filter.roots.retain(|(root, _)| *root != id),
        }
    }
}

/// A configuration that cannot be read is refused, and Envoy then refuses its listener.
#[unsafe(no_mangle)]
extern "C" fn proxy_on_configure(id: u32, _: usize) -> u32 {
    u32::from(filter().as_mut().and_then(|filter| filter.root(id)).is_some_and(Root::configure))
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_tick(id: u32) {
    if let Some(Root { edge: Some(edge), stats, fetching, .. }) = filter().as_mut().and_then(|filter| filter.root(id)) {
        fetching.ask(edge, millis(), stats);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_http_call_response(id: u32, token: u32, _: usize, _: usize, _: usize) {
    if let Some(Root { edge: Some(edge), stats, fetching, .. }) = filter().as_mut().and_then(|filter| filter.root(id)) {
        let status = host::field(Head::Called, ":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        let (etag, table) = (host::field(Head::Called, "etag"), host::field(Head::Called, "verge-table"));
        let body = if status == 200 { host::bytes(Body::Called) } else { None };
        fetching.answered(token, Answer { status, etag, table, body }, edge, millis(), stats);
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_request_headers(id: u32, _: usize, _: u32) -> u32 {
    match filter().as_mut().and_then(|filter| filter.exchange(id)) {
        Some((exchange, root)) => exchange.take_request(root),
        // What nothing is known of is let through by nobody.
        None => PAUSE,
    }
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_headers(id: u32, _: usize, end: u32) -> u32 {
    if let Some((exchange, root)) = filter().as_mut().and_then(|filter| filter.exchange(id)) {
        exchange.take_answer(root, end != 0);
    }
    CONTINUE
}

#[unsafe(no_mangle)]
extern "C" fn proxy_on_response_body(id: u32, size: usize, _: u32) -> u32 {
    if let Some((Exchange { body: Some(body), .. }, _)) = filter().as_mut().and_then(|filter| filter.exchange(id)) {
        host::set_body(Body::Response, size, body);
        body.clear();
    }
    CONTINUE
}

impl Filter {
    fn root(&mut self, id: u32) -> Option<&mut Root> {
        self.roots.iter_mut().find(|(root, _)| *root == id).map(|(_, root)| root)
    }

    fn exchange(&mut self, id: u32) -> Option<(&mut Exchange, &mut Root)> {
        let place = self.exchanges.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        let (_, exchange) = self.exchanges.get_mut(place)?;
        let root = self.roots.iter_mut().find(|(root, _)| *root == exchange.root)?;
        Some((exchange, &mut root.1))
    }
}

/// Milliseconds since 1970.
fn millis() -> u64 {
    host::now() / 1_000_000
}

impl Root {
    fn configure(&mut self) -> bool {
        let text = host::bytes(Body::Configuration).unwrap_or_default();
        let setup = match Setup::read(&String::from_utf8_lossy(&text)) {
            Ok(setup) => setup,
            Err(problems) => {
                host::log(Level::Error, &format!("verge: the plugin configuration cannot be used\n{problems}"));
                return false;
            }
        };
        let now = millis();
        let every = setup.fetch.as_ref().map(|fetch| fetch.every);
        let (edge, told) = Edge::new(setup, now);
        for told in told {
            match told {
                Ok(published) => Fetching::tell(&published),
                Err(error) => {
                    let problem = format!("verge: a table in the plugin configuration cannot be read: {}", error.0);
                    host::log(Level::Error, &problem);
                    return false;
                }
            }
        }
        self.stats.hold(&edge);
        self.fetching = Fetching::over(edge.places.len(), now);
        if let Some(every) = every {
            self.fetching.ask(&edge, now, &mut self.stats);
            host::tick_every(every);
        }
        self.edge = Some(edge);
        true
    }

    fn asked(&mut self) -> Option<Asked> {
        let pairs = host::fields(Head::Request)?;
        self.count = self.count.wrapping_add(1);
        let now = host::now();
        let source = host::property("source\0address\0").and_then(|address| String::from_utf8(address).ok());
        let around = Around {
            now: i64::try_from(now / 1_000_000_000).unwrap_or(i64::MAX),
            source: source.as_deref(),
            tls: host::property("connection\0tls_version\0").is_some_and(|version| !version.is_empty()),
            unique: (u128::from(now), self.count),
        };
        Asked::take(pairs, &around)
    }

    fn reply(&mut self, reply: &Reply) {
        self.stats.replied(reply.reason);
        let fields = reply.fields.iter();
        let fields: Vec<_> = fields.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
        host::reply(reply.status.as_u16(), &fields, &reply.body);
    }
}

/// Changes a head.
fn apply(head: Head, edits: &[Edit]) {
    for edit in edits {
        match edit {
            Edit::Set(name, value) => host::set(head, name.as_str(), value.as_bytes()),
            Edit::Add(name, value) => host::add(head, name.as_str(), value.as_bytes()),
            Edit::Remove(name) => host::remove(head, name.as_str()),
        }
    }
}

impl Exchange {
    fn take_request(&mut self, root: &mut Root) -> u32 {
        let asked = root.asked();
        let Some(edge) = &root.edge else { return PAUSE };
        match decide(edge, asked) {
            Decision::Reply(reply) => {
                root.reply(&reply);
                PAUSE
            }
            Decision::Send(sent) => {
                let orders = sent.orders(edge);
                host::set(Head::Request, ":authority", orders.authority.as_bytes());
                host::set(Head::Request, ":path", orders.path.as_bytes());
                apply(Head::Request, &orders.edits);
                host::clear_route_cache();
                root.stats.forwarded();
                self.sent = Some(sent);
                CONTINUE
            }
        }
    }

    fn take_answer(&mut self, root: &mut Root, end: bool) {
        // An answer of this filter's own passes by here too, finished.
        let Some(sent) = &self.sent else { return };
        let head = Head::Response;
        let details = host::property("response\0code_details\0").unwrap_or_default();
        let status = host::field(head, ":status").unwrap_or_default();
        if let Some((reason, detail)) = fault::reason_of(&status, &String::from_utf8_lossy(&details)) {
            let reply = sent.fail(reason, detail);
            root.stats.replied(reason);
            host::set(head, ":status", reply.status.as_u16().to_string().as_bytes());
            for (name, value) in &reply.fields {
                host::set(head, name.as_str(), value.as_bytes());
            }
            if !end {
                host::set(head, "content-length", reply.body.len().to_string().as_bytes());
                self.body = Some(reply.body.to_vec());
            }
        } else if let Some(fields) = host::fields(head).and_then(fields) {
            apply(head, &sent.edit_answer(fields));
        }
    }
}
