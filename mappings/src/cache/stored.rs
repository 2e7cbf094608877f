//! What was read, kept small: compressed until a table is built from it, which is seldom. Thousands of rows repeat each
//! other's domains and attribute names, and decoded they would take more memory than the table itself.

use super::guard::{Size, Told};
use crate::{
    control::{Control, digest},
    item::{Item, Layout},
    source::Reading,
};
use serde_json::Value as Json;
use std::io::{self, BufRead, BufReader, Read, Write};

/// A reading at rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) layout: Option<Layout>,
    /// The table's generation, where it carries one.
    pub(crate) generation: Option<u64>,
    /// All items.
    pub(crate) items: usize,
    /// Those that are not Verge's own.
    pub(crate) rows: usize,
    /// What operators tell nodes.
    pub(crate) control: Control,
    /// Whether its content is what they say is to be believed.
    pub(crate) accepted: bool,
    /// Whether any item is in the sample layout.
    pub(crate) sample: bool,
    /// One zstd frame, with its checksum: an item a line, typed JSON. Equal readings are equal bytes.
    pub(crate) frame: Box<[u8]>,
}

impl Stored {
    /// Puts a reading away.
    ///
    /// # Errors
    /// The compressor has no memory left.
    pub(crate) fn of(reading: &Reading) -> io::Result<Self> {
        let control = Control::of(reading);
        Ok(Self {
            accepted: control.accepted.as_ref().is_some_and(|accepted| *accepted == digest(reading)),
            control,
            layout: reading.layout,
            generation: reading.generation,
            rows: reading.rows(),
            sample: reading.holds(Layout::Sample),
            items: reading.items.len(),
            frame: write_lines(reading.items.iter().map(Item::to_typed_json))?.into(),
        })
    }

    /// What counts about it.
    pub(super) fn size(&self) -> Size {
        Size { rows: self.rows, generation: self.generation }
    }

    /// What operators say of it.
    pub(super) fn told(&self) -> Told {
        Told { frozen: self.control.frozen, accepted: self.accepted }
    }

    /// Takes it out again.
    ///
    /// # Errors
    /// The bytes are not what [`Stored::of`] made.
    pub(crate) fn reading(&self) -> io::Result<Reading> {
        Ok(Reading::new(read_items(read_lines(&*self.frame)?)?, self.layout))
    }
}

/// Lines of JSON as one frame.
pub(crate) fn write_lines(lines: impl IntoIterator<Item = Json>) -> io::Result<Vec<u8>> {
    let mut frame = zstd::Encoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL)?;
    frame.include_checksum(true)?;
    for line in lines {
        serde_json::to_writer(&mut frame, &line)?;
        frame.write_all(b"\n")?;
    }
    frame.finish()
}

/// The lines of one frame or several.
pub(crate) fn read_lines(frames: impl Read) -> io::Result<impl Iterator<Item = io::Result<Json>>> {
    let lines = BufReader::new(zstd::Decoder::new(frames)?).lines();
    Ok(lines.map(|line| Ok(serde_json::from_str(&line?)?)))
}

/// The items that lines hold.
pub(crate) fn read_items(lines: impl Iterator<Item = io::Result<Json>>) -> io::Result<Vec<Item>> {
    lines.map(|line| Item::from_json(&line?).map_err(io::Error::other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    #[test]
    fn what_is_put_away_comes_out_as_it_was() {
        let item = Item::new().with("api", "orders").with("version", "v1").with("domain", "a\n\"b\"");
        let mut other = Item::new().with("api", "#verge").with("version", "#generation");
        other.insert("generation", Value::N("7".to_owned()));
        let reading = Reading::new(vec![item, other], Some(Layout::Verge));
        let stored = Stored::of(&reading).unwrap();
        assert_eq!((stored.rows, stored.generation, stored.sample), (1, Some(7), false));
        assert_eq!(stored.reading().unwrap(), reading);
        assert_eq!(Stored::of(&reading).unwrap(), stored);
        assert_eq!(Stored::of(&Reading::default()).unwrap().reading().unwrap(), Reading::default());
    }
}
