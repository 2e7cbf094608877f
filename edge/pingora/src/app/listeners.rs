//! The sockets of a configuration, opened or taken over: where clients connect, and where operators do.

use crate::{
    admin::{Access, Admin},
    cli::{Exit, Failure, config},
    handover::Sockets,
    listen::{AskClients, Files, Listener, Tls},
};
use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};
use tokio::{runtime::Runtime, task::AbortHandle};
use verge_config::{AdminTls, CertificateFiles, Config, Https};

/// The listeners of `[listen]`.
pub(super) fn public(config: &Config, sockets: &mut Sockets) -> Result<Vec<Listener>, Failure> {
    let mut listeners = Vec::new();
    for address in &config.listen.http {
        listeners.push(Listener::http(sockets.open("http", *address).map_err(|error| refuse("listen", error))?));
    }
    for Https { address, certificates, clients } in &config.listen.https {
        let ask = clients.as_ref().map(|clients| AskClients {
            authorities: PathBuf::from(&clients.ca),
            required: clients.required,
            tells_subject: clients.subject,
        });
        let socket = sockets.open("https", *address).map_err(|error| refuse("listen", error))?;
        let tls = Tls::open(certificates.iter().map(files).collect(), ask, &["h2", "http/1.1"]);
        listeners.push(Listener::https(socket, tls.map_err(|error| refuse("listen", error))?));
    }
    Ok(listeners)
}

/// Serves `[admin]` and `[health]`, until told otherwise.
pub(super) fn operators(
    config: &Config,
    sockets: &mut Sockets,
    admin: &Arc<Admin>,
    background: &Runtime,
) -> Result<Vec<AbortHandle>, Failure> {
    let _guard = background.enter();
    let mut serving = Vec::new();
    let mut open = |place: &str, address: SocketAddr, access, tls: Option<Tls>| {
        let socket = sockets.open(place, address).map_err(|error| refuse(place, error))?;
        let address = socket.local_addr().map_err(|error| refuse(place, error))?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        serving.push(background.spawn(admin.clone().serve(socket, access, tls)).abort_handle());
        eprintln!("{place} on {scheme}://{address}");
        Ok::<_, Failure>(())
    };
    if let Some(settings) = &config.admin {
        let token = settings.token.as_ref().map(|token| config::secret(token, "[admin] token")).transpose()?;
        let tls = settings.tls.as_ref().map(operators_tls).transpose()?;
        if let Some(tls) = &tls {
            tls.follow(background.handle(), &admin.threads.first().cloned().unwrap_or_default());
        }
        open("admin", settings.address, Access::Admin(token.map(Into::into)), tls)?;
    }
    if let Some(settings) = &config.health {
        open("health", settings.address, Access::Health, None)?;
    }
    Ok(serving)
}

fn operators_tls(settings: &AdminTls) -> Result<Tls, Failure> {
    let ask = settings.client_ca.as_ref().map(|ca| AskClients {
        authorities: PathBuf::from(ca),
        required: true,
        tells_subject: false,
    });
    Tls::open(vec![files(&settings.files)], ask, &["http/1.1"]).map_err(|error| refuse("admin", error))
}

fn files(pair: &CertificateFiles) -> Files {
    Files { certificate: PathBuf::from(&pair.certificate), key: PathBuf::from(&pair.key) }
}

fn refuse(place: &str, error: impl fmt::Display) -> Failure {
    Failure::new(Exit::Config, format!("[{place}]: {error}"))
}
