//! Waiting for a condition, with a patience. Nothing here waits longer than it must, and nothing waits for ever.

use std::{future::Future, time::Duration};

/// How long anything may take before a test has failed: long enough for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(15);

/// How often a condition that cannot announce itself is looked at.
pub(crate) const GLANCE: Duration = Duration::from_millis(10);

/// Waits until a condition holds.
///
/// # Panics
/// It does not hold within [`PATIENCE`]; `what` says what was waited for.
pub async fn eventually(what: &str, holds: impl AsyncFnMut() -> bool) {
    eventually_in(PATIENCE, what, holds).await;
}

/// The same with another patience, for other programs.
///
/// # Panics
/// It does not hold within that time.
pub async fn eventually_in(patience: Duration, what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let look = async {
        let mut glances = tokio::time::interval(GLANCE);
        glances.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            glances.tick().await;
            if holds().await {
                return;
            }
        }
    };
    within_in(patience, what, look).await;
}

/// Waits for something to end.
///
/// # Panics
/// It takes longer than [`PATIENCE`].
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    within_in(PATIENCE, what, future).await
}

async fn within_in<T>(patience: Duration, what: &str, future: impl Future<Output = T>) -> T {
    match tokio::time::timeout(patience, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {patience:?} in vain: {what}"),
    }
}
