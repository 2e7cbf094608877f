//! Versions that a request states one by one: in the header, and in its URL.

use super::{
    Unresolved,
    accepted::{Accepted, range_text},
    date::Date,
    label::MAX_VERSION,
    lookup::{Against, Looked, is_same, look_up_parameter, look_up_range, look_up_value, reading},
};
use crate::{
    api::{HostPattern, Scheme},
    rejection::Reason,
    request::Request,
    table::{RowId, bare_host},
    version::{
        Source,
        accept::{self, Named, Range},
        header::{self, MAX_VALUES},
        host, path, query,
    },
    witness::{Fact, Witness},
};

/// One version, and where it was read first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stated<'r> {
    pub(super) looked: Looked,
    /// As received.
    pub(super) text: &'r [u8],
    pub(super) source: Source,
}

impl Stated<'_> {
    /// What it says, escapes undone.
    fn plain<'a>(&'a self, buffer: &'a mut [u8; MAX_VERSION]) -> &'a [u8] {
        plain(self.source, self.text, buffer)
    }
}

fn plain<'a>(source: Source, text: &'a [u8], buffer: &'a mut [u8; MAX_VERSION]) -> &'a [u8] {
    match source {
        Source::Query => query::decode(text, buffer).unwrap_or(text),
        _ => text,
    }
}

/// All that a request states: the first, and whether another one differs.
#[derive(Debug, Default)]
pub(super) struct Statements<'r> {
    first: Option<Stated<'r>>,
    differs: bool,
}

impl<'r> Statements<'r> {
    /// Reads the version header.
    #[inline(always)]
    pub(super) fn read_header(
        &mut self,
        request: &Request<'r>,
        at: &Against<'_>,
        witness: &mut impl Witness,
    ) -> Result<(), Unresolved<'r>> {
        let Some(values) = header::values(request.headers, at.part.api().header()) else { return Ok(()) };
        let mut empty = true;
        for (place, value) in values.enumerate() {
            empty = false;
            let looked = if place < MAX_VALUES { look_up_value(value, at) } else { Looked::Malformed };
            self.take(Stated { looked, text: value, source: Source::Header }, at, witness)?;
        }
        if empty { Err(Unresolved::new(Reason::MalformedVersion, Some(&[]))) } else { Ok(()) }
    }

    /// Reads the URL; `segment` is what its path says.
    #[inline(never)]
    pub(super) fn read_url(
        &mut self,
        request: &Request<'r>,
        segment: Option<&'r str>,
        at: &Against<'_>,
        witness: &mut impl Witness,
    ) -> Result<(), Unresolved<'r>> {
        let api = at.part.api();
        if api.reads(Source::Query)
            && let Some(parameters) = request.query
        {
            for (place, value) in query::values(parameters, api.query()).enumerate() {
                let looked = if place < MAX_VALUES { look_up_parameter(value, at) } else { Looked::Malformed };
                self.take(Stated { looked, text: value, source: Source::Query }, at, witness)?;
            }
        }
        if let Some(segment) = segment {
            let looked = look_up_value(segment.as_bytes(), at);
            self.take(Stated { looked, text: segment.as_bytes(), source: Source::Path }, at, witness)?;
        }
        if api.reads(Source::Host)
            && let Some(version) = api.host().and_then(|pattern| host::version(request.host, pattern))
            && !is_plain_host(request, version, at)
        {
            let looked = look_up_value(version, at);
            self.take(Stated { looked, text: version, source: Source::Host }, at, witness)?;
        }
        Ok(())
    }

    fn take(&mut self, stated: Stated<'r>, at: &Against<'_>, witness: &mut impl Witness) -> Result<(), Unresolved<'r>> {
        witness.saw(Fact::Value(stated.source, stated.text, reading(stated.looked, at.part)));
        if stated.looked == Looked::Malformed {
            return Err(Unresolved::new(Reason::MalformedVersion, Some(stated.text)));
        }
        match &self.first {
            None => self.first = Some(stated),
            Some(first) => {
                self.differs |= first.looked != stated.looked
                    || (stated.looked == Looked::Unknown && {
                        let (mut one, mut other) = ([0; MAX_VERSION], [0; MAX_VERSION]);
                        !is_same(at.part.api().scheme(), first.plain(&mut one), stated.plain(&mut other))
                    });
            }
        }
        Ok(())
    }

    /// The one version that all of them name, where they name any.
    #[inline(always)]
    pub(super) fn agreed(self) -> Result<Option<Stated<'r>>, Unresolved<'r>> {
        match self.first {
            Some(first) if self.differs => Err(Unresolved::new(Reason::AmbiguousVersion, Some(first.text))),
            first => Ok(first),
        }
    }
}

