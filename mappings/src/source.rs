//! Where items are read from. A source gives all of them or an error; never a part, and never nothing for an error.

mod error;

#[cfg(feature = "dynamodb")]
pub mod dynamodb;
#[cfg(feature = "embedded")]
pub mod embedded;
#[cfg(feature = "file")]
pub mod file;
#[cfg(feature = "cache")]
pub(crate) mod partitioned;

pub use error::LoadError;

use crate::item::{Item, Layout};
use async_trait::async_trait;

/// All items of a table at one reading.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// The items, Verge's own among them, in any order.
    pub items: Vec<Item>,
    /// The layout by the key schema; `None`: each item is told apart by its attributes.
    pub layout: Option<Layout>,
    /// The table's generation, where it carries one.
    pub generation: Option<u64>,
}

impl Reading {
    /// A reading; the generation is found among the items.
    #[must_use]
    pub fn new(items: Vec<Item>, layout: Option<Layout>) -> Self {
        let generation = items.iter().filter_map(Item::generation).max();
        Self { items, layout, generation }
    }

    /// The layout of one of its items; `None` where nothing tells.
    #[must_use]
    pub fn layout_of(&self, item: &Item) -> Option<Layout> {
        self.layout.or_else(|| item.layout())
    }

    /// Gives its items one by one.
    pub fn pour(self, sink: &mut dyn Sink) {
        if let Some(layout) = self.layout {
            sink.layout(layout);
        }
        self.items.into_iter().for_each(|item| sink.item(item));
    }

    /// How many items are not Verge's own.
    #[must_use]
    pub fn rows(&self) -> usize {
        let own = |item: &&Item| self.layout_of(item).is_some_and(|layout| item.is_own(layout));
        self.items.len() - self.items.iter().filter(own).count()
    }

    /// Whether any item is in this layout.
    #[must_use]
    pub fn holds(&self, layout: Layout) -> bool {
        match self.layout {
            Some(own) => own == layout,
            None => self.items.iter().any(|item| item.layout() == Some(layout)),
        }
    }
}

/// What takes items as they are read, so that a large table need not be held twice.
pub trait Sink: Send {
    /// The layout by the key schema, where the source knows it: said before any item.
    fn layout(&mut self, layout: Layout);

    /// One more item.
    fn item(&mut self, item: Item);

    /// What was taken so far is not to be used: all items come again. The layout stays.
    fn again(&mut self);
}

impl Sink for Reading {
    fn layout(&mut self, layout: Layout) {
        self.layout = Some(layout);
    }

    fn item(&mut self, item: Item) {
        self.generation = self.generation.max(item.generation());
        self.items.push(item);
    }

    fn again(&mut self) {
        *self = Self { layout: self.layout, ..Self::default() };
    }
}

/// A place that items are read from.
#[async_trait]
pub trait Source: Send + Sync {
    /// Reads all items. What was taken before an error is not to be used.
    ///
    /// # Errors
    /// Whatever kept it from reading all of them.
    async fn read_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError>;

    /// Reads all items, to hold them.
    ///
    /// # Errors
    /// Those of [`Source::read_into`].
    async fn read(&self) -> Result<Reading, LoadError> {
        let mut reading = Reading::default();
        self.read_into(&mut reading).await?;
        Ok(reading)
    }

    /// What people call it: `DynamoDB table api-versions in us-east-1`.
    fn place(&self) -> String;

    /// Whether a read now would give something else than the last one: asked between refreshes, so it must be cheap.
    /// Each change is said once. Sources that cannot tell say no.
    ///
    /// # Errors
    /// Whatever kept it from finding out.
    async fn has_changed(&self) -> Result<bool, LoadError> {
        Ok(false)
    }
}
