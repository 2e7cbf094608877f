//! Last good values over a restart: the items of rows that serve and are not good, kept beside the reading they are bad in.
//!
//! While a node runs, last good values are those of the table before. A snapshot holds a reading, and the items of what is
//! not good in it; a start makes a table of these, and takes it for the table before.

use super::{Held, slot::Slot, stored::Stored};
use crate::{
    item::{Item, Layout},
    parse::{Items, Part},
    source::Reading,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};
use verge_router::table::Good;

/// Last good items, by API (empty in the sample layout, which names none) and key.
pub(super) type LastGood = BTreeMap<Place, Item>;
type Place = (String, String);

/// The last good items of rows that serve and are not good: as they are known, or as they were last read. An alias that
/// leads nowhere now comes with the row that it led to.
pub(super) fn last_good(held: &Held, stored: &Stored, mut known: LastGood, before: Option<&Stored>) -> LastGood {
    let layout = stored.layout();
    let place = |api: &str, key: &str| {
        let api = if layout == Some(Layout::Sample) { "" } else { api };
        (api.to_owned(), key.to_owned())
    };
    let bad: BTreeSet<Place> = held.invalid.iter().map(|item| place(&item.api, &item.key)).collect();
    let mut found = LastGood::new();
    let mut missing = BTreeSet::new();
    for item in held.invalid.iter().filter(|item| item.kept) {
        let row = held.table.api(&item.api).and_then(|part| part.good_row(&item.key));
        let own = place(&item.api, &item.key);
        match row.map(Good::key).filter(|key| *key != item.key) {
            Some(key) => {
                missing.insert(place(&item.api, key));
                found.extend(alias(layout, &own, key).map(|alias| (own, alias)));
            }
            None => {
                missing.insert(own);
            }
        }
        // An arm that leads to a version is good with that version only.
        if let Some(Good::Split(row)) = row {
            missing.extend(row.arms().iter().filter_map(|arm| Some(place(&item.api, arm.leads_to()?))));
        }
    }
    missing.retain(|place| match known.remove(place).filter(|item| item.text("alias_of").is_none()) {
        Some(item) => {
            found.insert(place.clone(), item);
            false
        }
        None => true,
    });
    // What an alias led to may be good as it is read now.
    let mut search = |stored: &Stored, missing: &mut BTreeSet<Place>, but: &BTreeSet<Place>| {
        if missing.is_empty() {
            return;
        }
        // One that cannot be taken out again keeps less.
        let _ = stored.each(&mut |item| {
            if let Some(place) = place_of(item, layout).filter(|place| !but.contains(place) && missing.remove(place)) {
                found.insert(place, item.clone());
            }
        });
    };
    before.into_iter().for_each(|before| search(before, &mut missing, &BTreeSet::new()));
    search(stored, &mut missing, &bad);
    found
}

/// Where an item stands.
pub(super) fn place_of(item: &Item, layout: Option<Layout>) -> Option<Place> {
    let layout = layout?;
    let api = if layout == Layout::Sample { "" } else { item.text("api")? };
    Some((api.to_owned(), item.key(layout)?.to_owned()))
}

fn alias(layout: Option<Layout>, (api, key): &Place, to: &str) -> Option<Item> {
    let layout = layout?;
    let item = Item::new().with(layout.key(), key).with("alias_of", to);
    Some(if layout == Layout::Verge { item.with("api", api) } else { item })
}

/// What slots hold of the time before the start, as readings that make a table: under the APIs as they are described now,
/// or as they last were.
pub(super) fn parts_before(slots: &[Slot]) -> Option<Vec<Part<Reading>>> {
    if slots.iter().all(|slot| slot.last_good.is_empty()) {
        return None;
    }
    let part = |slot: &Slot| {
        let reading = slot.reading.as_ref().map(|stored| {
            let is_kept =
                |item: &&Item| place_of(item, stored.layout()).is_some_and(|place| slot.last_good.contains_key(&place));
            let described = stored.facts.apis.iter().filter(|item| !is_kept(item));
            let items = described.chain(slot.last_good.values()).cloned().collect();
            Arc::new(Reading::new(items, stored.layout()))
        });
        Part { reading, scope: slot.feed.scope.clone() }
    };
    Some(slots.iter().map(part).collect())
}
