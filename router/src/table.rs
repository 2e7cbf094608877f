//! 3. Find: Version -> Mapping. The table is immutable and built whole; a refresh makes another one.

use crate::{
    UnixTime,
    api::{Api, HostPattern, MAX_HOST},
    caseless::{Caseless, CaselessMap},
    lifecycle::Lifecycle,
    origin::Origin,
    rejection::MAX_SUPPORTED,
    resolve::label::Label,
    version::accept::{self, MAX_WHOLE},
};
use alloc::{
    borrow::ToOwned,
    boxed::Box,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::cmp::Ordering;
use hashbrown::HashMap;
use http::HeaderValue;

/// What a row of the table became at the border.
#[derive(Debug, Clone)]
pub struct Row {
    /// The key as stored: a version, or in the sample layout a media type or header value.
    pub key: Box<str>,
    /// Whether the key is matched as a whole (sample layout) besides as a version.
    pub whole: bool,
    /// Its content.
    pub state: RowState,
}

/// A row's content.
#[derive(Debug, Clone)]
pub enum RowState {
    /// A version and its origin.
    Mapped(MappingSpec),
    /// Another name for this version.
    Alias(Box<str>),
    /// Not readable; its last good value is kept where the previous table has one.
    Invalid,
}

/// A mapping as a border reads it.
#[derive(Debug, Clone)]
pub struct MappingSpec {
    /// Where it is served.
    pub origin: Origin,
    /// Whether it is left out of what clients are shown.
    pub hidden: bool,
    /// Deprecation, sunset, brownouts.
    pub lifecycle: Option<Lifecycle>,
}

/// An API with its rows.
#[derive(Debug, Clone)]
pub struct ApiRows {
    /// The API.
    pub api: Arc<Api>,
    /// Its rows, in any order.
    pub rows: Vec<Row>,
}

/// One version and where it is served; what a request holds from its start to its end.
#[derive(Debug)]
pub struct Mapping {
    api: Arc<Api>,
    key: Box<str>,
    version: HeaderValue,
    origin: Origin,
    hidden: bool,
    lifecycle: Option<Box<Lifecycle>>,
}

impl Mapping {
    /// The API it belongs to.
    #[must_use]
    pub fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// The row's key as stored.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The concrete version, as reported in `api-version`: the key, or in the sample layout the version in it.
    #[must_use]
    pub fn version(&self) -> &HeaderValue {
        &self.version
    }

    /// The same as text.
    #[must_use]
    pub fn version_str(&self) -> &str {
        self.version.to_str().unwrap_or_default()
    }

    /// Where it is served.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Whether it is left out of what clients are shown.
    #[must_use]
    pub fn hidden(&self) -> bool {
        self.hidden
    }

    /// Deprecation, sunset, brownouts.
    #[must_use]
    pub fn lifecycle(&self) -> Option<&Lifecycle> {
        self.lifecycle.as_deref()
    }

    /// Whether it answers 410 at this time.
    #[must_use]
    pub fn is_retired(&self, now: UnixTime) -> bool {
        self.lifecycle.as_ref().is_some_and(|life| life.is_retired(now))
    }
}

/// A row as the table holds it.
#[derive(Debug)]
struct Entry {
    key: Box<str>,
    state: EntryState,
}

#[derive(Debug)]
enum EntryState {
    Mapped(Arc<Mapping>),
    /// Where the alias leads; never another alias.
    Alias(RowId),
    Invalid,
}

/// A row of one API's part of one table. Meaningless elsewhere, and never left outside a call.
pub(crate) type RowId = u32;

/// A row found: good, or known to be bad.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'t> {
    Mapped(&'t Arc<Mapping>),
    Invalid(&'t str),
}

impl Found<'_> {
    pub(crate) fn key(&self) -> &str {
        match self {
            Self::Mapped(mapping) => &mapping.key,
            Self::Invalid(key) => key,
        }
    }
}

/// One API's part of the table.
#[derive(Debug)]
pub struct ApiTable {
    api: Arc<Api>,
    entries: Vec<Entry>,
    by_label: CaselessMap<RowId>,
    by_whole: HashMap<Box<[u8]>, RowId>,
    /// Good, shown rows, newest first.
    shown: Vec<RowId>,
    /// Whether its rows were ever read; until then their absence means nothing.
    read: bool,
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

    pub(crate) fn find_label(&self, label: Label<'_>) -> Option<RowId> {
        self.by_label.get(&label.as_caseless()).map(|row| self.follow(*row))
    }

    pub(crate) fn find_whole(&self, whole: &[u8]) -> Option<RowId> {
        self.by_whole.get(whole).map(|row| self.follow(*row))
    }

    /// The row itself, or the one an alias stands for.
    fn follow(&self, row: RowId) -> RowId {
        match self.entries.get(row as usize).map(|entry| &entry.state) {
            Some(EntryState::Alias(target)) => *target,
            _ => row,
        }
    }

    /// What stands in a row; ids come from this table's own indexes.
    pub(crate) fn get(&self, row: RowId) -> Option<Found<'_>> {
        let entry = self.entries.get(row as usize)?;
        match &entry.state {
            EntryState::Mapped(mapping) => Some(Found::Mapped(mapping)),
            EntryState::Invalid => Some(Found::Invalid(&entry.key)),
            EntryState::Alias(target) => self.entries.get(*target as usize).map(|entry| match &entry.state {
                EntryState::Mapped(mapping) => Found::Mapped(mapping),
                _ => Found::Invalid(&entry.key),
            }),
        }
    }

    /// Versions a client may be shown at this time, newest first, at most [`MAX_SUPPORTED`].
    #[must_use]
    pub fn supported(&self, now: UnixTime) -> Vec<Box<str>> {
        if !self.api.lists_supported() {
            return Vec::new();
        }
        self.mappings_newest_first()
            .filter(|mapping| !mapping.is_retired(now))
            .take(MAX_SUPPORTED)
            .map(|mapping| mapping.version_str().into())
            .collect()
    }

    fn mappings_newest_first(&self) -> impl Iterator<Item = &Arc<Mapping>> {
        self.shown.iter().filter_map(|row| match self.get(*row) {
            Some(Found::Mapped(mapping)) => Some(mapping),
            _ => None,
        })
    }

    /// All good mappings, in the order they were given.
    pub fn mappings(&self) -> impl Iterator<Item = &Arc<Mapping>> {
        self.entries.iter().filter_map(|entry| match &entry.state {
            EntryState::Mapped(mapping) => Some(mapping),
            _ => None,
        })
    }

    /// All aliases with the keys they lead to.
    pub fn aliases(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().filter_map(|entry| match &entry.state {
            EntryState::Alias(target) => self.entries.get(*target as usize).map(|to| (&*entry.key, &*to.key)),
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
        (0..self.entries.len()).zip(&self.entries).filter_map(|(row, entry)| match self.get(id(row))? {
            Found::Mapped(_) => Some(&*entry.key),
            Found::Invalid(_) => None,
        })
    }

    /// Whether this API's part of the table was ever read. Where it was not, every request is `no_table`: what was not
    /// read cannot be told from what is not there.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.read
    }

    fn build(part: ApiRows, previous: Option<&Self>, conflicts: &mut Vec<Conflict>) -> Self {
        let ApiRows { api, rows } = part;
        let mut conflict = |key: &str, reason: ConflictReason| {
            conflicts.push(Conflict { api: api.name().to_owned(), key: key.to_owned(), reason });
        };
        // Keys first: rows whose normal forms collide are both unusable, whatever they say.
        let mut by_key: HashMap<Vec<u8>, (usize, bool)> = HashMap::with_capacity(rows.len());
        for row in &rows {
            let seen = by_key.entry(normal_key(row)).or_insert((0, false));
            seen.0 += 1;
        }
        let mut entries: Vec<Entry> = Vec::with_capacity(rows.len());
        let mut wholes: Vec<bool> = Vec::with_capacity(rows.len());
        let mut aliases: Vec<(RowId, Box<str>)> = Vec::new();
        for row in rows {
            let twin = by_key.get(&normal_key(&row)).is_some_and(|(times, _)| *times > 1);
            if twin {
                conflict(&row.key, ConflictReason::SameVersion);
            }
            let state = match row.state {
                RowState::Mapped(spec) if !twin => match reported(&row.key, &api) {
                    Some(version) => EntryState::Mapped(Arc::new(Mapping {
                        api: api.clone(),
                        key: row.key.clone(),
                        version,
                        origin: spec.origin,
                        hidden: spec.hidden,
                        lifecycle: spec.lifecycle.map(Box::new),
                    })),
                    None => {
                        conflict(&row.key, ConflictReason::UnfitKey);
                        EntryState::Invalid
                    }
                },
                RowState::Alias(target) if !twin => {
                    aliases.push((id(entries.len()), target));
                    EntryState::Invalid
                }
                _ => EntryState::Invalid,
            };
            entries.push(Entry { key: row.key, state });
            wholes.push(row.whole);
        }

        let mut table = Self {
            api: api.clone(),
            entries,
            by_label: CaselessMap::new(),
            by_whole: HashMap::new(),
            shown: Vec::new(),
            read: true,
        };
        table.keep_last_good(previous);
        table.index(&wholes);
        table.link_aliases(aliases, &mut conflict);
        table.order();
        table
    }

    /// Unreadable rows go on with their last good value.
    fn keep_last_good(&mut self, previous: Option<&Self>) {
        let Some(previous) = previous else { return };
        if !self.entries.iter().any(|entry| matches!(entry.state, EntryState::Invalid)) {
            return;
        }
        let good: HashMap<&str, &Arc<Mapping>> = (0..previous.entries.len())
            .filter_map(|row| match previous.get(id(row))? {
                Found::Mapped(mapping) => Some((&*previous.entries.get(row)?.key, mapping)),
                Found::Invalid(_) => None,
            })
            .collect();
        for entry in &mut self.entries {
            if matches!(entry.state, EntryState::Invalid)
                && let Some(mapping) = good.get(&*entry.key)
            {
                entry.state = EntryState::Mapped((*mapping).clone());
            }
        }
    }

    fn index(&mut self, wholes: &[bool]) {
        let mut by_whole = HashMap::new();
        // A bare version owns its label before a media type that merely contains it. Two claims of one rank leave the
        // label to nobody; but twins (one key in normal form, quarantined both) leave it to a last good value.
        let mut owners: HashMap<Label<'_>, (bool, Option<RowId>)> = HashMap::with_capacity(self.entries.len());
        for (row, (entry, whole)) in self.entries.iter().zip(wholes).enumerate() {
            let row = id(row);
            if *whole {
                let mut buffer = [0; MAX_WHOLE];
                if let Some(text) = accept::write_whole(entry.key.as_bytes(), &mut buffer) {
                    let owner: &mut RowId = by_whole.entry_ref(text).or_insert(row);
                    // Of twins, the one with a last good value answers.
                    if matches!(entry.state, EntryState::Mapped(_)) {
                        *owner = row;
                    }
                }
            }
            let text = label_text(&entry.key, &self.api);
            let Ok(label) = Label::parse(text) else { continue };
            let bare = text.len() == entry.key.len();
            let owner = owners.entry(label).or_insert((bare, Some(row)));
            match *owner {
                (true, _) if !bare => {}
                (false, _) if bare => *owner = (true, Some(row)),
                (_, Some(other)) if other != row => {
                    let other = self.entries.get(other as usize);
                    let twins = bare && !whole || other.is_some_and(|other| other.key.eq_ignore_ascii_case(&entry.key));
                    let is_good = |entry: &Entry| matches!(entry.state, EntryState::Mapped(_));
                    if !twins {
                        owner.1 = None;
                    } else if is_good(entry) && !other.is_some_and(is_good) {
                        owner.1 = Some(row);
                    }
                }
                _ => {}
            }
        }
        let owned = owners.into_iter().filter_map(|(label, (_, row))| Some((label.as_caseless().into(), row?)));
        self.by_label = owned.collect();
        self.by_whole = by_whole;
    }

    /// Points each alias at the row at the end of its chain.
    fn link_aliases(&mut self, aliases: Vec<(RowId, Box<str>)>, conflict: &mut impl FnMut(&str, ConflictReason)) {
        let targets: HashMap<RowId, &str> = aliases.iter().map(|(row, target)| (*row, &**target)).collect();
        let find = |text: &str| {
            let mut buffer = [0; MAX_WHOLE];
            accept::write_whole(text.as_bytes(), &mut buffer)
                .and_then(|whole| self.find_whole(whole))
                .or_else(|| Label::parse(text.as_bytes()).ok().and_then(|label| self.find_label(label)))
        };
        let mut links: Vec<(RowId, Result<RowId, ConflictReason>)> = Vec::with_capacity(aliases.len());
        for (row, target) in &aliases {
            let mut end = find(target);
            let mut steps = 0;
            while let Some(next) = end.and_then(|at| targets.get(&at)) {
                steps += 1;
                if steps > aliases.len() {
                    break;
                }
                end = find(next);
            }
            let link = match end {
                _ if steps > aliases.len() => Err(ConflictReason::AliasCycle),
                Some(end) if end == *row => Err(ConflictReason::AliasCycle),
                Some(end) => Ok(end),
                None => Err(ConflictReason::AliasOfNothing(target.to_string())),
            };
            links.push((*row, link));
        }
        for (row, link) in links {
            let Some(entry) = self.entries.get_mut(row as usize) else { continue };
            match link {
                Ok(end) => entry.state = EntryState::Alias(end),
                Err(reason) => conflict(&entry.key, reason),
            }
        }
    }

    fn order(&mut self) {
        let mut shown: Vec<(RowId, &str)> = Vec::new();
        for (row, entry) in self.entries.iter().enumerate() {
            if let EntryState::Mapped(mapping) = &entry.state
                && !mapping.hidden
            {
                shown.push((id(row), mapping.version_str()));
            }
        }
        shown.sort_by(|(_, a), (_, b)| compare_versions(b, a).then_with(|| bare(a).len().cmp(&bare(b).len())));
        // In the sample layout one version may stand under several keys.
        shown.dedup_by(|(_, a), (_, b)| bare(a).eq_ignore_ascii_case(bare(b)));
        self.shown = shown.into_iter().map(|(row, _)| row).collect();
    }
}

/// Tables are bounded far below `u32::MAX` rows by memory; the bound is explicit all the same.
fn id(index: usize) -> RowId {
    RowId::try_from(index).unwrap_or(RowId::MAX)
}

/// The part of a key that is a version: all of it, or what stands in a media type.
fn label_text<'k>(key: &'k str, api: &Api) -> &'k [u8] {
    if key.contains('/') {
        accept::version_in(key.as_bytes(), api.vendors()).unwrap_or_default()
    } else {
        key.as_bytes()
    }
}

