//! 2. Resolve: asked -> row. Which of the versions named, if they agree, is in the live table.

mod accepted;
pub mod date;
pub mod label;
mod lookup;
mod missing;
pub mod semver;
mod stated;

use crate::{
    UnixTime,
    api::Unknown,
    moment::Moment,
    rejection::Reason,
    request::{Present, Request},
    table::{ApiTable, Found, Refused, RowId},
    version::{
        Source,
        accept::{self, Named},
        query,
    },
    witness::{Fact, Witness},
};
use accepted::{Accepted, choose_range, range_text, read_accept, read_refused};
use label::MAX_VERSION;
use lookup::{Against, Looked, look_up_range};
use missing::{choose_default, choose_neutral};
use stated::{Stated, Statements, decide_stated, path_version};

/// The row that answers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resolved {
    pub(crate) row: RowId,
    pub(crate) lead: Lead,
}

/// What led to a row.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lead {
    /// Where its version was read.
    pub(crate) source: Source,
    /// How much of the path is the version, with its slash: to be cut after the API's own path.
    pub(crate) cut: usize,
    /// Whether the version asked for is unknown, and this one answers instead.
    pub(crate) fell: bool,
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

static NONE_REFUSED: Refused = Refused::NONE;

/// What a request says of versions, so far.
struct Heard<'r> {
    stated: Option<Stated<'r>>,
    accepted: Accepted,
}

/// Finds the row, or says why not. Linear in the head: each value is looked up once.
pub(crate) fn resolve<'r>(
    request: &Request<'r>,
    present: Present,
    part: &ApiTable,
    moment: &Moment<'_>,
    witness: &mut impl Witness,
) -> Result<Resolved, Unresolved<'r>> {
    let (api, now) = (part.api(), moment.now);
    let reads_accept = present.accept && api.reads(Source::Accept);
    // Room for what is refused by range, where there are ranges.
    let mut room;
    let refused = if reads_accept && part.has_ranges() {
        room = Refused::NONE;
        read_refused(request, part, &mut room);
        &room
    } else {
        &NONE_REFUSED
    };
    let at = Against { part, now, refused };
    let segment = if api.reads(Source::Path) { path_version(request, &at) } else { None };
    let neutral = !api.neutral().is_empty() && is_neutral(request, segment, part);
    let mut heard = Heard { stated: None, accepted: Accepted::NONE };
    let decided = decide(request, reads_accept, segment, &at, moment, witness, &mut heard);
    // Where no version is needed, one that cannot answer is none. What is refused, or contradicts itself, stays so.
    let is_none = |decided: &Result<(RowId, Source), Unresolved<'_>>| match decided {
        Ok((row, source)) => matches!(source, Source::Missing | Source::Pin) || !part.lives(*row, now),
        Err(no) => !matches!(no.reason, Reason::AmbiguousVersion | Reason::NotAcceptable),
    };
    let decided = match decided {
        decided if neutral && is_none(&decided) => {
            choose_neutral(request, &at, witness).map(|row| (row, Source::Missing))
        }
        decided => decided,
    };
    let (row, source, fell) = match decided {
        Ok((row, source)) => (row, source, false),
        Err(no) if no.reason == Reason::UnknownVersion && api.unknown() != Unknown::Reject => {
            let (row, source) = fall(no, &heard, &at, witness)?;
            (row, source, true)
        }
        Err(no) => return Err(no),
    };
    match part.get(row) {
        Some(Found::Good(good)) if !good.is_retired(now) => {
            witness.saw(Fact::Resolved { source, key: good.key() });
            let cut = segment.map_or(0, |segment| segment.len() + 1);
            Ok(Resolved { row, lead: Lead { source, cut, fell } })
        }
        found => {
            let reason = match found {
                Some(Found::Good(_)) => Reason::RetiredVersion,
                _ => Reason::InvalidMapping,
            };
            Err(Unresolved { reason, requested: asked_text(request, part, &heard, row, source), row: Some(row) })
        }
    }
}

