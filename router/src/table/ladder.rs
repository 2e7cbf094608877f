//! The versions of one API in the order of its scheme, oldest first: what ranges, dates and the nearest version are
//! found by, in steps that are logarithmic in the rows.

use super::{
    living::Living,
    order::compare_versions,
    part::{ApiTable, Entry, Found, RowId},
    refused::{Refused, Span},
};
use crate::{
    UnixTime,
    api::Unknown,
    resolve::{
        date::Date,
        label::{Label, MalformedVersion},
        semver::{Asked, Numbers, without_build},
    },
};
use alloc::vec::Vec;

/// One API's versions, as far as its scheme and policies need their order.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    pub(super) rungs: Rungs,
    /// Which of them live, where a range may choose among them.
    pub(super) living: Living,
    /// Which of them live and are shown, where an unknown version falls to one of them.
    pub(super) shown: Living,
    /// Aliases of ranges, by row: what they stand for moves with the time.
    pub(super) aliases: Vec<(RowId, Span)>,
}

/// Versions with their rows. Under `semver` releases only: a pre-release is never found but by its name.
#[derive(Debug)]
pub(super) enum Rungs {
    /// Numbered ones, and only where the nearest may be asked for; names are found by name.
    Label(Vec<RowId>),
    Semver(Vec<(Numbers, RowId)>),
    Date(Vec<(Date, RowId)>),
}

impl Default for Rungs {
    fn default() -> Self {
        Self::Label(Vec::new())
    }
}

impl Rungs {
    pub(super) fn row(&self, place: usize) -> Option<RowId> {
        match self {
            Self::Label(rungs) => rungs.get(place).copied(),
            Self::Semver(rungs) => rungs.get(place).map(|rung| rung.1),
            Self::Date(rungs) => rungs.get(place).map(|rung| rung.1),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Label(rungs) => rungs.len(),
            Self::Semver(rungs) => rungs.len(),
            Self::Date(rungs) => rungs.len(),
        }
    }
}

impl ApiTable {
    /// The row that a version stands for at this time; `None` where there is none.
    #[inline(always)]
    pub(crate) fn find_version(
        &self,
        text: &[u8],
        now: UnixTime,
        refused: &Refused,
    ) -> Result<Option<RowId>, MalformedVersion> {
        match &self.ladder.rungs {
            Rungs::Label(_) => Ok(self.find_label(Label::parse(text)?)),
            Rungs::Semver(rungs) => self.find_semver(rungs, text, now, refused),
            Rungs::Date(rungs) => self.find_date(rungs, text),
        }
    }

    /// Whether a version, an alias or a range leads to a row that can answer, at some time at least.
    #[must_use]
    pub fn names_a_row(&self, version: &str) -> bool {
        let found = self.find_named(version, UnixTime::MIN).and_then(|row| self.get(row));
        matches!(found, Some(Found::Good(_)))
    }

    /// The row whose key a text spells, in any case; an alias is one too.
    pub(crate) fn is_key(&self, text: &[u8]) -> bool {
        let row = Label::parse(self.api.scheme().normal(text)).ok().and_then(|label| self.row_of(label));
        let entry = row.and_then(|row| self.entries.get(row as usize));
        entry.is_some_and(|entry| super::part::label_text(entry.key(), &self.api).eq_ignore_ascii_case(text))
    }

    /// Whether versions may be asked for by range.
    pub(crate) fn has_ranges(&self) -> bool {
        matches!(self.ladder.rungs, Rungs::Semver(_))
    }

    #[inline(never)]
    fn find_semver(
        &self,
        rungs: &[(Numbers, RowId)],
        text: &[u8],
        now: UnixTime,
        refused: &Refused,
    ) -> Result<Option<RowId>, MalformedVersion> {
        let asked = Asked::parse(text);
        let key = Label::parse(without_build(text)).ok().and_then(|label| self.row_of(label));
        let range = match asked {
            Ok(Asked::Exact(_)) | Err(_) => None,
            Ok(range) => Some(span(rungs, &range)),
        };
        match key {
            // A row whose key fits no version is no reason to miss those that do.
            Some(row) if matches!(self.entries.get(row as usize), Some(Entry::Invalid(_))) => {
                Ok(range.and_then(|range| self.newest(range, now, refused)).or(Some(row)))
            }
            Some(row) => Ok(match self.alias_span(row) {
                Some(span) => self.newest(span, now, refused),
                None => Some(self.follow(row)),
            }),
            None => match range {
                Some(range) => Ok(self.newest(range, now, refused)),
                None => asked.map(|_| None),
            },
        }
    }

    #[inline(never)]
    fn find_date(&self, rungs: &[(Date, RowId)], text: &[u8]) -> Result<Option<RowId>, MalformedVersion> {
        if let Some(row) = Label::parse(text).ok().and_then(|label| self.find_label(label)) {
            return Ok(Some(row));
        }
        let asked = Date::parse(text)?;
        let newer = rungs.partition_point(|(date, _)| *date <= asked);
        Ok(newer.checked_sub(1).and_then(|place| rungs.get(place)).map(|(_, row)| *row))
    }

