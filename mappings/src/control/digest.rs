//! What operators accept: contents, known by digests.

use super::Control;
use crate::{
    API_ITEM,
    item::{Item, Layout},
    source::Reading,
};
use ring::digest::SHA256;
use std::{collections::BTreeMap, fmt, io, str::FromStr};

impl Control {
    /// Whether these rows, of this API or where it is [`API_ITEM`] these items, are to be believed.
    pub(crate) fn accepts(&self, api: &str, rows: Digest) -> bool {
        self.accepted_apis.get(api).and_then(|digest| digest.parse().ok()) == Some(rows)
    }
}

/// What a reading holds besides Verge's own items, in one line: equal for equal rows, whatever their order.
#[must_use]
pub fn digest(reading: &Reading) -> String {
    let own = |item: &&Item| reading.layout_of(item).is_some_and(|layout| item.is_own(layout));
    Digest::of(reading.items.iter().filter(|item| !own(item))).to_string()
}

/// The same in parts: of each API's rows, and under [`API_ITEM`] of what describes APIs.
#[must_use]
pub fn digests(reading: &Reading) -> BTreeMap<String, String> {
    let mut parts: BTreeMap<&str, Vec<&Item>> = BTreeMap::from([(API_ITEM, Vec::new())]);
    for item in &reading.items {
        let Some(api) = item.text("api").filter(|api| !api.starts_with('#')) else { continue };
        let rows = parts.entry(api).or_default();
        match item.key(Layout::Verge) {
            Some(API_ITEM) => parts.entry(API_ITEM).or_default().push(item),
            Some(key) if key.starts_with('#') => {}
            _ => rows.push(item),
        }
    }
    parts.into_iter().map(|(api, items)| (api.to_owned(), Digest::of(items).to_string())).collect()
}

/// A digest of lines, whatever their order: the sum of each one's. It tells contents apart that people and accidents make;
/// whoever can write the table needs no collision to change it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Digest {
    lines: usize,
    sum: u128,
}

impl Digest {
    /// Of all of these.
    pub(crate) fn of<'i>(items: impl IntoIterator<Item = &'i Item>) -> Self {
        let (mut digest, mut line) = (Self::default(), Vec::new());
        for item in items {
            // What cannot be written, which no item is, is never what was accepted.
            digest.lines += usize::from(digest.add(item, &mut line).is_err());
        }
        digest
    }

    /// Adds an item, written as one line without its end: the line is left for whoever wants to keep it.
    pub(crate) fn add(&mut self, item: &Item, line: &mut Vec<u8>) -> io::Result<()> {
        line.clear();
        serde_json::to_writer(&mut *line, item)?;
        let hash = ring::digest::digest(&SHA256, line);
        let one = hash.as_ref().first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        self.lines += 1;
        self.sum = self.sum.wrapping_add(one);
        Ok(())
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

    fn frozen() -> Control {
        Control { frozen: true, ..Control::default() }
    }

    fn row(version: &str) -> Item {
        Item::new().with("api", "orders").with("version", version)
    }

    #[test]
    fn a_digest_is_of_the_rows_alone_in_any_order() {
        let control = frozen().item(Layout::Verge);
        let of = |items: &[&Item]| digest(&Reading::new(items.iter().copied().cloned().collect(), Some(Layout::Verge)));
        let (one, two) = (row("v1"), row("v2"));
        assert_eq!(of(&[&one, &two]), of(&[&two, &control, &one]));
        assert_ne!(of(&[&one, &two]), of(&[&one]));
        assert!(of(&[&one, &two]).starts_with("2-rows-") && of(&[]).starts_with("0-rows-"));
        let digest: Digest = of(&[&one, &two]).parse().unwrap();
        assert_eq!((digest.to_string(), digest.lines()), (of(&[&one, &two]), 2));
    }

    #[test]
    fn each_apis_rows_have_a_digest_of_their_own_and_what_describes_apis_has_one() {
        let api = Item::new().with("api", "orders").with("version", "#api");
        let trip = Item::new().with("api", "orders").with("version", "#trip#v1");
        let other = Item::new().with("api", "bills").with("version", "#api");
        let items = vec![row("v1"), api.clone(), trip, row("v2"), other.clone(), frozen().item(Layout::Verge)];
        let digests = digests(&Reading::new(items, Some(Layout::Verge)));
        let of = |items: &[&Item]| Digest::of(items.iter().copied());
        assert_eq!(digests.keys().collect::<Vec<_>>(), ["#api", "bills", "orders"]);
        let control = Control { accepted_apis: digests, ..Control::default() };
        assert!(
            control.accepts("orders", of(&[&row("v2"), &row("v1")])) && !control.accepts("orders", of(&[&row("v1")]))
        );
        assert!(control.accepts("#api", of(&[&other, &api])) && control.accepts("bills", of(&[])));
        assert!(!control.accepts("pets", of(&[])));
    }
}
