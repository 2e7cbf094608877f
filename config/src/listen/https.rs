//! `[[listen.https]]`: TLS listeners, what they show and what they want to be shown.

use super::read_address;
use crate::{claims::Claims, entry::Entry, section::Section};
use std::net::SocketAddr;

/// A TLS listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Https {
    /// Where it listens.
    pub address: SocketAddr,
    /// What it shows: at least one. Clients get the first that is for the name they ask for, or else the first.
    pub certificates: Vec<CertificateFiles>,
    /// What clients show, where they are asked.
    pub clients: Option<ClientCertificates>,
}

/// The files of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateFiles {
    /// Path of the certificate chain, PEM, as written.
    pub certificate: String,
    /// Path of the private key, PEM, as written.
    pub key: String,
}

/// What is asked of clients in the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificates {
    /// Path of the authorities that sign them, PEM, as written.
    pub ca: String,
    /// Whether a client without one is refused. One that shows a bad one always is.
    pub required: bool,
    /// Whether origins are told the subject, in `verge-client-subject`.
    pub subject: bool,
}

pub(super) fn read_https(https: &Entry<'_>, claims: &mut Claims) -> Vec<Https> {
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
    let clients = read_clients(&mut section);
    section.close();
    let address = address.and_then(|entry| read_address(&entry, claims));
    Some(Https { address: address?, certificates: [vec![first?], more].concat(), clients })
}

pub(super) fn read_files(section: &mut Section<'_>) -> Option<CertificateFiles> {
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

fn read_clients(section: &mut Section<'_>) -> Option<ClientCertificates> {
    let ca = section.entry("client_ca");
    let required = section
        .entry("client_certificates")
        .and_then(|entry| entry.word(&[("required", true), ("optional", false)]))
        .unwrap_or(true);
    let subject = section.boolean("client_subject").unwrap_or(false);
    if ca.is_none() {
        for key in ["client_certificates", "client_subject"] {
            if section.has(key) {
                section.refuse_at(key, "clients are asked for certificates only with `client_ca = \"clients.pem\"`");
            }
        }
    }
    Some(ClientCertificates { ca: ca?.file()?, required, subject })
}
