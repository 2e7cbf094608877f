//! `[listen]`, `[admin]` and `[health]`: the sockets.

use crate::{claims::Claims, entry::Entry, secret::Secret, section::Section, units::shown};
use std::{net::SocketAddr, num::NonZeroUsize, time::Duration};

/// `[listen]`: where clients connect. There is at least one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Clear-text listeners.
    pub http: Vec<SocketAddr>,
    /// TLS listeners.
    pub https: Vec<Https>,
    /// Worker threads, 1 to 1024; `None`: the machine's cores.
    pub threads: Option<NonZeroUsize>,
    /// After SIGTERM, how long readiness is red before the listeners close; at most an hour.
    pub drain_wait: Duration,
    /// Then, how long requests in flight may take; at most an hour.
    pub drain: Duration,
}

/// A TLS listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Https {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it shows: at least one. Clients get the first that is for the name they ask for, or else the first.
    pub certificates: Vec<CertificateFiles>,
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Path of the certificate chain, PEM, as written.
    pub certificate: String,
    /// Path of the private key, PEM, as written.
    pub key: String,
}

/// `[admin]`: metrics, and what was seen of arms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens.
    pub address: SocketAddr,
    /// The bearer token; always there where `address` is not loopback.
    pub token: Option<Secret>,
}

/// `[health]`: a listener that serves `/healthz` and `/readyz` and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Where it listens.
    pub address: SocketAddr,
}

const DRAIN_WAIT: Duration = Duration::ZERO;
const DRAIN: Duration = Duration::from_secs(15);
const HOUR: Duration = Duration::from_secs(3600);
const MAX_THREADS: u64 = 1024;

pub(crate) fn read_listen(root: &mut Section<'_>, listens: bool, claims: &mut Claims) -> Listen {
    let mut listen =
        Listen { http: Vec::new(), https: Vec::new(), threads: None, drain_wait: DRAIN_WAIT, drain: DRAIN };
    let Some(mut section) = root.section("listen") else {
        if listens && !root.has("listen") {
            root.missing("listen", "`[listen]` is missing: write it with `http = \"127.0.0.1:8080\"`");
        }
        return listen;
    };
    let http = section.entry("http");
    let https = section.entry("https");
    if http.is_none() && https.is_none() {
        section.refuse("nothing listens: write `http = \"127.0.0.1:8080\"`, or `https`");
    }
    if let Some(http) = http {
        if http.is_empty_list() {
            http.refuse("the list is empty: name an address such as `127.0.0.1:8080`, or leave the key out");
        }
        let entries = http.each("an address such as \"127.0.0.1:8080\", or a list of them").unwrap_or_default();
        listen.http = entries.iter().filter_map(|entry| read_address(entry, claims)).collect();
    }
    if let Some(https) = https {
        listen.https = read_https(&https, claims);
    }
    listen.threads = section
        .entry("threads")
        .and_then(|entry| entry.integer(1..=MAX_THREADS))
        .and_then(|threads| usize::try_from(threads).ok())
        .and_then(NonZeroUsize::new);
    listen.drain_wait = section.duration("drain_wait", DRAIN_WAIT, Duration::ZERO..=HOUR);
    listen.drain = section.duration("drain", DRAIN, Duration::ZERO..=HOUR);
    section.close();
    listen
}

fn read_https(https: &Entry<'_>, claims: &mut Claims) -> Vec<Https> {
    if https.is_empty_list() {
        https.refuse("the list is empty: name a listener, or leave the key out");
    }
    let entries = if https.is_list() { https.items() } else { vec![https.clone()] };
    let one = |entry: &Entry<'_>| {
        let section = entry.section("a table `{ address, certificate, key }`, or a list of them")?;
        read_https_one(section, claims)
    };
    entries.iter().filter_map(one).collect()
}

fn read_https_one(mut section: Section<'_>, claims: &mut Claims) -> Option<Https> {
    let address = section.need("address", "`address = \"0.0.0.0:8443\"`");
    let first = read_files(&mut section);
    let more = section.entry("certificates").map(|entry| read_more_files(&entry)).unwrap_or_default();
    section.close();
    let address = address.and_then(|entry| read_address(&entry, claims));
    Some(Https { address: address?, certificates: [vec![first?], more].concat() })
}

fn read_files(section: &mut Section<'_>) -> Option<CertificateFiles> {
    let certificate = section.need("certificate", "`certificate = \"cert.pem\"`");
    let key = section.need("key", "`key = \"key.pem\"`");
    let (certificate, key) = (certificate.and_then(|entry| entry.file()), key.and_then(|entry| entry.file()));
    Some(CertificateFiles { certificate: certificate?, key: key? })
}

fn read_more_files(list: &Entry<'_>) -> Vec<CertificateFiles> {
    let entries = list.each("a list of tables `{ certificate, key }`").unwrap_or_default();
    let one = |entry: &Entry<'_>| {
        let mut section = entry.section("a table `{ certificate, key }`")?;
        let files = read_files(&mut section);
        section.close();
        files
    };
    entries.iter().filter_map(one).collect()
}

pub(crate) fn read_admin(root: &mut Section<'_>, claims: &mut Claims) -> Option<Admin> {
    let mut section = root.section("admin")?;
    let address =
        section.need("address", "`address = \"127.0.0.1:9901\"`").and_then(|entry| read_address(&entry, claims));
    let token = section.entry("token");
    let open = token.is_none() && address.is_some_and(|address| !address.ip().to_canonical().is_loopback());
    if open {
        section.refuse_at("address", "off loopback a token is needed: write `token = \"env:VERGE_ADMIN_TOKEN\"`");
    }
    let token = token.and_then(|entry| entry.parse(Secret::parse));
    section.close();
    Some(Admin { address: address?, token })
}

pub(crate) fn read_health(root: &mut Section<'_>, claims: &mut Claims) -> Option<Health> {
    let mut section = root.section("health")?;
    let address =
        section.need("address", "`address = \"0.0.0.0:9902\"`").and_then(|entry| read_address(&entry, claims));
    section.close();
    Some(Health { address: address? })
}

fn read_address(entry: &Entry<'_>, claims: &mut Claims) -> Option<SocketAddr> {
    let address = entry.parse(parse_address)?;
    claims.address(entry, address);
    Some(address)
}

fn parse_address(text: &str) -> Result<SocketAddr, String> {
    let remedy = "an address and a port, such as `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080`";
    text.parse().map_err(|_| format!("`{}` is not {remedy} (names are not looked up)", shown(text)))
}
