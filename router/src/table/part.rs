//! One API's part of the table: rows, and the two ways to find one.

use super::{ladder::Ladder, living::Living, refused::Refused, row::Good};
use crate::{
    UnixTime,
    api::Api,
    caseless::{CaselessMap, ExactMap},
    rejection::MAX_SUPPORTED,
    resolve::label::Label,
    split::SplitRow,
    version::accept::{self, MAX_WHOLE},
};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use http::HeaderValue;

/// A row as the table holds it. Nearly all are mapped, so that is what must be small: two words.
#[derive(Debug)]
pub(super) enum Entry {
    Good(Good),
    /// An alias that is unusable now goes on as what it last led to.
    Kept(Box<(Box<str>, Good)>),
    /// Where the alias leads; never another alias.
    Alias(Box<(Box<str>, RowId)>),
    Invalid(Box<Box<str>>),
}

impl Entry {
    pub(super) fn invalid(key: impl Into<Box<str>>) -> Self {
        Self::Invalid(Box::new(key.into()))
    }

    /// A row that is unusable now, with its last good value.
    pub(super) fn kept(key: &str, good: &Good) -> Self {
        if good.key() == key { Self::Good(good.clone()) } else { Self::Kept(Box::new((key.into(), good.clone()))) }
    }

    pub(super) fn key(&self) -> &str {
        match self {
            Self::Good(good) => good.key(),
            Self::Kept(kept) => &kept.0,
            Self::Alias(alias) => &alias.0,
            Self::Invalid(key) => key,
        }
    }

    /// What itself answers with, where it does.
    #[inline]
    pub(super) fn good(&self) -> Option<&Good> {
        match self {
            Self::Good(good) => Some(good),
            Self::Kept(kept) => Some(&kept.1),
            Self::Alias(_) | Self::Invalid(_) => None,
        }
    }
}

/// A row of one API's part of one table. Meaningless elsewhere, and never left outside a call.
pub(crate) type RowId = u32;

/// A row found: good, or known to be bad.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'t> {
    Good(&'t Good),
    Invalid(&'t str),
}

impl Found<'_> {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Good(good) => good.key(),
            Self::Invalid(key) => key,
        }
    }
}

/// One API's part of the table.
#[derive(Debug)]
pub struct ApiTable {
    pub(super) api: Arc<Api>,
    pub(super) entries: Vec<Entry>,
    pub(super) by_label: CaselessMap<RowId>,
    pub(super) by_whole: ExactMap<RowId>,
    pub(super) ladder: Ladder,
    /// Rows whose traffic is split: few, and asked for often.
    pub(super) splits: Vec<RowId>,
    /// Good, shown rows, newest first.
    pub(super) shown: Vec<RowId>,
    /// Which of those live; empty where no sunset is set.
    pub(super) shown_living: Living,
    /// Whether its rows were ever read; until then their absence means nothing.
    pub(super) read: bool,
    /// Whether what describes it is good, or ever was.
    pub(super) described: bool,
}

impl ApiTable {
    /// The API.
    #[must_use]
    pub fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// Whether rows are matched by whole media type or header value (sample layout).
    pub(crate) fn has_whole(&self) -> bool {
        !self.by_whole.is_empty()
    }

    #[inline]
    pub(crate) fn find_label(&self, label: Label<'_>) -> Option<RowId> {
        self.row_of(label).map(|row| self.follow(row))
    }

    /// The row that owns a label, be it an alias.
    #[inline]
    pub(super) fn row_of(&self, label: Label<'_>) -> Option<RowId> {
        self.by_label.get(&label.as_caseless()).copied()
    }

    /// Whether a row is the one that a version leads to.
    pub(super) fn owns(&self, row: RowId, version: &[u8]) -> bool {
        Label::parse(self.api.scheme().normal(version)).ok().and_then(|label| self.row_of(label)) == Some(row)
    }

    pub(crate) fn find_whole(&self, whole: &[u8]) -> Option<RowId> {
        self.by_whole.get(whole).map(|row| self.follow(*row))
    }

    /// The row that another row names: a whole key of the sample layout, or a version, and a range at this time.
    pub(crate) fn find_named(&self, text: &str, now: UnixTime) -> Option<RowId> {
        let mut buffer = [0; MAX_WHOLE];
        let whole = accept::write_whole(text.as_bytes(), &mut buffer).and_then(|whole| self.find_whole(whole));
        let text = text.as_bytes();
        let key = || Label::parse(self.api.scheme().normal(text)).ok().and_then(|label| self.row_of(label));
        whole
            .or_else(|| match self.alias_span(key()?) {
                Some(span) => self.newest(span, now, &Refused::NONE),
                None => key().map(|row| self.follow(row)),
            })
            .or_else(|| self.find_version(text, now, &Refused::NONE).ok().flatten())
    }

