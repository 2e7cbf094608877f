//! Tables held by an edge that has no threads of its own: pages are handed in, and what they come to is judged and kept.
//!
//! The rules are those of the live table of `verge_mappings`: nothing of a reading is served before all of it is there, bad
//! rows live on their last good value, and a reading that lost too much is held back ([`verge_mappings::guard`]). What they
//! lack is `verge mappings accept`: a table that is meant to have shrunk is believed after `shrink_hold`, unless it comes
//! from a node, which has judged it already.

use std::{
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

/// What finds the domains that rows name.
type Unbound = fn(&[Part]) -> Vec<DomainPattern>;

/// All tables of a configuration, and what was read of each.
#[derive(Debug)]
pub struct Tables {
    drafts: Vec<(String, ApiDraft)>,
    rules: OriginRules,
    slots: Vec<Slot>,
    loaded: Option<Loaded>,
    /// Where rows may lead to any domain, as the AWS sample lets them: what finds these. Elsewhere it is not in the program.
    unbound: Option<Unbound>,
}

/// One table and what was read of it.
#[derive(Debug)]
struct Slot {
    scope: Scope,
    shrink_hold: Duration,
    /// Pages since the last reading ended.
    pages: Vec<Box<[u8]>>,
    /// What is served.
    served: Option<Taken>,
    doubted: Option<Doubted>,
}

/// A reading, with what tells it apart from others.
#[derive(Debug)]
struct Taken {
    reading: Arc<Reading>,
    /// Of its pages as they came.
    bytes: u64,
    /// Of what they say.
    content: u64,
}

/// A reading that is held back.
#[derive(Debug)]
struct Doubted {
    taken: Taken,
    /// When it was read first, in milliseconds.
    since: u64,
    judged: Judged,
}

/// Who has judged a reading before it is judged here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Judged {
    /// Nobody.
    #[default]
    Here,
    /// A node that serves it. What it lost was held back there, or accepted by operators: it is not held back twice.
    ByANode,
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
            served: None,
            doubted: None,
        };
        Self {
            drafts: config.apis.iter().map(|api| (api.name.clone(), api.draft.clone())).collect(),
            rules: config.origins.rules.clone(),
            slots: slots.map(slot).collect(),
            loaded: None,
            unbound: None,
        }
    }

    /// The same, with every domain allowed that a row names: whoever writes the table decides, as in the AWS sample.
    #[must_use]
    pub fn allowing_what_rows_name(self) -> Self {
        Self { unbound: Some(domains_of), ..self }
    }

    /// What is served; `None` until a table is held.
    #[must_use]
    pub const fn loaded(&self) -> Option<&Loaded> {
        self.loaded.as_ref()
    }

    /// Whether the table in this place of the configuration is held.
    #[must_use]
    pub fn holds(&self, place: usize) -> bool {
        self.slots.get(place).is_some_and(|slot| slot.served.is_some())
    }

    /// The highest generation of the tables held; `None` where none carries one.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.slots.iter().filter_map(|slot| slot.served.as_ref()?.reading.generation).max()
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
    pub fn publish(&mut self, place: usize, judged: Judged, now: u64) -> Result<Published, Unreadable> {
        let Some(slot) = self.slots.get_mut(place) else { return Ok(Published::default()) };
        let pages = std::mem::take(&mut slot.pages);
        let bytes = bytes_of(&pages);
        // Most readings are the same as the last one, and need not even be taken apart.
        if slot.served.as_ref().is_some_and(|served| served.bytes == bytes) {
            slot.doubted = None;
            return Ok(Published { held: true, ..Published::default() });
        }
        let reading = read(&pages)?;
        let taken = Taken { content: content_of(&reading), reading: Arc::new(reading), bytes };
        if let Some(served) = slot.served.as_mut().filter(|served| served.content == taken.content) {
            served.bytes = bytes;
            slot.doubted = None;
            return Ok(Published { held: true, ..Published::default() });
        }
        let same = slot.doubted.as_ref().filter(|doubted| doubted.taken.content == taken.content);
        let since = same.map_or(now, |doubted| doubted.since);
        Ok(self.settle(place, Doubted { taken, since, judged }, now))
    }

    /// What was read last is still what there is, at this time in milliseconds: what is held back may be believed by now.
    pub fn unchanged(&mut self, place: usize, now: u64) -> Published {
        let Some(slot) = self.slots.get_mut(place) else { return Published::default() };
        match slot.doubted.take() {
            Some(doubted) => self.settle(place, doubted, now),
            None => Published { held: slot.served.is_some(), ..Published::default() },
        }
    }

    /// Serves a reading, or holds it back.
    fn settle(&mut self, place: usize, doubted: Doubted, now: u64) -> Published {
        let Some(slot) = self.slots.get_mut(place) else { return Published::default() };
        if let Some(doubt) = slot.judge(&doubted, now) {
            slot.doubted = Some(doubted);
            return Published { held: slot.served.is_some(), doubt: Some(doubt), ..Published::default() };
        }
        slot.doubted = None;
        slot.served = Some(doubted.taken);
        Published { held: true, changed: true, invalid: self.rebuild(), doubt: None }
    }

    fn rebuild(&mut self) -> Vec<InvalidItem> {
        let part = |slot: &Slot| Part {
            reading: slot.served.as_ref().map(|served| served.reading.clone()),
            scope: slot.scope.clone(),
        };
        let parts: Vec<Part> = self.slots.iter().map(part).collect();
        if let Some(domains_of) = self.unbound {
            self.rules.allow = domains_of(&parts);
        }
        let before = self.loaded.as_ref().map(|loaded| &loaded.table);
        let Ok(Parsed { table, invalid, trips }) = parse_items(&parts, &self.drafts, &self.rules, before);
        self.loaded = Some(Loaded { table, trips });
        invalid
    }
}

