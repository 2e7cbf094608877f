//! The document as a tree: TOML, read as far as a configuration needs it.
//!
//! Fractions and times are told apart, and what they say is dropped: no key takes one. Tables keep the order in which
//! they were written, and all that is in them keeps its place, in bytes.

mod scalar;
mod text;

use text::{Key, Text};

/// Why a text is not TOML, and where it stops being so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) at: usize,
    pub(crate) reason: &'static str,
}

/// A table.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    entries: Vec<Keyed>,
    made: Made,
}

/// How a table came to be, by which it is told whether more may be written into it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Made {
    /// By a header of its own.
    #[default]
    Header,
    /// By the header of a table in it.
    Within,
    /// By a key with dots.
    Dotted,
    /// In braces: nothing comes after those.
    Inline,
}

/// A value under its key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Keyed {
    pub(crate) key: String,
    /// Where the key stands.
    pub(crate) at: usize,
    pub(crate) value: Value,
}

/// An item of a list.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) at: usize,
    pub(crate) value: Value,
}

/// A value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Value {
    String(String),
    /// Its digits with the sign, and their base.
    Integer(String, u32),
    Fraction,
    Boolean(bool),
    Time,
    List(Vec<Placed>),
    /// A list of tables, each under a header of two brackets.
    Tables(Vec<Placed>),
    Table(Table),
}

const DUPLICATE: &str = "duplicate key";

impl Table {
    /// Reads a whole document.
    ///
    /// # Errors
    /// The first place where the text stops being TOML.
    pub(crate) fn parse(text: &str) -> Result<Self, Fault> {
        let mut text = Text::new(text);
        let mut root = Self::default();
        let mut header: Vec<Key> = Vec::new();
        while let Some(next) = text.next_expression()? {
            if next == b'[' {
                let (path, is_list) = text.header()?;
                root.open(&path, is_list)?;
                header = path;
            } else {
                let (path, value) = text.key_value()?;
                let table = header.iter().try_fold(&mut root, |table, key| table.child(key, Made::Within))?;
                table.insert(&path, value)?;
            }
            text.end_of_line()?;
        }
        Ok(root)
    }

    /// The entry under a key.
    pub(crate) fn get(&self, key: &str) -> Option<&Keyed> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// All entries.
    pub(crate) fn entries(&self) -> &[Keyed] {
        &self.entries
    }

    /// The entry under a key, made of this value where there is none; and whether it was there.
    fn entry(&mut self, key: &Key, value: impl FnOnce() -> Value) -> (Option<&mut Keyed>, bool) {
        let found = self.entries.iter().position(|entry| entry.key == key.name);
        let place = found.unwrap_or_else(|| {
            self.entries.push(Keyed { key: key.name.clone(), at: key.at, value: value() });
            self.entries.len() - 1
        });
        (self.entries.get_mut(place), found.is_some())
    }

    /// The table under a key on the way to another, made where there is none.
    fn child(&mut self, key: &Key, made: Made) -> Result<&mut Self, Fault> {
        let (entry, _) = self.entry(key, || Value::Table(Self { entries: Vec::new(), made }));
        let table = match entry.map(|entry| &mut entry.value) {
            Some(Value::Table(table)) => Some(table),
            Some(Value::Tables(tables)) if made != Made::Dotted => match tables.last_mut() {
                Some(Placed { value: Value::Table(table), .. }) => Some(table),
                _ => None,
            },
            _ => None,
        };
        let extensible = |table: &&mut Self| match table.made {
            Made::Inline => false,
            Made::Header => made != Made::Dotted,
            Made::Within | Made::Dotted => true,
        };
        table.filter(extensible).ok_or(Fault { at: key.at, reason: DUPLICATE })
    }

    /// Opens the table of a header.
    fn open(&mut self, path: &[Key], is_list: bool) -> Result<(), Fault> {
        let Some((last, above)) = path.split_last() else { return Ok(()) };
        let parent = above.iter().try_fold(self, |table, key| table.child(key, Made::Within))?;
        let nothing = || if is_list { Value::Tables(Vec::new()) } else { Value::Table(Self::default()) };
        let (entry, was_there) = parent.entry(last, nothing);
        match entry {
            Some(Keyed { value: Value::Tables(tables), .. }) if is_list => {
                tables.push(Placed { at: last.at, value: Value::Table(Self::default()) });
                Ok(())
            }
            Some(Keyed { value: Value::Table(table), at, .. })
                if !is_list && (!was_there || table.made == Made::Within) =>
            {
                table.made = Made::Header;
                *at = last.at;
                Ok(())
            }
            _ => Err(Fault { at: last.at, reason: DUPLICATE }),
        }
    }

    /// Takes a value under a key, perhaps with dots.
    fn insert(&mut self, path: &[Key], value: Value) -> Result<(), Fault> {
        let Some((last, above)) = path.split_last() else { return Ok(()) };
        let table = above.iter().try_fold(self, |table, key| table.child(key, Made::Dotted))?;
        match table.entry(last, || value) {
            (_, false) => Ok(()),
            (_, true) => Err(Fault { at: last.at, reason: DUPLICATE }),
        }
    }
}

#[cfg(test)]
mod tests;
