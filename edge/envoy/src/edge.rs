//! One plugin configuration with its tables: what the filter holds in each of Envoy's threads.

use crate::setup::{Clusters, Fetch, Setup};
use std::net::IpAddr;
use verge_carry::{
    Loaded, Tables,
    tables::{Judged, Published, Unreadable},
};
use verge_router::origin::Cidr;

/// An edge, configured.
#[derive(Debug)]
pub struct Edge {
    /// Which cluster dials what.
    pub clusters: Clusters,
    /// Where tables are fetched from.
    pub fetch: Option<Fetch>,
    /// Whose each table is, in the order they are named by: `None`, of all APIs that have no own one.
    pub places: Vec<Option<String>>,
    tables: Tables,
    testers: Vec<Cidr>,
    published: u64,
}

impl Edge {
    /// An edge that holds the tables its configuration brings. Also what came of each.
    #[must_use]
    pub fn new(setup: Setup, now: u64) -> (Self, Vec<Result<Published, Unreadable>>) {
        let Setup { config, tables, fetch, clusters } = setup;
        let own = config.apis.iter().filter(|api| api.table.is_some()).map(|api| Some(api.name.clone()));
        let mut edge = Self {
            clusters,
            fetch,
            places: config.table.iter().map(|_| None).chain(own).collect(),
            tables: Tables::new(&config),
            testers: config.canary.testers.clone(),
            published: 0,
        };
        let mut told = Vec::new();
        for (whose, json) in tables {
            if let Some(place) = edge.places.iter().position(|api| *api == whose) {
                told.push(edge.publish(place, &json, Judged::Here, now));
            }
        }
        (edge, told)
    }

    /// Takes a table that was fetched, at this time in milliseconds.
    ///
    /// # Errors
    /// It cannot be read: what is held stays.
    pub fn publish(&mut self, place: usize, json: &[u8], judged: Judged, now: u64) -> Result<Published, Unreadable> {
        self.tables.drop_pages(place);
        self.tables.page(place, json);
        let published = self.tables.publish(place, judged, now)?;
        self.published += u64::from(published.changed);
        Ok(published)
    }

    /// What was fetched last is still what there is, at this time in milliseconds.
    pub fn unchanged(&mut self, place: usize, now: u64) -> Published {
        let published = self.tables.unchanged(place, now);
        self.published += u64::from(published.changed);
        published
    }

    /// What decisions are made by; `None` until a table is held.
    #[must_use]
    pub const fn loaded(&self) -> Option<&Loaded> {
        self.tables.loaded()
    }

    /// The highest generation of the tables held.
    #[must_use]
    pub fn generation(&self) -> Option<u64> {
        self.tables.generation()
    }

    /// How often what is served has changed.
    #[must_use]
    pub const fn published(&self) -> u64 {
        self.published
    }

    /// Whether testers are configured at all, and whether this is one.
    pub(crate) fn testers(&self, client: Option<IpAddr>) -> (bool, bool) {
        let is_tester = client.is_some_and(|client| self.testers.iter().any(|network| network.contains(client)));
        (!self.testers.is_empty(), is_tester)
    }
}
