//! The sockets of a configuration, opened or taken over: where clients connect, and where operators do.

use crate::{
    admin::{Access, Admin},
    cli::{Exit, Failure, config},
    handover::Sockets,
    listen::{AskClients, Files, Listener},
};
use std::{path::PathBuf, sync::Arc};
use tokio::{runtime::Runtime, task::AbortHandle};
use verge_config::{CertificateFiles, Config, Https};

/// The listeners of `[listen]`.
pub(super) fn public(config: &Config, sockets: &mut Sockets) -> Result<Vec<Listener>, Failure> {
    let mut listeners = Vec::new();
    let refuse = |error| Failure::new(Exit::Config, format!("[listen]: {error}"));
    for address in &config.listen.http {
        listeners.push(Listener::http(sockets.open("http", *address).map_err(refuse)?));
    }
    for Https { address, certificates, clients } in &config.listen.https {
        let files = |pair: &CertificateFiles| Files {
            certificate: PathBuf::from(&pair.certificate),
            key: PathBuf::from(&pair.key),
        };
        let ask = clients.as_ref().map(|clients| AskClients {
            authorities: PathBuf::from(&clients.ca),
            required: clients.required,
            tells_subject: clients.subject,
        });
        let socket = sockets.open("https", *address).map_err(refuse)?;
        listeners.push(Listener::https(socket, certificates.iter().map(files).collect(), ask).map_err(refuse)?);
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
    let mut open = |place: &str, address, access| {
        let refuse = |error: &dyn std::fmt::Display| Failure::new(Exit::Config, format!("[{place}]: {error}"));
        let socket = sockets.open(place, address).map_err(|error| refuse(&error))?;
        let address = socket.local_addr().map_err(|error| refuse(&error))?;
        serving.push(background.spawn(admin.clone().serve(socket, access)).abort_handle());
        eprintln!("{place} on http://{address}");
        Ok::<_, Failure>(())
    };
    if let Some(settings) = &config.admin {
        let token = settings.token.as_ref().map(|token| config::secret(token, "[admin] token")).transpose()?;
        open("admin", settings.address, Access::Admin(token.map(Into::into)))?;
    }
    if let Some(settings) = &config.health {
        open("health", settings.address, Access::Health)?;
    }
    Ok(serving)
}
