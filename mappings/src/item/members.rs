//! Values by name, in the order of the names: a list, for they are few.

use super::Value;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use std::{fmt, mem, slice, vec};

/// Values by name, in the order of the names.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Members(Vec<(String, Value)>);

impl Members {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// These, in any order. Of those of one name the last stays.
    #[must_use]
    pub fn of(mut list: Vec<(String, Value)>) -> Self {
        list.sort_by(|(one, _), (other, _)| one.cmp(other));
        list.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                mem::swap(later, earlier);
            }
            same
        });
        Self(list)
    }

    /// Where a name is, or belongs.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.as_str().cmp(name))
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(self.place(name).ok()?).map(|(_, value)| value)
    }

    /// Whether a name has a value.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Gives a name a value; also what it had.
    pub fn insert(&mut self, name: String, value: Value) -> Option<Value> {
        match self.place(&name) {
            Ok(place) => self.0.get_mut(place).map(|(_, old)| mem::replace(old, value)),
            Err(place) => {
                self.0.insert(place, (name, value));
                None
            }
        }
    }

    /// Takes a name's value out.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        let place = self.place(name).ok()?;
        Some(self.0.remove(place).1)
    }

    /// Takes all out.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each with its name.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&String, &Value)> {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The names.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &String> {
        self.0.iter().map(|(name, _)| name)
    }

    /// The values, by their names' order.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The same, to be changed.
    pub fn values_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Value> {
        self.0.iter_mut().map(|(_, value)| value)
    }
}

impl FromIterator<(String, Value)> for Members {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(members: I) -> Self {
        Self::of(members.into_iter().collect())
    }
}

impl<const N: usize> From<[(String, Value); N]> for Members {
    fn from(members: [(String, Value); N]) -> Self {
        Self::of(members.into())
    }
}

impl Extend<(String, Value)> for Members {
    fn extend<I: IntoIterator<Item = (String, Value)>>(&mut self, members: I) {
        let mut list = mem::take(&mut self.0);
        list.extend(members);
        *self = Self::of(list);
    }
}

impl IntoIterator for Members {
    type Item = (String, Value);
    type IntoIter = vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

type Pair<'m> = fn(&'m (String, Value)) -> (&'m String, &'m Value);

impl<'m> IntoIterator for &'m Members {
    type Item = (&'m String, &'m Value);
    type IntoIter = std::iter::Map<slice::Iter<'m, (String, Value)>, Pair<'m>>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter().map(|(name, value)| (name, value))
    }
}

impl fmt::Debug for Members {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self).finish()
    }
}

impl Serialize for Members {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self)
    }
}

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut list = Vec::new();
                while let Some(member) = map.next_entry()? {
                    list.push(member);
                }
                Ok(Members::of(list))
            }
        }

        deserializer.deserialize_map(Read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn pair((name, value): (String, u8)) -> (String, Value) {
        (name, Value::N(value.to_string()))
    }

    proptest! {
        #[test]
        fn they_are_what_a_map_would_be(
            first in proptest::collection::vec(("[a-c]{0,2}", any::<u8>()), 0..24),
            then in proptest::collection::vec(("[a-c]{0,2}", any::<u8>(), 0..3_u8), 0..24),
        ) {
            let mut members: Members = first.iter().cloned().map(pair).collect();
            let mut map: BTreeMap<String, Value> = first.into_iter().map(pair).collect();
            for (name, value, what) in then {
                let (name, value) = pair((name, value));
                match what {
                    0 => prop_assert_eq!(members.remove(&name), map.remove(&name)),
                    1 => prop_assert_eq!(members.insert(name.clone(), value.clone()), map.insert(name.clone(), value)),
                    _ => {
                        members.extend([(name.clone(), value.clone())]);
                        map.extend([(name.clone(), value)]);
                    }
                }
                prop_assert_eq!(members.get(&name), map.get(&name));
                prop_assert_eq!(members.contains_key(&name), map.contains_key(&name));
            }
            prop_assert!(members.iter().eq(&map) && members.is_empty() == map.is_empty());
            prop_assert!(members.keys().eq(map.keys()) && members.values().eq(map.values()));
            prop_assert_eq!(format!("{members:?}"), format!("{map:?}"));
            let json = serde_json::to_string(&members).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&map).unwrap());
            prop_assert_eq!(serde_json::from_str::<Members>(&json).unwrap(), members);
        }
    }

    #[test]
    fn of_a_name_that_comes_again_the_last_is_read() {
        let json = r#"{"b":{"N":"1"},"a":{"N":"2"},"b":{"N":"3"}}"#;
        let read: Members = serde_json::from_str(json).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), r#"{"a":{"N":"2"},"b":{"N":"3"}}"#);
    }
}
