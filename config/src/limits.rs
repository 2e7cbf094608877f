//! `[limits]`: what a client may send, and how slowly.

use crate::{section::Section, units::render_size};
use std::time::Duration;

/// `[limits]`. What is over a limit is answered with 413, 414 or 431; what is too slow is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a request head, target included: 1 KiB to 1 MiB.
    pub head: usize,
    /// Fields in a request head: 1 to 256.
    pub fields: usize,
    /// Bytes of a request target: 64 B to 1 MiB, and never more than `head`.
    pub target: usize,
    /// Bytes of a request body: 0 B to 1024 GiB.
    pub body: u64,
    /// For a whole request head, from its first byte: 100 ms to 5 minutes.
    pub head_timeout: Duration,
    /// Between two reads of a request body, and two writes of an answer: 100 ms to an hour.
    pub body_timeout: Duration,
    /// Bytes a second that a client must send or take on average, once it has kept us waiting for `body_timeout`: 0 B
    /// (any pace) to 1 GiB.
    pub body_rate: u64,
    /// For a client's TLS handshake: 100 ms to 5 minutes.
    pub handshake_timeout: Duration,
    /// How long a WebSocket may be silent in one direction: 1 s to a day.
    pub tunnel_timeout: Duration,
    /// How long a client connection may be idle: 1 s to an hour.
    pub idle_timeout: Duration,
    /// From a request's head to the end of its answer: 1 s to a day. Streams and tunnels have none.
    pub request_timeout: Duration,
    /// Requests under way: 1 to 1 000 000.
    pub in_flight: usize,
    /// Bytes the process may take before it sheds load: 0 (no limit) to 1024 GiB; `None`: nine tenths of what its control
    /// group may.
    pub memory: Option<u64>,
    /// Open client connections: 1 to 1 000 000.
    pub connections: usize,
    /// Of these, from one IPv4 address or one /64 of IPv6: 1 to 1 000 000.
    pub connections_per_address: usize,
    /// TLS handshakes of clients under way: 1 to 1 000 000.
    pub handshakes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 16 << 10,
            fields: 100,
            target: 8 << 10,
            body: 10 << 20,
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            body_rate: 500,
            handshake_timeout: Duration::from_secs(5),
            tunnel_timeout: Duration::from_secs(600),
            idle_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(1800),
            in_flight: 10_000,
            memory: None,
            connections: 10_000,
            connections_per_address: 1000,
            handshakes: 1000,
        }
    }
}

const TENTH: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

pub(crate) fn read(root: &mut Section<'_>) -> Limits {
    let default = Limits::default();
    let Some(mut section) = root.section("limits") else { return default };
    let limits = Limits {
        head: bytes(&mut section, "head", default.head, 1 << 10, 1 << 20),
        fields: count(&mut section, "fields", default.fields, 256),
        target: bytes(&mut section, "target", default.target, 64, 1 << 20),
        body: section.size("body", default.body, 0..=1 << 40),
        head_timeout: section.duration("head_timeout", default.head_timeout, TENTH..=FIVE_MINUTES),
        body_timeout: section.duration("body_timeout", default.body_timeout, TENTH..=HOUR),
        body_rate: section.size("body_rate", default.body_rate, 0..=1 << 30),
        handshake_timeout: section.duration("handshake_timeout", default.handshake_timeout, TENTH..=FIVE_MINUTES),
        tunnel_timeout: section.duration("tunnel_timeout", default.tunnel_timeout, SECOND..=DAY),
        idle_timeout: section.duration("idle_timeout", default.idle_timeout, SECOND..=HOUR),
        request_timeout: section.duration("request_timeout", default.request_timeout, SECOND..=DAY),
        in_flight: count(&mut section, "in_flight", default.in_flight, 1_000_000),
        memory: section.entry("memory").and_then(|entry| entry.size(0..=1 << 40)),
        connections: count(&mut section, "connections", default.connections, 1_000_000),
        connections_per_address: count(
            &mut section,
            "connections_per_address",
            default.connections_per_address,
            1_000_000,
        ),
        handshakes: count(&mut section, "handshakes", default.handshakes, 1_000_000),
    };
    if limits.target > limits.head {
        let key = if section.has("target") { "target" } else { "head" };
        let size = |bytes: usize| render_size(bytes as u64);
        let (target, head) = (size(limits.target), size(limits.head));
        section.refuse_at(key, format!("`target` (`{target}`) is part of `head` (`{head}`) and cannot be more"));
    }
    section.close();
    limits
}

fn bytes(section: &mut Section<'_>, key: &'static str, default: usize, least: u64, most: u64) -> usize {
    usize::try_from(section.size(key, default as u64, least..=most)).unwrap_or(default)
}

fn count(section: &mut Section<'_>, key: &'static str, default: usize, most: u64) -> usize {
    usize::try_from(section.integer(key, default as u64, 1..=most)).unwrap_or(default)
}