/// What two rows must not share.
fn normal_key(row: &Row) -> Vec<u8> {
    if row.whole {
        let mut buffer = [0; MAX_WHOLE];
        return accept::write_whole(row.key.as_bytes(), &mut buffer).unwrap_or(row.key.as_bytes()).to_vec();
    }
    match Label::parse(row.key.as_bytes()) {
        Ok(label) => label.as_caseless().0.to_ascii_lowercase(),
        Err(_) => row.key.as_bytes().to_vec(),
    }
}

/// What `api-version` says for a row.
fn reported(key: &str, api: &Api) -> Option<HeaderValue> {
    let text = match label_text(key, api) {
        [] => key.as_bytes(),
        text => text,
    };
    HeaderValue::from_bytes(text).ok().filter(|value| value.to_str().is_ok())
}

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

/// A row that the rest of the table makes unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its API.
    pub api: String,
    /// Its key.
    pub key: String,
    /// Why.
    pub reason: ConflictReason,
}

/// How a row conflicts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConflictReason {
    /// Another row has the same key in normal form.
    #[error("another row is the same version (case and a `v` before a digit do not count); both are left out")]
    SameVersion,
    /// The key cannot be reported in a header.
    #[error("its key is not printable ASCII")]
    UnfitKey,
    /// The alias names a row that is not there.
    #[error("alias_of `{}` names no row", .0.escape_debug())]
    AliasOfNothing(String),
    /// The alias leads back to itself.
    #[error("alias_of leads in a circle")]
    AliasCycle,
    /// Another API already answers under this host and path.
    #[error("API `{0}` already answers under the same host and path")]
    SameHost(String),
}

