//! What splits need of the proxy: what a decision may know of breakers and testers, how each arm's requests end, and
//! the second attempt at stable.

use super::{
    Verge,
    attempts::MAX_ATTEMPTS,
    journey::Journey,
    view::{is_answered, target_of, view},
};
use crate::{
    breaker::{Breakers, Ending},
    clock::unix_now,
    overrides::Overrides,
};
use http::HeaderValue;
use pingora_error::{Error, ErrorSource, ErrorType};
use pingora_proxy::Session;
use std::{net::IpAddr, sync::Arc, time::Duration};
use verge_router::{Moment, Reason};

/// Who leaves before this did not leave for want of an answer.
const PATIENCE: Duration = Duration::from_secs(1);

/// What one serving thread knows of splits.
#[derive(Clone)]
pub(crate) struct Canary {
    /// Which of the serving threads this is.
    pub(crate) thread: usize,
    pub(crate) breakers: Arc<Breakers>,
    /// Who may ask for an arm.
    pub(crate) overrides: Overrides,
}

impl Canary {
    /// The moment of a request.
    pub(super) fn moment<'m>(&'m self, client: Option<IpAddr>, request_id: &'m HeaderValue) -> Moment<'m> {
        self.overrides.moment(client, request_id.as_bytes(), &*self.breakers, unix_now())
    }
}

impl Verge {
    /// Counts how a request to an arm ended, as far as that tells about the arm.
    pub(super) fn count_arm(&self, session: &mut Session, journey: &Journey, status: u16) {
        let Some(choice) = journey.forward.as_ref().and_then(|forward| forward.choice()) else { return };
        let latency = match (journey.asked, journey.answered) {
            (Some(asked), Some(answered)) => answered.saturating_duration_since(asked),
            _ => Duration::ZERO,
        };
        let ending = match (journey.reason, status) {
            (Some(Reason::OriginUnreachable | Reason::OriginTls | Reason::OriginTimeout), _) => Ending::Failed,
            // The arm was not to answer yet.
            (None, 0) if !session.is_body_done() => return,
            // A client that waited and left saw an arm as slow as that, at least; one that left at once tells nothing.
            (None, 0) => match journey.asked.map(|asked| asked.elapsed()) {
                Some(waited) if journey.answered.is_none() && waited >= PATIENCE => Ending::Answered(waited),
                _ => return,
            },
            // What Verge said itself tells nothing.
            (Some(_), _) => return,
            (None, 500..) => Ending::Failed,
            (None, 400..) => Ending::Refused,
            (None, _) => Ending::Answered(latency),
        };
        self.canary.breakers.count(self.canary.thread, choice, ending);
    }

    /// After an attempt that failed before it was answered: sends the request to stable, where the decision allows it and
    /// the budget has room. The failure counts against the arm that failed.
    pub(super) fn fall_back(&self, session: &Session, journey: &mut Journey) -> bool {
        if journey.attempts >= MAX_ATTEMPTS || journey.answered.is_some() {
            return false;
        }
        let (Some(forward), Some(request)) = (&journey.forward, view(session.req_header())) else { return false };
        let Some(choice) = forward.choice() else { return false };
        let Some(stable) = forward.fall_back(&request) else { return false };
        let Some(target) = target_of(&stable) else { return false };
        let Canary { thread, breakers, .. } = &self.canary;
        if !breakers.may_fall_back(*thread, choice) {
            return false;
        }
        breakers.count(*thread, choice, Ending::Failed);
        self.metrics.fell_back();
        (journey.forward, journey.target) = (Some(stable), target);
        true
    }
}

/// pingora's own answer to an error on the way, which decides whether the same origin is asked again: only what can be
/// repeated, whose body is still there, and only on a pooled connection that turned out to be dead.
pub(super) fn may_repeat(session: &Session, error: &mut Error, reused: bool) {
    if !session.req_header().method.is_idempotent() || session.as_ref().retry_buffer_truncated() {
        error.set_retry(false);
    } else {
        error.retry.decide_reuse(reused);
    }
}

/// Whether an attempt ended by the origin's doing, in a way after which another origin may do better.
pub(super) fn is_for_another_origin(session: &Session, error: &Error) -> bool {
    use ErrorType::{
        ConnectError, ConnectNoRoute, ConnectRefused, ConnectTimedout, ConnectionClosed, H2Error, ReadError,
        ReadTimedout, TLSHandshakeFailure, TLSHandshakeTimedout, WriteError, WriteTimedout,
    };
    let kinds = [
        ConnectError,
        ConnectNoRoute,
        ConnectRefused,
        ConnectTimedout,
        ConnectionClosed,
        H2Error,
        ReadError,
        ReadTimedout,
        TLSHandshakeFailure,
        TLSHandshakeTimedout,
        WriteError,
        WriteTimedout,
    ];
    *error.esource() == ErrorSource::Upstream
        && kinds.contains(error.etype())
        && !session.as_ref().retry_buffer_truncated()
        && !is_answered(session)
}
