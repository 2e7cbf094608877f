//! What origins are shown on a request's head besides what the router says: secret fields, and a signature, for which the
//! body is held until it is whole.

use super::{Verge, edits::RequestEdits, fault::NOT_SIGNED, journey::Journey, view::content_length};
use crate::{ingress::Line, reply::Reply};
use http::{Version, header};
use pingora_error::{Error, Result};
use pingora_proxy::Session;
use verge_router::{Edits, Forward, Reason};

/// What pingora holds of a body, and so what can be signed.
const HELD: u64 = 64 << 10;

const TOO_LARGE: &str = "Requests to this origin are signed, with bodies of 64 KiB at most.";

impl Verge {
    /// Where the origin wants requests signed: sees that this one can be, and holds its body. The reply, where it cannot.
    pub(super) async fn prepare_to_sign(
        &self,
        session: &mut Session,
        journey: &mut Journey,
    ) -> Result<Option<Box<Reply>>> {
        let signers = &self.proofs.signers;
        let domain = journey.forward.as_ref().map(|forward| forward.origin().domain());
        let Some(domain) = domain.filter(|domain| signers.are_for(domain)) else { return Ok(None) };
        if let Err(error) = signers.check(domain) {
            journey.fault = Some(error.to_string());
            let detail = "The request cannot be signed for its origin; try again shortly.";
            return Ok(Some(self.fault(Reason::NotSigned, detail, session, journey)));
        }
        if session.is_body_done() {
            return Ok(None);
        }
        if content_length(session.req_header()).is_some_and(|length| length > HELD) {
            return Ok(Some(self.fault(Reason::BodyTooLarge, TOO_LARGE, session, journey)));
        }
        // Who waits for leave to send is given it here: the origin is asked when all is there.
        if session.req_header().headers.contains_key(header::EXPECT) {
            if session.req_header().version != Version::HTTP_10 {
                session.write_continue_response().await.map_err(Error::into_down)?;
            }
            session.req_header_mut().remove_header(&header::EXPECT);
        }
        let line = session.digest().and_then(Line::of).cloned();
        if let Some(line) = &line {
            line.want_body();
        }
        session.as_mut().enable_retry_buffering();
        while let Some(part) = session.as_mut().read_request_body().await.map_err(Error::into_down)? {
            if let Some(line) = &line {
                line.body_moved(part.len(), false);
            }
            if session.as_ref().retry_buffer_truncated() {
                return Ok(Some(self.fault(Reason::BodyTooLarge, TOO_LARGE, session, journey)));
            }
        }
        if let Some(line) = &line {
            line.body_moved(0, true);
        }
        Ok(None)
    }

    /// Sets what proves a request, and removes what the client sent in its place.
    pub(super) fn prove(
        &self,
        session: &Session,
        journey: &Journey,
        forward: &Forward,
        edits: &mut RequestEdits,
    ) -> Result<()> {
        let domain = forward.origin().domain();
        self.proofs.locks.apply(domain, edits);
        let signers = &self.proofs.signers;
        if !signers.are_for(domain) {
            return Ok(());
        }
        edits.remove(&header::EXPECT);
        let target = journey.target.path_and_query().map_or("/", |target| target.as_str());
        let body = session.as_ref().get_retry_buffer().unwrap_or_default();
        signers
            .apply(domain, (session.req_header().method.as_str(), target, &body), edits)
            .map_err(|error| Error::explain(NOT_SIGNED, error.to_string()).into_in())
    }
}
