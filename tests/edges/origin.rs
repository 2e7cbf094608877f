//! The origin of every row: it answers what the case says, and remembers the head it got.

use crate::{seen::Fields, wire::read_head};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex},
    thread,
};
use verge_router::origin::Domain;
use verge_tests::{
    certs::Authority,
    corpus::{Answer, Fixture},
};

/// Listens over TLS and in the clear.
#[derive(Clone)]
pub(crate) struct Origin {
    pub(crate) secure: SocketAddr,
    pub(crate) clear: SocketAddr,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    answer: Vec<u8>,
    got: Vec<(String, String, Fields)>,
}

impl Origin {
    pub(crate) fn start(authority: &Authority, fixtures: &BTreeMap<String, Arc<Fixture>>) -> Self {
        let names: BTreeSet<String> =
            fixtures.values().flat_map(|fixture| domains(fixture)).map(|(name, _)| name).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let config = authority.certify(&names).server_config(&["http/1.1"]);
        let state = Arc::new(Mutex::new(State::default()));
        Self { secure: listen(Some(config), &state), clear: listen(None, &state), state }
    }

    /// What it answers from now on.
    pub(crate) fn answers(&self, answer: &Answer) {
        let mut head = format!("HTTP/1.1 {} Said\r\n", answer.status).into_bytes();
        for (name, value) in &answer.headers {
            head.extend_from_slice(name.as_str().as_bytes());
            head.extend_from_slice(b": ");
            head.extend_from_slice(value.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        if !matches!(answer.status, 204 | 304) {
            head.extend_from_slice(b"content-length: 0\r\n");
        }
        head.extend_from_slice(b"\r\n");
        let mut state = self.state.lock().unwrap();
        state.answer = head;
        state.got.clear();
    }

    /// What it got since: host, target, fields.
    pub(crate) fn got(&self) -> Option<(String, String, Fields)> {
        let mut got = std::mem::take(&mut self.state.lock().unwrap().got);
        assert!(got.len() <= 1, "sent {} times", got.len());
        got.pop()
    }
}

fn listen(config: Option<Arc<ServerConfig>>, state: &Arc<Mutex<State>>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let state = state.clone();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, state) = (config.clone(), state.clone());
            thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                match config {
                    Some(config) => serve(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), &state),
                    None => serve(stream, &state),
                }
            });
        }
    });
    address
}

fn serve(stream: impl Read + Write, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    while let Ok((line, mut fields)) = read_head(&mut stream) {
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let host = fields.remove("host").unwrap_or_default();
        let length = fields.get("content-length").and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
        if std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink()).is_err() {
            return;
        }
        let answer = {
            let mut state = state.lock().unwrap();
            state.got.push((host, target, fields));
            state.answer.clone()
        };
        if stream.get_mut().write_all(&answer).is_err() || stream.get_mut().flush().is_err() {
            return;
        }
    }
}

/// Every domain a fixture's rows name, and whether it is spoken to in the clear.
pub(crate) fn domains(fixture: &Fixture) -> Vec<(String, bool)> {
    let rows = fixture.items.iter().chain(&fixture.before).chain(fixture.own.values().flatten());
    let arms = |row: &Json| row.get("split").and_then(Json::as_array).cloned().unwrap_or_default();
    let rows = rows.flat_map(|row| arms(row).into_iter().chain([row.clone()]));
    let mut found = BTreeMap::new();
    for row in rows {
        let domain = row.get("domain").or(row.get("dn")).and_then(Json::as_str);
        let Some(domain) = domain.and_then(|domain| Domain::parse(domain).ok()) else { continue };
        found.insert(domain.to_string(), row.get("scheme").and_then(Json::as_str) == Some("http"));
    }
    found.into_iter().collect()
}
