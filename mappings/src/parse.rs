//! Readings -> table. No item is an error: what cannot be used is left out or kept at its last good value, and reported.

mod homes;
mod rows;

#[cfg(feature = "cache")]
pub(crate) use homes::only_api;

use crate::{
    API_ITEM,
    item::{InvalidRow, Item, Layout, Trips, read_api},
    sorted::put,
    source::Reading,
};
use homes::{Home, Homeless, Homes, is_among};
use rows::Rows;
use std::{convert::Infallible, sync::Arc};
use verge_router::{Api, ApiDraft, MappingTable, TableBuilder, origin::OriginRules};

/// Which APIs a reading is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// All that have no table of their own.
    All,
    /// This one (`[api.table]`).
    Api(String),
    /// None: it tells which APIs there are, and their rows are read one API at a time.
    Index,
    /// This one, of such a table.
    Within(Arc<str>),
}

/// Items as they are kept: given one by one, as often as they are asked for.
pub trait Items {
    /// Why they cannot be had.
    type Error;

    /// The layout by the key schema; `None`: each item is told apart by its attributes.
    fn layout(&self) -> Option<Layout>;

    /// Gives those that describe APIs, perhaps with others among them.
    ///
    /// # Errors
    /// They cannot be had.
    fn apis(&self, take: &mut dyn FnMut(&Item)) -> Result<(), Self::Error> {
        self.each(take)
    }

    /// Gives all.
    ///
    /// # Errors
    /// They cannot be had.
    fn each(&self, take: &mut dyn FnMut(&Item)) -> Result<(), Self::Error>;
}

impl Items for Reading {
    type Error = Infallible;

    fn layout(&self) -> Option<Layout> {
        self.layout
    }

    fn each(&self, take: &mut dyn FnMut(&Item)) -> Result<(), Infallible> {
        self.items.iter().for_each(take);
        Ok(())
    }
}

/// One table of the configuration, as last read.
#[derive(Debug, Clone)]
pub struct Part<I = Reading> {
    /// The reading; `None`: it was never read, so nothing is known about its APIs.
    pub reading: Option<Arc<I>>,
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

/// What readings come to.
#[derive(Debug)]
pub struct Parsed {
    /// The table.
    pub table: MappingTable,
    /// Items that are not served as they stand.
    pub invalid: Vec<InvalidItem>,
    /// What nodes tell one another of APIs in the table.
    pub trips: Trips,
}

/// Reads a whole table held in memory: [`parse_items`], which then cannot fail.
#[must_use]
pub fn parse_all(
    parts: &[Part],
    drafts: &[(String, ApiDraft)],
    rules: &OriginRules,
    previous: Option<&MappingTable>,
) -> (MappingTable, Vec<InvalidItem>) {
    let Ok(Parsed { table, invalid, .. }) = parse_items(parts, drafts, rules, previous);
    (table, invalid)
}

/// Reads a whole table: rows and `#api` items of every part, under the APIs of the configuration.
///
/// A configured API wins over its `#api` item, field by field. Items of other APIs than an own table's are left alone.
/// APIs whose part was never read are marked so ([`ApiTable::is_read`](verge_router::table::ApiTable::is_read)). Rows are
/// read one by one: what they take in memory is the table they make. Last good values are those of the table `before`.
///
/// # Errors
/// Items cannot be had.
pub fn parse_items<I: Items>(
    parts: &[Part<I>],
    drafts: &[(String, ApiDraft)],
    rules: &OriginRules,
    before: Option<&MappingTable>,
) -> Result<Parsed, I::Error> {
    let mut invalid = Vec::new();
    let read = Read::new(parts);
    let homes = Homes::new(parts, drafts);
    let mut described: Vec<(String, Described)> = Vec::new();
    for part in parts {
        // What describes an API is the index's business, not its rows'.
        let Some(reading) = part.reading.as_ref().filter(|_| !matches!(part.scope, Scope::Within(_))) else { continue };
        reading.apis(&mut |item| {
            if let Ok(Some(Home { api, key: Some(API_ITEM), .. })) = homes.find(part, reading.layout(), item) {
                put(&mut described, (api.to_owned(), read_api(item)));
            }
        })?;
    }

    // Configured APIs in their order, then those the table alone names, by name: alike on every node.
    let mut by_name: Vec<(&str, &ApiDraft)> = drafts.iter().map(|(name, draft)| (name.as_str(), draft)).collect();
    by_name.sort_unstable_by_key(|(name, _)| *name);
    let draft_of = |name: &str| Some(by_name.get(by_name.binary_search_by_key(&name, |(name, _)| name).ok()?)?.1);
    let mut names: Vec<&str> = drafts.iter().map(|(name, _)| name.as_str()).collect();
    names.extend(described.iter().map(|(name, _)| name.as_str()).filter(|name| draft_of(name).is_none()));
    let item_of =
        |name: &str| Some(&described.get(described.binary_search_by(|(other, _)| other.as_str().cmp(name)).ok()?)?.1);
    let mut builder = TableBuilder::new(before);
    let (mut unread, mut undescribed) = (Vec::new(), Vec::new());
    // APIs that nothing is said of besides what is said here.
    let mut silent = Vec::new();
    for name in names {
        // A stand-in is no last good value.
        let known = before.and_then(|table| table.api(name)).filter(|part| part.is_described());
        let known = known.map(|part| part.api().clone());
        match find_api(name, draft_of(name), item_of(name), known) {
            Ok(api) => builder.api(api),
            // An API that only its part can complete, and the part is not there yet: nothing is known about it.
            Err(Unfit { stand_in: None, .. }) if !read.covers(name) => silent.push(name),
            Err(Unfit { reason, stand_in, kept }) => {
                invalid.push(InvalidItem { api: name.to_owned(), key: API_ITEM.to_owned(), reason, kept });
                // Without a value that ever was good, its limits are unknown: it is held, and answers nothing.
                if !kept {
                    undescribed.push(name);
                }
                match stand_in {
                    Some(api) => builder.api(api),
                    None => silent.push(name),
                }
            }
        }
        if !read.covers(name) {
            unread.push(name);
        }
    }

    silent.sort_unstable();
    let mut rows = Rows { builder, rules, silent: &silent, invalid: &mut invalid, trips: Trips::default() };
    for part in parts {
        let Some(reading) = &part.reading else { continue };
        let (mut number, mut homeless) = (0, false);
        reading.each(&mut |item| {
            number += 1;
            match homes.find(part, reading.layout(), item) {
                Ok(Some(home)) => rows.take(item, home),
                Ok(None) => {}
                // Said once for the whole table.
                Err(Homeless::NoApi) if std::mem::replace(&mut homeless, true) => {}
                Err(error) => rows.refuse_homeless(item, number, &error),
            }
        })?;
    }

    let Rows { builder, trips, .. } = rows;
    let (mut table, conflicts) = builder.finish();
    unread.into_iter().for_each(|name| table.mark_unread(name));
    undescribed.into_iter().for_each(|name| table.mark_undescribed(name));
    invalid.extend(conflicts.into_iter().map(|conflict| InvalidItem {
        api: conflict.api,
        key: conflict.key,
        reason: conflict.reason.to_string(),
        kept: false,
    }));
    invalid.sort_unstable();
    mark_kept(&mut invalid, &table);
    Ok(Parsed { table, invalid, trips })
}

/// Which APIs' parts were read.
struct Read<'p> {
    all: bool,
    /// Those that have a table or a part of their own which was read, in order.
    own: Vec<&'p str>,
    /// Those whose own table was not.
    unread: Vec<&'p str>,
}

