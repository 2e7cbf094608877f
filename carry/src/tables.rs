//! Tables held by an edge that has no threads of its own: pages are handed in, and what they come to is judged and kept.
//!
//! The rules are those of the live table of `verge_mappings`: nothing of a reading is served before all of it is there, bad
//! rows live on their last good value, and a reading that lost too much is held back ([`guard`]). What they lack is
//! `verge mappings accept`: a table that is meant to have shrunk is believed after `shrink_hold`.

use std::{
    collections::BTreeSet,
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};
use verge_config::{Config, Table, TableSource};
use verge_mappings::{
    InvalidItem, Item, Part, Reading, Scope, Trips,
    control::Control,
    guard::{Doubt, Size, Told, judge},
    parse::{Parsed, parse_items},
};
use verge_router::{
    ApiDraft, MappingTable,
    origin::{DomainPattern, OriginRules},
};

/// What decisions are made by.
#[derive(Debug)]
pub struct Loaded {
    /// The table.
    pub table: MappingTable,
    /// Arms that breakers of other nodes took out.
    pub trips: Trips,
}

/// All tables of a configuration, and what was read of each.
#[derive(Debug)]
pub struct Tables {
    drafts: Vec<(String, ApiDraft)>,
    rules: OriginRules,
    slots: Vec<Slot>,
    loaded: Option<Loaded>,
    /// Whether rows may lead to any domain, as the AWS sample lets them.
    unbound: bool,
}

/// One table and what was read of it.
#[derive(Debug)]
struct Slot {
    scope: Scope,
    shrink_hold: Duration,
    /// Pages since the last reading ended.
    pages: Vec<Box<[u8]>>,
    /// What is served, and its pages' sum.
    reading: Option<(Arc<Reading>, u64)>,
    doubted: Option<Doubted>,
}

/// A reading that is held back.
#[derive(Debug)]
struct Doubted {
    sum: u64,
    /// When it was read first, in milliseconds.
    since: u64,
}

/// What became of a reading.
#[derive(Debug, Default)]
pub struct Published {
    /// Whether this table is held now, by this reading or one before.
    pub held: bool,
    /// Whether what is served is another than before.
    pub changed: bool,
    /// Why the reading is not served.
    pub doubt: Option<Doubt>,
    /// Items of all tables that are not served as they stand; empty where nothing changed.
    pub invalid: Vec<InvalidItem>,
}

/// Pages that are no page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable(pub String);

