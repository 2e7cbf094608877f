//! `#trip#…` items: arms that breakers took out, told from node to node.

use super::{Item, Layout, Value};
use crate::TRIP;
use std::collections::BTreeMap;
use verge_router::{
    SplitRow, UnixTime,
    lifecycle::{parse_rfc3339, rfc3339},
    split::{Health, HeldArm},
};

/// A breaker's trip of one arm of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trip {
    /// The arm's name, for people.
    pub arm: String,
    /// Which arm it is: its [fingerprint](HeldArm::fingerprint). One that leads elsewhere now is another.
    pub of: u64,
    /// `errors` or `latency`.
    pub reason: String,
    /// In figures, for people.
    pub detail: String,
    /// When.
    pub at: UnixTime,
}

impl Trip {
    /// The key of a row's trip.
    #[must_use]
    pub fn key(row: &str) -> String {
        format!("{TRIP}#{row}")
    }

    /// The item that says this of a row. `node` is who found out.
    #[must_use]
    pub fn item(&self, layout: Layout, api: &str, row: &str, node: &str) -> Item {
        let mut item = Item::new().with(layout.key(), &Self::key(row));
        if layout == Layout::Verge {
            item = item.with("api", api);
        }
        let of = format!("{:016x}", self.of);
        let texts = [
            ("arm", &self.arm),
            ("of", &of),
            ("reason", &self.reason),
            ("detail", &self.detail),
            ("at", &rfc3339(self.at)),
            ("node", &node.to_owned()),
        ];
        for (name, text) in texts {
            item.insert(name, Value::S(text.clone()));
        }
        item
    }

    /// Reads an item; `None` where it does not say which arm it is about.
    #[must_use]
    pub fn read(item: &Item) -> Option<Self> {
        let text = |name| item.text(name).unwrap_or_default().to_owned();
        Some(Self {
            of: u64::from_str_radix(item.text("of")?, 16).ok()?,
            arm: text("arm"),
            reason: text("reason"),
            detail: text("detail"),
            at: item.text("at").and_then(parse_rfc3339).unwrap_or_default(),
        })
    }
}

/// All trips of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trips(BTreeMap<(String, String), Trip>);

impl Trips {
    /// Takes an item under its key; what is no trip is left out.
    pub(crate) fn add(&mut self, api: &str, key: &str, item: &Item) {
        let row = key.strip_prefix(TRIP).and_then(|rest| rest.strip_prefix('#'));
        if let (Some(row), Some(trip)) = (row, Trip::read(item)) {
            self.0.insert((api.to_owned(), row.to_owned()), trip);
        }
    }

    /// The trip of a row, whichever arm it is of.
    #[must_use]
    pub fn get(&self, api: &str, row: &str) -> Option<&Trip> {
        // Trips are few, and nobody asks on the way of a request.
        self.0.iter().find(|((of, key), _)| of == api && key == row).map(|(_, trip)| trip)
    }

    /// The fingerprints of all arms that are out.
    pub fn tripped(&self) -> impl Iterator<Item = u64> {
        self.0.values().map(|trip| trip.of)
    }
}

impl Health for Trips {
    fn is_tripped(&self, row: &SplitRow, arm: &HeldArm) -> bool {
        self.get(row.api().name(), row.key()).is_some_and(|trip| trip.of == arm.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trip_is_read_as_it_was_written() {
        let trip = Trip {
            arm: "canary".to_owned(),
            of: 0x0a6f_f591_d207_3f44,
            reason: "errors".to_owned(),
            detail: "9 of 50 failed".to_owned(),
            at: 1_800_000_000,
        };
        for layout in [Layout::Verge, Layout::Sample] {
            let item = trip.item(layout, "orders", "v2", "node-1");
            assert_eq!(item.key(layout), Some("#trip#v2"));
            assert_eq!(item.text("node"), Some("node-1"));
            assert_eq!(Trip::read(&item), Some(trip.clone()));
            let mut trips = Trips::default();
            trips.add("orders", "#trip#v2", &item);
            trips.add("bills", "#trip#", &Item::new());
            assert_eq!(trips.get("orders", "v2"), Some(&trip));
            assert_eq!(trips.tripped().collect::<Vec<_>>(), [trip.of]);
            assert_eq!(trips.get("bills", ""), None);
        }
    }
}
