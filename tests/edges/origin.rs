//! The origin of every row: it answers what the case says, and remembers the head it got.

use crate::{rows::named, seen::Fields, wire::read_head};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};
use verge_tests::{
    certs::Authority,
    corpus::{Answer, Fixture, Upstream},
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
    got: Vec<(Upstream, Fields)>,
}

impl Origin {
    pub(crate) fn start(authority: &Authority, fixtures: &BTreeMap<String, Arc<Fixture>>) -> Self {
        let names: BTreeSet<String> =
            fixtures.values().flat_map(|fixture| named(fixture)).map(|row| row.domain).collect();
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

    /// What it got since.
    pub(crate) fn got(&self) -> Option<(Upstream, Fields)> {
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
                    Some(config) => {
                        let name = |stream: &Secure| stream.conn.server_name().map(str::to_owned);
                        serve(StreamOwned::new(ServerConnection::new(config).unwrap(), stream), name, &state);
                    }
                    None => serve(stream, |_| None, &state),
                }
            });
        }
    });
    address
}

type Secure = StreamOwned<ServerConnection, TcpStream>;

/// Answers what comes over one connection; `name` is who was named in its handshake.
fn serve<S: Read + Write>(stream: S, name: impl Fn(&S) -> Option<String>, state: &Mutex<State>) {
    let mut stream = BufReader::new(stream);
    while let Ok((line, mut fields)) = read_head(&mut stream) {
        let length = fields.get("content-length").and_then(|length| length.parse::<u64>().ok()).unwrap_or(0);
        if std::io::copy(&mut (&mut stream).take(length), &mut std::io::sink()).is_err() {
            return;
        }
        let sni = name(stream.get_ref());
        let upstream = Upstream {
            scheme: if sni.is_some() { "https" } else { "http" }.to_owned(),
            host: fields.remove("host").unwrap_or_default(),
            port: 0,
            sni: sni.unwrap_or_default(),
            path: line.split(' ').nth(1).unwrap_or_default().to_owned(),
        };
        let answer = {
            let mut state = state.lock().unwrap();
            state.got.push((upstream, fields));
            state.answer.clone()
        };
        if stream.get_mut().write_all(&answer).is_err() || stream.get_mut().flush().is_err() {
            return;
        }
    }
}
