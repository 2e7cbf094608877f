//! Pins: one at a time for nodes, and those of an API for people.

use super::{DynamoStore, LoadError, PAGE, convert, failure::bounded};
use crate::item::{Item, Layout, PIN};
use aws_sdk_dynamodb::types::AttributeValue;

impl DynamoStore {
    /// An API's pins, ordered by key. In the sample layout, which has one API, all that there are.
    pub(super) async fn query_pins(&self, api: &str) -> Result<Vec<Item>, LoadError> {
        match self.layout().await? {
            Layout::Verge => self.query_begun(api).await,
            Layout::Sample => {
                let mut reading = crate::Reading::default();
                self.scan(true, &[], &mut reading).await?;
                let key = |item: &Item| item.key(Layout::Sample).unwrap_or_default().to_owned();
                let mut pins: Vec<_> = reading.items.into_iter().filter(|item| key(item).starts_with(PIN)).collect();
                pins.sort_by_cached_key(key);
                Ok(pins)
            }
        }
    }

    async fn query_begun(&self, api: &str) -> Result<Vec<Item>, LoadError> {
        let site = self.site("Query");
        let client = self.client().await?;
        let (mut pins, mut from) = (Vec::new(), None);
        loop {
            let page = client
                .query()
                .table_name(&self.settings.table)
                .consistent_read(true)
                .limit(PAGE)
                .key_condition_expression("#api = :api AND begins_with(#version, :pin)")
                .expression_attribute_names("#api", "api")
                .expression_attribute_names("#version", Layout::Verge.key())
                .expression_attribute_values(":api", AttributeValue::S(api.to_owned()))
                .expression_attribute_values(":pin", AttributeValue::S(PIN.to_owned()))
                .set_exclusive_start_key(from);
            let page = bounded(&site, page.send()).await?;
            pins.extend(page.items.unwrap_or_default().into_iter().map(convert::item));
            match page.last_evaluated_key {
                Some(key) if !key.is_empty() => from = Some(key),
                _ => return Ok(pins),
            }
        }
    }
}

#[cfg(test)]
#[cfg(feature = "embedded")]
mod tests {
    use crate::{Embedded, Expect, Item, Keep, Source, Store};
    use serde_json::json;

    #[tokio::test]
    async fn pins_are_found_by_api_and_are_in_no_other_reading() {
        let store = Embedded::start(Keep::Memory, "api-versions").await.unwrap();
        for (api, key) in [
            ("orders", "v1"),
            ("orders", "#pin#bob"),
            ("orders", "#pin#ann"),
            ("orders", "#api"),
            ("bills", "#pin#cid"),
        ] {
            let item = json!({"api": api, "version": key, "domain": "a.example.com", "pinned_to": "v1"});
            store.put(Item::from_json(&item).unwrap(), Expect::Absent, "ann").await.unwrap();
        }
        let keys = |items: Vec<Item>| -> Vec<String> {
            items.iter().map(|item| item.text("version").unwrap().to_owned()).collect()
        };
        assert_eq!(keys(store.pins("orders").await.unwrap()), ["#pin#ann", "#pin#bob"]);
        assert_eq!(store.pins("nobody").await.unwrap(), []);
        let read = keys(store.read().await.unwrap().items);
        assert!(read.contains(&"v1".to_owned()) && !read.iter().any(|key| key.starts_with("#pin")), "{read:?}");
        assert!(!keys(store.list().await.unwrap()).iter().any(|key| key.starts_with("#pin")));
        assert_eq!(store.get("orders", "#pin#ann").await.unwrap().unwrap().text("pinned_to"), Some("v1"));
    }
}
