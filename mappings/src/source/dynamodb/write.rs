//! The table's writing side: one item and the generation in one transaction, on condition that nobody wrote in between.

use super::{
    DynamoStore, convert,
    failure::{Site, bounded, limited},
};
use crate::{
    GENERATION, OWN_PARTITION,
    item::{Item, Layout, Value},
    source::{LoadError, Reading},
    store::{Created, Expect, Store, StoreError},
};
use async_trait::async_trait;
use aws_sdk_dynamodb::{
    error::SdkError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeDefinition, AttributeValue, BillingMode, Delete, KeySchemaElement, KeyType,
        PointInTimeRecoverySpecification, Put, ScalarAttributeType, TableStatus, TransactWriteItem, Update,
        builders::DeleteBuilder, builders::PutBuilder,
    },
};
use std::{
    collections::HashMap,
    time::{Duration, SystemTime},
};

/// How often a write is tried again when others write at the same moment.
const TRIES: u32 = 8;
/// How long a new table may take to become usable.
const CREATION: Duration = Duration::from_secs(60);
/// Attributes that a write makes itself.
const BOOKKEEPING: [&str; 4] = ["revision", "updated_at", "updated_by", "previous"];

/// An item's key under the table's layout.
pub(super) struct Key {
    layout: Layout,
    api: String,
    key: String,
}

impl Key {
    /// The generation item's.
    pub(super) fn generation(layout: Layout) -> Self {
        Self { layout, api: OWN_PARTITION.to_owned(), key: GENERATION.to_owned() }
    }

    pub(super) fn attributes(&self) -> HashMap<String, AttributeValue> {
        let mut attributes = HashMap::from([(self.layout.key().to_owned(), AttributeValue::S(self.key.clone()))]);
        if self.layout == Layout::Verge {
            attributes.insert("api".to_owned(), AttributeValue::S(self.api.clone()));
        }
        attributes
    }
}

/// What came of a transaction.
enum Written {
    Done,
    /// The item is another than it was.
    Changed,
    /// Another transaction was under way.
    Busy,
}

impl DynamoStore {
    async fn key(&self, api: &str, key: &str) -> Result<Key, StoreError> {
        let key = Key { layout: self.layout().await?, api: api.to_owned(), key: key.to_owned() };
        if key.key == GENERATION || key.key.is_empty() || (key.api.is_empty() && key.layout == Layout::Verge) {
            return Err(unfit(&key.key, "it is not an item that people write"));
        }
        Ok(key)
    }

    async fn read_one(&self, key: &Key) -> Result<Option<Item>, StoreError> {
        let call = self.client().await?.get_item().table_name(&self.settings.table).consistent_read(true);
        let answer = bounded(&self.site("GetItem"), call.set_key(Some(key.attributes())).send()).await?;
        Ok(answer.item.map(convert::item))
    }

    /// Writes one item and bumps the generation.
    async fn transact(&self, layout: Layout, write: TransactWriteItem) -> Result<Written, StoreError> {
        let site = self.site("TransactWriteItems");
        let generation = Key::generation(layout);
        let bump = Update::builder()
            .table_name(&self.settings.table)
            .set_key(Some(generation.attributes()))
            .update_expression("ADD #generation :one")
            .expression_attribute_names("#generation", "generation")
            .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
            .build()
            .map_err(|error| site.failed("request", error.to_string()))?;
        let call = self
            .client()
            .await?
            .transact_write_items()
            .transact_items(write)
            .transact_items(TransactWriteItem::builder().update(bump).build());
        match limited(&site, call.send()).await? {
            Ok(_) => Ok(Written::Done),
            Err(error) => self.cancelled(&site, &error),
        }
    }

    fn cancelled<R: std::fmt::Debug>(
        &self,
        site: &Site,
        error: &SdkError<TransactWriteItemsError, R>,
    ) -> Result<Written, StoreError> {
        let sorted = || Err(StoreError::Load(site.sort(error)));
        let SdkError::ServiceError(answer) = error else { return sorted() };
        match answer.err() {
            TransactWriteItemsError::TransactionCanceledException(cancelled) => {
                let reasons = cancelled.cancellation_reasons();
                let any = |code: &str| reasons.iter().any(|reason| reason.code() == Some(code));
                if any("ConditionalCheckFailed") {
                    Ok(Written::Changed)
                } else if any("TransactionConflict") {
                    Ok(Written::Busy)
                } else if any("ThrottlingError") || any("ProvisionedThroughputExceeded") {
                    Err(LoadError::Throttled { place: site.place.clone(), operation: site.operation }.into())
                } else {
                    let said = reasons.iter().find_map(|reason| reason.message()).or_else(|| cancelled.message());
                    Err(site.failed("TransactionCanceledException", said.unwrap_or_default()).into())
                }
            }
            TransactWriteItemsError::TransactionInProgressException(_) => Ok(Written::Busy),
            _ => sorted(),
        }
    }