/// APIs that share a host, by path.
#[derive(Debug, Default)]
struct Paths {
    root: Option<u32>,
    by_path: HashMap<Box<str>, u32>,
    /// The lengths that occur, longest first: what bounds a lookup.
    lengths: Vec<usize>,
}

impl Paths {
    fn insert(&mut self, path: Option<&str>, api: u32) -> Option<u32> {
        match path {
            None if self.root.is_some() => self.root,
            None => {
                self.root = Some(api);
                None
            }
            Some(path) => {
                if let Some(other) = self.by_path.get(path) {
                    return Some(*other);
                }
                self.by_path.insert(path.into(), api);
                if let Err(at) = self.lengths.binary_search_by(|length| path.len().cmp(length)) {
                    self.lengths.insert(at, path.len());
                }
                None
            }
        }
    }

    /// The API with the longest path that ends at a segment border of this one.
    fn find(&self, path: &str) -> Option<u32> {
        self.lengths
            .iter()
            .filter(|length| matches!(path.as_bytes().get(**length), None | Some(b'/')))
            .find_map(|length| self.by_path.get(path.get(..*length)?).copied())
            .or(self.root)
    }
}

/// All that routing needs to know: APIs by host and path, and their rows.
#[derive(Debug, Default)]
pub struct MappingTable {
    apis: Vec<ApiTable>,
    by_name: HashMap<Box<str>, u32>,
    exact: CaselessMap<Paths>,
    wildcard: CaselessMap<Paths>,
    any: Paths,
}