    /// The row itself, or the one an alias stands for.
    #[inline]
    pub(super) fn follow(&self, row: RowId) -> RowId {
        match self.entries.get(row as usize) {
            Some(Entry::Alias(alias)) => alias.1,
            _ => row,
        }
    }

    /// What stands in a row; ids come from this table's own indexes.
    #[inline]
    pub(crate) fn get(&self, row: RowId) -> Option<Found<'_>> {
        let entry = self.entries.get(self.follow(row) as usize)?;
        Some(entry.good().map_or_else(|| Found::Invalid(entry.key()), Found::Good))
    }

    /// What `api-version` says of a row, good or not.
    pub(crate) fn reported(&self, found: &Found<'_>) -> Option<HeaderValue> {
        match found {
            Found::Good(good) => Some(good.version().clone()),
            Found::Invalid(key) => reported(key, &self.api),
        }
    }

    /// Versions a client may be shown at this time, newest first, at most [`MAX_SUPPORTED`].
    #[must_use]
    pub fn supported(&self, now: UnixTime) -> Vec<Box<str>> {
        if !self.api.lists_supported() {
            return Vec::new();
        }
        self.shown_at(now).take(MAX_SUPPORTED).map(|good| good.version_str().into()).collect()
    }

    /// All good rows but aliases, by key.
    pub fn good(&self) -> impl Iterator<Item = &Good> {
        self.entries.iter().filter_map(Entry::good)
    }

    /// All rows whose traffic is split.
    pub fn splits(&self) -> impl Iterator<Item = &Arc<SplitRow>> {
        self.splits.iter().filter_map(|row| match self.entries.get(*row as usize)?.good()? {
            Good::Split(split) => Some(split),
            Good::Mapping(_) => None,
        })
    }

    /// All aliases with the keys they lead to.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Alias(alias) => self.entries.get(alias.1 as usize).map(|to| (&*alias.0, to.key())),
            _ => None,
        })
    }

    /// Rows held, good or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.entries.len()
    }

    /// The keys of all rows that answer, aliases and last good values among them.
    pub fn good_keys(&self) -> impl Iterator<Item = &str> {
        self.answering().map(|(key, _)| key)
    }

    /// What the row of just this key answers with: its own value, or that of the row it leads to or led to.
    #[must_use]
    pub fn good_row(&self, key: &str) -> Option<&Good> {
        let is_it = |row: &RowId| self.entries.get(*row as usize).is_some_and(|entry| entry.key() == key);
        // Nearly every row owns its label; entries are in the order of their keys.
        let row = Label::parse(key.as_bytes()).ok().and_then(|label| self.by_label.get(&label.as_caseless()).copied());
        let search = || self.entries.binary_search_by(|entry| entry.key().cmp(key)).ok().map(id);
        match self.get(row.filter(is_it).or_else(search)?)? {
            Found::Good(good) => Some(good),
            Found::Invalid(_) => None,
        }
    }

    /// All rows that answer, with what they answer with.
    fn answering(&self) -> impl Iterator<Item = (&str, &Good)> {
        (0..self.entries.len()).zip(&self.entries).filter_map(|(row, entry)| match self.get(id(row))? {
            Found::Good(good) => Some((entry.key(), good)),
            Found::Invalid(_) => None,
        })
    }

    /// Whether this API's part of the table was ever read. Where it was not, every request is `no_table`: what was not
    /// read cannot be told from what is not there.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.read
    }

    pub(super) fn mark_unread(&mut self) {
        self.read = false;
    }

    /// Whether what describes it is good, or ever was. Where not, this is a stand-in that answers nothing, and no last good
    /// value of anything.
    #[must_use]
    pub fn is_described(&self) -> bool {
        self.described
    }

    pub(super) fn mark_undescribed(&mut self) {
        (self.read, self.described) = (false, false);
    }
}

/// Tables are bounded far below `u32::MAX` rows by memory; the bound is explicit all the same.
pub(super) fn id(index: usize) -> RowId {
    RowId::try_from(index).unwrap_or(RowId::MAX)
}

/// The part of a key that is a version: all of it, or what stands in a media type.
pub(super) fn label_text<'k>(key: &'k str, api: &Api) -> &'k [u8] {
    if key.contains('/') {
        accept::version_in(key.as_bytes(), api.vendors()).unwrap_or_default()
    } else {
        key.as_bytes()
    }
}

/// What `api-version` says for a row.
pub(super) fn reported(key: &str, api: &Api) -> Option<HeaderValue> {
    let text = match label_text(key, api) {
        [] => key.as_bytes(),
        text => text,
    };
    HeaderValue::from_bytes(text).ok().filter(|value| value.to_str().is_ok())
}
