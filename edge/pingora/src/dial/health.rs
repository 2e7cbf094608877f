//! Which addresses of a name took no connection lately. They are set back for a while, longer each time, and tried by
//! one request after it; where all are set back, the one that comes first again is dialled all the same.

use arc_swap::ArcSwap;
use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

/// For how long an address is set back at its first failure; twice as long at each one after it.
const FIRST: Duration = Duration::from_secs(1);
/// And at most.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a request that tries an address keeps others from it.
const TRIAL: Duration = Duration::from_secs(5);
/// Addresses of one name that are remembered.
const MOST: usize = 32;

/// What is known against the addresses of one name.
#[derive(Debug, Default)]
pub(super) struct Health(ArcSwap<Vec<Arc<SetBack>>>);

#[derive(Debug)]
struct SetBack {
    address: IpAddr,
    /// Failures in a row.
    strikes: u32,
    since: Instant,
    /// When it may be tried, in milliseconds after `since`.
    after: AtomicU64,
}

impl SetBack {
    fn waits(&self, now: Instant) -> Duration {
        Duration::from_millis(self.after.load(Relaxed)).saturating_sub(now.saturating_duration_since(self.since))
    }

    /// Whether this request is the one that tries it.
    fn claim(&self, now: Instant) -> bool {
        let after = self.after.load(Relaxed);
        let spent = now.saturating_duration_since(self.since);
        let next = u64::try_from((spent + TRIAL).as_millis()).unwrap_or(u64::MAX);
        spent >= Duration::from_millis(after) && self.after.compare_exchange(after, next, Relaxed, Relaxed).is_ok()
    }
}

impl Health {
    /// The address to dial: the first that nothing is known against or that is to be tried again, else the one that
    /// has least to wait. `None` where there are none.
    pub(super) fn pick(&self, addresses: impl Iterator<Item = IpAddr> + Clone, now: Instant) -> Option<IpAddr> {
        let known = self.0.load();
        let of = |address: &IpAddr| known.iter().find(|set_back| set_back.address == *address);
        let mut waiting: Option<(Duration, IpAddr)> = None;
        for address in addresses {
            let Some(set_back) = of(&address) else { return Some(address) };
            if set_back.claim(now) {
                return Some(address);
            }
            let wait = set_back.waits(now);
            if waiting.is_none_or(|(least, _)| wait < least) {
                waiting = Some((wait, address));
            }
        }
        waiting.map(|(_, address)| address)
    }

    /// Sets an address back that took no connection; for how long, where that is news.
    pub(super) fn failed(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let strikes = match self.0.load().iter().find(|known| known.address == address) {
            // What was on its way together fails together, and counts once.
            Some(known) if now.saturating_duration_since(known.since) < FIRST => return None,
            Some(known) => known.strikes.saturating_add(1),
            None => 1,
        };
        let wait = FIRST.saturating_mul(1 << (strikes - 1).min(10)).min(LONGEST);
        // Nodes and threads must not come back together.
        let wait = wait.mul_f64(0.75 + fastrand::f64() / 2.0);
        let after = AtomicU64::new(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
        let set_back = Arc::new(SetBack { address, strikes, since: now, after });
        self.0.rcu(|known| {
            let others = known.iter().filter(|known| known.address != address);
            let mut known: Vec<_> = others.rev().take(MOST - 1).cloned().collect();
            known.reverse();
            known.push(set_back.clone());
            known
        });
        Some(wait)
    }

    /// Forgets what was known against an address.
    pub(super) fn succeeded(&self, address: IpAddr) {
        if self.0.load().iter().any(|known| known.address == address) {
            self.0.rcu(|known| known.iter().filter(|known| known.address != address).cloned().collect::<Vec<_>>());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn pick(health: &Health, now: Instant) -> IpAddr {
        health.pick([A, B].into_iter(), now).unwrap()
    }

    #[test]
    fn an_address_that_failed_is_passed_over_and_then_tried_by_one() {
        let (health, now) = (Health::default(), Instant::now());
        assert_eq!(pick(&health, now), A);
        let wait = health.failed(A, now).unwrap();
        assert!(wait >= FIRST.mul_f64(0.75) && wait <= FIRST.mul_f64(1.25), "{wait:?}");
        assert_eq!(health.failed(A, now), None, "what fails together counts once");
        assert_eq!(pick(&health, now), B);
        let later = now + FIRST * 2;
        assert_eq!(pick(&health, later), A, "one tries it");
        assert_eq!(pick(&health, later), B, "and no other meanwhile");
        health.succeeded(A);
        assert_eq!(pick(&health, later), A);
    }

    #[test]
    fn it_takes_longer_each_time_within_a_bound() {
        let (health, mut now) = (Health::default(), Instant::now());
        for strike in 0..20 {
            let wait = health.failed(A, now).unwrap();
            let expected = FIRST.saturating_mul(1 << strike.min(10)).min(LONGEST);
            assert!(wait >= expected.mul_f64(0.74) && wait <= expected.mul_f64(1.26), "{strike}: {wait:?}");
            now += wait + FIRST;
        }
    }

    #[test]
    fn there_is_always_an_address() {
        let (health, now) = (Health::default(), Instant::now());
        health.failed(B, now);
        health.failed(A, now + FIRST / 2);
        for _ in 0..10 {
            assert!([A, B].contains(&pick(&health, now + FIRST / 2)));
        }
        assert_eq!(health.pick(std::iter::empty(), now), None);
        for number in 0..=255 {
            health.failed(IpAddr::from([198, 51, 100, number]), now);
        }
        assert!(health.0.load().len() <= MOST);
    }
}
