//! 2. Resolve: asked -> row. Which of the versions named, if they agree, is in the live table.

pub mod label;
mod missing;

use crate::{
    UnixTime,
    rejection::Reason,
    request::{Present, Request},
    table::{ApiTable, Found, RowId},
    version::{
        Source,
        accept::{self, MAX_RANGES, MAX_WHOLE, Named, Range, Text},
        header::{self, MAX_VALUES},
    },
    witness::{Fact, Reading, Witness},
};
use label::{Label, MAX_VERSION};
use missing::choose_default;

/// The row that answers, and where its version was read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolved {
    pub(crate) row: RowId,
    pub(crate) source: Source,
}

/// Why there is none, with what was asked for as far as it is known.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unresolved<'r> {
    pub(crate) reason: Reason,
    pub(crate) requested: Option<&'r [u8]>,
    pub(crate) row: Option<RowId>,
}

impl<'r> Unresolved<'r> {
    fn new(reason: Reason, requested: Option<&'r [u8]>) -> Self {
        Self { reason, requested, row: None }
    }
}

/// What one value amounts to against the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    Row(RowId),
    Unknown,
    Malformed,
    Contradiction,
}

/// A media range that names a version, reduced to what the choice needs.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    looked: Looked,
    q: u16,
    /// Its place among the considered ranges, to find its text again.
    place: u8,
}

/// Everything `Accept` says, against the table.
struct Accepted {
    /// Room for all of them, made when there is a first: most requests need none.
    candidates: Option<[Candidate; MAX_RANGES]>,
    len: usize,
    /// A range with `q > 0` that names no version, wildcards included.
    others: bool,
    /// A wildcard with `q=0`.
    wildcard_refused: bool,
}

impl Accepted {
    const NONE: Self = Self { candidates: None, len: 0, others: false, wildcard_refused: false };

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

    fn named(&self) -> impl Iterator<Item = &Candidate> {
        self.all().filter(|candidate| candidate.q > 0)
    }

    fn refused(&self) -> impl Iterator<Item = &Candidate> {
        self.all().filter(|candidate| candidate.q == 0)
    }

    fn refuses(&self, row: RowId) -> bool {
        self.refused().any(|candidate| candidate.looked == Looked::Row(row))
    }
}

/// Finds the row, or says why not. Linear in the head: each value is looked up once.
pub(crate) fn resolve<'r>(
    request: &Request<'r>,
    present: Present,
    part: &ApiTable,
    now: UnixTime,
    witness: &mut impl Witness,
) -> Result<Resolved, Unresolved<'r>> {
    let api = part.api();
    let header = if api.reads(Source::Header) { read_header(request, part, witness)? } else { None };
    let mut accepted = Accepted::NONE;
    if present.accept && api.reads(Source::Accept) {
        read_accept(request, part, witness, &mut accepted);
    }
    let resolved = match header {
        Some((looked, text)) => decide_header(looked, text, &accepted, request, part)?,
        None => match choose_range(&accepted, request, part, now)? {
            Some(row) => Resolved { row, source: Source::Accept },
            None => Resolved { row: choose_default(&accepted, request, part, witness)?, source: Source::Missing },
        },
    };
    match part.get(resolved.row) {
        Some(Found::Good(row)) if !row.is_retired(now) => {
            witness.saw(Fact::Resolved { source: resolved.source, key: row.key() });
            Ok(resolved)
        }
        found => {
            let reason = match found {
                Some(Found::Good(_)) => Reason::RetiredVersion,
                _ => Reason::InvalidMapping,
            };
            let requested = asked_text(request, part, &header, &accepted, resolved);
            Err(Unresolved { reason, requested, row: Some(resolved.row) })
        }
    }
}