impl MappingTable {
    /// Builds a table. Never fails: a row or host that conflicts is left out and reported, and a row that is unusable now
    /// goes on with its value in `previous`, if it had one there.
    #[must_use]
    pub fn build(parts: Vec<ApiRows>, previous: Option<&Self>) -> (Self, Vec<Conflict>) {
        let mut table = Self::default();
        let mut conflicts = Vec::new();
        for part in parts {
            let api = part.api.clone();
            let index = id(table.apis.len());
            let path = api.path().map(|path| path.as_str());
            for host in api.hosts() {
                let paths = match host {
                    HostPattern::Exact(host) => table.exact.entry(Caseless(host.as_bytes()).into()).or_default(),
                    HostPattern::Wildcard(suffix) => {
                        table.wildcard.entry(Caseless(suffix.as_bytes()).into()).or_default()
                    }
                    HostPattern::Any => &mut table.any,
                };
                if let Some(other) = paths.insert(path, index)
                    && other != index
                {
                    let other = table.apis.get(other as usize).map_or("", |other| other.api.name());
                    conflicts.push(Conflict {
                        api: api.name().to_owned(),
                        key: "#api".to_owned(),
                        reason: ConflictReason::SameHost(other.to_owned()),
                    });
                }
            }
            let before = previous.and_then(|table| table.api(api.name()));
            table.by_name.insert(api.name().into(), index);
            table.apis.push(ApiTable::build(part, before, &mut conflicts));
        }
        (table, conflicts)
    }

