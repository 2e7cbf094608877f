//! TLS as a listener speaks it: what is shown, and what has to be shown.

use super::{Certificates, Clients, Files, ListenError};
use crate::telemetry::Metrics;
use rustls::{ServerConfig, server::NoServerSessionStorage};
use std::{path::PathBuf, sync::Arc};
use tokio::runtime::Handle;
use tokio_rustls::TlsAcceptor;

/// What is asked of the clients of a TLS listener.
pub(crate) struct AskClients {
    /// Who signs their certificates, PEM.
    pub(crate) authorities: PathBuf,
    /// Whether one without is refused.
    pub(crate) required: bool,
    /// Whether origins are told the subject.
    pub(crate) tells_subject: bool,
}

/// TLS 1.2 and 1.3 on one listener.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(super) acceptor: TlsAcceptor,
    certificates: Arc<Certificates>,
    clients: Option<Arc<Clients>>,
    /// Whether origins are told who a client is by its certificate.
    pub(super) tells_subject: bool,
}

impl Tls {
    /// Reads the files for the first time; these protocols are offered (ALPN), the first one first.
    ///
    /// # Errors
    /// One cannot be used.
    pub(crate) fn open(files: Vec<Files>, ask: Option<AskClients>, protocols: &[&str]) -> Result<Self, ListenError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let certificates = Certificates::open(files, provider.clone())?;
        let tells_subject = ask.as_ref().is_some_and(|ask| ask.tells_subject);
        let clients = ask.map(|ask| Clients::open(ask.authorities, ask.required, provider.clone())).transpose()?;
        let builder = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(ListenError::Tls)?;
        let mut config = match &clients {
            Some(clients) => builder.with_client_cert_verifier(clients.clone()),
            None => builder.with_no_client_auth(),
        }
        .with_cert_resolver(certificates.clone());
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        if clients.is_some() {
            // A session that is resumed is not checked again, whatever has become of the authority.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificates, clients, tells_subject })
    }

    /// Takes handshakes.
    pub(crate) fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// Reads the files again whenever they change, for as long as this runtime lives.
    pub(crate) fn follow(&self, background: &Handle, metrics: &Arc<Metrics>) {
        background.spawn(self.certificates.clone().follow(metrics.clone()));
        if let Some(clients) = &self.clients {
            background.spawn(clients.clone().follow(metrics.clone()));
        }
    }
}
