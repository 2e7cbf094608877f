//! When the table is read: at the start, every `refresh`, when a source has changed, and when a doubt has had its time.

use super::{LiveTable, pause};
use crate::source::{LoadError, Source};
use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::JoinSet;

impl LiveTable {
    /// Refreshes until `shutdown` is done: at start, every `refresh` (±10 %), and when a source has changed.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        let mut shutdown = pin!(shutdown);
        // Ends with this.
        let mut loading = JoinSet::new();
        loading.spawn(self.clone().load_wanted());
        let mut failures = 0;
        loop {
            let outcome = tokio::select! {
                biased;
                () = &mut shutdown => return,
                outcome = self.refresh_once() => outcome,
            };
            self.bury_soon();
            self.save_soon();
            failures = if outcome.is_err() { failures + 1 } else { 0 };
            let refresh = self.state().refresh;
            let pause = self.until_confirmed(pause::next(refresh, failures, self.is_ready()));
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                () = self.wake.notified() => {}
                () = self.change() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// This pause, or a shorter one where a reading that is held back can be believed before its end.
    fn until_confirmed(&self, pause: Duration) -> Duration {
        let now = now();
        let due = self.state().slots.iter().filter_map(super::slot::Slot::confirmed_at).filter(|due| *due > now).min();
        due.map_or(pause, |due| pause.min(due.saturating_duration_since(now)))
    }

    /// Asks each source, at its own pace, whether it has changed; ends when one has.
    async fn change(self: &Arc<Self>) {
        let mut polls = JoinSet::new();
        for slot in self.state().slots.iter().filter(|slot| !slot.feed.poll.is_zero()) {
            let (source, poll, this) = (slot.feed.source.clone(), slot.feed.poll, self.clone());
            polls.spawn(async move {
                let mut failures = 0_u32;
                loop {
                    tokio::time::sleep(pause::poll(poll, failures)).await;
                    let asked = source.has_changed().await;
                    this.asked(&source, asked.as_ref().err());
                    match asked {
                        Ok(true) => return,
                        Ok(false) => failures = 0,
                        Err(_) => failures = failures.saturating_add(1),
                    }
                }
            });
        }
        while let Some(ended) = polls.join_next().await {
            if ended.is_ok() {
                return;
            }
        }
        std::future::pending().await
    }

    /// Counts polls that fail, and says so once.
    fn asked(&self, source: &Arc<dyn Source>, error: Option<&LoadError>) {
        let mut state = self.state();
        if let Some(error) = error {
            *state.polls_failed.entry(error.code()).or_default() += 1;
        }
        let Some(slot) = state.slots.iter_mut().find(|slot| Arc::ptr_eq(&slot.feed.source, source)) else { return };
        let failing = std::mem::replace(&mut slot.poll_fails, error.is_some());
        if let (false, Some(error)) = (failing, error) {
            tracing::warn!(code = error.code(), "changes are not seen before the next refresh: {error}");
        }
    }
}

/// The monotonic time, as the runtime's clock has it.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
