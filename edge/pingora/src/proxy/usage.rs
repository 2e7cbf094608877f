//! Which version each request used, and whose it was.

use super::{Verge, journey::Journey, view};
use crate::usage::{Ended, consumer_of};
use pingora_proxy::Session;
use verge_router::Reason;

impl Verge {
    /// Counts a request of a version that is served, or is over.
    pub(super) fn count_version(&self, session: &Session, journey: &Journey) {
        let (api, version, ended) = match (&journey.forward, journey.reason, &journey.api, &journey.version) {
            (Some(forward), ..) => (forward.api(), forward.mapping().key(), Ended::Served),
            (None, Some(Reason::RetiredVersion), Some(api), Some(version)) => (api, &**version, Ended::Retired),
            _ => return,
        };
        let consumer = match view(session.req_header()) {
            Some(request) if !self.consumer.is_empty() => consumer_of(&self.consumer, &request, journey.client),
            _ => None,
        };
        self.usage.count(self.canary.thread, api.name(), version, ended, consumer.as_ref());
    }
}
