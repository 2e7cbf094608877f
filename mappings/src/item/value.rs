//! A DynamoDB attribute value, and its two forms in JSON: typed (`{"S": "v1"}`) and plain (`"v1"`).

use super::{Item, base64};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// An attribute's value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A string.
    S(String),
    /// A number, as text: DynamoDB's have 38 digits.
    N(String),
    /// A boolean.
    Bool(bool),
    /// Null.
    Null,
    /// Bytes.
    B(Vec<u8>),
    /// A list.
    L(Vec<Self>),
    /// A map.
    M(BTreeMap<String, Self>),
    /// A set of strings.
    Ss(Vec<String>),
    /// A set of numbers.
    Ns(Vec<String>),
    /// A set of bytes.
    Bs(Vec<Vec<u8>>),
}

impl Value {
    /// The type's name as DynamoDB writes it.
    #[must_use]
    pub const fn type_name(&self) -> &'static str {
        match self {
            Self::S(_) => "S",
            Self::N(_) => "N",
            Self::Bool(_) => "BOOL",
            Self::Null => "NULL",
            Self::B(_) => "B",
            Self::L(_) => "L",
            Self::M(_) => "M",
            Self::Ss(_) => "SS",
            Self::Ns(_) => "NS",
            Self::Bs(_) => "BS",
        }
    }

    /// Reads the typed form; `None` where it is not one.
    #[must_use]
    pub fn from_typed_json(json: &Json) -> Option<Self> {
        let object = json.as_object()?;
        let mut members = object.iter();
        let (tag, value) = members.next()?;
        if members.next().is_some() {
            return None;
        }
        let text = || value.as_str().map(str::to_owned);
        let list = || value.as_array().map(Vec::as_slice);
        let texts = || list()?.iter().map(|value| value.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>();
        Some(match tag.as_str() {
            "S" => Self::S(text()?),
            "N" => Self::N(text()?),
            "BOOL" => Self::Bool(value.as_bool()?),
            "NULL" => value.as_bool().map(|_| Self::Null)?,
            "B" => Self::B(base64::decode(value.as_str()?)?),
            "L" => Self::L(list()?.iter().map(Self::from_typed_json).collect::<Option<_>>()?),
            "M" => Self::M(typed_members(value.as_object()?)?),
            "SS" => Self::Ss(texts()?),
            "NS" => Self::Ns(texts()?),
            "BS" => Self::Bs(texts()?.iter().map(|text| base64::decode(text)).collect::<Option<_>>()?),
            _ => return None,
        })
    }

    /// Reads the plain form, which any JSON is.
    #[must_use]
    pub fn from_plain_json(json: &Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(*value),
            Json::Number(number) => Self::N(number.to_string()),
            Json::String(text) => Self::S(text.clone()),
            Json::Array(list) => Self::L(list.iter().map(Self::from_plain_json).collect()),
            Json::Object(members) => Self::M(plain_members(members)),
        }
    }

    /// Writes the typed form.
    #[must_use]
    pub fn to_typed_json(&self) -> Json {
        match self {
            Self::S(text) => json!({ "S": text }),
            Self::N(number) => json!({ "N": number }),
            Self::Bool(value) => json!({ "BOOL": value }),
            Self::Null => json!({ "NULL": true }),
            Self::B(bytes) => json!({ "B": base64::encode(bytes) }),
            Self::L(list) => json!({ "L": list.iter().map(Self::to_typed_json).collect::<Vec<_>>() }),
            Self::M(members) => json!({ "M": write(members, Self::to_typed_json) }),
            Self::Ss(set) => json!({ "SS": set }),
            Self::Ns(set) => json!({ "NS": set }),
            Self::Bs(set) => json!({ "BS": set.iter().map(|bytes| base64::encode(bytes)).collect::<Vec<_>>() }),
        }
    }

    /// Writes the plain form: sets become lists, bytes base64, and numbers beyond JSON's reach strings.
    #[must_use]
    pub fn to_plain_json(&self) -> Json {
        let number = |text: &str| match text.parse::<serde_json::Number>() {
            // What would come back otherwise than it was written stays text.
            Ok(number) if number.to_string() == text => Json::Number(number),
            _ => Json::String(text.to_owned()),
        };
        match self {
            Self::S(text) => Json::String(text.clone()),
            Self::N(text) => number(text),
            Self::Bool(value) => Json::Bool(*value),
            Self::Null => Json::Null,
            Self::B(bytes) => Json::String(base64::encode(bytes)),
            Self::L(list) => Json::Array(list.iter().map(Self::to_plain_json).collect()),
            Self::M(members) => write(members, Self::to_plain_json),
            Self::Ss(set) => json!(set),
            Self::Ns(set) => Json::Array(set.iter().map(|text| number(text)).collect()),
            Self::Bs(set) => json!(set.iter().map(|bytes| base64::encode(bytes)).collect::<Vec<_>>()),
        }
    }
}

