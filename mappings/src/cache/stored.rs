//! What was read, kept small: packed while it is read, and taken out item by item when a table is built from it, which is
//! seldom. Thousands of rows repeat each other's domains and attribute names, and decoded they would take more memory
//! than the table itself.

use crate::{
    API_ITEM,
    control::{Control, Digest},
    guard::{Size, Told},
    item::{Item, Layout, PIN},
    parse::Items,
    source::Sink,
};
use std::io::{self, BufRead, BufReader, Write};

/// How far back a frame may refer, as a power of two: what unpacking takes in memory. Ours stay below.
const WINDOW: u32 = 23;

/// A reading at rest.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stored {
    pub(crate) facts: Facts,
    /// One zstd frame, with its checksum: an item a line, typed JSON.
    pub(crate) frame: Box<[u8]>,
}

/// What is known about a reading without taking it out.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Facts {
    pub(crate) layout: Option<Layout>,
    /// The table's generation, where it carries one.
    pub(crate) generation: Option<u64>,
    /// What operators tell nodes.
    pub(crate) control: Control,
    /// Whether any item is in the sample layout.
    pub(crate) sample: bool,
    /// Of the items that are not Verge's own.
    pub(crate) rows: Digest,
    /// Of the others.
    pub(crate) own: Digest,
    /// The items that describe APIs.
    pub(crate) apis: Vec<Item>,
}

impl Stored {
    /// Whether both hold the same, in whatever order.
    pub(super) fn is_like(&self, other: &Self) -> bool {
        (self.facts.layout, self.facts.rows, self.facts.own) == (other.facts.layout, other.facts.rows, other.facts.own)
    }

    /// What counts about it.
    pub(super) fn size(&self) -> Size {
        Size { rows: self.facts.rows.lines(), generation: self.facts.generation }
    }

    /// What operators say of it.
    pub(super) fn told(&self) -> Told {
        let control = &self.facts.control;
        let accepted = control.accepted.as_ref().and_then(|accepted| accepted.parse().ok());
        Told { frozen: control.frozen, accepted: accepted == Some(self.facts.rows) }
    }

    /// The same of an index, whose items are what describes APIs.
    pub(super) fn told_of_index(&self) -> Told {
        let control = &self.facts.control;
        Told { frozen: control.frozen, accepted: control.accepts(API_ITEM, Digest::of(&self.facts.apis)) }
    }
}

impl Items for Stored {
    type Error = io::Error;

    fn layout(&self) -> Option<Layout> {
        self.facts.layout
    }

    fn apis(&self, take: &mut dyn FnMut(&Item)) -> io::Result<()> {
        self.facts.apis.iter().for_each(take);
        Ok(())
    }

    fn each(&self, take: &mut dyn FnMut(&Item)) -> io::Result<()> {
        let mut lines = BufReader::new(unpack(&self.frame)?);
        let mut line = Vec::new();
        while lines.read_until(b'\n', &mut line)? > 0 {
            take(&serde_json::from_slice(&line)?);
            line.clear();
        }
        Ok(())
    }
}

/// Unpacks a frame, in bounded memory however it was made.
pub(crate) fn unpack(frame: &[u8]) -> io::Result<zstd::Decoder<'static, &[u8]>> {
    let mut frame = zstd::Decoder::with_buffer(frame)?;
    frame.window_log_max(WINDOW)?;
    Ok(frame)
}

/// Packs a reading while it is read.
pub(crate) struct Packer {
    facts: Facts,
    frame: zstd::Encoder<'static, Vec<u8>>,
    line: Vec<u8>,
    /// The first thing that went wrong.
    error: Option<io::Error>,
}

impl Packer {
    /// # Errors
    /// The compressor has no memory.
    pub(crate) fn new() -> io::Result<Self> {
        let mut frame = zstd::Encoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL)?;
        frame.include_checksum(true)?;
        Ok(Self { facts: Facts::default(), frame, line: Vec::new(), error: None })
    }

    /// # Errors
    /// What went wrong on the way: the compressor has no memory left.
    pub(crate) fn finish(self) -> io::Result<Stored> {
        match self.error {
            Some(error) => Err(error),
            None => Ok(Stored { facts: self.facts, frame: self.frame.finish()?.into() }),
        }
    }

    fn pack(&mut self, item: &Item) -> io::Result<()> {
        let facts = &mut self.facts;
        let layout = facts.layout.or_else(|| item.layout());
        facts.sample |= layout == Some(Layout::Sample);
        facts.generation = facts.generation.max(item.generation());
        match layout.filter(|layout| item.is_own(*layout)) {
            Some(layout) => {
                facts.own.add(item, &mut self.line)?;
                if let Some(control) = Control::said_by(item, layout) {
                    facts.control = control;
                } else if item.key(layout) == Some(API_ITEM) {
                    facts.apis.push(item.clone());
                }
            }
            None => facts.rows.add(item, &mut self.line)?,
        }
        self.line.push(b'\n');
        self.frame.write_all(&self.line)
    }
}

impl Sink for Packer {
    fn layout(&mut self, layout: Layout) {
        self.facts.layout = Some(layout);
        self.facts.sample = layout == Layout::Sample;
    }

    fn item(&mut self, item: Item) {
        // There may be millions of pins: they are read one by one, when they are asked for.
        let is_pin = |layout| item.key(layout).is_some_and(|key| key.starts_with(PIN));
        if self.error.is_none() && !self.facts.layout.or_else(|| item.layout()).is_some_and(is_pin) {
            self.error = self.pack(&item).err();
        }
    }

    fn again(&mut self) {
        let layout = self.facts.layout;
        match Self::new() {
            Ok(anew) => *self = anew,
            Err(error) => self.error = Some(error),
        }
        layout.into_iter().for_each(|layout| self.layout(layout));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Value, source::Reading};

    fn pack(reading: &Reading) -> Stored {
        let mut packer = Packer::new().unwrap();
        reading.clone().pour(&mut packer);
        packer.finish().unwrap()
    }

    fn unpack(stored: &Stored) -> Reading {
        let mut items = Vec::new();
        stored.each(&mut |item| items.push(item.clone())).unwrap();
        Reading::new(items, stored.layout())
    }

    #[test]
    fn what_is_put_away_comes_out_as_it_was() {
        let item = Item::new().with("api", "orders").with("version", "v1").with("domain", "a\n\"b\"");
        let mut other = Item::new().with("api", "#verge").with("version", "#generation");
        other.insert("generation", Value::N("7".to_owned()));
        let api = Item::new().with("api", "orders").with("version", "#api");
        let reading = Reading::new(vec![item, other, api.clone()], Some(Layout::Verge));
        let stored = pack(&reading);
        let facts = &stored.facts;
        assert_eq!((facts.rows.lines(), facts.own.lines(), facts.generation, facts.sample), (1, 2, Some(7), false));
        assert_eq!(facts.apis, [api]);
        assert_eq!(unpack(&stored), reading);
        assert_eq!(pack(&reading), stored);
        assert_eq!(unpack(&pack(&Reading::default())), Reading::default());
    }

    #[test]
    fn the_order_items_come_in_makes_no_difference() {
        let row = |version: &str| Item::new().with("hk", version).with("dn", "a");
        let of = |rows: &[&str]| pack(&Reading::new(rows.iter().map(|version| row(version)).collect(), None));
        assert!(of(&["v1", "v2"]).is_like(&of(&["v2", "v1"])));
        assert!(!of(&["v1", "v2"]).is_like(&of(&["v1"])) && !of(&["v1"]).is_like(&of(&["v2"])));
        assert!(of(&["v1"]).facts.sample);
    }
}
