//! Readings -> table. Nothing here fails: what cannot be used is left out or kept at its last good value, and reported.

use crate::{
    API_ITEM,
    item::{Fields, InvalidRow, Item, Layout, read_api, read_key, read_state},
    source::Reading,
};
use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};
use verge_router::{Api, ApiDraft, ApiRows, MappingTable, Row, RowState, origin::OriginRules};

/// Which APIs a reading is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// All that have no table of their own.
    All,
    /// This one (`[api.table]`).
    Api(String),
}

/// One table of the configuration, as last read.
#[derive(Debug, Clone)]
pub struct Part {
    /// The reading; `None`: it was never read, so nothing is known about its APIs.
    pub reading: Option<Arc<Reading>>,
    /// Whose it is.
    pub scope: Scope,
}

impl Part {
    /// A table for all APIs.
    #[must_use]
    pub fn all(reading: Reading) -> Self {
        Self { reading: Some(Arc::new(reading)), scope: Scope::All }
    }

    /// An API's own table.
    #[must_use]
    pub fn of(api: &str, reading: Reading) -> Self {
        Self { reading: Some(Arc::new(reading)), scope: Scope::Api(api.to_owned()) }
    }
}

/// An item that is not served as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InvalidItem {
    /// Its API; empty where it names none.
    pub api: String,
    /// Its key; empty where it has none.
    pub key: String,
    /// Why, in words.
    pub reason: String,
    /// Whether its last good value goes on serving.
    pub kept: bool,
}

/// What the readings hold for one API.
#[derive(Debug, Default)]
struct Gathered<'i> {
    /// Its `#api` item.
    item: Option<&'i Item>,
    rows: Vec<(&'i Item, Layout)>,
}

/// Reads a whole table: rows and `#api` items of every part, under the APIs of the configuration.
///
/// A configured API wins over its `#api` item, field by field. Items of other APIs than an own table's are left alone.
/// APIs whose part was never read are marked so ([`ApiTable::is_read`](verge_router::table::ApiTable::is_read)).
#[must_use]
pub fn parse_all(
    parts: &[Part],
    drafts: &[(String, ApiDraft)],
    rules: &OriginRules,
    previous: Option<&MappingTable>,
) -> (MappingTable, Vec<InvalidItem>) {
    let mut invalid = Vec::new();
    let by_name: HashMap<&str, &ApiDraft> = drafts.iter().map(|(name, draft)| (name.as_str(), draft)).collect();
    let read = Read::new(parts);
    let mut gathered = gather(parts, drafts, &mut invalid);

    // Configured APIs in their order, then those the table alone names, by name: alike on every node.
    let mut names: Vec<&str> = drafts.iter().map(|(name, _)| name.as_str()).collect();
    names.extend(gathered.iter().filter(|(name, _)| !by_name.contains_key(*name)).map(|(name, _)| *name));

    let mut apis = Vec::new();
    let mut unread = Vec::new();
    for name in names {
        let found = gathered.remove(name).unwrap_or_default();
        let before = previous.and_then(|table| table.api(name)).map(|part| part.api().clone());
        match find_api(name, by_name.get(name).copied(), found.item, before) {
            Ok(Some(api)) => {
                if !read.covers(name) {
                    unread.push(name);
                }
                let rows = read_rows(&found.rows, &api, rules, &mut invalid);
                apis.push(ApiRows { api, rows });
            }
            Ok(None) => invalid.extend(found.rows.iter().map(|(item, layout)| InvalidItem {
                reason: "its API is unknown: neither the configuration nor an `#api` item names it".to_owned(),
                ..unusable(name, item, *layout)
            })),
            // An API that only its part can complete, and the part is not there yet: nothing is known about it.
            Err(Unfit { stand_in: None, .. }) if !read.covers(name) => {}
            Err(Unfit { reason, stand_in, kept }) => {
                invalid.push(InvalidItem { api: name.to_owned(), key: API_ITEM.to_owned(), reason, kept });
                if let Some(api) = stand_in {
                    // Without a value that ever was good, its limits are unknown: it is held, and answers nothing.
                    if !kept {
                        unread.push(name);
                    }
                    let rows = read_rows(&found.rows, &api, rules, &mut invalid);
                    apis.push(ApiRows { api, rows });
                }
            }
        }
    }

    let (mut table, conflicts) = MappingTable::build(apis, previous);
    for name in unread {
        table.mark_unread(name);
    }
    invalid.extend(conflicts.into_iter().map(|conflict| InvalidItem {
        api: conflict.api,
        key: conflict.key,
        reason: conflict.reason.to_string(),
        kept: false,
    }));
    mark_kept(&mut invalid, &table);
    invalid.sort();
    (table, invalid)
}

/// Which APIs' parts were read.
struct Read<'p> {
    all: bool,
    own: HashMap<&'p str, bool>,
}

impl<'p> Read<'p> {
    fn new(parts: &'p [Part]) -> Self {
        let mut read = Self { all: false, own: HashMap::new() };
        for part in parts {
            match &part.scope {
                Scope::All => read.all |= part.reading.is_some(),
                Scope::Api(name) => *read.own.entry(name).or_default() |= part.reading.is_some(),
            }
        }
        read
    }

    fn covers(&self, name: &str) -> bool {
        self.own.get(name).copied().unwrap_or(self.all)
    }
}

