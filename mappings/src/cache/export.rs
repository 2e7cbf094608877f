//! What is served, given away as items: for edges that hold a table and read no store.

use super::{LiveTable, stored::Stored};
use crate::{
    item::Item,
    parse::{Items, Scope},
};
use std::{io, sync::Arc};

/// The items of one table of the configuration, as they are served.
#[derive(Debug)]
pub struct Export(Arc<Stored>);

impl Export {
    /// Equal for equal contents, whatever their order: fit for an entity tag.
    #[must_use]
    pub fn tag(&self) -> String {
        format!("{}-{}", self.0.facts.rows, self.0.facts.own)
    }

    /// The table's generation, where it carries one.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.0.facts.generation
    }

    /// Gives the items one by one, Verge's own among them, but for pins.
    ///
    /// # Errors
    /// They cannot be unpacked: there is no memory.
    pub fn each(&self, take: &mut dyn FnMut(&Item)) -> io::Result<()> {
        self.0.each(take)
    }
}

impl LiveTable {
    /// The table of this API alone (`[api.table]`), or of all others; `None`: there is none, it was never read, or it is
    /// loaded on demand and not here.
    #[must_use]
    pub fn export(&self, api: Option<&str>) -> Option<Export> {
        let scope = api.map_or(Scope::All, |api| Scope::Api(api.to_owned()));
        let state = self.state();
        let slot = state.slots.iter().find(|slot| slot.feed.scope == scope)?;
        slot.reading.clone().map(Export)
    }
}
