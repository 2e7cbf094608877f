//! WebSocket and no other protocol: who asks for it, and when the connection becomes a tunnel.

use crate::ingress::Line;
use http::{Method, StatusCode, Version, header};
use pingora_core::upstreams::peer::{ALPN, HttpPeer};
use pingora_error::{Error, ErrorType, Result};
use pingora_proxy::Session;
use std::time::Duration;

/// Takes the wish for any other protocol away, as every server may (RFC 9110 §7.8), before pingora sees it: the request
/// is then one like any other. After a WebSocket's handshake, whatever comes of it, no second request is read.
pub(super) fn prepare(session: &mut Session) {
    if !session.req_header().headers.contains_key(header::UPGRADE) {
        return;
    }
    let empty = session.is_body_empty();
    let head = session.req_header_mut();
    let mut lines = head.headers.get_all(header::UPGRADE).iter();
    let websocket = lines.next().is_some_and(|line| line.as_bytes().eq_ignore_ascii_case(b"websocket"));
    let sound = websocket && lines.next().is_none() && empty;
    if sound && head.method == Method::GET && head.version == Version::HTTP_11 {
        session.set_keepalive(None);
    } else {
        head.remove_header(&header::UPGRADE);
    }
}

/// Whether a tunnel is asked for.
pub(super) fn is_asked(session: &Session) -> bool {
    session.req_header().version == Version::HTTP_11 && session.req_header().headers.contains_key(header::UPGRADE)
}

/// The connection to the origin of a tunnel, which may be silent for longer. HTTP/2 has no upgrade (RFC 9113 §8.6).
pub(super) fn dial(mut peer: Box<HttpPeer>, tunnel: Option<Duration>) -> Box<HttpPeer> {
    if let Some(silence) = tunnel {
        peer.options.alpn = ALPN::H1;
        peer.options.read_timeout = Some(silence);
    }
    peer
}

/// Whether this ended a tunnel: one of its sides was silent for too long, whichever was seen first.
pub(super) fn fell_silent(session: &Session, error: &Error) -> bool {
    let is_tunnel = session.response_written().is_some_and(|head| head.status == StatusCode::SWITCHING_PROTOCOLS);
    is_tunnel && *error.etype() == ErrorType::ReadTimedout
}

/// The origin has agreed: from here on both sides send what they like.
///
/// # Errors
/// Nobody asked it.
pub(super) fn begin(session: &mut Session, silence: Duration) -> Result<()> {
    let line = session.digest().and_then(Line::of).cloned();
    match line.filter(|_| is_asked(session)) {
        Some(line) => {
            line.open_tunnel();
            session.set_read_timeout(Some(silence));
            Ok(())
        }
        None => Err(Error::explain(ErrorType::InvalidHTTPHeader, "the origin switches protocols unasked").into_up()),
    }
}