/// The row that is asked for, or stands for what is not.
#[inline(always)]
fn decide<'r>(
    request: &Request<'r>,
    reads_accept: bool,
    segment: Option<&'r str>,
    at: &Against<'_>,
    moment: &Moment<'_>,
    witness: &mut impl Witness,
    heard: &mut Heard<'r>,
) -> Result<(RowId, Source), Unresolved<'r>> {
    let api = at.part.api();
    let mut statements = Statements::default();
    if api.reads(Source::Header) {
        statements.read_header(request, at, witness)?;
    }
    if api.reads_url() {
        statements.read_url(request, segment, at, witness)?;
    }
    heard.stated = statements.agreed()?;
    if reads_accept {
        read_accept(request, at, witness, &mut heard.accepted);
    }
    if let Some(stated) = &heard.stated {
        return Ok((decide_stated(stated, &heard.accepted, request, at)?, stated.source));
    }
    match choose_range(&heard.accepted, request, at)? {
        Some(row) => Ok((row, Source::Accept)),
        None => choose_default(&heard.accepted, request, at, moment, witness),
    }
}

/// Whether a path, after the API's own and the version, is one that needs no version.
#[inline(never)]
fn is_neutral(request: &Request<'_>, segment: Option<&str>, part: &ApiTable) -> bool {
    let own = part.api().path().map_or("", |own| own.as_str());
    let rest = request.path.strip_prefix(own).unwrap_or(request.path);
    let rest = segment.and_then(|segment| rest.strip_prefix('/')?.strip_prefix(segment)).unwrap_or(rest);
    let covers = |rest: &str| rest.is_empty() || rest.starts_with('/');
    part.api().neutral().iter().any(|path| rest.strip_prefix(path.as_str()).is_some_and(covers))
}

/// The row that answers for one that is not there, by the API's policy.
#[cold]
fn fall<'r>(
    no: Unresolved<'r>,
    heard: &Heard<'r>,
    at: &Against<'_>,
    witness: &mut impl Witness,
) -> Result<(RowId, Source), Unresolved<'r>> {
    let source = heard.stated.map_or(Source::Accept, |stated| stated.source);
    let mut buffer = [0; MAX_VERSION];
    let nearest = no.requested.and_then(|requested| {
        let plain = if source == Source::Query { query::decode(requested, &mut buffer)? } else { requested };
        at.part.nearest(plain, at.now)
    });
    match nearest {
        Some(row) if heard.accepted.refuses(row, at) => Err(Unresolved::new(Reason::NotAcceptable, no.requested)),
        Some(row) => {
            witness.saw(Fact::Fell(at.part.api().unknown()));
            Ok((row, source))
        }
        None => Err(no),
    }
}

/// What the client wrote for the row that was chosen.
fn asked_text<'r>(
    request: &Request<'r>,
    part: &ApiTable,
    heard: &Heard<'r>,
    row: RowId,
    source: Source,
) -> Option<&'r [u8]> {
    match (source, &heard.stated) {
        (Source::Missing | Source::Pin, _) => None,
        (_, Some(stated)) => Some(stated.text),
        (_, None) => {
            let asked = heard.accepted.named().find(|candidate| candidate.looked == Looked::Row(row))?;
            range_text(request, part, asked.place)
        }
    }
}

/// Whether `Accept` refuses a row with `q=0`, by its own name or by a wildcard that nothing accepted stands beside, for a
/// choice that leads to it by another way than by its own name.
pub(crate) fn is_refused(request: &Request<'_>, part: &ApiTable, row: RowId, now: UnixTime) -> bool {
    if !part.api().reads(Source::Accept) {
        return false;
    }
    let mut refused = Refused::NONE;
    if part.has_ranges() {
        read_refused(request, part, &mut refused);
    }
    let at = Against { part, now, refused: &refused };
    if part.place(row).is_some_and(|place| refused.around(place as usize).is_some()) {
        return true;
    }
    let (mut wildcard, mut accepted) = (false, false);
    for range in accept::ranges(request.headers) {
        match look_up_range(&range, &at) {
            Some(Looked::Row(named)) if named == row && range.q == 0 => return true,
            Some(Looked::Row(named)) if named == row => accepted = true,
            None if range.q > 0 => accepted = true,
            None => wildcard |= range.named(part.api().vendors()) == Named::Wildcard,
            Some(_) => {}
        }
    }
    wildcard && !accepted
}
