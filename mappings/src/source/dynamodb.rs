//! A DynamoDB table, at AWS or at any other place that speaks its protocol.
//!
//! One client is made at the first use and kept. Every wait is bounded. A scan goes on until the store names no further
//! key, and gives nothing if one of its pages fails.

mod connect;
mod convert;
mod failure;
mod generation;
#[cfg(feature = "cache")]
mod partitions;
mod pins;
mod write;

pub use connect::aws_credentials;

use super::{LoadError, Sink, Source};
use crate::item::{Layout, PIN};
use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, KeySchemaElement, KeyType, TableDescription},
};
use failure::{Site, bounded};
use generation::Watch;
use std::{
    net::SocketAddr,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::sync::OnceCell;

/// How long a whole scan may take. Its pages are bounded much tighter.
const SCAN: Duration = Duration::from_secs(600);
/// How many items a page holds at most: a page is decoded whole, and a megabyte of rows takes ten times that.
const PAGE: i32 = 1000;
/// How often a table is scanned at most, where writes keep coming in between.
const TRIES: usize = 4;

/// What a node that only routes must be permitted.
pub const READ_ACTIONS: [&str; 4] = ["dynamodb:DescribeTable", "dynamodb:Scan", "dynamodb:Query", "dynamodb:GetItem"];
/// What people and pipelines that write rows must be permitted besides; each write is a transaction, which needs the
/// permissions of its parts, and `UpdateItem` for `#generation`.
pub const TRANSACTION_ACTIONS: [&str; 3] = ["dynamodb:PutItem", "dynamodb:DeleteItem", "dynamodb:ConditionCheckItem"];

/// Where a table is; what is `None` comes from the standard AWS variables and files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DynamoSettings {
    /// The table's name.
    pub table: String,
    /// `http://` or `https://` URL of another place that speaks DynamoDB's protocol.
    pub endpoint: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The profile in the AWS files.
    pub profile: Option<String>,
}

/// A DynamoDB table, read and written.
#[derive(Debug)]
pub struct DynamoStore {
    settings: DynamoSettings,
    client: OnceCell<Client>,
    /// Known once the client is made.
    region: OnceLock<String>,
    /// Known once the table was described.
    layout: Mutex<Option<Layout>>,
    /// What polls are compared with.
    watch: Watch,
    /// Where this is the embedded table: what people call it.
    embedded: Option<String>,
}

impl DynamoStore {
    /// A table that is connected to at its first use.
    #[must_use]
    pub fn new(settings: DynamoSettings) -> Self {
        Self {
            settings,
            client: OnceCell::new(),
            region: OnceLock::new(),
            layout: Mutex::new(None),
            watch: Watch::default(),
            embedded: None,
        }
    }

    /// A table served on loopback by this very process. Nothing in the environment has a say in the connection.
    #[cfg_attr(not(feature = "embedded"), expect(dead_code, reason = "the embedded source is its one user"))]
    pub(crate) fn loopback(table: &str, address: SocketAddr, place: String) -> Self {
        let settings = DynamoSettings { table: table.to_owned(), ..DynamoSettings::default() };
        let client = OnceCell::from(connect::loopback(address));
        Self { client, embedded: Some(place), ..Self::new(settings) }
    }

    /// The layout, as the key schema tells; asked once.
    ///
    /// # Errors
    /// The table cannot be described, or its keys are those of no known layout.
    pub async fn layout(&self) -> Result<Layout, LoadError> {
        if let Some(layout) = *self.known_layout() {
            return Ok(layout);
        }
        let table = self.describe().await?;
        let layout =
            layout_of(table.key_schema()).map_err(|found| LoadError::Layout { place: self.place_name(), found })?;
        *self.known_layout() = Some(layout);
        Ok(layout)
    }

    async fn describe(&self) -> Result<TableDescription, LoadError> {
        let site = self.site("DescribeTable");
        let answer = bounded(&site, self.client().await?.describe_table().table_name(&self.settings.table).send());
        answer.await?.table.ok_or_else(|| site.failed("no description", "the answer holds no table"))
    }

