//! pingora's errors, as reasons and sentences for the client.

use super::deadline::{BODY_OVERDUE, ORIGIN_OVERDUE, REQUEST_OVERDUE};
use crate::telemetry::Waited;
use pingora_error::{Error, ErrorSource, ErrorType};
use std::io;
use verge_router::Reason;

/// The error type of a name that cannot be dialled.
pub(super) const UNDIALLABLE: ErrorType = ErrorType::Custom("undiallable");
/// The error type of a request that cannot be signed for its origin.
pub(super) const NOT_SIGNED: ErrorType = ErrorType::Custom("not signed");
/// The error type of a request that found no place at its origin.
pub(super) const OVERLOADED: ErrorType = ErrorType::Custom("origin overloaded");
/// The error type of a request whose body grew over the limit.
pub(super) const BODY_TOO_LARGE: ErrorType = ErrorType::Custom("body too large");

/// What a failure is called to the client; `None` where there is no client any more.
pub(super) fn reason_of(error: &Error) -> Option<Reason> {
    use ErrorType::{
        ConnectTimedout, ConnectionClosed, H2Error, HandshakeError, InvalidCert, InvalidHTTPHeader, ReadError,
        ReadTimedout, TLSHandshakeFailure, TLSHandshakeTimedout, TLSWantX509Lookup, WriteError, WriteTimedout,
    };
    let kind = error.etype();
    if *kind == BODY_TOO_LARGE {
        return Some(Reason::BodyTooLarge);
    }
    if *kind == OVERLOADED {
        return Some(Reason::OriginOverloaded);
    }
    if *kind == NOT_SIGNED {
        return Some(Reason::NotSigned);
    }
    if *kind == ORIGIN_OVERDUE {
        return Some(Reason::OriginTimeout);
    }
    if *kind == REQUEST_OVERDUE || *kind == BODY_OVERDUE {
        return None;
    }
    if io_cause(error) == Some(io::ErrorKind::InvalidData) && *error.esource() == ErrorSource::Downstream {
        return Some(Reason::BadRequest);
    }
    Some(match (error.esource(), kind) {
        (
            ErrorSource::Downstream,
            ReadError | WriteError | ConnectionClosed | ReadTimedout | WriteTimedout | H2Error,
        ) => {
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

/// What a client was too slow with, where that ended its request.
pub(super) fn waited_for(error: &Error) -> Option<Waited> {
    let timed_out = io_cause(error) == Some(io::ErrorKind::TimedOut);
    match (error.esource(), error.etype()) {
        (_, kind) if *kind == REQUEST_OVERDUE => Some(Waited::Request),
        (_, kind) if *kind == BODY_OVERDUE => Some(Waited::Body),
        (ErrorSource::Downstream, ErrorType::ReadTimedout) => Some(Waited::Body),
        (ErrorSource::Downstream, ErrorType::ReadError) if timed_out => Some(Waited::Body),
        (ErrorSource::Downstream, ErrorType::WriteTimedout) => Some(Waited::Answer),
        (ErrorSource::Downstream, ErrorType::WriteError) if timed_out => Some(Waited::Answer),
        _ => None,
    }
}

/// What the connection itself said.
fn io_cause(error: &Error) -> Option<io::ErrorKind> {
    let mut cause = error.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static));
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        cause = match inner.downcast_ref::<Box<Error>>() {
            Some(nested) => nested.cause.as_deref().map(|cause| cause as &(dyn std::error::Error + 'static)),
            None => inner.source(),
        };
    }
    None
}

/// What the client is told: which step failed, and nothing about addresses.
pub(super) fn detail_of(reason: Reason, error: &Error) -> &'static str {
    match (reason, error.etype()) {
        (Reason::OriginTimeout, ErrorType::ConnectTimedout | ErrorType::TLSHandshakeTimedout) => {
            "The origin did not accept a connection in time."
        }
        (Reason::OriginTimeout, ErrorType::WriteTimedout) => "The origin did not take the request in time.",
        (Reason::OriginTimeout, _) => "The origin did not answer in time.",
        (Reason::OriginOverloaded, _) => "The origin has as many requests as it may have; try again shortly.",
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
