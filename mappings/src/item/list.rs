//! Items in JSON text: what `aws dynamodb scan` prints, `{"Items": […]}` with plain values, or a bare list.

use super::{
    Item, Value,
    text::{NoJson, Read, Text},
};

/// Text that holds no items.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoList {
    /// It is no JSON.
    #[error("not JSON: {0}")]
    NoJson(#[from] NoJson),
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
    #[error("item {0}: an item must be an object of attributes")]
    Item(usize),
}

impl Item {
    /// Reads all items of a text, each as [`Item::from_json`] says; but numbers stay as they are written.
    ///
    /// # Errors
    /// What holds none, or one that is none; see [`NoList`].
    pub fn read_all(json: &[u8]) -> Result<Vec<Self>, NoList> {
        let mut items = Err(NoList::NoItems);
        let mut one_page = false;
        Text::whole(json, |text| match text.peek() {
            Some(b'[') => read_items(text).map(|read| items = read),
            Some(b'{') => text.members(&mut |text, name| {
                match &*name {
                    "Items" => items = read_items(text)?,
                    "LastEvaluatedKey" | "NextToken" => one_page |= text.value()? != Value::Null,
                    _ => drop(text.value()?),
                }
                Ok(())
            }),
            _ => text.value().map(drop),
        })?;
        if one_page { Err(NoList::OnePage) } else { items }
    }
}

fn read_items(text: &mut Text<'_>) -> Read<Result<Vec<Item>, NoList>> {
    if text.peek() != Some(b'[') {
        return text.value().map(|_| Err(NoList::Items));
    }
    let mut items = Vec::new();
    let mut no_item = None;
    let mut number = 0;
    text.each_of_list(&mut |text| {
        number += 1;
        match text.item()? {
            Some(item) => items.push(item),
            None => no_item = no_item.or(Some(number)),
        }
        Ok(())
    })?;
    Ok(no_item.map_or(Ok(items), |number| Err(NoList::Item(number))))
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
