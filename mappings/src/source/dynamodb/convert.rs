//! The SDK's attribute values and ours.

use crate::item::{Item, Value};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use std::collections::HashMap;

/// The SDK's item as ours.
pub(super) fn item(attributes: HashMap<String, AttributeValue>) -> Item {
    attributes.into_iter().map(|(name, value)| (name, read(value))).collect::<Item>().cut()
}

/// Our item as the SDK's.
pub(super) fn attributes(item: Item) -> HashMap<String, AttributeValue> {
    item.into_attributes().into_iter().map(|(name, value)| (name, write(value))).collect()
}

fn read(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::S(text),
        AttributeValue::N(number) => Value::N(number),
        AttributeValue::Bool(value) => Value::Bool(value),
        AttributeValue::B(bytes) => Value::B(bytes.into_inner()),
        AttributeValue::L(list) => Value::L(list.into_iter().map(read).collect()),
        AttributeValue::M(members) => Value::M(members.into_iter().map(|(name, value)| (name, read(value))).collect()),
        AttributeValue::Ss(set) => Value::Ss(set),
        AttributeValue::Ns(set) => Value::Ns(set),
        AttributeValue::Bs(set) => Value::Bs(set.into_iter().map(Blob::into_inner).collect()),
        // Also what a later SDK may know.
        _ => Value::Null,
    }
}

pub(super) fn write(value: Value) -> AttributeValue {
    match value {
        Value::S(text) => AttributeValue::S(text),
        Value::N(number) => AttributeValue::N(number),
        Value::Bool(value) => AttributeValue::Bool(value),
        Value::Null => AttributeValue::Null(true),
        Value::B(bytes) => AttributeValue::B(Blob::new(bytes)),
        Value::L(list) => AttributeValue::L(list.into_iter().map(write).collect()),
        Value::M(members) => AttributeValue::M(members.into_iter().map(|(name, value)| (name, write(value))).collect()),
        Value::Ss(set) => AttributeValue::Ss(set),
        Value::Ns(set) => AttributeValue::Ns(set),
        Value::Bs(set) => AttributeValue::Bs(set.into_iter().map(Blob::new).collect()),
    }
}
