//! What the phases of a request tell the connection under it. pingora stands between both and hands through what hangs
//! on its digest of the connection.

use http::HeaderValue;
use pingora_core::protocols::{Digest, raw_connect::ProxyDigest};
use pingora_http::ResponseHeader;
use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::sync::Notify;

/// Under a request that asks for another protocol, and under one whose body has not come with its head; others have none.
#[derive(Debug)]
pub(crate) struct Line {
    begun: Instant,
    tunnel: AtomicBool,
    wanted: AtomicBool,
    bytes: AtomicU64,
    done: AtomicBool,
    /// How long the client was waited for, in milliseconds.
    waited: AtomicU64,
    /// Since when it is now, in milliseconds after the beginning and one; 0: it is not.
    waiting: AtomicU64,
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

impl Default for Line {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            tunnel: AtomicBool::default(),
            wanted: AtomicBool::default(),
            bytes: AtomicU64::default(),
            done: AtomicBool::default(),
            waited: AtomicU64::default(),
            waiting: AtomicU64::default(),
            moved: Notify::default(),
            id: OnceLock::default(),
        }
    }
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

    /// Whether it was mostly the client that was waited for, and no origin that takes what it sends slowly.
    pub(crate) fn waited_for_client(&self) -> bool {
        let waiting = match self.waiting.load(Ordering::Acquire) {
            0 => 0,
            since => self.now().saturating_sub(since),
        };
        2 * (self.waited.load(Ordering::Acquire) + waiting) > self.now()
    }

    /// Nothing has come from the client.
    pub(super) fn waits(&self) {
        let _ = self.waiting.compare_exchange(0, self.now(), Ordering::AcqRel, Ordering::Acquire);
    }

    /// Something has.
    pub(super) fn reads(&self) {
        let since = self.waiting.swap(0, Ordering::AcqRel);
        if since > 0 {
            self.waited.fetch_add(self.now().saturating_sub(since), Ordering::AcqRel);
        }
    }

    /// Milliseconds after the beginning, and one.
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
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
