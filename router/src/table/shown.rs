//! What clients are shown of an API's versions.

use super::{ApiTable, Good, MappingTable, Paths, bare_host, part::Found};
use crate::{UnixTime, api::Advertise, caseless::Caseless, lifecycle::Others, rejection::MAX_SUPPORTED};
use alloc::{boxed::Box, string::String, vec::Vec};
use http::HeaderValue;

/// At most this many APIs are listed for a host.
const MAX_APIS: usize = 100;

/// So many of the newest versions are looked at for what every answer tells.
const MAX_WALKED: usize = 200;

impl ApiTable {
    /// Versions that are shown and served at this time, newest first.
    pub(super) fn shown_at(&self, now: UnixTime) -> impl Iterator<Item = &Good> {
        let mut place = 0;
        core::iter::from_fn(move || {
            while let Some(next) = self.shown_living.first(place..self.shown.len(), now) {
                place = next + 1;
                if let Some(Found::Good(good)) = self.shown.get(next).and_then(|row| self.get(*row))
                    && !good.is_retired(now)
                {
                    return Some(good);
                }
            }
            None
        })
    }

    /// What is told of other versions beside one that has a life; `None` for nearly all.
    #[inline]
    pub(crate) fn others(&self, has_life: bool, now: UnixTime) -> Option<Box<Others>> {
        let advertises = self.api.advertises(Advertise::Fields);
        if !has_life && !advertises {
            return None;
        }
        let latest = self.shown_at(now).next().filter(|_| has_life).map(|good| good.version_str().into());
        let lists = advertises.then(|| self.lists(now));
        let (supported, deprecated) = lists.unwrap_or_default();
        Some(Others { latest, supported, deprecated }.into())
    }

    /// Those that are not deprecated, and those that are; at most [`MAX_SUPPORTED`] each.
    fn lists(&self, now: UnixTime) -> (Option<HeaderValue>, Option<HeaderValue>) {
        let list = |deprecated: bool| {
            let mut list = String::new();
            let newest = self.shown_at(now).take(MAX_WALKED);
            for good in newest.filter(|good| is_deprecated(good, now) == deprecated).take(MAX_SUPPORTED) {
                list.push_str(if list.is_empty() { "" } else { ", " });
                list.push_str(good.version_str());
            }
            (!list.is_empty()).then(|| HeaderValue::try_from(list).ok()).flatten()
        };
        (list(false), list(true))
    }

    /// At most [`MAX_SUPPORTED`] versions that are shown and served at this time, newest first.
    pub(crate) fn listed(&self, now: UnixTime) -> Vec<Good> {
        self.shown_at(now).take(MAX_SUPPORTED).cloned().collect()
    }
}

/// Whether a version is deprecated by now.
#[must_use]
pub fn is_deprecated(good: &Good, now: UnixTime) -> bool {
    good.lifecycle().and_then(|life| life.deprecated_at()).is_some_and(|at| at <= now)
}

impl MappingTable {
    /// The APIs that could answer under a host, whatever the path.
    fn under(&self, host: &str) -> impl Iterator<Item = &ApiTable> {
        let host = bare_host(host).unwrap_or_default();
        let dot = host.iter().position(|b| *b == b'.').unwrap_or(host.len());
        let exact = self.exact.get(&Caseless(host));
        let wildcard = host.get(dot + 1..).and_then(|suffix| self.wildcard.get(&Caseless(suffix)));
        let places = [exact, wildcard, Some(&self.any)];
        places.into_iter().flatten().flat_map(Paths::all).filter_map(|api| self.apis.get(api as usize))
    }

    /// The APIs that answer under a host, in the order of their paths, as far as they list their versions there.
    pub(crate) fn listed_under(&self, host: &str) -> Vec<&ApiTable> {
        let mut listed: Vec<&ApiTable> = self
            .under(host)
            .filter(|part| part.api().advertises(Advertise::WellKnown))
            .filter(|part| {
                let path = part.api().path().map_or("/", |path| path.as_str());
                self.find_api(host, path).is_some_and(|found| core::ptr::eq(found, *part))
            })
            .collect();
        listed.sort_unstable_by_key(|part| part.api().path().map_or("", |path| path.as_str()));
        listed.truncate(MAX_APIS);
        listed
    }
}
