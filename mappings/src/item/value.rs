//! A DynamoDB attribute value, and its two forms in JSON: typed (`{"S": "v1"}`), which is also how it is serialized, and
//! plain (`"v1"`).

use super::{InvalidRow, Item, Members, base64};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

/// How deep lists and maps may be nested in one another: as deep as DynamoDB takes them.
const MAX_NESTING: usize = 32;

/// An attribute's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Value {
    /// A string.
    S(String),
    /// A number, as text: DynamoDB's have 38 digits.
    N(String),
    /// A boolean.
    Bool(bool),
    /// Null.
    #[serde(with = "null")]
    Null,
    /// Bytes.
    #[serde(with = "base64::one")]
    B(Vec<u8>),
    /// A list.
    L(Vec<Self>),
    /// A map.
    M(Members),
    /// A set of strings.
    Ss(Vec<String>),
    /// A set of numbers.
    Ns(Vec<String>),
    /// A set of bytes.
    #[serde(with = "base64::several")]
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

    /// How many lists and maps are nested in one another here.
    fn nesting(&self) -> usize {
        let deepest = |nesting: Option<usize>| 1 + nesting.unwrap_or_default();
        match self {
            Self::L(list) => deepest(list.iter().map(Self::nesting).max()),
            Self::M(members) => deepest(members.values().map(Self::nesting).max()),
            _ => 0,
        }
    }

    /// Empties what is nested deeper than so many levels.
    fn cut(&mut self, levels: usize) {
        match (self, levels) {
            (Self::L(list), 0 | 1) => list.clear(),
            (Self::M(members), 0 | 1) => members.clear(),
            (Self::L(list), _) => list.iter_mut().for_each(|value| value.cut(levels - 1)),
            (Self::M(members), _) => members.values_mut().for_each(|value| value.cut(levels - 1)),
            _ => {}
        }
    }

    /// Reads the typed form; `None` where it is not one.
    #[must_use]
    pub fn from_typed_json(json: &Json) -> Option<Self> {
        Self::deserialize(json).ok()
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
            Self::M(members) => plain(members),
            Self::Ss(set) => json!(set),
            Self::Ns(set) => Json::Array(set.iter().map(|text| number(text)).collect()),
            Self::Bs(set) => json!(set.iter().map(|bytes| base64::encode(bytes)).collect::<Vec<_>>()),
        }
    }
}

fn typed_members(members: &Map<String, Json>) -> Option<Members> {
    members.iter().map(|(name, value)| Some((name.clone(), Value::from_typed_json(value)?))).collect()
}

fn plain_members(members: &Map<String, Json>) -> Members {
    members.iter().map(|(name, value)| (name.clone(), Value::from_plain_json(value))).collect()
}

fn plain(members: &Members) -> Json {
    Json::Object(members.iter().map(|(name, value)| (name.clone(), value.to_plain_json())).collect())
}

/// `NULL` as DynamoDB writes it: `true`, which says nothing.
mod null {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bool(true)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<(), D::Error> {
        bool::deserialize(deserializer).map(|_| ())
    }
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
        Ok(Self(typed_members(members).unwrap_or_else(|| plain_members(members))).cut())
    }

    /// # Errors
    /// It is nested deeper than an item may be.
    pub(crate) fn check_nesting(&self) -> Result<(), InvalidRow> {
        if self.0.values().any(|value| value.nesting() > MAX_NESTING) {
            return Err(InvalidRow::whole(&"it is nested deeper than 32 levels, which is as deep as items go"));
        }
        Ok(())
    }

    /// The same item, and too deep still where it was, but no deeper than can be written and read again.
    pub(crate) fn cut(mut self) -> Self {
        self.0.values_mut().for_each(|value| value.cut(MAX_NESTING + 1));
        self
    }

    /// Writes the typed form, as `aws dynamodb scan` prints it.
    #[must_use]
    pub fn to_typed_json(&self) -> Json {
        json!(self)
    }

    /// Writes the plain form.
    #[must_use]
    pub fn to_plain_json(&self) -> Json {
        plain(&self.0)
    }
}

#[cfg(test)]
pub(super) mod tests {
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
    fn what_is_too_deep_can_be_told_and_written_all_the_same() {
        let nested = |levels: usize| {
            (0..levels).fold(
                json!("x"),
                |inner, level| {
                    if level % 2 == 0 { json!([inner]) } else { json!({"in": inner}) }
                },
            )
        };
        for (levels, too_deep) in [(0, false), (31, false), (32, false), (33, true), (64, true), (120, true)] {
            let item = Item::from_json(&json!({"hk": "v1", "note": nested(levels)})).unwrap();
            assert_eq!(item.check_nesting().is_err(), too_deep, "{levels}");
            let line = item.to_typed_json().to_string();
            assert_eq!(serde_json::from_str::<Item>(&line).unwrap(), item, "{levels}");
        }
    }

    #[test]
    fn long_numbers_are_not_rounded() {
        let number = Value::N("12345678901234567890123456789012345678".to_owned());
        assert_eq!(number.to_plain_json(), json!("12345678901234567890123456789012345678"));
        assert_eq!(Value::from_typed_json(&json!(&number)), Some(number));
    }

    /// Any JSON, with the names of DynamoDB's types among others.
    pub(in crate::item) fn json_values() -> impl Strategy<Value = Json> {
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i64>().prop_map(Json::from),
            any::<String>().prop_map(Json::from),
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
