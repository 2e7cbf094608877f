//! The same table in parts: the items that describe APIs, and the rows of one API.
//!
//! DynamoDB finds one API's rows by its partition, at the cost of those rows. Of Verge's own items those come along that
//! tell of trips: their keys are the last that begin with `#`, and no version begins with less. What describes APIs is spread over all
//! partitions: it is found by a scan that leaves the rows at the store, and costs what a scan costs.

use super::{DynamoStore, LoadError, PAGE, SCAN, Sink, TRIES, convert, failure::bounded};
use crate::{API_ITEM, GENERATION, TRIP, control::CONTROL, item::Layout, source::partitioned::Partitioned};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

impl DynamoStore {
    async fn check_parted(&self) -> Result<(), LoadError> {
        match self.layout().await? {
            Layout::Verge => Ok(()),
            Layout::Sample => Err(LoadError::Layout {
                place: self.place_name(),
                found: "`hk`, which has no APIs to load on demand (`load = \"whole\"`)".to_owned(),
            }),
        }
    }

    /// Reads every page of one API. Where there is more than one, no write of Verge's came in between: half of one would be
    /// an API that nobody wrote.
    async fn query_watched(&self, api: &str, sink: &mut dyn Sink) -> Result<(), LoadError> {
        let mut before = None;
        for _ in 0..TRIES {
            match (self.query(api, before.is_some(), sink).await?, before) {
                (Queried::Whole, None) => return Ok(()),
                // From the beginning again, now that it is known where it begins.
                (Queried::FirstPage, _) => {}
                (Queried::Whole, Some(before)) if self.generation_to_watch().await? == before => return Ok(()),
                (Queried::Whole, Some(_)) => {}
            }
            before = Some(self.generation_to_watch().await?);
            sink.again();
        }
        // What came into the last one is news to the next poll.
        self.query(api, true, sink).await.map(|_| ())
    }

    /// The generation as it is now; none where it must not be read, and then nothing is watched.
    async fn generation_to_watch(&self) -> Result<Option<u64>, LoadError> {
        match self.read_generation(true).await {
            Err(LoadError::AccessDenied { .. }) => Ok(None),
            read => read,
        }
    }

    /// Reads every page of one API, or where all are not wanted yet and there are more, the first one.
    async fn query(&self, api: &str, all: bool, sink: &mut dyn Sink) -> Result<Queried, LoadError> {
        let site = self.site("Query");
        let client = self.client().await?;
        let mut from = None;
        loop {
            let page = client
                .query()
                .table_name(&self.settings.table)
                .consistent_read(true)
                .limit(PAGE)
                .key_condition_expression("#api = :api AND #version >= :first")
                .expression_attribute_names("#api", "api")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":api", AttributeValue::S(api.to_owned()))
                .expression_attribute_values(":first", AttributeValue::S(TRIP.to_owned()))
                .set_exclusive_start_key(from);
            let page = bounded(&site, page.send()).await?;
            page.items.unwrap_or_default().into_iter().map(convert::item).for_each(|item| sink.item(item));
            match page.last_evaluated_key {
                Some(key) if !key.is_empty() && !all => return Ok(Queried::FirstPage),
                Some(key) if !key.is_empty() => from = Some(key),
                _ => return Ok(Queried::Whole),
            }
        }
    }
}

/// What a query gave.
enum Queried {
    Whole,
    FirstPage,
}

#[async_trait]
impl Partitioned for DynamoStore {
    async fn read_index_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.check_parted().await?;
        sink.layout(Layout::Verge);
        self.read_watched(sink, &[API_ITEM, GENERATION, CONTROL]).await
    }

    async fn read_api_into(&self, api: &str, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.check_parted().await?;
        sink.layout(Layout::Verge);
        let queried = tokio::time::timeout(SCAN, self.query_watched(api, sink)).await;
        queried
            .unwrap_or_else(|_| Err(LoadError::Timeout { place: self.place_name(), operation: "Query", after: SCAN }))
    }
}

#[cfg(test)]
#[cfg(feature = "embedded")]
mod tests {
    use crate::{Embedded, Expect, Item, Keep, Partitioned, Reading, Source, Store};
    use serde_json::json;

    #[tokio::test]
    async fn an_apis_trips_come_with_its_rows_and_what_else_is_verges_own_does_not() {
        let store = Embedded::start(Keep::Memory, "api-versions").await.unwrap();
        for (api, key) in [
            ("orders", "#api"),
            ("orders", "#pin#ann"),
            ("orders", "#trip#v1"),
            ("orders", "0.1"),
            ("orders", "v1"),
            ("bills", "#trip#v1"),
        ] {
            let item = json!({"api": api, "version": key, "domain": "a.example.com", "hosts": ["*"]});
            store.put(Item::from_json(&item).unwrap(), Expect::Anything, "ann").await.unwrap();
        }
        store.read().await.unwrap();
        let mut reading = Reading::default();
        store.read_api_into("orders", &mut reading).await.unwrap();
        let keys: Vec<_> = reading.items.iter().map(|item| item.text("version").unwrap()).collect();
        assert_eq!((keys, reading.rows()), (vec!["#trip#v1", "0.1", "v1"], 2));
    }
}
