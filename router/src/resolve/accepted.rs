//! What `Accept` says, against the table, and which of its ranges is chosen.

use super::{
    Unresolved,
    label::MAX_VERSION,
    lookup::{Against, Looked, look_up_range, reading},
};
use crate::{
    rejection::Reason,
    request::Request,
    table::{ApiTable, Refused, RowId},
    version::accept::{self, MAX_RANGES, Named, Text},
    witness::{Fact, Reading, Witness},
};

/// A media range that names a version, reduced to what the choice needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    pub(super) looked: Looked,
    q: u16,
    /// Its place among the considered ranges, to find its text again.
    pub(super) place: u8,
}

/// Everything `Accept` says, against the table.
pub(super) struct Accepted {
    /// Room for all of them, made when there is a first: most requests need none.
    candidates: Option<[Candidate; MAX_RANGES]>,
    len: usize,
    /// A range with `q > 0` that names no version, wildcards included.
    pub(super) others: bool,
    /// A wildcard with `q=0`.
    pub(super) wildcard_refused: bool,
}

impl Accepted {
    pub(super) const NONE: Self = Self { candidates: None, len: 0, others: false, wildcard_refused: false };

    fn push(&mut self, candidate: Candidate) {
        const ROOM: [Candidate; MAX_RANGES] = [Candidate { looked: Looked::Unknown, q: 0, place: 0 }; MAX_RANGES];
        if let Some(slot) = self.candidates.get_or_insert(ROOM).get_mut(self.len) {
            *slot = candidate;
            self.len += 1;
        }
    }

    fn all(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.iter().flatten().take(self.len)
    }

    pub(super) fn named(&self) -> impl Iterator<Item = &Candidate> {
        self.all().filter(|candidate| candidate.q > 0)
    }

    fn refused(&self) -> impl Iterator<Item = &Candidate> {
        self.all().filter(|candidate| candidate.q == 0)
    }

    /// Whether what no range names is refused (RFC 9110 §12.5.1).
    pub(super) fn refuses_the_rest(&self) -> bool {
        self.wildcard_refused && !self.others
    }

    /// Whether a row is refused, by itself or among others.
    pub(super) fn refuses(&self, row: RowId, at: &Against<'_>) -> bool {
        self.refused().any(|candidate| candidate.looked == Looked::Row(row))
            || at.part.has_ranges()
                && at.part.place(row).is_some_and(|place| at.refused.around(place as usize).is_some())
    }
}

/// Reads all ranges.
#[inline(always)]
pub(super) fn read_accept(
    request: &Request<'_>,
    at: &Against<'_>,
    witness: &mut impl Witness,
    accepted: &mut Accepted,
) {
    let vendors = at.part.api().vendors();
    for (place, range) in accept::ranges(request.headers).enumerate() {
        let looked = look_up_range(&range, at);
        witness.saw(Fact::Range(range, looked.map_or(Reading::Nothing, |looked| reading(looked, at.part))));
        match looked {
            Some(looked) => {
                if let Ok(place) = u8::try_from(place) {
                    accepted.push(Candidate { looked, q: range.q, place });
                }
            }
            None if range.q > 0 => accepted.others = true,
            None => accepted.wildcard_refused |= range.named(vendors) == Named::Wildcard,
        }
    }
}

/// Reads what is refused by range, so that other ranges lead elsewhere.
#[inline(never)]
pub(super) fn read_refused(request: &Request<'_>, part: &ApiTable, refused: &mut Refused) {
    let places = |text: &Text<'_>| {
        let mut buffer = [0; MAX_VERSION];
        text.unescape(&mut buffer).and_then(|version| part.places(version))
    };
    for range in accept::ranges(request.headers).filter(|range| range.q == 0) {
        let span = match range.named(part.api().vendors()) {
            Named::Version(text) => places(&text),
            Named::Both(one, other) => places(&one).filter(|span| places(&other) == Some(*span)),
            Named::Torn(_) | Named::Wildcard | Named::Nothing => None,
        };
        if let Some(span) = span {
            refused.push(span);
        }
    }
    refused.merge();
}

/// The best range, by weight and then by order, among those the table can serve; `None` where no version is named.
///
/// A range that names a version is more specific than a wildcard whatever their weights, and all of them are equally
/// specific; rows that are retired or invalid answer for themselves only where no other candidate lives.
#[inline(always)]
pub(super) fn choose_range<'r>(
    accepted: &Accepted,
    request: &Request<'r>,
    at: &Against<'_>,
) -> Result<Option<RowId>, Unresolved<'r>> {
    let mut live: Option<(u16, RowId)> = None;
    let mut dead: Option<(u16, RowId)> = None;
    let mut nowhere: Option<Candidate> = None;
    let mut refused: Option<Candidate> = None;
    for candidate in accepted.named() {
        match candidate.looked {
            Looked::Contradiction => {
                return Err(Unresolved::new(Reason::AmbiguousVersion, range_text(request, at.part, candidate.place)));
            }
            Looked::Row(row) if accepted.refuses(row, at) => refused = refused.or(Some(*candidate)),
            Looked::Row(row) => {
                let lives = at.part.lives(row, at.now);
                let best = if lives { &mut live } else { &mut dead };
                if best.is_none_or(|(q, _)| candidate.q > q) {
                    *best = Some((candidate.q, row));
                }
            }
            Looked::Unknown | Looked::Malformed => {
                if nowhere.is_none_or(|best| candidate.q > best.q) {
                    nowhere = Some(*candidate);
                }
            }
        }
    }
    if let Some((_, row)) = live.or(dead) {
        return Ok(Some(row));
    }
    if let Some(candidate) = nowhere {
        let reason = match candidate.looked {
            Looked::Malformed => Reason::MalformedVersion,
            _ => Reason::UnknownVersion,
        };
        return Err(Unresolved::new(reason, range_text(request, at.part, candidate.place)));
    }
    // What is left named nothing that is not refused. Where the client accepts nothing else either, the answer is clear;
    // otherwise the missing policy may still find something.
    let only_refused = accepted.len > 0 && !accepted.others;
    if let Some(candidate) = refused.or_else(|| accepted.refused().next().filter(|_| only_refused).copied()) {
        return Err(Unresolved::new(Reason::NotAcceptable, range_text(request, at.part, candidate.place)));
    }
    Ok(None)
}

/// The version text of one considered range: only walked to on the way to a rejection.
pub(super) fn range_text<'r>(request: &Request<'r>, part: &ApiTable, place: u8) -> Option<&'r [u8]> {
    let range = accept::ranges(request.headers).nth(usize::from(place))?;
    Some(match range.named(part.api().vendors()) {
        Named::Version(text) | Named::Both(text, _) | Named::Torn(text) => text.raw(),
        Named::Wildcard | Named::Nothing => range.media,
    })
}