fn typed_members(members: &Map<String, Json>) -> Option<BTreeMap<String, Value>> {
    members.iter().map(|(name, value)| Some((name.clone(), Value::from_typed_json(value)?))).collect()
}

fn plain_members(members: &Map<String, Json>) -> BTreeMap<String, Value> {
    members.iter().map(|(name, value)| (name.clone(), Value::from_plain_json(value))).collect()
}

fn write(members: &BTreeMap<String, Value>, one: fn(&Value) -> Json) -> Json {
    Json::Object(members.iter().map(|(name, value)| (name.clone(), one(value))).collect())
}

/// JSON that is no item: an item is an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an item must be an object of attributes")]
pub struct NotAnObject;

impl Item {
    /// Reads an item from JSON: typed where every attribute is (`{"hk": {"S": "v1"}}`), else plain (`{"hk": "v1"}`).
    ///
    /// # Errors
    /// What is not an object.
    pub fn from_json(json: &Json) -> Result<Self, NotAnObject> {
        let members = json.as_object().ok_or(NotAnObject)?;
        Ok(Self(typed_members(members).unwrap_or_else(|| plain_members(members))))
    }

    /// Writes the typed form, as `aws dynamodb scan` prints it.
    #[must_use]
    pub fn to_typed_json(&self) -> Json {
        write(&self.0, Value::to_typed_json)
    }

    /// Writes the plain form.
    #[must_use]
    pub fn to_plain_json(&self) -> Json {
        write(&self.0, Value::to_plain_json)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_forms_read_alike() {
        let typed = json!({
            "hk": {"S": "v1"}, "port": {"N": "8443"}, "on": {"BOOL": true}, "none": {"NULL": true},
            "brownouts": {"L": [{"M": {"from": {"S": "a"}}}]},
        });
        let plain = json!({"hk": "v1", "port": 8443, "on": true, "none": null, "brownouts": [{"from": "a"}]});
        let item = Item::from_json(&typed).unwrap();
        assert_eq!(item, Item::from_json(&plain).unwrap());
        assert_eq!(item.to_typed_json(), typed);
        assert_eq!(item.to_plain_json(), plain);
    }

    #[test]
    fn a_mixture_is_plain() {
        let item = Item::from_json(&json!({"hk": {"S": "v1"}, "dn": "a"})).unwrap();
        assert_eq!(item.get("hk").unwrap().type_name(), "M");
    }

    #[test]
    fn what_is_no_object_is_no_item() {
        for json in [json!(null), json!([]), json!("v1"), json!(1)] {
            assert_eq!(Item::from_json(&json), Err(NotAnObject));
        }
    }

    #[test]
    fn long_numbers_are_not_rounded() {
        let number = Value::N("12345678901234567890123456789012345678".to_owned());
        assert_eq!(number.to_plain_json(), json!("12345678901234567890123456789012345678"));
        assert_eq!(Value::from_typed_json(&number.to_typed_json()), Some(number));
    }

    fn json_values() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            ".{0,8}".prop_map(Json::from),
        ];
        let name = prop_oneof!["S", "N", "BOOL", "NULL", "B", "L", "M", "SS", "NS", "BS", "[a-z]{1,6}"];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                proptest::collection::btree_map(name.clone(), inner, 0..4)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_without_panic(json in json_values()) {
            if let Ok(item) = Item::from_json(&json) {
                prop_assert_eq!(&Item::from_json(&item.to_typed_json()).unwrap(), &item);
                let _ = item.to_plain_json();
            }
        }
    }
}