    /// Reads every page of the items with these sort keys (none: of all items); gives the generation found.
    async fn scan(&self, consistent: bool, keys: &[&str], sink: &mut dyn Sink) -> Result<Option<u64>, LoadError> {
        let site = self.site("Scan");
        let client = self.client().await?;
        let mut generation = None;
        let mut from = None;
        loop {
            let mut page = client
                .scan()
                .table_name(&self.settings.table)
                .consistent_read(consistent)
                .limit(PAGE)
                .set_exclusive_start_key(from);
            if !keys.is_empty() {
                let names: Vec<String> = (0..keys.len()).map(|place| format!(":k{place}")).collect();
                page = page
                    .filter_expression(format!("#version IN ({})", names.join(", ")))
                    .expression_attribute_names("#version", Layout::Verge.key());
                for (name, key) in names.into_iter().zip(keys) {
                    page = page.expression_attribute_values(name, AttributeValue::S((*key).to_owned()));
                }
            }
            // Pins are read one by one: here they would only be carried about.
            if keys.is_empty() && *self.known_layout() == Some(Layout::Verge) {
                page = page
                    .filter_expression("NOT begins_with(#version, :pin)")
                    .expression_attribute_names("#version", Layout::Verge.key())
                    .expression_attribute_values(":pin", AttributeValue::S(PIN.to_owned()));
            }
            let page = bounded(&site, page.send()).await?;
            for item in page.items.unwrap_or_default().into_iter().map(convert::item) {
                generation = generation.max(item.generation());
                sink.item(item);
            }
            // A page may be empty and still not be the last one.
            match page.last_evaluated_key {
                Some(key) if !key.is_empty() => from = Some(key),
                _ => return Ok(generation),
            }
        }
    }

    /// A whole scan that no write of Verge's came into: half of one would be a table that nobody wrote. The generation is
    /// what polls are compared with.
    async fn read_watched(&self, sink: &mut dyn Sink, keys: &[&str]) -> Result<(), LoadError> {
        let mut tries = 1;
        loop {
            // Where it must not be read, polls say so; the scan decides.
            let before = match self.read_generation(true).await {
                Ok(generation) => Some(generation),
                Err(LoadError::AccessDenied { .. }) => None,
                Err(error) => return Err(error),
            };
            let consistent = self.watch.wants_consistency(before.flatten());
            let scanned = tokio::time::timeout(SCAN, self.scan(consistent, keys, sink)).await;
            let generation = scanned
                .unwrap_or_else(|_| {
                    Err(LoadError::Timeout { place: self.place_name(), operation: "Scan", after: SCAN })
                })
                .inspect_err(|error| {
                    // A table that was deleted may come back with other keys.
                    if matches!(error, LoadError::NoTable { .. }) {
                        *self.known_layout() = None;
                    }
                })?;
            let Some(before) = before else {
                self.watch.has_read(generation);
                return Ok(());
            };
            let moved = self.read_generation(true).await.is_ok_and(|after| after != before);
            if !moved || tries == TRIES {
                // One that moved on is news to the next poll.
                self.watch.has_read(before);
                return Ok(());
            }
            tries += 1;
            sink.again();
        }
    }

    async fn client(&self) -> Result<&Client, LoadError> {
        self.client
            .get_or_try_init(async || {
                let (client, region) = connect::connect(&self.settings, &self.place_name()).await?;
                let _ = self.region.set(region);
                Ok(client)
            })
            .await
    }

    fn known_layout(&self) -> std::sync::MutexGuard<'_, Option<Layout>> {
        self.layout.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What people call the place.
    pub(crate) fn place_name(&self) -> String {
        let table = &self.settings.table;
        if let Some(place) = &self.embedded {
            return place.clone();
        }
        if let Some(endpoint) = &self.settings.endpoint {
            return format!("DynamoDB table {table} at {endpoint}");
        }
        match self.region.get().or(self.settings.region.as_ref()) {
            Some(region) => format!("DynamoDB table {table} in {region}"),
            None => format!("DynamoDB table {table}"),
        }
    }

    fn site(&self, operation: &'static str) -> Site {
        Site { place: self.place_name(), operation }
    }
}

#[async_trait]
impl Source for DynamoStore {
    async fn read_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        sink.layout(self.layout().await?);
        self.read_watched(sink, &[]).await
    }

    fn place(&self) -> String {
        self.place_name()
    }

    async fn has_changed(&self) -> Result<bool, LoadError> {
        self.generation_has_moved().await
    }
}

/// The layout a key schema belongs to, or the schema in words.
fn layout_of(schema: &[KeySchemaElement]) -> Result<Layout, String> {
    let key =
        |kind: &KeyType| schema.iter().find(|element| element.key_type() == kind).map(KeySchemaElement::attribute_name);
    match (key(&KeyType::Hash), key(&KeyType::Range)) {
        (Some("hk"), None) => Ok(Layout::Sample),
        (Some("api"), Some("version")) => Ok(Layout::Verge),
        (Some(partition), Some(sort)) => Err(format!("`{partition}` with sort key `{sort}`")),
        (Some(partition), None) => Err(format!("`{partition}`")),
        (None, _) => Err("of no partition key".to_owned()),
    }
}

#[cfg(test)]
#[cfg(feature = "embedded")]
mod tests;