/// Whether a host is one that `hosts` names as it stands, and nothing in it looks like a version: `api.example.com`, though
/// the pattern is `{version}.example.com`.
fn is_plain_host(request: &Request<'_>, version: &[u8], at: &Against<'_>) -> bool {
    let host = bare_host(request.host).unwrap_or_default();
    let is_it = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(own) => own.as_bytes().eq_ignore_ascii_case(host),
        HostPattern::Wildcard(_) | HostPattern::Any => false,
    };
    let has_form = matches!(version, [b'v' | b'V', b'0'..=b'9', ..] | [b'0'..=b'9', ..]);
    !has_form && !at.part.is_key(version) && at.part.api().hosts().iter().any(is_it)
}

/// The segment of the path that is a version: by its form, or because the table knows it by this very name.
#[inline(never)]
pub(super) fn path_version<'r>(request: &Request<'r>, at: &Against<'_>) -> Option<&'r str> {
    let api = at.part.api();
    let segment = path::segment(request.path, api.path().map_or("", |own| own.as_str()))?;
    let is_day = || api.scheme() == Scheme::Date && Date::parse(segment.as_bytes()).is_ok();
    (path::has_form(segment) || is_day() || at.part.is_key(segment.as_bytes())).then_some(segment)
}

/// A version is stated; `Accept` must not disagree.
#[inline(always)]
pub(super) fn decide_stated<'r>(
    stated: &Stated<'r>,
    accepted: &Accepted,
    request: &Request<'r>,
    at: &Against<'_>,
) -> Result<RowId, Unresolved<'r>> {
    let text = stated.text;
    let ambiguous = Unresolved::new(Reason::AmbiguousVersion, Some(text));
    if accepted.named().any(|candidate| candidate.looked == Looked::Contradiction) {
        return Err(ambiguous);
    }
    // What cannot be read cannot disagree; it is refused as such, as it is elsewhere.
    if let Some(first) = accepted.named().next()
        && accepted.named().all(|candidate| candidate.looked == Looked::Malformed)
    {
        return Err(Unresolved::new(Reason::MalformedVersion, range_text(request, at.part, first.place)));
    }
    match stated.looked {
        Looked::Row(row) if accepted.refuses(row, at) => Err(Unresolved::new(Reason::NotAcceptable, Some(text))),
        Looked::Row(row) => {
            let agrees = accepted.named().any(|candidate| candidate.looked == Looked::Row(row));
            let silent = accepted.named().next().is_none();
            if agrees || silent { Ok(row) } else { Err(ambiguous) }
        }
        _ => {
            // Nobody can serve it, but a request that says `v9` twice deserves a clear `unknown_version`.
            let agrees = accept::ranges(request.headers).any(|range| range.q > 0 && is_unknown_too(&range, stated, at));
            let silent = accepted.named().next().is_none();
            let reason = if agrees || silent { Reason::UnknownVersion } else { Reason::AmbiguousVersion };
            Err(Unresolved::new(reason, Some(text)))
        }
    }
}

/// Whether a range names the same unknown version.
fn is_unknown_too(range: &Range<'_>, stated: &Stated<'_>, at: &Against<'_>) -> bool {
    let (mut buffer, mut other) = ([0; MAX_VERSION], [0; MAX_VERSION]);
    let api = at.part.api();
    look_up_range(range, at) == Some(Looked::Unknown)
        && match range.named(api.vendors()) {
            Named::Version(named) | Named::Both(named, _) => {
                named.unescape(&mut buffer).is_some_and(|named| is_same(api.scheme(), named, stated.plain(&mut other)))
            }
            _ => false,
        }
}