impl Slot {
    /// Why this reading may not be served yet.
    fn judge(&self, doubted: &Doubted, now: u64) -> Option<Doubt> {
        let held = self.served.as_ref().map(|served| size(&served.reading));
        let reading = &doubted.taken.reading;
        let same_for = Duration::from_millis(now.saturating_sub(doubted.since));
        let told = Told { frozen: Control::freezes(reading), accepted: doubted.judged == Judged::ByANode };
        judge(held, size(reading), told, same_for, self.shrink_hold).err()
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

/// Patterns for every domain that a row names.
fn domains_of(parts: &[Part]) -> Vec<DomainPattern> {
    let items = parts.iter().filter_map(|part| part.reading.as_ref()).flat_map(|reading| &reading.items);
    let mut patterns: Vec<String> = items.filter_map(|item| Some(siblings(item.text("dn")?))).collect();
    patterns.sort_unstable();
    patterns.dedup();
    patterns.iter().filter_map(|pattern| DomainPattern::parse(pattern).ok()).collect()
}

/// A domain and those beside it: thousands of stages are few patterns.
fn siblings(domain: &str) -> String {
    match domain.split_once('.') {
        Some((_, parent)) if !parent.is_empty() => format!("*.{parent}"),
        _ => domain.to_owned(),
    }
}

/// Tells pages apart, as they came.
fn bytes_of(pages: &[Box<[u8]>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    pages.hash(&mut hasher);
    hasher.finish()
}

/// Tells readings apart by what they say: stores give items, and their attributes, in whatever order.
fn content_of(reading: &Reading) -> u64 {
    let one = |item: &Item| {
        let mut hasher = DefaultHasher::new();
        item.hash(&mut hasher);
        hasher.finish()
    };
    reading.items.iter().map(one).fold(0, u64::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = "[table]\nsource = \"dynamodb\"\nname = \"versions\"\nregion = \"us-east-1\"\nshrink_hold = \"10s\"\n\
        [origins]\nallow = [\"*.example\"]\n[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n";

    fn tables() -> Tables {
        Tables::new(&Config::parse_hosted(TOML).unwrap())
    }

    /// Reads these rows, at this second.
    fn publish(tables: &mut Tables, rows: &[&str], now: u64) -> Published {
        tables.page(0, format!("[{}]", rows.join(",")).as_bytes());
        tables.publish(0, Judged::Here, now * 1000).unwrap()
    }

    const ONE: &str = r#"{"hk":{"S":"v1"},"dn":{"S":"a.example"}}"#;
    const ONE_TURNED: &str = r#"{"dn":{"S":"a.example"},"hk":{"S":"v1"}}"#;
    const TWO: &str = r#"{"hk":{"S":"v2"},"dn":{"S":"b.example"}}"#;
    const THREE: &str = r#"{"hk":{"S":"v3"},"dn":{"S":"c.example"}}"#;

    #[test]
    fn an_empty_first_table_is_none() {
        let mut tables = tables();
        let published = publish(&mut tables, &[], 0);
        assert_eq!((published.held, published.doubt), (false, Some(Doubt::EmptyAtFirst)));
        assert!(tables.loaded().is_none() && !tables.holds(0));
        publish(&mut tables, &[ONE], 1);
        assert!(tables.holds(0) && !tables.holds(1));
    }

    #[test]
    fn the_same_rows_in_another_order_are_no_change() {
        let mut tables = tables();
        assert!(publish(&mut tables, &[ONE, TWO], 0).changed);
        assert!(!publish(&mut tables, &[ONE, TWO], 1).changed);
        assert!(!publish(&mut tables, &[TWO, ONE_TURNED], 2).changed);
        assert!(publish(&mut tables, &[ONE], 3).changed);
    }

    #[test]
    fn a_table_that_lost_much_is_believed_when_it_stays_so() {
        let mut tables = tables();
        publish(&mut tables, &[ONE, TWO, THREE], 0);
        let doubt = Some(Doubt::Shrunk { held: 3, read: 1 });
        for (row, now) in [(ONE, 1), (ONE_TURNED, 10)] {
            let published = publish(&mut tables, &[row], now);
            assert_eq!((published.held, published.doubt), (true, doubt), "{now}");
        }
        assert_eq!(tables.loaded().unwrap().table.rows(), 3);
        assert!(publish(&mut tables, &[ONE], 11).changed);
        assert_eq!(tables.loaded().unwrap().table.rows(), 1);
    }

    #[test]
    fn what_is_held_back_is_believed_in_time_without_being_read_again() {
        let mut tables = tables();
        assert!(!tables.unchanged(0, 0).held);
        publish(&mut tables, &[ONE, TWO, THREE], 0);
        assert!(tables.unchanged(0, 1000).held);
        publish(&mut tables, &[ONE], 1);
        let doubt = Some(Doubt::Shrunk { held: 3, read: 1 });
        let published = tables.unchanged(0, 10_999);
        assert_eq!((published.held, published.changed, published.doubt), (true, false, doubt));
        let published = tables.unchanged(0, 11_000);
        assert_eq!((published.held, published.changed, published.doubt), (true, true, None));
        assert_eq!(tables.loaded().unwrap().table.rows(), 1);
        assert!(!tables.unchanged(0, 12_000).changed);
    }

    #[test]
    fn what_a_node_serves_is_not_held_back_a_second_time() {
        let mut tables = tables();
        publish(&mut tables, &[ONE, TWO, THREE], 0);
        let mut from_a_node = |rows: &str, now| {
            tables.page(0, rows.as_bytes());
            let published = tables.publish(0, Judged::ByANode, now).unwrap();
            (published.changed, published.doubt)
        };
        assert_eq!(from_a_node(&format!("[{ONE}]"), 1000), (true, None));
        let frozen = r##"{"api":{"S":"#verge"},"version":{"S":"#control"},"frozen":{"BOOL":true}}"##;
        assert_eq!(from_a_node(&format!("[{ONE},{TWO},{frozen}]"), 2000), (false, Some(Doubt::Frozen)));
    }

    #[test]
    fn a_reading_that_is_none_changes_nothing() {
        let mut tables = tables();
        publish(&mut tables, &[ONE], 0);
        tables.page(0, b"[{\"hk\":");
        assert!(tables.publish(0, Judged::Here, 1000).is_err());
        tables.page(0, ONE.as_bytes());
        tables.drop_pages(0);
        assert!(!publish(&mut tables, &[ONE], 2).changed);
        assert_eq!(tables.loaded().unwrap().table.rows(), 1);
    }
}
