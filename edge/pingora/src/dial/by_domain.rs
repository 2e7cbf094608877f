//! What is remembered of each domain: looked up without a lock, and bounded.

use arc_swap::ArcSwap;
use hashbrown::{DefaultHashBuilder, HashMap};
use std::{hash::BuildHasher, sync::Arc};
use verge_router::origin::Domain;

/// Parts of the whole, so that a new domain copies only a few of the others.
const SHARDS: usize = 64;

/// Domains in a part before those are forgotten that no request is at.
const FULL: usize = if cfg!(test) { 8 } else { 1024 };

type Shard<V> = HashMap<Domain, Arc<V>>;

/// One `V` for each domain. Domains come from the table and the configuration, never from a client.
pub(super) struct ByDomain<V> {
    shards: Box<[ArcSwap<Shard<V>>]>,
    hashes: DefaultHashBuilder,
}

impl<V> Default for ByDomain<V> {
    fn default() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| ArcSwap::from_pointee(Shard::new())).collect(),
            hashes: DefaultHashBuilder::default(),
        }
    }
}

impl<V: Default> ByDomain<V> {
    /// What is known of a domain; nothing yet, where it is a new one.
    pub(super) fn get(&self, domain: &Domain) -> Arc<V> {
        let at = usize::try_from(self.hashes.hash_one(domain)).unwrap_or_default() % SHARDS;
        let Some(shard) = self.shards.get(at) else { return Arc::default() };
        if let Some(known) = shard.load().get(domain) {
            return known.clone();
        }
        let fresh = Arc::<V>::default();
        shard.rcu(|shard| {
            let kept = |known: &Arc<V>| shard.len() < FULL || Arc::strong_count(known) > 1;
            let kept = shard.iter().filter(|(_, known)| kept(known));
            let mut shard: Shard<V> = kept.map(|(domain, known)| (domain.clone(), known.clone())).collect();
            shard.entry(domain.clone()).or_insert_with(|| fresh.clone());
            shard
        });
        shard.load().get(domain).cloned().unwrap_or(fresh)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn a_domain_keeps_what_is_known_of_it_and_the_number_is_bounded() {
        let known = ByDomain::<AtomicUsize>::default();
        let name = |number: usize| Domain::parse(&format!("d{number}.example.com")).unwrap();
        let held = known.get(&name(0));
        held.store(7, Ordering::Relaxed);
        for number in 1..2 * SHARDS * FULL {
            known.get(&name(number));
        }
        assert_eq!(known.get(&name(0)).load(Ordering::Relaxed), 7, "what somebody holds is not forgotten");
        assert!(known.shards.iter().all(|shard| shard.load().len() <= FULL));
    }
}
