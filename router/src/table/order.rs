//! Which of two versions is newer, and the order versions are shown in.

use super::{
    living::Living,
    part::{ApiTable, Entry, RowId, id},
    row::Good,
};
use crate::UnixTime;
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Orders versions as people do: runs of digits by value, the rest as text, `v` before a digit left out.
#[must_use]
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (bare(a), bare(b));
    loop {
        match (a, b) {
            ([], []) => return Ordering::Equal,
            ([], _) => return Ordering::Less,
            (_, []) => return Ordering::Greater,
            ([x, rest_a @ ..], [y, rest_b @ ..]) => {
                if x.is_ascii_digit() && y.is_ascii_digit() {
                    let (run_a, after_a) = digits(a);
                    let (run_b, after_b) = digits(b);
                    let order = run_a.len().cmp(&run_b.len()).then_with(|| run_a.cmp(run_b));
                    if order != Ordering::Equal {
                        return order;
                    }
                    (a, b) = (after_a, after_b);
                } else {
                    // A number is newer than a name.
                    let order = (x.is_ascii_digit())
                        .cmp(&y.is_ascii_digit())
                        .then_with(|| x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase()));
                    if order != Ordering::Equal {
                        return order;
                    }
                    (a, b) = (rest_a, rest_b);
                }
            }
        }
    }
}

/// Whether a version is a number rather than a name.
pub(super) fn is_number(version: &str) -> bool {
    bare(version).first().is_some_and(u8::is_ascii_digit)
}

/// A version without its `v` before a digit.
fn bare(text: &str) -> &[u8] {
    match text.as_bytes() {
        [b'v' | b'V', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => rest,
        text => text,
    }
}

/// A run of digits without leading zeros, and what follows.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (run, after) = text.split_at_checked(end).unwrap_or((text, &[]));
    let zeros = run.iter().position(|&b| b != b'0').unwrap_or(run.len());
    (run.get(zeros..).unwrap_or_default(), after)
}

impl ApiTable {
    pub(super) fn order(&mut self) {
        let mut shown: Vec<(RowId, &str)> = Vec::new();
        for (row, entry) in self.entries.iter().enumerate() {
            if let Some(good) = entry.good()
                && !good.hidden()
            {
                shown.push((id(row), good.version_str()));
            }
        }
        let scheme = self.api.scheme();
        shown.sort_unstable_by(|(row, a), (other, b)| {
            let order = scheme.compare(b, a).then_with(|| bare(a).len().cmp(&bare(b).len()));
            order.then(row.cmp(other))
        });
        // In the sample layout one version may stand under several keys.
        shown.dedup_by(|(_, a), (_, b)| bare(a).eq_ignore_ascii_case(bare(b)));
        // Collected, it would stay in the room of the pairs, six times its own.
        self.shown = Vec::with_capacity(shown.len());
        self.shown.extend(shown.iter().map(|(row, _)| *row));
        let sunset = |row: &RowId| {
            let life = self.entries.get(*row as usize).and_then(Entry::good).and_then(Good::lifecycle);
            life.and_then(|life| life.sunset_at())
        };
        if self.shown.iter().any(|row| sunset(row).is_some()) {
            let until = self.shown.iter().map(|row| sunset(row).unwrap_or(UnixTime::MAX)).collect();
            self.shown_living = Living::new(until);
        }
    }
}
