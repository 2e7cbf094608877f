//! What a set of writes comes to: the items that are there against the items that are wanted. Pure.

use serde_json::{Value as Json, json};
use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};
use verge_mappings::{API_ITEM, Expect, Item, Layout, Value};
use verge_router::table::compare_versions;

/// Attributes that a write makes itself.
pub(crate) const BOOKKEEPING: [&str; 4] = ["revision", "updated_at", "updated_by", "previous"];

/// Which item of which API. Ordered for people: by API, Verge's own first, then versions by number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RowId {
    pub(crate) api: String,
    pub(crate) key: String,
}

impl RowId {
    pub(crate) fn new(api: &str, key: &str) -> Self {
        Self { api: api.to_owned(), key: key.to_owned() }
    }

    /// Whether this is one of Verge's own items.
    pub(crate) fn is_own(&self) -> bool {
        self.key.starts_with('#') || self.api.starts_with('#')
    }

    /// Whether it belongs to what a table says, and not to what its nodes and operators keep there.
    pub(crate) fn is_portable(&self) -> bool {
        !self.is_own() || (self.key == API_ITEM && !self.api.starts_with('#'))
    }

    /// An item that holds the key attributes alone.
    pub(crate) fn item(&self, layout: Layout) -> Item {
        let item = Item::new().with(layout.key(), &self.key);
        if layout == Layout::Verge { item.with("api", &self.api) } else { item }
    }
}

impl Ord for RowId {
    fn cmp(&self, other: &Self) -> Ordering {
        self.api
            .cmp(&other.api)
            .then_with(|| other.is_own().cmp(&self.is_own()))
            .then_with(|| compare_versions(&self.key, &other.key))
            .then_with(|| self.key.cmp(&other.key))
    }
}

impl PartialOrd for RowId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Items by what they are about.
pub(crate) type Rows = BTreeMap<RowId, Item>;

/// One item that would be written or removed; `before` and `after` are never both `None`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    pub(crate) id: RowId,
    pub(crate) before: Option<Item>,
    pub(crate) after: Option<Item>,
}

/// An attribute that differs.
#[derive(Debug, PartialEq)]
pub(crate) struct Attribute<'i> {
    pub(crate) name: &'i str,
    pub(crate) before: Option<&'i Value>,
    pub(crate) after: Option<&'i Value>,
}

impl Change {
    /// What happens to an item, if anything does. Values that say the same keep the form they are stored in.
    pub(crate) fn of(id: RowId, before: Option<Item>, after: Option<Item>) -> Option<Self> {
        let after = match (&before, after) {
            (Some(before), Some(after)) => Some(
                after
                    .into_attributes()
                    .into_iter()
                    .map(|(name, value)| match before.get(&name) {
                        Some(stored) if says_the_same(stored, &value) => (name, stored.clone()),
                        _ => (name, value),
                    })
                    .collect(),
            ),
            (_, after) => after,
        };
        let change = Self { id, before, after };
        match (&change.before, &change.after) {
            (None, None) => None,
            (Some(_), Some(_)) if change.attributes().is_empty() => None,
            _ => Some(change),
        }
    }