    /// Switches point-in-time recovery on. A table without it is a table all the same, and not every store has it.
    async fn make_recoverable(&self) -> Created {
        let site = self.site("UpdateContinuousBackups");
        let switch = async {
            let on = PointInTimeRecoverySpecification::builder().point_in_time_recovery_enabled(true).build();
            let on = on.map_err(|error| site.failed("request", error.to_string()))?;
            let call = self.client().await?.update_continuous_backups().table_name(&self.settings.table);
            bounded(&site, call.point_in_time_recovery_specification(on).send()).await
        };
        match switch.await {
            Ok(_) => Created::New,
            Err(error) => Created::Unrecoverable(error.to_string()),
        }
    }

    /// Reads, checks, writes; again where another writer was faster and that does not matter.
    async fn write(
        &self,
        key: &Key,
        expect: Expect,
        make: impl Fn(Option<&Item>) -> Result<(TransactWriteItem, Item), StoreError>,
    ) -> Result<Item, StoreError> {
        for attempt in 0..TRIES {
            let current = self.read_one(key).await?;
            check(key, expect, current.as_ref())?;
            let (write, result) = make(current.as_ref())?;
            match self.transact(key.layout, write).await? {
                Written::Done => return Ok(result),
                // The next turn reads what is there now, and judges it.
                Written::Changed => {}
                Written::Busy => {
                    let most = Duration::from_millis(20 << attempt);
                    tokio::time::sleep(most.mul_f64(fastrand::f64())).await;
                }
            }
        }
        Err(StoreError::Conflict {
            key: key.key.clone(),
            expected: "a quiet moment".to_owned(),
            found: "other writers each time".to_owned(),
        })
    }
}

