//! `#trip#…` items: arms that breakers took out, told from node to node.

use super::{Item, Layout, Members, Value};
use crate::{TRIP, sorted::put};
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
    /// Which node found out.
    pub node: String,
}

impl Trip {
    /// The key of a row's trips: one item, so that one conditional put decides between nodes.
    #[must_use]
    pub fn key(row: &str) -> String {
        format!("{TRIP}#{row}")
    }

    /// The item that says this of a row; what it says of its other arms stands in `others`.
    #[must_use]
    pub fn item(&self, layout: Layout, api: &str, row: &str, others: &[Self]) -> Item {
        let mut item = Item::from(self.members()).with(layout.key(), &Self::key(row));
        if layout == Layout::Verge {
            item = item.with("api", api);
        }
        if !others.is_empty() {
            item.insert("others", Value::L(others.iter().map(|other| Value::M(other.members())).collect()));
        }
        item
    }

    fn members(&self) -> Members {
        let (of, at) = (format!("{:016x}", self.of), rfc3339(self.at));
        [
            ("arm", &self.arm),
            ("of", &of),
            ("reason", &self.reason),
            ("detail", &self.detail),
            ("at", &at),
            ("node", &self.node),
        ]
        .into_iter()
        .map(|(name, text)| (name.to_owned(), Value::S(text.clone())))
        .collect()
    }

    /// Reads an item: of each arm that is out what took it out. What does not say which arm it is about is left out.
    #[must_use]
    pub fn read(item: &Item) -> Vec<Self> {
        Self::parts(item).iter().filter_map(Self::part).collect()
    }

    /// The item's parts, one for each arm.
    #[must_use]
    pub fn parts(item: &Item) -> Vec<Item> {
        let others = match item.get("others") {
            Some(Value::L(others)) => &**others,
            _ => &[],
        };
        let others = others.iter().filter_map(|other| match other {
            Value::M(members) => Some(Item::from(members.clone())),
            _ => None,
        });
        [item.clone()].into_iter().chain(others).collect()
    }

    fn part(item: &Item) -> Option<Self> {
        let text = |name| item.text(name).unwrap_or_default().to_owned();
        Some(Self {
            of: u64::from_str_radix(item.text("of")?, 16).ok()?,
            arm: text("arm"),
            reason: text("reason"),
            detail: text("detail"),
            at: item.text("at").and_then(parse_rfc3339).unwrap_or_default(),
            node: text("node"),
        })
    }
}

/// All trips of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trips(Vec<((String, String), Vec<Trip>)>);

impl Trips {
    /// Takes an item under its key; what is no trip is left out.
    pub(crate) fn add(&mut self, api: &str, key: &str, item: &Item) {
        let row = key.strip_prefix(TRIP).and_then(|rest| rest.strip_prefix('#'));
        if let (Some(row), trips @ [_, ..]) = (row, &*Trip::read(item)) {
            let told = ((api.to_owned(), row.to_owned()), trips.to_vec());
            put(&mut self.0, told);
        }
    }

    /// The trips of a row, whichever arms they are of.
    pub fn of(&self, api: &str, row: &str) -> impl Iterator<Item = &Trip> {
        // Trips are few, and nobody asks on the way of a request.
        self.0.iter().filter(move |((of, key), _)| of == api && key == row).flat_map(|(_, trips)| trips)
    }

    /// The fingerprints of all arms that are out.
    pub fn tripped(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|(_, trips)| trips).map(|trip| trip.of)
    }
}

impl Health for Trips {
    fn is_tripped(&self, row: &SplitRow, arm: &HeldArm) -> bool {
        self.of(row.api().name(), row.key()).any(|trip| trip.of == arm.fingerprint())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trip(arm: &str, of: u64) -> Trip {
        Trip {
            arm: arm.to_owned(),
            of,
            reason: "errors".to_owned(),
            detail: "9 of 50 failed".to_owned(),
            at: 1_800_000_000,
            node: "node-1".to_owned(),
        }
    }

    #[test]
    fn trips_are_read_as_they_were_written() {
        let (one, other) = (trip("canary", 0x0a6f_f591_d207_3f44), trip("blue", 7));
        for layout in [Layout::Verge, Layout::Sample] {
            for others in [&[][..], std::slice::from_ref(&other)] {
                let item = one.item(layout, "orders", "v2", others);
                assert_eq!(item.key(layout), Some("#trip#v2"));
                assert_eq!(item.text("node"), Some("node-1"));
                let all = [std::slice::from_ref(&one), others].concat();
                assert_eq!(Trip::read(&item), all);
                let mut trips = Trips::default();
                trips.add("orders", "#trip#v2", &item);
                trips.add("bills", "#trip#", &Item::new());
                assert_eq!(trips.of("orders", "v2").cloned().collect::<Vec<_>>(), all);
                assert_eq!(trips.tripped().count(), all.len());
                assert_eq!(trips.of("bills", "").count(), 0);
            }
        }
    }
}
