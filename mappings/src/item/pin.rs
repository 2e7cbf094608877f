//! `#pin#…` items: the version that a consumer gets who asks for none.

use super::{Fields, InvalidRow, Item, Value};
use verge_router::{Pin, UnixTime, api::parse_version, lifecycle::rfc3339, pin::Upgrade};

/// How keys of items begin that are pins; what follows is the consumer.
pub const PIN: &str = "#pin#";

/// A consumer's pin, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPin {
    /// What decisions need of it.
    pub pin: Pin,
    /// Until when an upgrade may be taken back.
    pub rollback_until: Option<UnixTime>,
}

impl StoredPin {
    /// The attributes that say it.
    pub const ATTRIBUTES: [&str; 5] = ["pinned_to", "upgrade_to", "upgrade_at", "rollback_until", "expires"];

    /// Reads an item.
    ///
    /// # Errors
    /// The first thing wrong, in words.
    pub fn read(item: &Item) -> Result<Self, InvalidRow> {
        let fields = Fields::of(item.attributes());
        let version = |name| fields.text(name)?.map(|text| parse_version(text).map_err(InvalidRow::from)).transpose();
        let pinned = version("pinned_to")?;
        let pinned = pinned.ok_or_else(|| InvalidRow::content("pinned_to", &"must name a version"))?;
        let upgrade = match (version("upgrade_to")?, fields.time("upgrade_at")?) {
            (None, None) => None,
            (Some(version), Some(at)) => Some(Upgrade { version, at }),
            _ => return Err(InvalidRow::content("upgrade_at", &"stands with `upgrade_to`, and that with it")),
        };
        let pin = Pin { version: pinned, upgrade, expires: fields.time("expires")? };
        Ok(Self { pin, rollback_until: fields.time("rollback_until")? })
    }

    /// Writes it into an item, in place of what stood there.
    #[must_use]
    pub fn write(&self, mut item: Item) -> Item {
        Self::ATTRIBUTES.into_iter().for_each(|name| drop(item.remove(name)));
        let Self { pin: Pin { version, upgrade, expires }, rollback_until } = self;
        let upgraded = upgrade
            .iter()
            .flat_map(|Upgrade { version, at }| [("upgrade_to", version.to_string()), ("upgrade_at", rfc3339(*at))]);
        let times = [("rollback_until", *rollback_until), ("expires", *expires)];
        let times = times.into_iter().filter_map(|(name, time)| Some((name, rfc3339(time?))));
        let all = [("pinned_to", version.to_string())].into_iter().chain(upgraded).chain(times);
        all.for_each(|(name, text)| item.insert(name, Value::S(text)));
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_pin_reads_as_it_was_written() {
        let upgrade = Some(Upgrade { version: "v2".into(), at: 1_800_000_000 });
        let pin = Pin { version: "v1".into(), upgrade, expires: Some(1_900_000_000) };
        let stored = StoredPin { pin, rollback_until: Some(1_800_259_200) };
        let item = stored.write(Item::new().with("api", "orders").with("version", "#pin#ann").with("note", "kept"));
        assert_eq!(item.text("upgrade_at"), Some("2027-01-15T08:00:00Z"));
        assert_eq!(item.text("note"), Some("kept"));
        assert_eq!(StoredPin::read(&item), Ok(stored));
        let plain = StoredPin { pin: Pin { version: "v3".into(), upgrade: None, expires: None }, rollback_until: None };
        assert_eq!(StoredPin::read(&plain.write(item)), Ok(plain), "what stood there is gone");
    }

    #[test]
    fn what_is_no_pin_is_said() {
        for (json, expected) in [
            (json!({}), "`pinned_to` must name a version"),
            (json!({"pinned_to": 1}), "`pinned_to` must be a string (S), found N"),
            (json!({"pinned_to": "a b"}), "`a b` is no version"),
            (json!({"pinned_to": "v1", "upgrade_to": "v2"}), "`upgrade_at` stands with `upgrade_to`, and that with it"),
        ] {
            assert_eq!(StoredPin::read(&Item::from_json(&json).unwrap()).unwrap_err().to_string(), expected);
        }
    }
}
