//! pingora's errors, as reasons and sentences for the client.

use pingora_error::{Error, ErrorSource, ErrorType};
use verge_router::Reason;

/// The error type of a name that cannot be dialled.
pub(super) const UNDIALLABLE: ErrorType = ErrorType::Custom("undiallable");
/// The error type of a request whose body grew over the limit.
pub(super) const BODY_TOO_LARGE: ErrorType = ErrorType::Custom("body too large");

/// What a failure is called to the client; `None` where there is no client any more.
pub(super) fn reason_of(error: &Error) -> Option<Reason> {
    use ErrorType::{
        ConnectTimedout, ConnectionClosed, HandshakeError, InvalidCert, InvalidHTTPHeader, ReadError, ReadTimedout,
        TLSHandshakeFailure, TLSHandshakeTimedout, TLSWantX509Lookup, WriteError, WriteTimedout,
    };
    let kind = error.etype();
    if *kind == BODY_TOO_LARGE {
        return Some(Reason::BodyTooLarge);
    }
    Some(match (error.esource(), kind) {
        (ErrorSource::Downstream, ReadError | WriteError | ConnectionClosed | ReadTimedout | WriteTimedout) => {
            return None;
        }
        (ErrorSource::Downstream, _) => Reason::BadRequest,
        (_, TLSHandshakeFailure | InvalidCert | HandshakeError | TLSWantX509Lookup) => Reason::OriginTls,
        (_, ConnectTimedout | TLSHandshakeTimedout | ReadTimedout | WriteTimedout) => Reason::OriginTimeout,
        (ErrorSource::Upstream, _) => Reason::OriginUnreachable,
        (_, InvalidHTTPHeader) => Reason::BadRequest,
        _ => Reason::Internal,
    })
}

/// What the client is told: which step failed, and nothing about addresses.
pub(super) fn detail_of(reason: Reason, error: &Error) -> &'static str {
    match (reason, error.etype()) {
        (Reason::OriginTimeout, ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout) => {
            "The origin did not accept a connection in time."
        }
        (Reason::OriginTimeout, ErrorType::WriteTimedout) => "The origin did not take the request in time.",
        (Reason::OriginTimeout, _) => "The origin did not answer in time.",
        (Reason::OriginTls, _) => "The origin's TLS handshake failed, or its certificate is not valid for its name.",
        (Reason::OriginUnreachable, kind) if *kind == UNDIALLABLE => {
            "The origin's name does not resolve to an address that may be dialled."
        }
        (Reason::OriginUnreachable, ErrorType::ConnectRefused | ErrorType::ConnectNoRoute) => {
            "The origin refused the connection."
        }
        (Reason::OriginUnreachable, _) => "The connection to the origin broke before it answered.",
        (Reason::BodyTooLarge, _) => "The request body is larger than this proxy forwards.",
        (reason, _) => reason.title(),
    }
}
