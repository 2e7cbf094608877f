//! `[listen]`, `[admin]` and `[health]`: the sockets.

mod https;

pub use https::{CertificateFiles, ClientCertificates, Https};

use crate::{canary::parse_network, claims::Claims, entry::Entry, secret::Secret, section::Section, units::shown};
use https::{read_files, read_https};
use std::{net::SocketAddr, num::NonZeroUsize, time::Duration};
use verge_router::origin::Cidr;

/// `[listen]`: where clients connect. There is at least one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Clear-text listeners.
    pub http: Vec<SocketAddr>,
    /// TLS listeners.
    pub https: Vec<Https>,
    /// Proxies whose forwarding fields are believed.
    pub trusted: Vec<Cidr>,
    /// Balancers that begin each connection with a PROXY header, where they do; from elsewhere nothing is taken then.
    pub proxy_protocol: Option<Vec<Cidr>>,
    /// Path of the socket where a successor asks for the listeners, as written; `None`: one in the temporary directory,
    /// named for the configuration file.
    pub upgrade: Option<String>,
    /// Worker threads, 1 to 1024; `None`: the machine's cores.
    pub threads: Option<NonZeroUsize>,
    /// After SIGTERM, how long readiness is red before the listeners close; at most an hour.
    pub drain_wait: Duration,
    /// Then, how long requests in flight may take; at most an hour.
    pub drain: Duration,
}

/// `[admin]`: metrics, and what was seen of arms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens. Off loopback it asks for a token or for certificates.
    pub address: SocketAddr,
    /// TLS, where it is spoken there.
    pub tls: Option<AdminTls>,
    /// The bearer token.
    pub token: Option<Secret>,
}

/// What the admin listener shows, and whom it lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminTls {
    /// What it shows.
    pub files: CertificateFiles,
    /// Path of the authorities that sign operators' certificates, PEM, as written; `None`: they need none.
    pub client_ca: Option<String>,
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

impl Default for Listen {
    fn default() -> Self {
        Self {
            http: Vec::new(),
            https: Vec::new(),
            trusted: Vec::new(),
            proxy_protocol: None,
            upgrade: None,
            threads: None,
            drain_wait: DRAIN_WAIT,
            drain: DRAIN,
        }
    }
}

/// Reads `[listen]`; `needed`: whether it must be there.
pub(crate) fn read_listen(root: &mut Section<'_>, needed: bool, claims: &mut Claims) -> Listen {
    let mut listen = Listen::default();
    let Some(mut section) = root.section("listen") else {
        if needed && !root.has("listen") {
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
    listen.trusted = section.list("trusted", parse_network).unwrap_or_default();
    if let Some(entry) = section.entry("proxy_protocol") {
        listen.proxy_protocol = read_balancers(&entry, &listen.trusted);
    }
    listen.upgrade = section.entry("upgrade").and_then(|entry| entry.file());
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

/// `true`: whoever is `trusted`; or a list of their own.
fn read_balancers(entry: &Entry<'_>, trusted: &[Cidr]) -> Option<Vec<Cidr>> {
    if entry.is_list() || entry.is_text() {
        if entry.is_empty_list() {
            entry.refuse("the list is empty, and nobody could connect: name the balancers, or leave the key out");
        }
        return entry.list(parse_network);
    }
    let on = entry.boolean_as("`true`, `false` or a list of blocks of addresses")?;
    if on && trusted.is_empty() {
        entry.refuse("whose headers are to be believed? Name the balancers here, or in `trusted`");
    }
    on.then(|| trusted.to_vec())
}

pub(crate) fn read_admin(root: &mut Section<'_>, claims: &mut Claims) -> Option<Admin> {
    let mut section = root.section("admin")?;
    let address =
        section.need("address", "`address = \"127.0.0.1:9901\"`").and_then(|entry| read_address(&entry, claims));
    let token = section.entry("token");
    let asks = token.is_some() || section.has("client_ca");
    if !asks && address.is_some_and(|address| !address.ip().to_canonical().is_loopback()) {
        section.refuse_at(
            "address",
            "off loopback a token or certificates of operators are needed: write `token = \"env:VERGE_ADMIN_TOKEN\"`, or `certificate`, `key` and `client_ca`",
        );
    }
    let tls = read_admin_tls(&mut section);
    let token = token.and_then(|entry| entry.parse(Secret::parse));
    section.close();
    Some(Admin { address: address?, tls, token })
}

fn read_admin_tls(section: &mut Section<'_>) -> Option<AdminTls> {
    let client_ca = section.entry("client_ca");
    let (certificate, key) = (section.entry("certificate"), section.entry("key"));
    if certificate.is_none() && key.is_none() {
        if client_ca.is_some() {
            section.refuse_at(
                "client_ca",
                "certificates are shown over TLS only: write `certificate = \"admin.pem\"` and `key = \"admin.key\"` too",
            );
        }
        return None;
    }
    let files = read_files(section);
    let client_ca = client_ca.and_then(|entry| entry.file());
    Some(AdminTls { files: files?, client_ca })
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
