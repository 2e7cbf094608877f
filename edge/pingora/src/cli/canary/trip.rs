//! A trip: what a node writes when its breaker takes an arm out, and what the next step of the canary clears.

use crate::cli::{
    Exit, Failure,
    table::{
        plan::{RowId, revision},
        show::quoted,
        store_failure,
        tables::Tables,
    },
};
use serde_json::{Value as Json, json};
use verge_mappings::{Expect, Item, StoreError};
use verge_router::split::{HeldArm, SplitRow};

/// The item of a row's trip.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Trip {
    id: RowId,
    item: Item,
}

impl Trip {
    /// That of a row, as the tables were read.
    pub(super) fn read(tables: &Tables, row: &RowId) -> Option<Self> {
        let id = RowId::new(&row.api, &verge_mappings::Trip::key(&row.key));
        let item = tables.rows().remove(&id)?;
        Some(Self { id, item })
    }

    #[cfg(test)]
    pub(super) fn of(item: Item) -> Self {
        Self { id: RowId::new("orders", "#trip#v2"), item }
    }

    /// Whether any of these arms is out. A trip of an arm that led elsewhere is over.
    pub(super) fn is_of(&self, served: Option<&SplitRow>) -> bool {
        let trips = verge_mappings::Trip::read(&self.item);
        let same = |held: &HeldArm| trips.iter().any(|trip| trip.of == held.fingerprint());
        served.is_none_or(|row| row.arms().iter().any(same))
    }

    /// Whether an arm of this name was taken out.
    pub(super) fn names(&self, arm: &str) -> bool {
        self.parts().iter().any(|part| part.text("arm") == Some(arm))
    }

    fn parts(&self) -> Vec<Item> {
        verge_mappings::Trip::parts(&self.item)
    }

    /// Of each arm that is out: when, by whom and why.
    pub(super) fn words(&self) -> String {
        let words = |item: &Item| {
            let part = |before: &str, name: &str| {
                item.text(name).map(|text| format!("{before}{}", quoted(text))).unwrap_or_default()
            };
            format!(
                "the breaker took arm {}out{}{}{}{}",
                part("`", "arm") + "` ",
                part(" at ", "at"),
                part(" on ", "node"),
                part(": ", "reason"),
                part(", ", "detail")
            )
        };
        self.parts().iter().map(words).collect::<Vec<_>>().join("; ")
    }

    /// For a script: the last one, and the others of the row.
    pub(super) fn json(&self) -> Json {
        let one = |item: &Item| {
            let member = |name: &str| item.text(name).map(str::to_owned);
            json!({"arm": member("arm"), "of": member("of"), "reason": member("reason"), "detail": member("detail"),
                "at": member("at"), "node": member("node")})
        };
        let mut parts = self.parts().iter().map(one).collect::<Vec<_>>().into_iter();
        let mut json = parts.next().unwrap_or_default();
        let others: Vec<Json> = parts.collect();
        if let (false, Some(members)) = (others.is_empty(), json.as_object_mut()) {
            members.insert("others".to_owned(), others.into());
        }
        json
    }

    /// Deletes it, if it is still the one that was seen; says whether it is gone.
    pub(super) fn clear(&self, tables: &Tables) -> Result<bool, Failure> {
        let store = tables.home(&self.id.api)?.store()?;
        let expect = Expect::Revision(revision(&self.item));
        match tables.wait(store.delete(&self.id.api, &self.id.key, expect)) {
            Ok(_) => {
                eprintln!("{}; that is cleared", self.words());
                Ok(true)
            }
            Err(StoreError::Absent { .. }) => Ok(true),
            Err(StoreError::Conflict { .. }) => {
                eprintln!("the breaker has tripped anew in the meantime; see `verge canary status`");
                Ok(false)
            }
            Err(error) => {
                let Failure { exit, message } = store_failure(error);
                let remedy = "the row is as you asked, but the trip is not cleared; run the same once more";
                Err(Failure::new(
                    if exit == Exit::Unavailable { exit } else { Exit::Failed },
                    format!("{message}; {remedy}"),
                ))
            }
        }
    }
}
