//! What one thread counted, or all of them together.

use super::{
    Ended, MAX_VERSIONS,
    consumer::Consumer,
    sketch::{Distinct, Top},
};
use std::collections::BTreeMap;
use verge_router::UnixTime;

/// The use of versions, by API and version.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub(super) apis: BTreeMap<Box<str>, BTreeMap<Box<str>, Box<VersionUse>>>,
    versions: usize,
    /// Requests of versions beyond those that are counted.
    pub(super) untold: u64,
}

/// The use of one version.
#[derive(Debug, Clone, Default)]
pub(super) struct VersionUse {
    pub(super) served: u64,
    pub(super) retired: u64,
    pub(super) last: UnixTime,
    pub(super) top: Top,
    pub(super) distinct: Distinct,
}

impl Tally {
    pub(super) fn count(&mut self, api: &str, version: &str, ended: Ended, consumer: Option<&Consumer>, now: UnixTime) {
        let Some(used) = self.version(api, version) else {
            self.untold += 1;
            return;
        };
        match ended {
            Ended::Served => used.served += 1,
            Ended::Retired => used.retired += 1,
        }
        used.last = used.last.max(now);
        if let Some(consumer) = consumer {
            used.top.count(consumer, now);
            used.distinct.count(consumer);
        }
    }

    /// What is counted of a version; `None` where there are too many.
    fn version(&mut self, api: &str, version: &str) -> Option<&mut VersionUse> {
        let known = self.apis.get(api).is_some_and(|versions| versions.contains_key(version));
        if !known {
            if self.versions == MAX_VERSIONS {
                return None;
            }
            self.versions += 1;
            self.apis.entry(api.into()).or_default().insert(version.into(), Box::default());
        }
        self.apis.get_mut(api)?.get_mut(version).map(|used| &mut **used)
    }

    /// What is counted of one API, or of all.
    pub(super) fn copy(&self, api: Option<&str>) -> Self {
        let wanted = self.apis.iter().filter(|(name, _)| api.is_none_or(|api| ***name == *api));
        let apis = wanted.map(|(name, versions)| (name.clone(), versions.clone())).collect();
        Self { apis, versions: self.versions, untold: self.untold }
    }

    /// Takes another thread's.
    pub(super) fn merge(&mut self, other: Self) {
        self.untold += other.untold;
        for (name, versions) in other.apis {
            let mine = self.apis.entry(name).or_default();
            for (version, theirs) in versions {
                let used = mine.entry(version).or_default();
                used.served += theirs.served;
                used.retired += theirs.retired;
                used.last = used.last.max(theirs.last);
                used.top.merge(&theirs.top);
                used.distinct.merge(&theirs.distinct);
            }
        }
    }
}
