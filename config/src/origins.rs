//! `[origins]`: what may be dialled, and how.

mod proofs;

use crate::{claims::Claims, section::Section, units::shown};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use verge_router::origin::{Dial, DialPattern, Domain, DomainPattern, OriginRules};

pub use proofs::{Identity, Lock, Proofs, Sign};

/// `[origins]`.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// What rows may name: `allow`, `insecure`, `loopback`, `dial`.
    pub rules: OriginRules,
    /// Path of trust roots besides the built-in ones, PEM, as written.
    pub ca: Option<String>,
    /// `[origins.connect]`: dial this instead, for whichever row names the domain. The operator's own, exempt from
    /// `rules`; domains are distinct.
    pub connect: Vec<(Domain, Dial)>,
    /// For rows without their own.
    pub timeouts: OriginTimeouts,
    /// How many requests an origin is given at a time.
    pub load: OriginLoad,
    /// What Verge proves to origins.
    pub proofs: Proofs,
    /// Name servers to ask instead of the system's; empty for those.
    pub dns: Vec<SocketAddr>,
}

/// How many requests an origin is given at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginLoad {
    /// Requests at one domain: 1 to 1 000 000.
    pub in_flight: usize,
    /// How long a request waits for a place: up to a minute; not at all where it is zero.
    pub queue: Duration,
}

impl Default for OriginLoad {
    fn default() -> Self {
        Self { in_flight: 1000, queue: Duration::from_secs(1) }
    }
}

/// Time limits towards origins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OriginTimeouts {
    /// TCP and TLS handshakes together: 10 ms to 5 minutes.
    pub connect: Duration,
    /// Between two reads, the wait for the response head included: 10 ms to a day.
    pub read: Duration,
    /// Between two writes: 10 ms to a day.
    pub write: Duration,
    /// How long an idle connection is kept: up to a day.
    pub idle: Duration,
    /// From the first attempt to the end of the answer: 10 ms to a day. Streams and tunnels have none.
    pub total: Duration,
}

impl Default for OriginTimeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            // API Gateway cuts at 30 s (HTTP APIs) or 29 s and more (REST): its own answer must come first.
            read: Duration::from_secs(35),
            write: Duration::from_secs(35),
            idle: Duration::from_secs(60),
            // Longer than the longest answer that API Gateway streams.
            total: Duration::from_secs(900),
        }
    }
}

const LEAST: Duration = Duration::from_millis(10);
const MINUTE: Duration = Duration::from_secs(60);
const FIVE_MINUTES: Duration = Duration::from_secs(300);
const DAY: Duration = Duration::from_secs(86_400);

/// Reads `[origins]`; `HOSTED`: another program does the dialling.
pub(crate) fn read<const HOSTED: bool>(root: &mut Section<'_>, claims: &mut Claims) -> Origins {
    let mut origins = Origins::default();
    let Some(mut section) = root.section("origins") else { return origins };
    if let Some(allow) = section.entry("allow") {
        origins.rules.allow = allow.list(DomainPattern::parse).unwrap_or_default();
        if allow.is_empty_list() {
            allow.refuse("the list is empty, so no origin could ever be served: name your APIs' domains");
        }
    }
    origins.rules.dial = section.list("dial", parse_dial_pattern).unwrap_or_default();
    origins.rules.insecure = section.boolean("insecure").unwrap_or(false);
    origins.rules.loopback = section.boolean("loopback").unwrap_or(false);
    origins.connect = section.section("connect").map(|connect| read_connect(&connect, claims)).unwrap_or_default();
    if HOSTED {
        section.pass_over(&DIALLING);
        for proof in ["identity", "lock", "sign"] {
            if let Some(entry) = section.entry(proof) {
                entry.refuse(NO_PROOFS);
            }
        }
    } else {
        read_dialling(&mut section, &mut origins);
    }
    section.close();
    origins
}

/// What an origin counts on must not be left out in silence.
const NO_PROOFS: &str =
    "this edge proves nothing to origins: what must be proven is the business of the program it is in";

/// How origins are dialled.
const DIALLING: [&str; 9] = [
    "ca",
    "connect_timeout",
    "read_timeout",
    "write_timeout",
    "idle_timeout",
    "total_timeout",
    "in_flight",
    "queue",
    "dns",
];

fn read_dialling(section: &mut Section<'_>, origins: &mut Origins) {
    origins.ca = section.entry("ca").and_then(|entry| entry.file());
    let default = origins.timeouts;
    origins.timeouts = OriginTimeouts {
        connect: section.duration("connect_timeout", default.connect, LEAST..=FIVE_MINUTES),
        read: section.duration("read_timeout", default.read, LEAST..=DAY),
        write: section.duration("write_timeout", default.write, LEAST..=DAY),
        idle: section.duration("idle_timeout", default.idle, Duration::ZERO..=DAY),
        total: section.duration("total_timeout", default.total, LEAST..=DAY),
    };
    let default = origins.load;
    origins.load = OriginLoad {
        in_flight: usize::try_from(section.integer("in_flight", default.in_flight as u64, 1..=1_000_000))
            .unwrap_or(default.in_flight),
        queue: section.duration("queue", default.queue, Duration::ZERO..=MINUTE),
    };
    origins.dns = section.list("dns", parse_name_server).unwrap_or_default();
    origins.proofs = proofs::read(section);
}

/// Whether one of these patterns fits a domain.
#[must_use]
pub fn in_list(patterns: &[DomainPattern], domain: &Domain) -> bool {
    patterns.iter().any(|pattern| pattern.matches(domain))
}

fn read_connect(section: &Section<'_>, claims: &mut Claims) -> Vec<(Domain, Dial)> {
    let mut connect = Vec::new();
    for (key, entry) in section.entries() {
        let domain = entry.check(Domain::parse(key));
        let dial = entry.parse(Dial::parse);
        let (Some(domain), Some(dial)) = (domain, dial) else { continue };
        claims.domain(&entry, &domain);
        connect.push((domain, dial));
    }
    connect
}

/// `address` or `address:port`; 53 without one.
fn parse_name_server(text: &str) -> Result<SocketAddr, String> {
    let bare = || text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
    let refuse = |_| format!("`{}` is not a name server's address such as `10.0.0.2` or `10.0.0.2:53`", shown(text));
    text.parse().or_else(|_| bare().map_err(refuse))
}

/// A pattern with a slash is meant as a block of addresses, and the message should say so.
fn parse_dial_pattern(text: &str) -> Result<DialPattern, String> {
    let refuse = || format!("`{}` is not a block of addresses such as `10.0.0.0/8`", shown(text));
    match DialPattern::parse(text) {
        Err(_) if text.contains('/') => Err(refuse()),
        read => read.map_err(|error| error.to_string()),
    }
}
