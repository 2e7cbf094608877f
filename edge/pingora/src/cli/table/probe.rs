//! `--probe`: before a row is written, a connection to its origin, chosen and made by the code that serves.

use super::{
    Exit, Failure,
    plan::{Change, RowId},
    show::quoted,
    tables::Tables,
    verdict::origins,
};
use crate::{
    app::generation,
    dial::Dialer,
    proxy::{MAX_ATTEMPTS, is_for_another_address},
};
use pingora_core::{connectors::TransportConnector, protocols::ALPN, upstreams::peer::HttpPeer};
use pingora_error::{Error, ErrorType};
use serde_json::{Value as Json, json};
use std::time::Duration;
use verge_router::{Origin, origin::Scheme};

/// What an origin showed. No request is sent.
struct Seen {
    address: String,
    /// What ALPN agreed on; `None` where nothing was, and in clear text.
    protocol: Option<&'static str>,
}

/// Connects to the origins that a row would have, and says what was seen; JSON for a script: `null` where the row has no
/// origin of its own, a list where it has arms with several.
pub(crate) fn run(tables: &Tables, changes: &[Change], id: &RowId) -> Result<Json, Failure> {
    let origins = origins(tables, changes, id);
    if origins.is_empty() {
        eprintln!("nothing to probe: {} `{}` has no origin of its own", quoted(&id.api), quoted(&id.key));
    }
    let dialer = generation::dialer(tables.origins(), tables.background())?;
    let connector = generation::connector(tables.origins())?;
    let mut seen =
        origins.iter().map(|origin| probe(tables, &dialer, &connector, origin)).collect::<Result<Vec<_>, _>>()?;
    Ok(if seen.len() > 1 { Json::Array(seen) } else { seen.pop().unwrap_or(Json::Null) })
}

fn probe(tables: &Tables, dialer: &Dialer, connector: &TransportConnector, origin: &Origin) -> Result<Json, Failure> {
    let seen = tables.wait(connect(dialer, connector, origin)).map_err(|reason| {
        let message =
            format!("the probe failed, nothing is written: {reason}; without --probe it is written all the same");
        Failure::new(Exit::Unavailable, message)
    })?;
    let (domain, address) = (origin.domain(), &seen.address);
    let tls = origin.scheme() == Scheme::Https;
    match (tls, seen.protocol) {
        (false, _) => eprintln!("probed: `{domain}` takes connections at {address}, in clear text"),
        (true, Some(protocol)) => {
            eprintln!("probed: `{domain}` is at {address}, with a good certificate, and speaks {protocol}");
        }
        (true, None) => {
            eprintln!(
                "probed: `{domain}` is at {address}, with a good certificate; it knows no ALPN: HTTP/1.1 is spoken"
            );
        }
    }
    Ok(json!({"address": address, "sni": tls.then(|| domain.as_str()), "protocol": seen.protocol}))
}

/// Connects; tries another address where serving would.
async fn connect(dialer: &Dialer, connector: &TransportConnector, origin: &Origin) -> Result<Seen, String> {
    let mut attempt = 0;
    loop {
        let dialled = dialer.peer_of(origin, Duration::MAX).await.map_err(|error| error.to_string())?;
        let peer = dialled.peer;
        attempt += 1;
        let error = match connector.new_stream(&*peer).await {
            Ok(stream) => {
                let protocol = match stream.selected_alpn_proto() {
                    Some(ALPN::H2) => Some("h2"),
                    Some(ALPN::H1) => Some("http/1.1"),
                    _ => None,
                };
                return Ok(Seen { address: peer._address.to_string(), protocol });
            }
            Err(error) => error,
        };
        if let Some(way) = &dialled.way {
            way.failed();
        }
        if !is_for_another_address(error.etype()) || attempt >= MAX_ATTEMPTS {
            return Err(format!("`{}` at {}: {}", origin.domain(), peer._address, words(&error, &peer)));
        }
    }
}

/// Why there is no connection.
fn words(error: &Error, peer: &HttpPeer) -> String {
    match error.etype() {
        ErrorType::ConnectRefused => "the connection is refused".to_owned(),
        ErrorType::ConnectNoRoute => "there is no route to it".to_owned(),
        ErrorType::ConnectTimedout => {
            let limit = peer.options.total_connection_timeout.unwrap_or_default();
            format!("timed out: it is not connected within {limit:?}")
        }
        ErrorType::TLSHandshakeFailure => {
            let cause = said_by_tls(error);
            match cause.strip_prefix("invalid peer certificate: ") {
                Some(reason @ ("UnknownIssuer" | "BadSignature")) => format!(
                    "its certificate is refused: nobody who is trusted has signed it ({reason}); an authority of your \
                     own goes to [origins] ca"
                ),
                Some(reason) => format!("its certificate is refused: {reason}"),
                None => format!("the TLS handshake failed: {cause}"),
            }
        }
        _ => error.to_string(),
    }
}

/// What the TLS library said, of all that pingora wrote around it; everything, where that looks different.
fn said_by_tls(error: &Error) -> &str {
    let said = error.context.as_ref().map_or(error.reason_str(), |context| context.as_str());
    let cause = said.rsplit_once(" cause: ").map_or(said, |(_, cause)| cause);
    cause.rsplit_once(", SNI: ").map_or(cause, |(cause, _)| cause)
}
