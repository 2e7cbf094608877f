//! Rows that are one version.

use super::part::{PartBuilder, Prepared};
use crate::{
    api::Scheme,
    caseless::Hashing,
    resolve::label::Label,
    table::{
        conflict::ConflictReason,
        part::{Entry, RowId},
    },
    version::accept::{self, MAX_WHOLE},
};
use alloc::{borrow::Cow, vec::Vec};
use core::hash::BuildHasher;

impl PartBuilder<'_> {
    /// Rows whose normal forms collide are both unusable, whatever they say.
    pub(super) fn part_twins(&mut self, conflict: &mut impl FnMut(&str, ConflictReason)) {
        let scheme = self.api.scheme();
        let normal = |claim: &Claim| {
            let row = self.rows.get(claim.row as usize);
            row.map(|row| normal_key(row.entry.key(), claim.form == Form::Whole, scheme)).unwrap_or_default()
        };
        // By hash: a table of keys would take more memory than the rows do.
        let hasher = Hashing::default();
        let mut hashed: Vec<(u64, Claim)> = Vec::with_capacity(self.rows.len());
        hashed.extend(self.claims().map(|claim| (hasher.hash_one(normal(&claim)), claim)));
        hashed.sort_unstable_by_key(|(hash, _)| *hash);
        let mut twins = Vec::new();
        for alike in hashed.chunk_by(|(one, _), (other, _)| one == other).filter(|alike| alike.len() > 1) {
            let is_twin = |(_, claim): &&(u64, Claim)| {
                let collides = |other: &Claim| claim.collides_with(other) && normal(other) == normal(claim);
                alike.iter().any(|(_, other)| collides(other))
            };
            twins.extend(alike.iter().filter(is_twin).map(|(_, claim)| claim.row));
        }
        twins.sort_unstable();
        twins.dedup();
        for row in twins {
            let Some(Prepared { entry, .. }) = self.rows.get_mut(row as usize) else { continue };
            conflict(entry.key(), ConflictReason::SameVersion);
            self.targets.remove(entry.key().as_bytes());
            self.unfit.retain(|(key, _)| **key != *entry.key());
            *entry = Entry::invalid(entry.key());
        }
    }

    /// What rows claim: their keys, and where both layouts meet in one file, keys in the sample layout that are versions
    /// claim these too.
    fn claims(&self) -> impl Iterator<Item = Claim> {
        let is_mixed = self.rows.iter().any(|row| row.whole) && self.rows.iter().any(|row| !row.whole);
        (0..).zip(&self.rows).flat_map(move |(row, Prepared { entry, whole })| {
            let lends = is_mixed && *whole && Label::parse(self.api.scheme().normal(entry.key().as_bytes())).is_ok();
            let own = if *whole { Form::Whole } else { Form::Label };
            let lent = lends.then_some(Claim { row, form: Form::Lent });
            [Claim { row, form: own }].into_iter().chain(lent)
        })
    }
}

/// A row's claim to a key.
#[derive(Debug, Clone, Copy)]
struct Claim {
    row: RowId,
    form: Form,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// A version.
    Label,
    /// A key that is matched as a whole.
    Whole,
    /// The version that such a key is.
    Lent,
}

impl Claim {
    /// Whether both may not be, where they are to the same.
    fn collides_with(&self, other: &Self) -> bool {
        let one_is = |form| self.form == form || other.form == form;
        self.row != other.row && (!one_is(Form::Lent) || one_is(Form::Label))
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