    /// The API for a host and path: exact host before wildcard before `*`, then the longest path at a segment border.
    #[must_use]
    pub fn find_api(&self, host: &str, path: &str) -> Option<&ApiTable> {
        let host = bare_host(host)?;
        let find = |hosts: &CaselessMap<Paths>, host| hosts.get(&Caseless(host))?.find(path);
        let found = find(&self.exact, host)
            .or_else(|| {
                let dot = host.iter().position(|&b| b == b'.').filter(|dot| *dot > 0)?;
                find(&self.wildcard, host.get(dot + 1..)?)
            })
            .or_else(|| self.any.find(path))?;
        self.apis.get(found as usize)
    }

    /// An API by name.
    #[must_use]
    pub fn api(&self, name: &str) -> Option<&ApiTable> {
        self.apis.get(*self.by_name.get(name)? as usize)
    }

    /// Marks an API whose own part was never read.
    pub fn mark_unread(&mut self, name: &str) {
        if let Some(index) = self.by_name.get(name)
            && let Some(part) = self.apis.get_mut(*index as usize)
        {
            part.read = false;
        }
    }

    /// All APIs.
    #[must_use]
    pub fn apis(&self) -> &[ApiTable] {
        &self.apis
    }

    /// Rows held, good or not.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.apis.iter().map(ApiTable::rows).sum()
    }
}

/// A host without port and trailing dot; `None` where it is empty or longer than a host can be.
fn bare_host(host: &str) -> Option<&[u8]> {
    let host = host.as_bytes();
    let end = match host {
        [b'[', ..] => host.iter().position(|&b| b == b']')? + 1,
        _ => host.iter().position(|&b| b == b':').unwrap_or(host.len()),
    };
    let bare = host.get(..end)?;
    let bare = bare.strip_suffix(b".").unwrap_or(bare);
    (1..=MAX_HOST).contains(&bare.len()).then_some(bare)
}

#[cfg(test)]
mod tests;
