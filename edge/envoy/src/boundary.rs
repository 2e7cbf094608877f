//! What Envoy calls. One root context in each of its threads holds the configuration and the table; a request borrows both.

#![allow(unsafe_code, reason = "an exported name is unsafe to choose: no other crate here exports this one")]

use crate::{
    asked::{Around, Asked, fields},
    decide::{Decision, Sent, decide},
    edge::Edge,
    edits::Edit,
    fault,
    fetch::Fetching,
    setup::Setup,
    stats::Stats,
};
use proxy_wasm::{
    hostcalls,
    traits::{Context, HttpContext, RootContext},
    types::{Action, BufferType, ContextType, LogLevel, MapType},
};
use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::{SystemTime, UNIX_EPOCH},
};
use verge_carry::Reply;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}

/// What one thread of Envoy's holds.
#[derive(Default)]
struct Root {
    held: Option<Rc<RefCell<Edge>>>,
    stats: Rc<RefCell<Stats>>,
    fetching: Fetching,
    count: Rc<Cell<u64>>,
}

/// Milliseconds since 1970.
fn millis(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

pub(crate) fn log(level: LogLevel, message: &str) {
    // A log that takes nothing is nothing to fail for.
    let _ = hostcalls::log(level, message);
}

impl Context for Root {
    fn on_http_call_response(&mut self, token: u32, _: usize, body: usize, _: usize) {
        let Some(edge) = &self.held else { return };
        let status = self.get_http_call_response_header(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
        let etag = self.get_http_call_response_header("etag");
        let body = if status == 200 { self.get_http_call_response_body(0, body) } else { None };
        let now = millis(self.get_current_time());
        let mut stats = self.stats.borrow_mut();
        self.fetching.answered(token, (status, etag, body), &mut edge.borrow_mut(), now, &mut stats);
    }
}

impl RootContext for Root {
    /// A configuration that cannot be read is refused, and Envoy then refuses its listener.
    fn on_configure(&mut self, _: usize) -> bool {
        let text = self.get_plugin_configuration().unwrap_or_default();
        let setup = match Setup::read(&String::from_utf8_lossy(&text)) {
            Ok(setup) => setup,
            Err(problems) => {
                log(LogLevel::Error, &format!("verge: the plugin configuration cannot be used\n{problems}"));
                return false;
            }
        };
        let now = millis(self.get_current_time());
        let every = setup.fetch.as_ref().map(|fetch| fetch.every);
        let (edge, told) = Edge::new(setup, now);
        for told in told {
            match told {
                Ok(published) => Fetching::tell(&published),
                Err(error) => {
                    log(
                        LogLevel::Error,
                        &format!("verge: a table in the plugin configuration cannot be read: {}", error.0),
                    );
                    return false;
                }
            }
        }
        self.stats.borrow_mut().hold(&edge);
        self.fetching = Fetching::over(edge.places.len(), now);
        let edge = Rc::new(RefCell::new(edge));
        if let Some(every) = every {
            self.fetching.ask(&edge.borrow(), now, &mut self.stats.borrow_mut());
            self.set_tick_period(every);
        }
        self.held = Some(edge);
        true
    }

    fn on_tick(&mut self) {
        let Some(edge) = &self.held else { return };
        let now = millis(self.get_current_time());
        self.fetching.ask(&edge.borrow(), now, &mut self.stats.borrow_mut());
    }

    fn create_http_context(&self, _: u32) -> Option<Box<dyn HttpContext>> {
        let edge = self.held.clone()?;
        self.count.set(self.count.get().wrapping_add(1));
        let (stats, count) = (self.stats.clone(), self.count.get());
        Some(Box::new(Exchange { edge, stats, count, sent: None, body: None }))
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }
}

/// One request and its answer.
struct Exchange {
    edge: Rc<RefCell<Edge>>,
    stats: Rc<RefCell<Stats>>,
    count: u64,
    sent: Option<Box<Sent>>,
    /// What is to take the place of the body of an answer of Envoy's.
    body: Option<Vec<u8>>,
}

fn property(path: &[&str]) -> Option<Vec<u8>> {
    hostcalls::get_property(path.to_vec()).ok().flatten()
}

/// Changes a head; a host that refuses an edit has closed the stream already.
fn apply(map: MapType, edits: &[Edit]) {
    for edit in edits {
        let _ = match edit {
            Edit::Set(name, value) => hostcalls::set_map_value_bytes(map, name.as_str(), Some(value.as_bytes())),
            Edit::Add(name, value) => hostcalls::add_map_value_bytes(map, name.as_str(), value.as_bytes()),
            Edit::Remove(name) => hostcalls::remove_map_value(map, name.as_str()),
        };
    }
}

impl Exchange {
    fn asked(&self) -> Option<Asked> {
        let pairs = hostcalls::get_map_bytes(MapType::HttpRequestHeaders).ok()?;
        let now = hostcalls::get_current_time().ok()?;
        let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let source = property(&["source", "address"]).and_then(|address| String::from_utf8(address).ok());
        let around = Around {
            now: i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
            source: source.as_deref(),
            tls: property(&["connection", "tls_version"]).is_some_and(|version| !version.is_empty()),
            unique: (since.as_nanos(), self.count),
        };
        Asked::take(pairs, &around)
    }

    fn reply(&self, reply: &Reply) {
        self.stats.borrow_mut().replied(reply.reason);
        let fields = reply.fields.iter();
        let fields = fields.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
        let body = Some(&*reply.body).filter(|body| !body.is_empty());
        let _ = hostcalls::send_http_response(u32::from(reply.status.as_u16()), fields, body);
    }
}

impl Context for Exchange {}

impl HttpContext for Exchange {
    fn on_http_request_headers(&mut self, _: usize, _: bool) -> Action {
        let edge = self.edge.borrow();
        match decide(&edge, self.asked()) {
            Decision::Reply(reply) => {
                self.reply(&reply);
                Action::Pause
            }
            Decision::Send(sent) => {
                let orders = sent.orders(&edge);
                let map = MapType::HttpRequestHeaders;
                let _ = hostcalls::set_map_value(map, ":authority", Some(&orders.authority));
                let _ = hostcalls::set_map_value(map, ":path", Some(&orders.path));
                apply(map, &orders.edits);
                // The route was picked by the head as it was.
                let _ = hostcalls::call_foreign_function("clear_route_cache", None);
                self.stats.borrow_mut().forwarded();
                self.sent = Some(sent);
                Action::Continue
            }
        }
    }

    fn on_http_response_headers(&mut self, _: usize, end: bool) -> Action {
        // An answer of this filter's own passes by here too, finished.
        let Some(sent) = &self.sent else { return Action::Continue };
        let map = MapType::HttpResponseHeaders;
        let details = property(&["response", "code_details"]).unwrap_or_default();
        if let Some((reason, detail)) = fault::reason_of(&String::from_utf8_lossy(&details)) {
            let reply = sent.fail(reason, detail);
            self.stats.borrow_mut().replied(reason);
            let _ = hostcalls::set_map_value(map, ":status", Some(reply.status.as_str()));
            let fields: Vec<_> =
                reply.fields.iter().map(|(name, value)| Edit::Set(name.clone(), value.clone())).collect();
            apply(map, &fields);
            if !end {
                let _ = hostcalls::set_map_value(map, "content-length", Some(&reply.body.len().to_string()));
                self.body = Some(reply.body.to_vec());
            }
            return Action::Continue;
        }
        if let Some(fields) = hostcalls::get_map_bytes(map).ok().and_then(fields) {
            apply(map, &sent.edit_answer(fields));
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, _: bool) -> Action {
        if let Some(body) = &mut self.body {
            let _ = hostcalls::set_buffer(BufferType::HttpResponseBody, 0, size, body);
            body.clear();
        }
        Action::Continue
    }
}
