//! An item as it is stored, and what it says: a row of an API, or the API itself. Pure.

mod api;
mod base64;
mod fields;
mod list;
mod members;
mod pin;
mod row;
mod split;
mod text;
mod trip;
mod value;

pub use api::read_api;
pub(crate) use fields::Fields;
pub use fields::InvalidRow;
pub use list::NoList;
pub use members::Members;
pub use pin::{PIN, StoredPin};
pub(crate) use row::{read_key, read_state};
pub use row::{read_row, write_row};
pub use text::NoJson;
pub use trip::{Trip, Trips};
pub use value::{NotAnObject, Value};

use crate::{GENERATION, OWN_PARTITION};
use serde::{Deserialize, Serialize};

/// One item of a table: attributes by name. Serialized it is in the typed form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Item(Members);

impl Item {
    /// An item without attributes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An attribute.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// An attribute that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Value::S(text)) => Some(text),
            _ => None,
        }
    }

    /// An attribute that is a number without sign and fraction.
    #[must_use]
    pub fn whole_number(&self, name: &str) -> Option<u64> {
        match self.get(name) {
            Some(Value::N(number)) => number.parse().ok(),
            _ => None,
        }
    }

    /// Sets an attribute.
    pub fn insert(&mut self, name: impl Into<String>, value: Value) {
        self.0.insert(name.into(), value);
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.0.remove(name)
    }

    /// The same item with one more string.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.insert(name, Value::S(text.to_owned()));
        self
    }

    /// All attributes, by name.
    #[must_use]
    pub fn attributes(&self) -> &Members {
        &self.0
    }

    /// All attributes, taken.
    #[must_use]
    pub fn into_attributes(self) -> Members {
        self.0
    }

    /// The layout this item's key attributes belong to: `hk`, or `api` and `version`.
    #[must_use]
    pub fn layout(&self) -> Option<Layout> {
        if self.0.contains_key("hk") {
            Some(Layout::Sample)
        } else if self.0.contains_key("api") && self.0.contains_key("version") {
            Some(Layout::Verge)
        } else {
            None
        }
    }

    /// The row key under a layout: `hk`, or `version`.
    #[must_use]
    pub fn key(&self, layout: Layout) -> Option<&str> {
        self.text(layout.key())
    }

    /// Whether this is one of Verge's own items.
    #[must_use]
    pub fn is_own(&self, layout: Layout) -> bool {
        let own = |text: Option<&str>| text.is_some_and(|text| text.starts_with('#'));
        own(self.key(layout)) || (layout == Layout::Verge && own(self.text("api")))
    }

    /// The generation, where this is the item that carries it.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        let layout = self.layout()?;
        let place = layout == Layout::Sample || self.text("api") == Some(OWN_PARTITION);
        if place && self.key(layout) == Some(GENERATION) { self.whole_number("generation") } else { None }
    }
}

impl From<Members> for Item {
    fn from(attributes: Members) -> Self {
        Self(attributes)
    }
}

impl FromIterator<(String, Value)> for Item {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(attributes: I) -> Self {
        Self(attributes.into_iter().collect())
    }
}

/// How a table's keys are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// The AWS sample's: key `hk`, `dn`, `dp`; one API.
    Sample,
    /// Verge's: partition key `api`, sort key `version`.
    Verge,
}

impl Layout {
    /// The attribute that holds a row's key.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Sample => "hk",
            Self::Verge => "version",
        }
    }

    /// Its name, as shown.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sample => "sample",
            Self::Verge => "verge",
        }
    }
}