    /// The places of all that a text stands for, where versions may be asked for by range.
    pub(crate) fn places(&self, text: &[u8]) -> Option<Span> {
        let Rungs::Semver(rungs) = &self.ladder.rungs else { return None };
        let key = Label::parse(without_build(text)).ok().and_then(|label| self.row_of(label));
        match key.and_then(|row| self.alias_span(row)) {
            Some(span) => Some(span),
            None => Asked::parse(text).ok().map(|asked| span(rungs, &asked)),
        }
    }

    /// Where a row stands, if it does.
    pub(crate) fn place(&self, row: RowId) -> Option<u32> {
        let Rungs::Semver(rungs) = &self.ladder.rungs else { return None };
        let key = super::part::label_text(self.entries.get(row as usize)?.key(), &self.api);
        let Ok(asked @ Asked::Exact(_)) = Asked::parse(key) else { return None };
        let span = span(rungs, &asked);
        rungs.get(span.start as usize).filter(|_| span.start < span.end).filter(|rung| rung.1 == row)?;
        Some(span.start)
    }

    pub(super) fn alias_span(&self, row: RowId) -> Option<Span> {
        let at = self.ladder.aliases.binary_search_by_key(&row, |alias| alias.0).ok()?;
        self.ladder.aliases.get(at).map(|alias| alias.1)
    }

    /// The newest that lives and is not refused; where none does, the newest not refused answers for itself, and where
    /// all are refused, the newest.
    pub(super) fn newest(&self, span: Span, now: UnixTime, refused: &Refused) -> Option<RowId> {
        let Ladder { rungs, living, .. } = &self.ladder;
        let (start, newest) = (span.start as usize, span.end as usize);
        let mut end = newest;
        while let Some(place) = living.last(start..end, now) {
            end = match refused.around(place) {
                Some(refused) => refused.start as usize,
                None => match rungs.row(place)? {
                    row if self.lives(row, now) => return Some(row),
                    // In a brownout.
                    _ => place,
                },
            };
        }
        end = newest;
        while let Some(place) = end.checked_sub(1).filter(|place| *place >= start) {
            match refused.around(place) {
                Some(refused) => end = refused.start as usize,
                None => return rungs.row(place),
            }
        }
        rungs.row(newest.checked_sub(1).filter(|place| *place >= start)?)
    }

    /// The row that an unknown version falls to by the API's policy: the nearest that lives and is shown.
    pub(crate) fn nearest(&self, text: &[u8], now: UnixTime) -> Option<RowId> {
        let Ladder { rungs, shown, .. } = &self.ladder;
        let place = match rungs {
            Rungs::Label(rungs) => {
                let asked = core::str::from_utf8(text).ok().filter(|text| super::order::is_number(text))?;
                let version = |row: &RowId| self.entries.get(*row as usize).and_then(Entry::good);
                rungs.partition_point(|row| {
                    version(row).is_some_and(|mapping| compare_versions(mapping.version_str(), asked).is_lt())
                })
            }
            Rungs::Semver(rungs) => span(rungs, &Asked::parse(text).ok()?).start as usize,
            Rungs::Date(rungs) => {
                let asked = Date::parse(text).ok()?;
                rungs.partition_point(|(date, _)| *date < asked)
            }
        };
        let (mut start, mut end) = match self.api.unknown() {
            Unknown::Reject => return None,
            Unknown::Forward => (place, rungs.len()),
            Unknown::Back => (0, place),
        };
        loop {
            let place = match self.api.unknown() {
                Unknown::Forward => shown.first(start..end, now)?,
                _ => shown.last(start..end, now)?,
            };
            let row = rungs.row(place)?;
            if self.lives(row, now) {
                return Some(row);
            }
            // In a brownout.
            (start, end) = if self.api.unknown() == Unknown::Forward { (place + 1, end) } else { (start, place) };
        }
    }

    /// Whether a row would be served now.
    pub(crate) fn lives(&self, row: RowId, now: UnixTime) -> bool {
        matches!(self.get(row), Some(Found::Good(good)) if !good.is_retired(now))
    }
}

/// The places of all versions that are asked for.
pub(super) fn span(rungs: &[(Numbers, RowId)], asked: &Asked<'_>) -> Span {
    let place = |is_before: &dyn Fn(&Numbers) -> bool| {
        u32::try_from(rungs.partition_point(|(numbers, _)| is_before(numbers))).unwrap_or(u32::MAX)
    };
    let minor = |numbers: &Numbers| (numbers.0, numbers.1);
    let (start, end) = match asked {
        Asked::Exact(version) => {
            let start = place(&|numbers| *numbers < version.numbers);
            // A pre-release has no place; this is where it would be.
            (start, if version.pre.is_empty() { place(&|numbers| *numbers <= version.numbers) } else { start })
        }
        Asked::Major(major) => (place(&|numbers| numbers.0 < *major), place(&|numbers| numbers.0 <= *major)),
        Asked::Minor(major, least) => {
            (place(&|numbers| minor(numbers) < (*major, *least)), place(&|numbers| minor(numbers) <= (*major, *least)))
        }
        Asked::From(major, least) => {
            (place(&|numbers| minor(numbers) < (*major, *least)), place(&|numbers| numbers.0 <= *major))
        }
    };
    Span { start, end: end.max(start) }
}
