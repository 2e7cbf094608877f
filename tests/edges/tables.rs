//! A server that has tables with a past, for edges that fetch them: first what was there before, then what is there.

use crate::wire::read_head;
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    io::{BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};
use verge_tests::corpus::Fixture;

/// Tags of the two.
const BEFORE: &str = "\"before\"";
const NOW: &str = "\"now\"";

#[derive(Clone)]
pub(crate) struct TableServer {
    pub(crate) address: SocketAddr,
    /// How often who has the last one has asked again, by path.
    asked_again: Arc<Mutex<BTreeMap<String, usize>>>,
}

impl TableServer {
    /// Serves `/NAME` for each fixture that has a past, and what is beneath.
    pub(crate) fn start(fixtures: &BTreeMap<String, Arc<Fixture>>) -> Self {
        let with_past = fixtures.values().filter(|fixture| !fixture.before.is_empty());
        let fixtures: BTreeMap<String, Arc<Fixture>> =
            with_past.map(|fixture| (fixture.name.clone(), fixture.clone())).collect();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), asked_again: Arc::default() };
        let (fixtures, again) = (Arc::new(fixtures), server.asked_again.clone());
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (fixtures, again) = (fixtures.clone(), again.clone());
                thread::spawn(move || serve(&stream, &fixtures, &again));
            }
        });
        server
    }

    /// How often this path was asked for by who has its table as it is.
    pub(crate) fn asked_again(&self, path: &str) -> usize {
        self.asked_again.lock().unwrap().get(path).copied().unwrap_or(0)
    }
}

fn serve(stream: &TcpStream, fixtures: &BTreeMap<String, Arc<Fixture>>, again: &Mutex<BTreeMap<String, usize>>) {
    let mut reader = BufReader::new(stream);
    let mut writer = stream;
    while let Ok((line, fields)) = read_head(&mut reader) {
        let path = line.split(' ').nth(1).unwrap_or_default();
        let tag = fields.get("if-none-match").map(String::as_str);
        let fixture = path.split('/').nth(1).and_then(|name| fixtures.get(name));
        let (status, tag, items): (u16, &str, &[Json]) = match (fixture, tag) {
            (None, _) => (404, "\"\"", &[]),
            (Some(fixture), None) => (200, BEFORE, &fixture.before),
            (Some(fixture), Some(BEFORE)) => (200, NOW, &fixture.items),
            (Some(_), Some(_)) => {
                *again.lock().unwrap().entry(path.to_owned()).or_default() += 1;
                (304, NOW, &[])
            }
        };
        let body = if status == 200 { json!({"Items": items}).to_string() } else { String::new() };
        let length = if status == 304 { String::new() } else { format!("content-length: {}\r\n", body.len()) };
        let answer = format!("HTTP/1.1 {status} Said\r\netag: {tag}\r\n{length}\r\n{body}");
        if writer.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}