impl Tables {
    /// The tables of a configuration, none of them read.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let own = config.apis.iter().filter_map(|api| Some((Scope::Api(api.name.clone()), api.table.as_ref()?)));
        let slots = config.table.iter().map(|table| (Scope::All, table)).chain(own);
        let slot = |(scope, table): (Scope, &Table)| Slot {
            scope,
            shrink_hold: if matches!(table.source, TableSource::File { .. }) {
                Duration::ZERO
            } else {
                table.shrink_hold
            },
            pages: Vec::new(),
            reading: None,
            doubted: None,
        };
        Self {
            drafts: config.apis.iter().map(|api| (api.name.clone(), api.draft.clone())).collect(),
            rules: config.origins.rules.clone(),
            slots: slots.map(slot).collect(),
            loaded: None,
            unbound: false,
        }
    }

    /// The same, with every domain allowed that a row names: whoever writes the table decides, as in the AWS sample.
    #[must_use]
    pub fn allowing_what_rows_name(self) -> Self {
        Self { unbound: true, ..self }
    }

    /// What is served; `None` until a table is held.
    #[must_use]
    pub const fn loaded(&self) -> Option<&Loaded> {
        self.loaded.as_ref()
    }

    /// Takes a page of the table in this place of the configuration: items in JSON, as a list or under `Items`.
    pub fn page(&mut self, place: usize, json: &[u8]) {
        if let Some(slot) = self.slots.get_mut(place) {
            slot.pages.push(json.into());
        }
    }

    /// Forgets the pages since the last reading: it was not a whole one.
    pub fn drop_pages(&mut self, place: usize) {
        if let Some(slot) = self.slots.get_mut(place) {
            slot.pages.clear();
        }
    }

    /// The pages since the last reading are a whole one, of this time in milliseconds.
    ///
    /// # Errors
    /// A page that cannot be read: nothing changes.
    pub fn publish(&mut self, place: usize, now: u64) -> Result<Published, Unreadable> {
        let Some(slot) = self.slots.get_mut(place) else { return Ok(Published::default()) };
        let pages = std::mem::take(&mut slot.pages);
        let sum = sum(&pages);
        // Most readings are the same as the last one, and need not even be taken apart.
        if slot.reading.as_ref().is_some_and(|(_, served)| *served == sum) {
            slot.doubted = None;
            return Ok(Published { held: true, ..Published::default() });
        }
        let reading = read(&pages)?;
        let doubt = slot.judge(&reading, sum, now);
        let held = doubt.is_none() || slot.reading.is_some();
        if doubt.is_some() {
            return Ok(Published { held, doubt, ..Published::default() });
        }
        slot.reading = Some((Arc::new(reading), sum));
        Ok(Published { held, changed: true, invalid: self.rebuild(), doubt: None })
    }

    fn rebuild(&mut self) -> Vec<InvalidItem> {
        let part = |slot: &Slot| Part {
            reading: slot.reading.as_ref().map(|(reading, _)| reading.clone()),
            scope: slot.scope.clone(),
        };
        let parts: Vec<Part> = self.slots.iter().map(part).collect();
        if self.unbound {
            let domains = parts.iter().filter_map(|part| part.reading.as_ref()).flat_map(|reading| &reading.items);
            let patterns: BTreeSet<String> = domains.filter_map(|item| Some(siblings(item.text("dn")?))).collect();
            self.rules.allow = patterns.iter().filter_map(|pattern| DomainPattern::parse(pattern).ok()).collect();
        }
        let before = self.loaded.as_ref().map(|loaded| &loaded.table);
        let Ok(Parsed { table, invalid, trips }) = parse_items(&parts, &self.drafts, &self.rules, before);
        self.loaded = Some(Loaded { table, trips });
        invalid
    }
}

impl Slot {
    /// Why this reading may not be served yet.
    fn judge(&mut self, reading: &Reading, sum: u64, now: u64) -> Option<Doubt> {
        let held = self.reading.as_ref().map(|(held, _)| size(held));
        let since = self.doubted.as_ref().filter(|doubted| doubted.sum == sum).map_or(now, |doubted| doubted.since);
        let same_for = Duration::from_millis(now.saturating_sub(since));
        let told = Told { frozen: Control::of(reading).frozen, accepted: false };
        let doubt = judge(held, size(reading), told, same_for, self.shrink_hold).err();
        self.doubted = doubt.map(|_| Doubted { sum, since });
        doubt
    }
}

fn size(reading: &Reading) -> Size {
    Size { rows: reading.rows(), generation: reading.generation }
}

fn read(pages: &[Box<[u8]>]) -> Result<Reading, Unreadable> {
    let mut items: Vec<Item> = Vec::new();
    for page in pages {
        items.append(&mut Item::read_all(page).map_err(|error| Unreadable(error.to_string()))?);
    }
    Ok(Reading::new(items, None))
}

/// A domain and those beside it: thousands of stages are few patterns.
fn siblings(domain: &str) -> String {
    match domain.split_once('.') {
        Some((_, parent)) if !parent.is_empty() => format!("*.{parent}"),
        _ => domain.to_owned(),
    }
}

/// Tells readings apart. Pages that only came in another order are another reading, which costs building a table.
fn sum(pages: &[Box<[u8]>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    pages.hash(&mut hasher);
    hasher.finish()
}
