//! How many requests may be under way, and how much memory the process may take with them: over either, load is shed
//! (503 `overloaded`) before the kernel ends the process.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{
            AtomicBool, AtomicU64, AtomicUsize,
            Ordering::{AcqRel, Relaxed},
        },
    },
    time::Duration,
};

/// How often memory is looked at.
const GLANCE: Duration = Duration::from_millis(250);

/// Once load is shed for memory, it is until so many per cent of the limit are taken.
const RELIEF: u64 = 95;

/// Limits of the whole process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestLimits {
    /// Requests under way.
    pub(crate) in_flight: usize,
    /// Resident bytes, 0 for any; `None` for nine tenths of what the control group may take.
    pub(crate) memory: Option<u64>,
}

/// Requests under way, over all threads.
#[derive(Debug)]
pub(crate) struct Requests {
    under_way: AtomicUsize,
    most: AtomicUsize,
    /// 0 for any.
    limit: AtomicU64,
    resident: AtomicU64,
    /// Whether memory is short.
    short: AtomicBool,
}

/// A request under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct UnderWay(Arc<Requests>);

impl Default for Requests {
    fn default() -> Self {
        Self {
            under_way: AtomicUsize::new(0),
            most: AtomicUsize::new(usize::MAX),
            limit: AtomicU64::new(0),
            resident: AtomicU64::new(0),
            short: AtomicBool::new(false),
        }
    }
}

impl Requests {
    /// Sets the limits; what is under way stays so.
    pub(crate) fn limit(&self, limits: RequestLimits) {
        self.most.store(limits.in_flight, Relaxed);
        self.limit.store(limits.memory.unwrap_or_else(|| group_limit().map_or(0, |most| most / 10 * 9)), Relaxed);
        self.look();
    }

    /// Takes a request on, unless load is shed.
    pub(crate) fn begin(self: &Arc<Self>) -> Option<UnderWay> {
        if self.short.load(Relaxed) {
            return None;
        }
        let under_way = UnderWay(self.clone());
        (self.under_way.fetch_add(1, AcqRel) < self.most.load(Relaxed)).then_some(under_way)
    }

    /// Requests under way.
    pub(crate) fn count(&self) -> usize {
        self.under_way.load(Relaxed)
    }

    /// Bytes that the process takes, as last seen.
    pub(crate) fn resident(&self) -> u64 {
        self.resident.load(Relaxed)
    }

    /// Bytes it may take; 0 for any.
    pub(crate) fn memory_limit(&self) -> u64 {
        self.limit.load(Relaxed)
    }

    /// Whether load is shed for memory.
    pub(crate) fn is_short(&self) -> bool {
        self.short.load(Relaxed)
    }

    /// Looks at the memory taken, beside serving, for as long as the process lives.
    pub(crate) async fn watch_memory(self: Arc<Self>) {
        loop {
            tokio::time::sleep(GLANCE).await;
            self.look();
        }
    }

    fn look(&self) {
        let Some(resident) = fs::read_to_string("/proc/self/status").ok().as_deref().and_then(resident_in) else {
            return;
        };
        let limit = self.limit.load(Relaxed);
        self.resident.store(resident, Relaxed);
        let was = self.short.load(Relaxed);
        let short = is_short(resident, limit, was);
        if short != was {
            self.short.store(short, Relaxed);
            if short {
                tracing::error!(resident, limit, "memory is short: new requests are answered 503 until there is room");
            } else {
                tracing::info!(resident, limit, "there is memory again");
            }
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, AcqRel);
    }
}

fn is_short(resident: u64, limit: u64, was: bool) -> bool {
    let bound = if was { limit / 100 * RELIEF } else { limit };
    limit > 0 && resident > bound
}

/// `VmRSS` of a process's status, in bytes.
fn resident_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kilobytes| kilobytes << 10)
}

/// What the control group of this process may take, or the tightest of those above it.
fn group_limit() -> Option<u64> {
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let root = Path::new("/sys/fs/cgroup");
    let unified = groups.lines().find_map(|line| line.strip_prefix("0::/"));
    let own = unified.map_or_else(|| root.to_owned(), |group| root.join(group));
    let above = own.ancestors().take_while(|folder| folder.starts_with(root)).map(|folder| folder.join("memory.max"));
    // The first version of control groups, in a container.
    let first: PathBuf = root.join("memory/memory.limit_in_bytes");
    let limits = above.chain([first]).filter_map(|file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok());
    // Who has no limit in the first version has one that no machine could hold.
    limits.filter(|limit| *limit < 1 << 50).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_over_the_limit_are_not_begun() {
        let requests = Arc::<Requests>::default();
        requests.limit(RequestLimits { in_flight: 1, memory: Some(0) });
        let first = requests.begin().unwrap();
        assert!(requests.begin().is_none());
        assert_eq!(requests.count(), 1);
        drop(first);
        assert!(requests.begin().is_some());
        requests.limit(RequestLimits { in_flight: 1, memory: Some(1) });
        assert!(requests.is_short() && requests.begin().is_none());
    }

    #[test]
    fn load_is_shed_until_there_is_room_to_spare() {
        assert!(!is_short(100, 0, false), "no limit");
        assert!(!is_short(1000, 1000, false) && is_short(1001, 1000, false));
        assert!(is_short(960, 1000, true) && !is_short(950, 1000, true));
    }

    #[test]
    fn what_is_resident_is_read_from_the_kernels_words() {
        assert_eq!(resident_in("Name:\tverge\nVmRSS:\t   12345 kB\nThreads:\t4\n"), Some(12_345 << 10));
        assert_eq!(resident_in("Name:\tverge\n"), None);
        assert!(resident_in(&fs::read_to_string("/proc/self/status").unwrap()).unwrap() > 1 << 16);
    }
}
