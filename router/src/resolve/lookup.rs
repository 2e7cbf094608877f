//! Values looked up in the live table.

use crate::{
    UnixTime,
    api::Scheme,
    resolve::{
        date::Date,
        label::{Label, MAX_VERSION},
        semver::Asked,
    },
    table::{ApiTable, Found, Refused, RowId},
    version::{
        accept::{self, MAX_WHOLE, Named, Range, Text},
        query,
    },
    witness::Reading,
};

/// What values are looked up against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Against<'t> {
    pub(super) part: &'t ApiTable,
    pub(super) now: UnixTime,
    /// What a range is not to lead to, while it can lead elsewhere.
    pub(super) refused: &'t Refused,
}

/// What one value amounts to against the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looked {
    Row(RowId),
    Unknown,
    Malformed,
    Contradiction,
}

/// Whether two values that no row answers are one version.
pub(super) fn is_same(scheme: Scheme, one: &[u8], other: &[u8]) -> bool {
    let same_label = matches!((Label::parse(one), Label::parse(other)), (Ok(one), Ok(other)) if one == other);
    same_label
        || match scheme {
            Scheme::Label => false,
            Scheme::Semver => matches!((Asked::parse(one), Asked::parse(other)), (Ok(one), Ok(other)) if one == other),
            Scheme::Date => matches!((Date::parse(one), Date::parse(other)), (Ok(one), Ok(other)) if one == other),
        }
}

/// A bare value: a whole key of the sample layout, or a version.
#[inline]
pub(super) fn look_up_value(value: &[u8], at: &Against<'_>) -> Looked {
    if at.part.has_whole() {
        let mut buffer = [0; MAX_WHOLE];
        if let Some(row) = accept::write_whole(value, &mut buffer).and_then(|whole| at.part.find_whole(whole)) {
            return Looked::Row(row);
        }
    }
    match at.part.find_version(value, at.now, at.refused) {
        Ok(row) => row.map_or(Looked::Unknown, Looked::Row),
        Err(_) => Looked::Malformed,
    }
}

/// A value of the query, as received.
#[inline(never)]
pub(super) fn look_up_parameter(value: &[u8], at: &Against<'_>) -> Looked {
    let mut buffer = [0; MAX_WHOLE];
    query::decode(value, &mut buffer).map_or(Looked::Malformed, |value| look_up_value(value, at))
}

fn look_up_text(text: &Text<'_>, at: &Against<'_>) -> Looked {
    let mut buffer = [0; MAX_VERSION];
    match text.unescape(&mut buffer) {
        Some(version) => look_up_value(version, at),
        None => Looked::Malformed,
    }
}

/// What one media range amounts to; `None` where it names no version.
pub(super) fn look_up_range(range: &Range<'_>, at: &Against<'_>) -> Option<Looked> {
    if at.part.has_whole() {
        let mut buffer = [0; MAX_WHOLE];
        if let Some(row) = range.whole(&mut buffer).and_then(|whole| at.part.find_whole(whole)) {
            return Some(Looked::Row(row));
        }
    }
    match range.named(at.part.api().vendors()) {
        Named::Version(text) => Some(look_up_text(&text, at)),
        Named::Both(one, other) => match (look_up_text(&one, at), look_up_text(&other, at)) {
            (Looked::Malformed, _) | (_, Looked::Malformed) => Some(Looked::Malformed),
            (Looked::Row(one), Looked::Row(other)) if one == other => Some(Looked::Row(one)),
            (Looked::Unknown, Looked::Unknown) if is_same(at.part.api().scheme(), one.raw(), other.raw()) => {
                Some(Looked::Unknown)
            }
            _ => Some(Looked::Contradiction),
        },
        Named::Torn(_) => Some(Looked::Contradiction),
        Named::Wildcard | Named::Nothing => None,
    }
}

/// The same, in the words of witnesses.
pub(super) fn reading(looked: Looked, part: &ApiTable) -> Reading<'_> {
    match looked {
        Looked::Row(row) => match part.get(row) {
            Some(Found::Good(good)) => Reading::Row(good.key()),
            Some(Found::Invalid(key)) => Reading::Row(key),
            None => Reading::Unknown,
        },
        Looked::Unknown => Reading::Unknown,
        Looked::Malformed => Reading::Malformed,
        Looked::Contradiction => Reading::Contradiction,
    }
}