/// Sorts items by the API they belong to.
fn gather<'i>(
    parts: &'i [Part],
    drafts: &'i [(String, ApiDraft)],
    invalid: &mut Vec<InvalidItem>,
) -> BTreeMap<&'i str, Gathered<'i>> {
    let own: HashSet<&str> = parts
        .iter()
        .filter_map(|part| match &part.scope {
            Scope::Api(name) => Some(name.as_str()),
            Scope::All => None,
        })
        .collect();
    let mut gathered: BTreeMap<&str, Gathered<'_>> = BTreeMap::new();
    for part in parts {
        let Some(reading) = &part.reading else { continue };
        let only = only_api(&part.scope, drafts, &own);
        let mut homeless = false;
        for (number, item) in reading.items.iter().enumerate() {
            let mut refuse = |api: &str, key: &str, reason: String| {
                let item = InvalidItem { api: api.to_owned(), key: key.to_owned(), reason, kept: false };
                invalid.push(item);
            };
            let Some(layout) = reading.layout_of(item) else {
                let reason = "it has neither `hk` nor `api` and `version`";
                refuse("", "", format!("item {}: {reason}", number + 1));
                continue;
            };
            let api = match layout {
                Layout::Sample => only,
                Layout::Verge => match Fields(item.attributes()).text("api") {
                    Ok(api) => api,
                    Err(error) => {
                        refuse("", item.key(layout).unwrap_or_default(), format!("item {}: {error}", number + 1));
                        continue;
                    }
                },
            };
            let key = item.key(layout);
            if item.is_own(layout) && key != Some(API_ITEM) {
                continue;
            }
            let Some(api) = api else {
                // Said once for the whole table.
                if !std::mem::replace(&mut homeless, true) {
                    let reason = "rows in the sample layout name no API: configure one, or give it an [api.table]";
                    refuse("", key.unwrap_or_default(), reason.to_owned());
                }
                continue;
            };
            let elsewhere = match &part.scope {
                Scope::All => own.contains(api),
                Scope::Api(name) => name != api,
            };
            if elsewhere || api.starts_with('#') {
                continue;
            }
            let entry = gathered.entry(api).or_default();
            if key == Some(API_ITEM) {
                entry.item = Some(item);
            } else {
                entry.rows.push((item, layout));
            }
        }
    }
    gathered
}

/// The API that rows in the sample layout belong to: an own table's, or the only one without an own table.
pub(crate) fn only_api<'d>(scope: &'d Scope, drafts: &'d [(String, ApiDraft)], own: &HashSet<&str>) -> Option<&'d str> {
    match scope {
        Scope::Api(name) => Some(name),
        Scope::All => {
            let mut left = drafts.iter().map(|(name, _)| name.as_str()).filter(|name| !own.contains(name));
            left.next().filter(|_| left.next().is_none())
        }
    }
}

/// Why an API cannot be made as it is written now, and what stands in for it.
struct Unfit {
    reason: String,
    stand_in: Option<Arc<Api>>,
    /// Whether the stand-in is its last good value.
    kept: bool,
}

/// Makes an API from its two drafts; `None` where it has neither.
fn find_api(
    name: &str,
    draft: Option<&ApiDraft>,
    item: Option<&Item>,
    before: Option<Arc<Api>>,
) -> Result<Option<Arc<Api>>, Unfit> {
    if draft.is_none() && item.is_none() {
        return Ok(None);
    }
    let upper = draft.cloned().unwrap_or_default();
    let made = match item.map(read_api) {
        None => upper.clone().finish(name).map_err(InvalidRow::from),
        Some(Ok(lower)) => upper.clone().over(lower).finish(name).map_err(InvalidRow::from),
        Some(Err(error)) => Err(error),
    };
    match made {
        Ok(api) => Ok(Some(Arc::new(api))),
        Err(error) => {
            let kept = before.is_some();
            let stand_in = before.or_else(|| upper.finish(name).ok().map(Arc::new));
            Err(Unfit { reason: error.to_string(), stand_in, kept })
        }
    }
}

/// Reads an API's rows, ordered by key.
fn read_rows(items: &[(&Item, Layout)], api: &Api, rules: &OriginRules, invalid: &mut Vec<InvalidItem>) -> Vec<Row> {
    let mut rows = Vec::with_capacity(items.len());
    for (item, layout) in items {
        let mut refuse = |error: InvalidRow| {
            invalid.push(InvalidItem { reason: error.to_string(), ..unusable(api.name(), item, *layout) });
        };
        // A key that no request can ask for makes no row.
        let key = match read_key(item, *layout) {
            Ok(key) => key,
            Err(error) => {
                refuse(error);
                continue;
            }
        };
        let state = read_state(item, *layout, api, rules).unwrap_or_else(|error| {
            refuse(error);
            RowState::Invalid
        });
        rows.push(Row { key: key.into(), whole: *layout == Layout::Sample, state });
    }
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows
}

fn unusable(api: &str, item: &Item, layout: Layout) -> InvalidItem {
    let key = item.key(layout).unwrap_or_default().to_owned();
    InvalidItem { api: api.to_owned(), key, reason: String::new(), kept: false }
}

/// Says of each invalid row whether it serves all the same.
fn mark_kept(invalid: &mut [InvalidItem], table: &MappingTable) {
    let mut good: HashMap<&str, HashSet<&str>> = HashMap::new();
    for item in invalid.iter_mut().filter(|item| item.key != API_ITEM) {
        let Some(part) = table.api(&item.api) else { continue };
        item.kept = good.entry(part.api().name()).or_insert_with(|| part.good_keys().collect()).contains(&*item.key);
    }
}

#[cfg(test)]
mod tests;
