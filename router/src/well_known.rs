//! `GET /.well-known/api-versions`: the versions of the APIs under a host, for clients that want to know before they ask
//! (RFC 8615).

use crate::{api::Api, request::Request, table::Good};
use alloc::{sync::Arc, vec::Vec};
use http::Method;

/// Where the versions of all APIs under a host are listed, by those APIs' policy.
pub const WELL_KNOWN: &str = "/.well-known/api-versions";

/// One API, and the versions that it shows.
#[derive(Debug, Clone)]
pub struct Listed {
    /// The API.
    pub api: Arc<Api>,
    /// Its versions, newest first, and whether each is deprecated by now.
    pub versions: Vec<(Good, bool)>,
}

/// Whether a request is for that list.
pub(crate) fn is_asked(request: &Request<'_>) -> bool {
    request.path == WELL_KNOWN && matches!(*request.method, Method::GET | Method::HEAD)
}