impl<'p> Read<'p> {
    fn new<I>(parts: &'p [Part<I>]) -> Self {
        let mut read = Self { all: false, own: Vec::new(), unread: Vec::new() };
        for part in parts {
            match &part.scope {
                Scope::All => read.all |= part.reading.is_some(),
                Scope::Api(name) if part.reading.is_none() => read.unread.push(name),
                Scope::Api(name) => read.own.push(name),
                Scope::Within(name) if part.reading.is_some() => read.own.push(name),
                Scope::Within(_) | Scope::Index => {}
            }
        }
        read.own.sort_unstable();
        read.unread.sort_unstable();
        read
    }

    /// An API's own table has the word, whatever another one holds of it.
    fn covers(&self, name: &str) -> bool {
        !is_among(&self.unread, name) && (self.all || is_among(&self.own, name))
    }
}

/// What an `#api` item says.
type Described = Result<ApiDraft, InvalidRow>;

/// Why an API cannot be made as it is written now, and what stands in for it.
struct Unfit {
    reason: String,
    stand_in: Option<Arc<Api>>,
    /// Whether the stand-in is its last good value.
    kept: bool,
}

/// Makes an API from its drafts, of which there is one at least; the one before, where it still is the same.
fn find_api(
    name: &str,
    draft: Option<&ApiDraft>,
    item: Option<&Described>,
    before: Option<Arc<Api>>,
) -> Result<Arc<Api>, Unfit> {
    let upper = draft.cloned().unwrap_or_default();
    let made = match item {
        None => upper.clone().finish(name).map_err(InvalidRow::from),
        Some(Ok(lower)) => upper.clone().over(lower.clone()).finish(name).map_err(InvalidRow::from),
        Some(Err(error)) => Err(error.clone()),
    };
    match made {
        Ok(api) => Ok(before.filter(|before| **before == api).unwrap_or_else(|| Arc::new(api))),
        Err(error) => {
            let kept = before.is_some();
            let stand_in = before.or_else(|| upper.finish(name).ok().map(Arc::new));
            Err(Unfit { reason: error.to_string(), stand_in, kept })
        }
    }
}

/// Says of each invalid row whether it serves all the same. They are in order, so those of an API stand together.
fn mark_kept(invalid: &mut [InvalidItem], table: &MappingTable) {
    let mut good: (&str, Vec<&str>) = ("", Vec::new());
    for item in invalid.iter_mut().filter(|item| item.key != API_ITEM) {
        let Some(part) = table.api(&item.api) else { continue };
        if good.0 != part.api().name() {
            good = (part.api().name(), part.good_keys().collect());
            good.1.sort_unstable();
        }
        item.kept = is_among(&good.1, &item.key);
    }
}

#[cfg(test)]
mod tests;
