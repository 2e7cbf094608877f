//! `#control`: what operators tell all nodes at once, through the table itself.
//!
//! It stands beside `#generation` and is written like any item, so nodes hear of it within a poll. Nodes read it with the
//! table it is about.

#[cfg(feature = "cache")]
mod digest;

#[cfg(feature = "cache")]
pub(crate) use digest::Digest;
#[cfg(feature = "cache")]
pub use digest::{digest, digests};

use crate::{
    OWN_PARTITION,
    item::{Item, Layout, Value},
    source::Reading,
};
use std::collections::BTreeMap;

/// The key of the item that operators tell nodes by.
pub const CONTROL: &str = "#control";

/// What it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// Whether nodes keep what they serve, whatever the table says.
    pub frozen: bool,
    /// The content that is believed however much it lost: its digest.
    pub accepted: Option<String>,
    /// The same of APIs one by one, and of what describes them under [`API_ITEM`](crate::API_ITEM): for nodes that hold some of them.
    pub accepted_apis: BTreeMap<String, String>,
}

impl Control {
    /// What a reading says; nothing, where it has no such item.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        let said = |item| Self::said_by(item, reading.layout_of(item)?);
        reading.items.iter().find_map(said).unwrap_or_default()
    }

    /// Whether a reading says that nodes keep what they serve: of [`Control::of`] this alone.
    #[must_use]
    pub fn freezes(reading: &Reading) -> bool {
        let is_it = |item: &&Item| reading.layout_of(item).is_some_and(|layout| Self::is_in(item, layout));
        reading.items.iter().find(is_it).is_some_and(is_frozen)
    }

    /// What this item says, if it is the one that operators tell nodes by.
    pub(crate) fn said_by(item: &Item, layout: Layout) -> Option<Self> {
        Self::is_in(item, layout).then(|| Self::read(item))
    }

    fn is_in(item: &Item, layout: Layout) -> bool {
        let place = layout == Layout::Sample || item.text("api") == Some(OWN_PARTITION);
        place && item.key(layout) == Some(CONTROL)
    }

    /// What an item says; attributes of other kinds say nothing.
    #[must_use]
    pub fn read(item: &Item) -> Self {
        Self {
            frozen: is_frozen(item),
            accepted: item.text("accepted").map(str::to_owned),
            accepted_apis: match item.get("accepted_apis") {
                Some(Value::M(members)) => members.iter().filter_map(|(api, digest)| text(api, digest)).collect(),
                _ => BTreeMap::new(),
            },
        }
    }

    /// The item that says this.
    #[must_use]
    pub fn item(&self, layout: Layout) -> Item {
        let mut item = Item::new().with(layout.key(), CONTROL);
        if layout == Layout::Verge {
            item = item.with("api", OWN_PARTITION);
        }
        item.insert("frozen", Value::Bool(self.frozen));
        if let Some(digest) = &self.accepted {
            item.insert("accepted", Value::S(digest.clone()));
        }
        if !self.accepted_apis.is_empty() {
            let text = |(api, digest): (&String, &String)| (api.clone(), Value::S(digest.clone()));
            item.insert("accepted_apis", Value::M(self.accepted_apis.iter().map(text).collect()));
        }
        item
    }
}

fn text(api: &str, digest: &Value) -> Option<(String, String)> {
    match digest {
        Value::S(digest) => Some((api.to_owned(), digest.clone())),
        _ => None,
    }
}

fn is_frozen(item: &Item) -> bool {
    matches!(item.get("frozen"), Some(Value::Bool(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frozen() -> Control {
        Control { frozen: true, ..Control::default() }
    }

    fn row(version: &str) -> Item {
        Item::new().with("api", "orders").with("version", version)
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        for layout in [Layout::Verge, Layout::Sample] {
            for control in [
                Control::default(),
                frozen(),
                Control {
                    accepted: Some("2-rows-ab".to_owned()),
                    accepted_apis: [("orders".to_owned(), "1-rows-a".to_owned())].into(),
                    ..Control::default()
                },
            ] {
                let reading = Reading::new(vec![row("v1"), control.item(layout)], Some(layout));
                assert_eq!(Control::of(&reading), control);
                assert_eq!(Control::freezes(&reading), control.frozen);
            }
        }
        let elsewhere = frozen().item(Layout::Verge).with("api", "orders");
        assert_eq!(Control::of(&Reading::new(vec![elsewhere], Some(Layout::Verge))), Control::default());
    }
}
