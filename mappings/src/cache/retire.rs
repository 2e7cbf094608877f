//! How tables end: on a thread that serves nobody, and so that the machine gets their memory back.

use super::LiveTable;
use std::{sync::Arc, time::Duration};

/// How long a table is kept that is not held any more: far longer than any decision takes.
const RETIREMENT: Duration = Duration::from_secs(1);
/// More than any allocator keeps for later without a thought, in bytes.
const LARGE: usize = 4 << 20;

impl LiveTable {
    /// Takes the table before the one held apart. Decisions that began with it are over.
    pub(super) fn bury(&self) {
        let retired = self.state().retired.take();
        if retired.is_some() {
            discard(retired);
        }
    }

    /// The same, a moment from now.
    pub(super) fn bury_soon(self: &Arc<Self>) {
        let this = self.clone();
        drop(tokio::spawn(async move {
            tokio::time::sleep(RETIREMENT).await;
            this.bury();
            // What a build worked in is free by now, and the allocator gives it back when next it frees something large:
            // on a quiet node that may be never.
            tokio::time::sleep(2 * RETIREMENT).await;
            discard(std::hint::black_box(Vec::<u8>::with_capacity(LARGE)));
        }));
    }
}

/// Takes something large apart on a thread that serves nobody.
pub(super) fn discard<T: Send + 'static>(large: T) {
    drop(tokio::task::spawn_blocking(move || drop(large)));
}
