//! What the phases of a request tell the connection under it. pingora stands between both and hands through what hangs
//! on its digest of the connection.

use http::HeaderValue;
use pingora_core::protocols::{Digest, raw_connect::ProxyDigest};
use pingora_http::ResponseHeader;
use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::sync::Notify;

/// Under a request that asks for another protocol, and under one whose body has not come with its head; others have none.
#[derive(Debug, Default)]
pub(crate) struct Line {
    tunnel: AtomicBool,
    wanted: AtomicBool,
    bytes: AtomicU64,
    done: AtomicBool,
    awaited: AtomicBool,
    moved: Notify,
    /// The id of the request, for a log line that its phases do not come to write.
    id: OnceLock<HeaderValue>,
}

/// How far a body has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    Bytes(u64),
    Done,
}

impl Line {
    /// The line under a request, where it has one.
    pub(crate) fn of(digest: &Digest) -> Option<&Arc<Self>> {
        digest.proxy_digest.as_ref()?.user_data.as_ref()?.downcast_ref()
    }

    /// From here on, both sides send what they like: the answer is 101.
    pub(crate) fn open_tunnel(&self) {
        self.tunnel.store(true, Ordering::Release);
    }

    /// What the request goes by.
    pub(crate) fn name(&self, id: &HeaderValue) {
        let _ = self.id.set(id.clone());
    }

    /// The request's id, once it is known.
    pub(super) fn id(&self) -> &str {
        self.id.get().and_then(|id| id.to_str().ok()).unwrap_or_default()
    }

    /// The origin is there: from here on it is the client that is waited for.
    pub(crate) fn want_body(&self) {
        self.wanted.store(true, Ordering::Release);
        self.moved.notify_one();
    }

    /// So much of the body has come on, and perhaps its end.
    pub(crate) fn body_moved(&self, bytes: usize, done: bool) {
        self.bytes.fetch_add(bytes as u64, Ordering::AcqRel);
        if done {
            self.done.store(true, Ordering::Release);
        }
        self.moved.notify_one();
    }

    /// Whether it is the client that is waited for, and no origin that takes what it sends slowly.
    pub(crate) fn awaits_client(&self) -> bool {
        self.awaited.load(Ordering::Acquire)
    }

    pub(super) fn await_client(&self, awaited: bool) {
        self.awaited.store(awaited, Ordering::Release);
    }

    pub(super) fn is_tunnel(&self) -> bool {
        self.tunnel.load(Ordering::Acquire)
    }

    /// Returns when the body is waited for.
    pub(super) async fn wanted(&self) {
        while !self.wanted.load(Ordering::Acquire) {
            self.moved.notified().await;
        }
    }

    /// Returns when the body has moved.
    pub(super) async fn moved(&self) -> Progress {
        self.moved.notified().await;
        match self.done.load(Ordering::Acquire) {
            true => Progress::Done,
            false => Progress::Bytes(self.bytes.load(Ordering::Acquire)),
        }
    }

    pub(super) fn digest(self: &Arc<Self>) -> Option<Arc<ProxyDigest>> {
        let nothing = Box::new(ResponseHeader::build(200, Some(0)).ok()?);
        Some(Arc::new(ProxyDigest::new(nothing, Some(Box::new(self.clone())))))
    }
}
