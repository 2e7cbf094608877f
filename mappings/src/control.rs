//! `#control`: what operators tell all nodes at once, through the table itself.
//!
//! It stands beside `#generation` and is written like any item, so nodes hear of it within a poll. Nodes read it with the
//! table it is about.

use crate::{
    OWN_PARTITION,
    item::{Item, Layout, Value},
    source::Reading,
};
use ring::digest::SHA256;
use std::{fmt, str::FromStr};

/// The key of the item that operators tell nodes by.
pub const CONTROL: &str = "#control";

/// What it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Control {
    /// Whether nodes keep what they serve, whatever the table says.
    pub frozen: bool,
    /// The content that is believed however much it lost: its [`digest`].
    pub accepted: Option<String>,
}

impl Control {
    /// What a reading says; nothing, where it has no such item.
    #[must_use]
    pub fn of(reading: &Reading) -> Self {
        let said = |item| Self::said_by(item, reading.layout_of(item)?);
        reading.items.iter().find_map(said).unwrap_or_default()
    }

    /// What this item says, if it is the one that operators tell nodes by.
    pub(crate) fn said_by(item: &Item, layout: Layout) -> Option<Self> {
        let place = layout == Layout::Sample || item.text("api") == Some(OWN_PARTITION);
        (place && item.key(layout) == Some(CONTROL)).then(|| Self::read(item))
    }

    /// What an item says; attributes of other kinds say nothing.
    #[must_use]
    pub fn read(item: &Item) -> Self {
        Self {
            frozen: matches!(item.get("frozen"), Some(Value::Bool(true))),
            accepted: item.text("accepted").map(str::to_owned),
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
        match &self.accepted {
            Some(digest) => item.with("accepted", digest),
            None => item,
        }
    }
}

/// What a reading holds besides Verge's own items, in one line: equal for equal rows, whatever their order.
#[must_use]
pub fn digest(reading: &Reading) -> String {
    let own = |item: &&Item| reading.layout_of(item).is_some_and(|layout| item.is_own(layout));
    let mut digest = Digest::default();
    for item in reading.items.iter().filter(|item| !own(item)) {
        digest.add(item.to_typed_json().to_string().as_bytes());
    }
    digest.to_string()
}

/// A digest of lines, whatever their order: the sum of each one's. It tells contents apart that people and accidents make;
/// whoever can write the table needs no collision to change it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    lines: usize,
    sum: u128,
}

impl Digest {
    pub(crate) fn add(&mut self, line: &[u8]) {
        let hash = ring::digest::digest(&SHA256, line);
        let one = hash.as_ref().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        self.lines += 1;
        self.sum = self.sum.wrapping_add(one);
    }

    /// How many lines were added.
    pub(crate) const fn lines(&self) -> usize {
        self.lines
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-rows-{:032x}", self.lines, self.sum)
    }
}

impl FromStr for Digest {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (lines, sum) = text.split_once("-rows-").ok_or(())?;
        let lines = lines.parse().map_err(|_| ())?;
        Ok(Self { lines, sum: u128::from_str_radix(sum, 16).map_err(|_| ())? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(version: &str) -> Item {
        Item::new().with("api", "orders").with("version", version)
    }

    #[test]
    fn it_is_read_as_it_was_written() {
        for layout in [Layout::Verge, Layout::Sample] {
            for control in [
                Control::default(),
                Control { frozen: true, accepted: None },
                Control { frozen: false, accepted: Some("2-rows-ab".to_owned()) },
            ] {
                let reading = Reading::new(vec![row("v1"), control.item(layout)], Some(layout));
                assert_eq!(Control::of(&reading), control);
            }
        }
        let elsewhere = Control { frozen: true, accepted: None }.item(Layout::Verge).with("api", "orders");
        assert_eq!(Control::of(&Reading::new(vec![elsewhere], Some(Layout::Verge))), Control::default());
    }

    #[test]
    fn a_digest_is_of_the_rows_alone_in_any_order() {
        let control = Control { frozen: true, accepted: None }.item(Layout::Verge);
        let of = |items: &[&Item]| digest(&Reading::new(items.iter().copied().cloned().collect(), Some(Layout::Verge)));
        let (one, two) = (row("v1"), row("v2"));
        assert_eq!(of(&[&one, &two]), of(&[&two, &control, &one]));
        assert_ne!(of(&[&one, &two]), of(&[&one]));
        assert!(of(&[&one, &two]).starts_with("2-rows-") && of(&[]).starts_with("0-rows-"));
        let digest: Digest = of(&[&one, &two]).parse().unwrap();
        assert_eq!((digest.to_string(), digest.lines()), (of(&[&one, &two]), 2));
    }
}
