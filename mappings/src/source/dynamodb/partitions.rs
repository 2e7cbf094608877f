//! The same table in parts: the items that describe APIs, and the rows of one API.
//!
//! DynamoDB finds one API's rows by its partition, at the cost of those rows. What describes APIs is spread over all
//! partitions: it is found by a scan that leaves the rows at the store, and costs what a scan costs.

use super::{DynamoStore, LoadError, SCAN, Sink, convert, failure::bounded};
use crate::{API_ITEM, GENERATION, control::CONTROL, item::Layout, source::partitioned::Partitioned};
use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;

/// The first sort key that is not Verge's own: theirs begin with `#`, and no version begins with less.
const FIRST_ROW: &str = "$";

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

    /// Reads every page of one API.
    async fn query(&self, api: &str, sink: &mut dyn Sink) -> Result<(), LoadError> {
        let site = self.site("Query");
        let client = self.client().await?;
        let mut from = None;
        loop {
            let page = client
                .query()
                .table_name(&self.settings.table)
                .consistent_read(true)
                .key_condition_expression("#api = :api AND #version >= :first")
                .expression_attribute_names("#api", "api")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":api", AttributeValue::S(api.to_owned()))
                .expression_attribute_values(":first", AttributeValue::S(FIRST_ROW.to_owned()))
                .set_exclusive_start_key(from);
            let page = bounded(&site, page.send()).await?;
            page.items.unwrap_or_default().into_iter().map(convert::item).for_each(|item| sink.item(item));
            match page.last_evaluated_key {
                Some(key) if !key.is_empty() => from = Some(key),
                _ => return Ok(()),
            }
        }
    }
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
        let queried = tokio::time::timeout(SCAN, self.query(api, sink)).await;
        queried
            .unwrap_or_else(|_| Err(LoadError::Timeout { place: self.place_name(), operation: "Query", after: SCAN }))
    }
}
