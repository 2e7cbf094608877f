//! When a request must be over, and who is to blame. Streams and tunnels have no such time, only bounds on silence.
//!
//! Nothing wakes up for it: every wait of a request has a limit of its own, and after each the deadline is looked at.

use super::{Verge, journey::Journey, view::is_answered};
use crate::ingress::{Line, is_call};
use http::{HeaderMap, header};
use pingora_error::{Error, ErrorSource, ErrorType, Result};
use pingora_http::RequestHeader;
use pingora_proxy::Session;
use std::time::{Duration, Instant};

/// The error type of an exchange that took the origin too long.
pub(super) const ORIGIN_OVERDUE: ErrorType = ErrorType::Custom("the exchange with the origin took too long");
/// The error type of a request that took too long in all.
pub(super) const REQUEST_OVERDUE: ErrorType = ErrorType::Custom("the request took too long");
/// The error type of a request whose body had not come when there was no more time for an answer.
pub(super) const BODY_OVERDUE: ErrorType = ErrorType::Custom("the request body came too slowly");

impl Verge {
    /// How long an attempt may take that begins now. The first one sets the deadline.
    pub(super) fn time_left(&self, head: &RequestHeader, journey: &mut Journey) -> Duration {
        let now = Instant::now();
        if let Some(forward) = journey.forward.as_ref().filter(|_| journey.attempts == 0 && !is_call(&head.headers)) {
            let total = self.dialer.total(forward);
            let rest = self.limits.request_timeout.saturating_sub(now.saturating_duration_since(journey.started));
            journey.deadline = now.checked_add(total.min(rest));
        }
        journey.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(now))
    }

    /// Whether there is time left.
    pub(super) fn check_time(&self, journey: &Journey) -> Result<()> {
        let Some(deadline) = journey.deadline else { return Ok(()) };
        let now = Instant::now();
        if now < deadline {
            return Ok(());
        }
        if self.is_over(journey) {
            return Err(Error::explain(REQUEST_OVERDUE, "over `request_timeout`").into_down());
        }
        Err(Error::explain(ORIGIN_OVERDUE, "over `total_timeout`").into_up())
    }

    fn is_over(&self, journey: &Journey) -> bool {
        journey.started.elapsed() >= self.limits.request_timeout
    }

    /// Who is to blame for an error: where the time of an origin ran out that waited for the rest of the request, as we
    /// did, the client is; not where the origin does not take what the client sends.
    ///
    /// Both sides of a call may wait for the other, and whoever asks for leave to send its body waits
    /// for the origin.
    pub(super) fn blame(&self, session: &mut Session, journey: &Journey, error: Box<Error>) -> Box<Error> {
        let out_of_time = *error.etype() == ORIGIN_OVERDUE
            || (error.esource(), error.etype()) == (&ErrorSource::Upstream, &ErrorType::ReadTimedout);
        let waited_for_client = session.digest().and_then(Line::of).is_some_and(|line| line.waited_for_client());
        if !out_of_time || session.is_body_done() || is_answered(session) || !waited_for_client {
            return error;
        }
        let headers = &session.req_header().headers;
        // With leave to send, an interim answer has been written.
        let asks_for_leave = session.response_written().is_none() && headers.contains_key(header::EXPECT);
        if asks_for_leave || is_call(headers) {
            return error;
        }
        let kind = if self.is_over(journey) { REQUEST_OVERDUE } else { BODY_OVERDUE };
        Error::because(kind, "the origin was waiting for the rest of the request", error).into_down()
    }
}

/// Whether an answer is a stream: events (HTML, "Server-sent events") or a call's messages.
pub(super) fn is_stream(headers: &HeaderMap) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    is_call(headers) || kind.get(..EVENTS.len()).is_some_and(|start| start.eq_ignore_ascii_case(EVENTS))
}