    /// What differs, by name; keys and bookkeeping aside.
    pub(crate) fn attributes(&self) -> Vec<Attribute<'_>> {
        let before = self.before.as_ref().map(Item::attributes);
        let after = self.after.as_ref().map(Item::attributes);
        let names: BTreeSet<&str> =
            before.into_iter().chain(after).flat_map(|all| all.keys().map(String::as_str)).collect();
        let shown = |name: &&str| !BOOKKEEPING.contains(name) && !["api", "version", "hk"].contains(name);
        let attribute = |name| Attribute {
            name,
            before: before.and_then(|all| all.get(name)),
            after: after.and_then(|all| all.get(name)),
        };
        let all = names.into_iter().filter(shown).map(attribute);
        all.filter(|one| one.before != one.after).collect()
    }

    /// On what condition it is written.
    pub(crate) fn expect(&self) -> Expect {
        self.before.as_ref().map_or(Expect::Absent, |item| Expect::Revision(revision(item)))
    }

    /// `add`, `change` or `remove`.
    pub(crate) fn verb(&self) -> &'static str {
        match (&self.before, &self.after) {
            (None, _) => "add",
            (Some(_), Some(_)) => "change",
            (Some(_), None) => "remove",
        }
    }

    pub(crate) fn is_removal(&self) -> bool {
        self.after.is_none()
    }

    /// For a script.
    pub(crate) fn json(&self) -> Json {
        let plain = |value: Option<&Value>| value.map_or(Json::Null, Value::to_plain_json);
        let attributes: Vec<_> = self
            .attributes()
            .iter()
            .map(|one| json!({"name": one.name, "before": plain(one.before), "after": plain(one.after)}))
            .collect();
        json!({"change": self.verb(), "api": self.id.api, "version": self.id.key, "attributes": attributes})
    }

    /// When it is written: no alias before what it stands for, nothing removed before what replaces it is there.
    fn turn(&self) -> u8 {
        let alias = |item: &Item| item.get("alias_of").is_some();
        match (&self.before, &self.after) {
            (_, Some(_)) if self.id.is_own() => 0,
            (_, Some(item)) if !alias(item) => 1,
            (_, Some(_)) => 2,
            (Some(item), None) if alias(item) => 3,
            (_, None) if !self.id.is_own() => 4,
            (_, None) => 5,
        }
    }
}

/// A revision; an item without one has 0.
pub(crate) fn revision(item: &Item) -> u64 {
    item.whole_number("revision").unwrap_or(0)
}

/// Whether two values say the same: plain JSON knows no sets and no bytes.
fn says_the_same(stored: &Value, wanted: &Value) -> bool {
    if stored == wanted {
        return true;
    }
    let (mut one, mut other) = (stored.to_plain_json(), wanted.to_plain_json());
    if [stored, wanted].iter().any(|value| matches!(value, Value::Ss(_) | Value::Ns(_) | Value::Bs(_))) {
        for list in [&mut one, &mut other].into_iter().filter_map(Json::as_array_mut) {
            list.sort_by_key(ToString::to_string);
        }
    }
    one == other
}

/// What is to be done, in the order of the keys, and what is not.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Change>,
    /// Wanted, and there.
    pub(crate) unchanged: usize,
    /// There, of an API that is not spoken of.
    pub(crate) aside: usize,
}

impl Plan {
    /// Compares what is there with what is wanted. With `prune`, what is there and not wanted goes, but only of APIs
    /// that are spoken of.
    pub(crate) fn new(current: &Rows, wanted: Rows, prune: bool) -> Self {
        let mut plan = Self::default();
        let spoken: BTreeSet<String> = wanted.keys().map(|id| id.api.clone()).collect();
        for (id, item) in current.iter().filter(|(id, _)| id.is_portable() && !wanted.contains_key(id)) {
            if !spoken.contains(&id.api) {
                plan.aside += 1;
            } else if prune {
                plan.changes.extend(Change::of(id.clone(), Some(item.clone()), None));
            }
        }
        for (id, item) in wanted {
            let before = current.get(&id).cloned();
            match Change::of(id, before, Some(item)) {
                Some(change) => plan.changes.push(change),
                None => plan.unchanged += 1,
            }
        }
        plan.changes.sort_by(|a, b| a.id.cmp(&b.id));
        plan
    }

    pub(crate) fn removals(&self) -> usize {
        self.changes.iter().filter(|change| change.is_removal()).count()
    }

    /// The changes in the order in which they are written.
    pub(crate) fn into_turns(mut self) -> Vec<Change> {
        self.changes.sort_by_key(Change::turn);
        self.changes
    }
}

#[cfg(test)]
mod tests;
