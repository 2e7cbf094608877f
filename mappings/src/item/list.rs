//! Items in JSON text: what `aws dynamodb scan` prints, `{"Items": […]}` with plain values, or a bare list.

use super::Item;
use serde_json::Value as Json;

/// Text that holds no items.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoList {
    /// It is no JSON. The rest says where: it ends in "at line 3 column 7".
    #[error("not JSON: {0}")]
    NoJson(String),
    /// It is neither a list nor has one.
    #[error("it must be a list of items, or have them under `Items`")]
    NoItems,
    /// What it has is no list.
    #[error("`Items` must be a list")]
    Items,
    /// More is elsewhere.
    #[error("it is one page of several; export the whole table")]
    OnePage,
    /// An item is none; counted from 1.
    #[error("item {0}: {1}")]
    Item(usize, String),
}

impl Item {
    /// Reads all items of a text. Each is read as [`Item::from_json`] says.
    ///
    /// # Errors
    /// What holds none, or one that is none; see [`NoList`].
    pub fn read_all(json: &[u8]) -> Result<Vec<Self>, NoList> {
        // A page of a store is a list of typed items, and need not be looked at twice.
        if let Ok(items) = serde_json::from_slice::<Vec<Self>>(json) {
            return Ok(items.into_iter().map(Self::cut).collect());
        }
        let json: Json = serde_json::from_slice(json).map_err(|error| NoList::NoJson(error.to_string()))?;
        if json.get("LastEvaluatedKey").or_else(|| json.get("NextToken")).is_some_and(|key| !key.is_null()) {
            return Err(NoList::OnePage);
        }
        let list = match json {
            Json::Array(list) => list,
            Json::Object(mut members) => match members.remove("Items") {
                Some(Json::Array(list)) => list,
                Some(_) => return Err(NoList::Items),
                None => return Err(NoList::NoItems),
            },
            _ => return Err(NoList::NoItems),
        };
        let item = |(json, number): (&Json, usize)| {
            Self::from_json(json).map_err(|error| NoList::Item(number, error.to_string()))
        };
        list.iter().zip(1..).map(item).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_and_plain_items_are_read_alike_however_they_are_wrapped() {
        let typed = r#"[{"hk":{"S":"v1"},"port":{"N":"8443"},"on":{"BOOL":true}}]"#;
        let plain = r#"[{"hk":"v1","port":8443,"on":true}]"#;
        let items = Item::read_all(typed.as_bytes()).unwrap();
        for other in [plain.to_owned(), format!("{{\"Items\":{typed}}}"), format!("{{\"Items\":{plain},\"Count\":1}}")]
        {
            assert_eq!(Item::read_all(other.as_bytes()).unwrap(), items, "{other}");
        }
    }

    #[test]
    fn an_item_too_deep_is_cut_whichever_way_it_is_read() {
        let nested = (0..60).fold("{\"S\":\"x\"}".to_owned(), |inner, _| format!("{{\"L\":[{inner}]}}"));
        let bare = Item::read_all(format!("[{{\"hk\":{nested}}}]").as_bytes()).unwrap();
        let wrapped = Item::read_all(format!("{{\"Items\":[{{\"hk\":{nested}}}]}}").as_bytes()).unwrap();
        assert_eq!(bare, wrapped);
    }
}
