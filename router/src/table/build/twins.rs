//! Rows that are one version.

use super::part::{PartBuilder, Prepared};
use crate::{
    api::Scheme,
    resolve::label::Label,
    table::{
        conflict::ConflictReason,
        part::{Entry, id},
    },
    version::accept::{self, MAX_WHOLE},
};
use alloc::{borrow::Cow, vec::Vec};
use core::hash::BuildHasher;
use foldhash::fast::FixedState;

impl PartBuilder<'_> {
    /// Rows whose normal forms collide are both unusable, whatever they say.
    pub(super) fn part_twins(&mut self, conflict: &mut impl FnMut(&str, ConflictReason)) {
        let scheme = self.api.scheme();
        let normal = |row: u32| {
            let row = self.rows.get(row as usize);
            row.map(|Prepared { entry, whole }| normal_key(entry.key(), *whole, scheme)).unwrap_or_default()
        };
        // By hash: a table of keys would take more memory than the rows do.
        let hasher = FixedState::default();
        let mut hashed: Vec<(u64, u32)> =
            (0..id(self.rows.len())).map(|row| (hasher.hash_one(normal(row)), row)).collect();
        hashed.sort_unstable();
        let mut twins = Vec::new();
        for alike in hashed.chunk_by(|(one, _), (other, _)| one == other).filter(|alike| alike.len() > 1) {
            let is_twin = |(place, (_, row)): &(usize, &(u64, u32))| {
                let others = alike.iter().enumerate().filter(|(other, _)| other != place);
                others.into_iter().any(|(_, (_, other))| normal(*other) == normal(*row))
            };
            twins.extend(alike.iter().enumerate().filter(is_twin).map(|(_, (_, row))| *row));
        }
        twins.sort_unstable();
        for row in twins {
            let Some(Prepared { entry, .. }) = self.rows.get_mut(row as usize) else { continue };
            conflict(entry.key(), ConflictReason::SameVersion);
            self.targets.remove(entry.key());
            self.unfit.retain(|(key, _)| **key != *entry.key());
            *entry = Entry::Invalid(entry.key().into());
        }
    }
}

/// What two rows must not share.
fn normal_key(key: &str, whole: bool, scheme: Scheme) -> Cow<'_, [u8]> {
    if whole {
        let mut buffer = [0; MAX_WHOLE];
        return accept::write_whole(key.as_bytes(), &mut buffer).unwrap_or(key.as_bytes()).to_vec().into();
    }
    match Label::parse(scheme.normal(key.as_bytes())) {
        Ok(label) => {
            let text = label.as_caseless().0;
            if text.iter().any(u8::is_ascii_uppercase) { text.to_ascii_lowercase().into() } else { text.into() }
        }
        Err(_) => key.as_bytes().into(),
    }
}