/// The one version all values of the header name, or why they name none.
fn read_header<'r>(
    request: &Request<'r>,
    part: &ApiTable,
    witness: &mut impl Witness,
) -> Result<Option<(Looked, &'r [u8])>, Unresolved<'r>> {
    let Some(values) = header::values(request.headers, part.api().header()) else {
        return Ok(None);
    };
    let mut first: Option<(Looked, &[u8])> = None;
    let mut differs = false;
    for (place, value) in values.enumerate() {
        let looked = if place < MAX_VALUES { look_up_value(value, part) } else { Looked::Malformed };
        witness.saw(Fact::HeaderValue(value, reading(looked, part)));
        if looked == Looked::Malformed {
            return Err(Unresolved::new(Reason::MalformedVersion, Some(value)));
        }
        match first {
            None => first = Some((looked, value)),
            Some((other, text)) => {
                differs |= looked != other || (looked == Looked::Unknown && !same_label(text, value))
            }
        }
    }
    match first {
        None => Err(Unresolved::new(Reason::MalformedVersion, Some(&[]))),
        Some((_, text)) if differs => Err(Unresolved::new(Reason::AmbiguousVersion, Some(text))),
        first => Ok(first),
    }
}

fn same_label(one: &[u8], other: &[u8]) -> bool {
    matches!((Label::parse(one), Label::parse(other)), (Ok(one), Ok(other)) if one == other)
}

/// A bare value: a whole key of the sample layout, or a version.
fn look_up_value(value: &[u8], part: &ApiTable) -> Looked {
    if part.has_whole() {
        let mut buffer = [0; MAX_WHOLE];
        if let Some(row) = accept::write_whole(value, &mut buffer).and_then(|whole| part.find_whole(whole)) {
            return Looked::Row(row);
        }
    }
    match Label::parse(value) {
        Ok(label) => part.find_label(label).map_or(Looked::Unknown, Looked::Row),
        Err(_) => Looked::Malformed,
    }
}

fn look_up_text(text: &Text<'_>, part: &ApiTable) -> Looked {
    let mut buffer = [0; MAX_VERSION];
    match text.unescape(&mut buffer) {
        Some(version) => look_up_value(version, part),
        None => Looked::Malformed,
    }
}

/// What one media range amounts to; `None` where it names no version.
fn look_up_range(range: &Range<'_>, part: &ApiTable) -> Option<Looked> {
    if part.has_whole() {
        let mut buffer = [0; MAX_WHOLE];
        if let Some(row) = range.whole(&mut buffer).and_then(|whole| part.find_whole(whole)) {
            return Some(Looked::Row(row));
        }
    }
    match range.named(part.api().vendors()) {
        Named::Version(text) => Some(look_up_text(&text, part)),
        Named::Both(one, other) => match (look_up_text(&one, part), look_up_text(&other, part)) {
            (Looked::Malformed, _) | (_, Looked::Malformed) => Some(Looked::Malformed),
            (Looked::Row(one), Looked::Row(other)) if one == other => Some(Looked::Row(one)),
            (Looked::Unknown, Looked::Unknown) if same_label(one.raw(), other.raw()) => Some(Looked::Unknown),
            _ => Some(Looked::Contradiction),
        },
        Named::Torn(_) => Some(Looked::Contradiction),
        Named::Wildcard | Named::Nothing => None,
    }
}

fn read_accept(request: &Request<'_>, part: &ApiTable, witness: &mut impl Witness, accepted: &mut Accepted) {
    let vendors = part.api().vendors();
    for (place, range) in accept::ranges(request.headers).enumerate() {
        let looked = look_up_range(&range, part);
        witness.saw(Fact::Range(range, looked.map_or(Reading::Nothing, |looked| reading(looked, part))));
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

fn reading(looked: Looked, part: &ApiTable) -> Reading<'_> {
    match looked {
        Looked::Row(row) => match part.get(row) {
            Some(Found::Good(row)) => Reading::Row(row.key()),
            Some(Found::Invalid(key)) => Reading::Row(key),
            None => Reading::Unknown,
        },
        Looked::Unknown => Reading::Unknown,
        Looked::Malformed => Reading::Malformed,
        Looked::Contradiction => Reading::Contradiction,
    }
}

/// The header names a version; `Accept` must not disagree.
fn decide_header<'r>(
    looked: Looked,
    text: &'r [u8],
    accepted: &Accepted,
    request: &Request<'r>,
    part: &ApiTable,
) -> Result<Resolved, Unresolved<'r>> {
    let ambiguous = Unresolved::new(Reason::AmbiguousVersion, Some(text));
    if accepted.named().any(|candidate| candidate.looked == Looked::Contradiction) {
        return Err(ambiguous);
    }
    // What cannot be read cannot disagree; it is refused as such, as it is in the header.
    if let Some(first) = accepted.named().next()
        && accepted.named().all(|candidate| candidate.looked == Looked::Malformed)
    {
        return Err(Unresolved::new(Reason::MalformedVersion, range_text(request, part, first.place)));
    }
    match looked {
        Looked::Row(row) if accepted.refuses(row) => Err(Unresolved::new(Reason::NotAcceptable, Some(text))),
        Looked::Row(row) => {
            let agrees = accepted.named().any(|candidate| candidate.looked == Looked::Row(row));
            let silent = accepted.named().next().is_none();
            if agrees || silent { Ok(Resolved { row, source: Source::Header }) } else { Err(ambiguous) }
        }
        _ => {
            // Nobody can serve it, but a request that says `v9` twice deserves a clear `unknown_version`.
            let agrees = accept::ranges(request.headers).any(|range| range.q > 0 && is_unknown_too(&range, text, part));
            let silent = accepted.named().next().is_none();
            let reason = if agrees || silent { Reason::UnknownVersion } else { Reason::AmbiguousVersion };
            Err(Unresolved::new(reason, Some(text)))
        }
    }
}