#[async_trait]
impl Store for DynamoStore {
    async fn init(&self) -> Result<Created, StoreError> {
        match self.layout().await {
            Ok(_) => return Ok(Created::Already),
            Err(LoadError::NoTable { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let site = self.site("CreateTable");
        let mut call = self.client().await?.create_table().table_name(&self.settings.table);
        for (name, kind) in [("api", KeyType::Hash), ("version", KeyType::Range)] {
            let built = |error: aws_sdk_dynamodb::error::BuildError| site.failed("request", error.to_string());
            let key = KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(built)?;
            let attribute = AttributeDefinition::builder().attribute_name(name);
            let attribute = attribute.attribute_type(ScalarAttributeType::S).build().map_err(built)?;
            call = call.key_schema(key).attribute_definitions(attribute);
        }
        let created = match bounded(&site, call.billing_mode(BillingMode::PayPerRequest).send()).await {
            Ok(_) => Created::New,
            // Someone else creates it at this moment.
            Err(LoadError::Failed { code, .. }) if code == "ResourceInUseException" => Created::Already,
            Err(error) => return Err(error.into()),
        };
        let active = async {
            let mut pause = Duration::from_millis(20);
            loop {
                match self.describe().await {
                    Ok(table) if table.table_status() == Some(&TableStatus::Active) => return Ok(()),
                    Ok(_) | Err(LoadError::NoTable { .. }) => {}
                    Err(error) => return Err(error),
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(Duration::from_secs(1));
            }
        };
        let (place, operation) = (site.place, site.operation);
        tokio::time::timeout(CREATION, active).await.unwrap_or(Err(LoadError::Timeout {
            place,
            operation,
            after: CREATION,
        }))?;
        self.layout().await?;
        match created {
            Created::New if self.embedded.is_none() => Ok(self.make_recoverable().await),
            created => Ok(created),
        }
    }

    async fn layout(&self) -> Result<Layout, StoreError> {
        Ok(Self::layout(self).await?)
    }

    async fn list(&self) -> Result<Vec<Item>, StoreError> {
        let layout = self.layout().await?;
        let mut reading = Reading::default();
        self.scan(true, &[], &mut reading).await?;
        let mut items = reading.items;
        let order = |item: &Item| {
            (item.text("api").unwrap_or_default().to_owned(), item.key(layout).unwrap_or_default().to_owned())
        };
        items.sort_by_cached_key(order);
        Ok(items)
    }

    async fn get(&self, api: &str, key: &str) -> Result<Option<Item>, StoreError> {
        let key = Key { layout: self.layout().await?, api: api.to_owned(), key: key.to_owned() };
        self.read_one(&key).await
    }

    async fn pins(&self, api: &str) -> Result<Vec<Item>, StoreError> {
        Ok(self.query_pins(api).await?)
    }

    async fn put(&self, item: Item, expect: Expect, who: &str) -> Result<Item, StoreError> {
        let layout = self.layout().await?;
        let text = |name: &'static str| item.text(name).unwrap_or_default();
        let key = self.key(text("api"), text(layout.key())).await?;
        let make = |current: Option<&Item>| {
            let item = successor(&item, current, layout, who);
            let put = Put::builder().table_name(&self.settings.table).set_item(Some(convert::attributes(item.clone())));
            let put = unchanged(put, current, layout).build().map_err(|error| unfit(&key.key, &error.to_string()))?;
            Ok((TransactWriteItem::builder().put(put).build(), item))
        };
        self.write(&key, expect, make).await.map_err(|error| match error {
            StoreError::Load(LoadError::Failed { code, reason, .. }) if code.starts_with("Validation") => {
                unfit(&key.key, &reason)
            }
            other => other,
        })
    }

    async fn delete(&self, api: &str, key: &str, expect: Expect) -> Result<Item, StoreError> {
        let key = self.key(api, key).await?;
        let make = |current: Option<&Item>| {
            let Some(item) = current else { return Err(StoreError::Absent { key: key.key.clone() }) };
            let delete = Delete::builder().table_name(&self.settings.table).set_key(Some(key.attributes()));
            let delete = unchanged(delete, current, key.layout).build();
            let delete = delete.map_err(|error| unfit(&key.key, &error.to_string()))?;
            Ok((TransactWriteItem::builder().delete(delete).build(), item.clone()))
        };
        self.write(&key, expect, make).await
    }
}

fn unfit(key: &str, reason: &str) -> StoreError {
    StoreError::Unfit { key: key.to_owned(), reason: reason.to_owned() }
}

/// What is stored for `item` where `current` stands now.
fn successor(item: &Item, current: Option<&Item>, layout: Layout, who: &str) -> Item {
    let mut next = item.clone();
    for name in BOOKKEEPING {
        next.remove(name);
    }
    let revision = current.map_or(0, revision).saturating_add(1);
    next.insert("revision", Value::N(revision.to_string()));
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let now = verge_router::lifecycle::rfc3339(i64::try_from(now).unwrap_or(i64::MAX));
    next = next.with("updated_at", &now).with("updated_by", who);
    if let Some(current) = current {
        let mut previous = current.clone();
        for name in ["previous", "api", layout.key()] {
            previous.remove(name);
        }
        next.insert("previous", Value::M(previous.into_attributes()));
    }
    next
}

/// An item's revision; absent (or not a number) is 0.
fn revision(item: &Item) -> u64 {
    item.whole_number("revision").unwrap_or(0)
}

/// Whether the writer knows what is there.
fn check(key: &Key, expect: Expect, current: Option<&Item>) -> Result<(), StoreError> {
    let fits = match (expect, current) {
        (Expect::Anything, _) | (Expect::Absent, None) => true,
        (Expect::Revision(expected), Some(item)) => revision(item) == expected,
        (Expect::Absent, Some(_)) | (Expect::Revision(_), None) => false,
    };
    if fits {
        return Ok(());
    }
    Err(StoreError::Conflict {
        key: key.key.clone(),
        expected: match expect {
            Expect::Revision(revision) => format!("revision {revision}"),
            Expect::Absent | Expect::Anything => "nothing".to_owned(),
        },
        found: current.map_or("nothing".to_owned(), |item| format!("revision {}", revision(item))),
    })
}

/// A write that can carry a condition.
trait Conditional: Sized {
    fn condition(self, expression: &str) -> Self;
    fn name(self, place: &str, name: &str) -> Self;
    fn value(self, place: &str, value: AttributeValue) -> Self;
}

macro_rules! conditional {
    ($($builder:ty),*) => {$(
        impl Conditional for $builder {
            fn condition(self, expression: &str) -> Self {
                self.condition_expression(expression)
            }
            fn name(self, place: &str, name: &str) -> Self {
                self.expression_attribute_names(place, name)
            }
            fn value(self, place: &str, value: AttributeValue) -> Self {
                self.expression_attribute_values(place, value)
            }
        }
    )*};
}

conditional!(PutBuilder, DeleteBuilder);

/// On condition that what was read is still there.
fn unchanged<W: Conditional>(write: W, current: Option<&Item>, layout: Layout) -> W {
    match current.map(|item| item.get("revision")) {
        None => write.condition("attribute_not_exists(#key)").name("#key", layout.key()),
        Some(None) => write
            .condition("attribute_exists(#key) AND attribute_not_exists(#revision)")
            .name("#key", layout.key())
            .name("#revision", "revision"),
        Some(Some(revision)) => write
            .condition("#revision = :revision")
            .name("#revision", "revision")
            .value(":revision", convert::write(revision.clone())),
    }
}
