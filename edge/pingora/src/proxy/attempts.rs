//! Attempts at origins: a place, an address, and whether what failed is tried once more.
//!
//! Never what an origin may have begun to act on, unless its method is idempotent (RFC 9110 §9.2.2); never after a byte
//! of an answer; at most twice; and within a tenth of what the origin is given by right, so that an outage is not
//! doubled.

use super::{
    Verge,
    canary::{is_for_another_origin, may_repeat},
    fault::{OVERLOADED, UNDIALLABLE},
    journey::Journey,
    upgrade,
    view::is_answered,
};
use crate::dial::{DialError, Place};
use pingora_core::upstreams::peer::HttpPeer;
use pingora_error::{Error, ErrorType, Result};
use pingora_proxy::Session;
use std::time::Instant;

/// How often a request may go to an origin.
pub(crate) const MAX_ATTEMPTS: usize = 2;

impl Verge {
    /// What to connect to for this attempt, with a place at the origin.
    pub(super) async fn dial(&self, session: &mut Session, journey: &mut Journey) -> Result<Box<HttpPeer>> {
        let tunnel = upgrade::is_asked(session).then_some(self.limits.tunnel_timeout);
        loop {
            let rest = self.time_left(session.req_header(), journey);
            let held = journey.place.take();
            let Some(forward) = &journey.forward else {
                return Error::e_explain(ErrorType::InternalError, "no decision to dial");
            };
            let place = self.dialer.enter(forward, held).await;
            let place = place.map_err(|error| Error::explain(OVERLOADED, error.to_string()).into_up())?;
            journey.attempts += 1;
            if journey.attempts > 1 {
                self.metrics.retried();
            } else {
                place.earn();
            }
            // A body is sent again from its beginning.
            (journey.place, journey.body) = (Some(place), 0);
            journey.asked = forward.choice().map(|_| Instant::now());
            let error = match self.dialer.peer(forward, rest).await {
                Ok(dialled) => {
                    journey.way = dialled.way;
                    return Ok(upgrade::dial(dialled.peer, tunnel));
                }
                Err(error) => error,
            };
            if let DialError::Forbidden(..) = error {
                tracing::error!(api = forward.api().name(), version = forward.mapping().key(), %error, "an origin resolves to an address that is never dialled");
            }
            if !self.fall_back(session, journey) {
                return Err(Error::explain(UNDIALLABLE, error.to_string()).into_up());
            }
        }
    }

    /// A connection that was never made has carried nothing: any method may try again, where an address refused or the
    /// name has others; and what may fall back to stable does.
    pub(super) fn not_connected(
        &self,
        session: &mut Session,
        journey: &mut Journey,
        mut error: Box<Error>,
    ) -> Box<Error> {
        let elsewhere = self.set_back(&error, journey);
        let again = journey.attempts < MAX_ATTEMPTS && (elsewhere || is_for_another_address(error.etype()));
        error.set_retry(self.fall_back(session, journey) || again && self.may_try_again(journey));
        error
    }

    /// What failed on a connection: again on a fresh one where the pooled one was dead, else at stable where that may be.
    pub(super) fn broken_off(
        &self,
        session: &mut Session,
        journey: &mut Journey,
        mut error: Box<Error>,
        reused: bool,
    ) -> Box<Error> {
        may_repeat(session, &mut error, reused);
        let again =
            error.retry() && !is_answered(session) && journey.attempts < MAX_ATTEMPTS && self.may_try_again(journey);
        error.set_retry(again || is_for_another_origin(session, &error) && self.fall_back(session, journey));
        error
    }

    /// Whether the origin's budget has a second attempt.
    fn may_try_again(&self, journey: &Journey) -> bool {
        let may = journey.place.as_ref().is_some_and(Place::spend);
        if !may {
            self.metrics.not_retried();
        }
        may
    }

    /// Sets the address back that took no connection; whether its name has others.
    fn set_back(&self, error: &Error, journey: &Journey) -> bool {
        use ErrorType::{ConnectNoRoute, ConnectRefused, ConnectTimedout, TLSHandshakeTimedout};
        let kinds = [ConnectRefused, ConnectNoRoute, ConnectTimedout, TLSHandshakeTimedout];
        let Some(way) = journey.way.as_ref().filter(|_| kinds.contains(error.etype())) else { return false };
        if let Some(wait) = way.failed() {
            self.metrics.address_set_back();
            let origin = journey.forward.as_ref().map(|forward| forward.origin().domain().as_str());
            tracing::warn!(origin, address = %way.address(), ?wait, %error, "an address is set back");
        }
        way.has_others()
    }
}

/// Whether another address may do where this one failed.
pub(crate) fn is_for_another_address(kind: &ErrorType) -> bool {
    matches!(kind, ErrorType::ConnectRefused | ErrorType::ConnectNoRoute)
}
