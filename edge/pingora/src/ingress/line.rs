//! What the phases of a request tell the connection under it. pingora stands between both and hands through what hangs
//! on its digest of the connection.

use pingora_core::protocols::{Digest, raw_connect::ProxyDigest};
use pingora_http::ResponseHeader;
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A connection on which another protocol may begin.
#[derive(Debug, Default)]
pub(crate) struct Line {
    tunnel: AtomicBool,
}

impl Line {
    /// The line under a request that asks for another protocol; others have none.
    pub(crate) fn of(digest: &Digest) -> Option<&Arc<Self>> {
        digest.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref()
    }

    /// From here on, both sides send what they like: the answer is 101.
    pub(crate) fn open_tunnel(&self) {
        self.tunnel.store(true, Ordering::Release);
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Acquire)
    }

    pub(super) fn digest(self: &Arc<Self>) -> Option<Arc<ProxyDigest>> {
        let nothing = Box::new(ResponseHeader::build(200, Some(0)).ok()?);
        Some(Arc::new(ProxyDigest::new(nothing, Some(Box::new(self.clone())))))
    }
}
