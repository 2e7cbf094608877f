//! What CloudFront can be told to connect to, of what a decision says.

use crate::settings::Settings;
use std::time::Duration;
use verge_router::{
    Forward,
    origin::{DialHost, Domain},
};

/// Where CloudFront is to connect. Host stays the origin's, and with it, as Host is among what is forwarded, the name in
/// the TLS handshake.
#[derive(Debug)]
pub(crate) struct Dialled<'f> {
    /// The name to look up.
    pub(crate) domain: &'f Domain,
    /// The port.
    pub(crate) port: u16,
    /// How long the origin may be silent, in seconds; 0 where its row does not say so.
    pub(crate) read_timeout: u32,
}

/// The longest base path that CloudFront takes, in bytes.
const LONGEST_PATH: usize = 255;

/// Seconds that CloudFront waits for an origin: no fewer and no more.
const WAITS: (u32, u32) = (4, 60);

/// Where this decision is to be sent.
///
/// # Errors
/// CloudFront cannot be told so: why, for the client.
pub(crate) fn dial<'f>(forward: &'f Forward, settings: &'f Settings) -> Result<Dialled<'f>, &'static str> {
    let origin = forward.origin();
    let operator = settings.connect.iter().find(|(domain, _)| domain == origin.domain()).map(|(_, dial)| dial);
    let dial = operator.or(origin.connect());
    let domain = match dial.map(|dial| &dial.host) {
        None => origin.domain(),
        Some(DialHost::Name(name)) => name,
        Some(DialHost::Address(_)) => {
            return Err("CloudFront connects to names, and this version's row names an address.");
        }
    };
    let port = dial.and_then(|dial| dial.port).unwrap_or(origin.port());
    if !matches!(port, 80 | 443 | 1024..) {
        return Err("CloudFront does not connect to the port of this version's row.");
    }
    if origin.base_path().len() > LONGEST_PATH {
        return Err("CloudFront takes no base path as long as that of this version's row.");
    }
    let seconds = |read: Duration| u32::try_from(read.as_secs()).unwrap_or(u32::MAX).clamp(WAITS.0, WAITS.1);
    Ok(Dialled { domain, port, read_timeout: origin.timeouts().read.map_or(0, seconds) })
}