/// Whether a range names the same unknown version.
fn is_unknown_too(range: &Range<'_>, text: &[u8], part: &ApiTable) -> bool {
    let mut buffer = [0; MAX_VERSION];
    look_up_range(range, part) == Some(Looked::Unknown)
        && match range.named(part.api().vendors()) {
            Named::Version(named) | Named::Both(named, _) => {
                named.unescape(&mut buffer).is_some_and(|named| same_label(named, text))
            }
            _ => false,
        }
}

/// The best range, by weight and then by order, among those the table can serve; `None` where no version is named.
///
/// A range that names a version is more specific than a wildcard whatever their weights, and all of them are equally
/// specific; rows that are retired or invalid answer for themselves only where no other candidate lives.
fn choose_range<'r>(
    accepted: &Accepted,
    request: &Request<'r>,
    part: &ApiTable,
    now: UnixTime,
) -> Result<Option<RowId>, Unresolved<'r>> {
    let mut live: Option<(u16, RowId)> = None;
    let mut dead: Option<(u16, RowId)> = None;
    let mut nowhere: Option<Candidate> = None;
    let mut refused: Option<Candidate> = None;
    for candidate in accepted.named() {
        match candidate.looked {
            Looked::Contradiction => {
                return Err(Unresolved::new(Reason::AmbiguousVersion, range_text(request, part, candidate.place)));
            }
            Looked::Row(row) if accepted.refuses(row) => refused = refused.or(Some(*candidate)),
            Looked::Row(row) => {
                let lives = matches!(part.get(row), Some(Found::Good(row)) if !row.is_retired(now));
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
        return Err(Unresolved::new(reason, range_text(request, part, candidate.place)));
    }
    // What is left named nothing that is not refused. Where the client accepts nothing else either, the answer is clear;
    // otherwise the missing policy may still find something.
    let only_refused = accepted.len > 0 && !accepted.others;
    if let Some(candidate) = refused.or_else(|| accepted.refused().next().filter(|_| only_refused).copied()) {
        return Err(Unresolved::new(Reason::NotAcceptable, range_text(request, part, candidate.place)));
    }
    Ok(None)
}

/// The version text of one considered range: only walked to on the way to a rejection.
fn range_text<'r>(request: &Request<'r>, part: &ApiTable, place: u8) -> Option<&'r [u8]> {
    let range = accept::ranges(request.headers).nth(usize::from(place))?;
    Some(match range.named(part.api().vendors()) {
        Named::Version(text) | Named::Both(text, _) | Named::Torn(text) => text.raw(),
        Named::Wildcard | Named::Nothing => range.media,
    })
}

/// What the client wrote for the row that was chosen.
fn asked_text<'r>(
    request: &Request<'r>,
    part: &ApiTable,
    header: &Option<(Looked, &'r [u8])>,
    accepted: &Accepted,
    resolved: Resolved,
) -> Option<&'r [u8]> {
    match resolved.source {
        Source::Header => header.map(|(_, text)| text),
        Source::Accept => accepted
            .named()
            .find(|candidate| candidate.looked == Looked::Row(resolved.row))
            .and_then(|candidate| range_text(request, part, candidate.place)),
        Source::Missing => None,
    }
}

/// Whether `Accept` refuses a row with `q=0`, for a choice that leads to it by another way than by its own name.
pub(crate) fn is_refused(request: &Request<'_>, part: &ApiTable, row: RowId) -> bool {
    part.api().reads(Source::Accept)
        && accept::ranges(request.headers)
            .any(|range| range.q == 0 && look_up_range(&range, part) == Some(Looked::Row(row)))
}
