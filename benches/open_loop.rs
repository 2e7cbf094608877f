//! Open-loop load: requests are due at a fixed rate whatever the proxy does, and late is counted from when one was due.
//!
//! `open-loop ADDRESS RATE SECONDS CONNECTIONS 'NAME: VALUE'` sends so many requests a second over HTTP/1.1 connections
//! that are kept, and prints percentiles in microseconds.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a bench that cannot be set up stops")]

use std::{
    env,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::sleep_until,
};

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, rate, seconds, connections, field] = &*arguments else {
        panic!("open-loop ADDRESS RATE SECONDS CONNECTIONS 'NAME: VALUE'");
    };
    let (rate, seconds): (f64, f64) = (rate.parse().unwrap(), seconds.parse().unwrap());
    let connections: u32 = connections.parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut late = runtime.block_on(async {
        let start = Instant::now() + Duration::from_millis(100);
        let mut tasks = JoinSet::new();
        for number in 0..connections {
            let request = format!("GET /orders/12345/items?page=2 HTTP/1.1\r\nHost: {address}\r\n{field}\r\n\r\n");
            let every = f64::from(connections) / rate;
            let first = start + Duration::from_secs_f64(every * f64::from(number) / f64::from(connections));
            tasks.spawn(connection(address.clone(), request, first, every, (seconds / every) as u32));
        }
        tasks.join_all().await.concat()
    });
    late.sort_unstable();
    let at = |part: f64| late.get(((late.len() - 1) as f64 * part) as usize).map_or(0.0, Duration::as_secs_f64) * 1e6;
    println!("requests {}", late.len());
    for (name, part) in [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("max", 1.0)] {
        println!("{name:6} {:.0}", at(part));
    }
}

/// So many requests on one connection, one after the other, each due `every` seconds after the one before.
async fn connection(address: String, request: String, first: Instant, every: f64, count: u32) -> Vec<Duration> {
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut late = Vec::with_capacity(count as usize);
    let mut buffer = Vec::with_capacity(16 << 10);
    for turn in 0..count {
        let due = first + Duration::from_secs_f64(every * f64::from(turn));
        sleep_until(due.into()).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        buffer.clear();
        while !is_whole(&buffer) {
            assert!(stream.read_buf(&mut buffer).await.unwrap() > 0, "closed in the middle");
        }
        assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", buffer.escape_ascii());
        late.push(due.elapsed());
    }
    late
}

/// Whether there is a whole answer: a head that gives a length, and as much after it; or chunks up to the last.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return false };
    let (head, body) = bytes.split_at(end + 4);
    let head = String::from_utf8_lossy(head).to_ascii_lowercase();
    match head.lines().find_map(|line| line.strip_prefix("content-length:")) {
        Some(length) => body.len() >= length.trim().parse().unwrap(),
        None => body.ends_with(b"0\r\n\r\n"),
    }
}
