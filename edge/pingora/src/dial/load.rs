//! How much an origin is given: so many requests at a time, a short wait for a place, and second attempts within a
//! tenth of the first ones. One slow origin so keeps to its own share of what this node has.

use std::{
    sync::{
        Arc,
        atomic::{
            AtomicI64, AtomicUsize,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::Duration,
};
use tokio::sync::Notify;

/// What a second attempt takes of the budget.
const RETRY: i64 = 10;
/// What a request adds to it: one second attempt for ten.
const EARNED: i64 = 1;
/// What can be saved up, and what an origin begins with: connections that went stale together are no outage.
const SAVED: i64 = 50 * RETRY;

/// What an origin is given at most.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LoadLimits {
    /// Requests at a time, and as many that wait.
    pub(crate) in_flight: usize,
    /// How long one waits.
    pub(crate) queue: Duration,
}

/// What one origin has been given.
#[derive(Debug)]
pub(crate) struct Load {
    in_flight: AtomicUsize,
    waiting: AtomicUsize,
    room: Notify,
    budget: AtomicI64,
}

/// A request's place at its origin, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Place(Arc<Load>);

/// An origin has all the requests it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("all places at this origin are taken")]
pub(crate) struct NoPlace;

impl Default for Load {
    fn default() -> Self {
        Self {
            in_flight: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            room: Notify::new(),
            budget: AtomicI64::new(SAVED),
        }
    }
}

impl Load {
    /// Takes a place, and waits a while where there is none. Whoever comes later waits behind.
    pub(super) async fn enter(self: &Arc<Self>, limits: &LoadLimits) -> Result<Place, NoPlace> {
        if self.waiting.load(SeqCst) == 0
            && let Some(place) = self.try_enter(limits)
        {
            return Ok(place);
        }
        if limits.queue.is_zero() {
            return Err(NoPlace);
        }
        let line = Waiting(self);
        if self.waiting.fetch_add(1, SeqCst) >= limits.in_flight {
            return Err(NoPlace);
        }
        let wait = async {
            loop {
                let mut room = std::pin::pin!(self.room.notified());
                // From here on no place that is given back is missed.
                room.as_mut().enable();
                if let Some(place) = self.try_enter(limits) {
                    return place;
                }
                room.await;
            }
        };
        let place = pingora_timeout::timeout(limits.queue, wait).await.map_err(|_| NoPlace);
        drop(line);
        place
    }

    fn try_enter(self: &Arc<Self>, limits: &LoadLimits) -> Option<Place> {
        let room = |taken: usize| (taken < limits.in_flight).then_some(taken + 1);
        self.in_flight.fetch_update(SeqCst, SeqCst, room).ok()?;
        Some(Place(self.clone()))
    }
}

impl Place {
    /// A request goes out for the first time.
    pub(crate) fn earn(&self) {
        // What two threads add at once may count once: a tenth is no exact number.
        let budget = self.0.budget.load(Relaxed);
        if budget < SAVED {
            self.0.budget.store(budget + EARNED, Relaxed);
        }
    }

    /// Whether the request may go out again, which is then taken off the budget.
    pub(crate) fn spend(&self) -> bool {
        let left = |budget: i64| (budget >= RETRY).then_some(budget - RETRY);
        self.0.budget.fetch_update(Relaxed, Relaxed, left).is_ok()
    }

    /// Whether it is a place at that origin.
    pub(super) fn is_at(&self, load: &Arc<Load>) -> bool {
        Arc::ptr_eq(&self.0, load)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, SeqCst);
        if self.0.waiting.load(SeqCst) > 0 {
            self.0.room.notify_one();
        }
    }
}

/// One who waits; a request that is given up leaves the line.
struct Waiting<'l>(&'l Load);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENT: LoadLimits = LoadLimits { in_flight: 2, queue: Duration::from_secs(10) };

    #[tokio::test]
    async fn a_place_that_is_given_back_goes_to_whoever_waits() {
        let load = Arc::<Load>::default();
        let first = load.enter(&PATIENT).await.unwrap();
        let second = load.enter(&PATIENT).await.unwrap();
        let waiting: Vec<_> = (0..2)
            .map(|_| {
                let load = load.clone();
                tokio::spawn(async move { load.enter(&PATIENT).await.map(drop) })
            })
            .collect();
        while load.waiting.load(SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(load.enter(&PATIENT).await.unwrap_err(), NoPlace, "no more may wait than be served");
        drop(first);
        for waiting in waiting {
            waiting.await.unwrap().unwrap();
        }
        drop(second);
        assert_eq!((load.in_flight.load(SeqCst), load.waiting.load(SeqCst)), (0, 0));
    }

    #[tokio::test]
    async fn who_waits_in_vain_or_goes_away_leaves_nothing_behind() {
        let hasty = LoadLimits { in_flight: 1, queue: Duration::from_millis(1) };
        let load = Arc::<Load>::default();
        let place = load.enter(&hasty).await.unwrap();
        assert_eq!(load.enter(&hasty).await.unwrap_err(), NoPlace);
        let given_up = tokio::spawn({
            let load = load.clone();
            async move { load.enter(&PATIENT).await.map(drop) }
        });
        tokio::task::yield_now().await;
        given_up.abort();
        let _ = given_up.await;
        drop(place);
        assert!(load.enter(&LoadLimits { queue: Duration::ZERO, ..hasty }).await.is_ok());
        assert_eq!(load.waiting.load(SeqCst), 0);
    }

    #[tokio::test]
    async fn second_attempts_keep_within_a_tenth() {
        let load = Arc::<Load>::default();
        let place = load.enter(&PATIENT).await.unwrap();
        let begun = (0..1000).filter(|_| place.spend()).count();
        assert_eq!(begun, 50);
        let mut again = 0;
        for _ in 0..1000 {
            place.earn();
            again += usize::from(place.spend());
        }
        assert_eq!(again, 100);
    }
}
