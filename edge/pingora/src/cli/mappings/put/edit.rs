//! An item as the command line asks for it. Pure.

use super::super::{
    attributes::{ORIGIN, pair, value_of},
    plan::{BOOKKEEPING, RowId},
};
use verge_mappings::{API_ITEM, Item, Layout, Value};

/// What to change about an item.
#[derive(Debug, Default, clap::Args)]
pub(super) struct Edits {
    /// The origin's host name.
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// The origin's path prefix, such as /prod; empty: none.
    #[arg(long, value_name = "PATH")]
    base_path: Option<String>,
    /// Make it another name for this version.
    #[arg(long, value_name = "VERSION", conflicts_with_all = ["domain", "base_path", "connect"])]
    alias_of: Option<String>,
    /// Dial this instead, Host and SNI unchanged; must match [origins] dial. Empty: none.
    #[arg(long, value_name = "HOST[:PORT]")]
    connect: Option<String>,
    /// Leave it out of what clients are shown; `--unset status` takes that back.
    #[arg(long)]
    hidden: bool,
    /// Set an attribute; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    set: Vec<(String, String)>,
    /// Take an attribute out; may be repeated.
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
}

impl Edits {
    /// Whether nothing is asked for.
    pub(super) fn are_empty(&self) -> bool {
        self.set.is_empty() && self.unset.is_empty() && !self.are_of_a_row()
    }

    fn are_of_a_row(&self) -> bool {
        let texts = [&self.domain, &self.base_path, &self.alias_of, &self.connect];
        self.hidden || texts.into_iter().any(Option::is_some)
    }
}

/// The item that is wanted: `base` with the edits, under its key.
pub(super) fn apply(base: Option<Item>, edits: &Edits, id: &RowId, layout: Layout) -> Result<Item, String> {
    let mut item = base.unwrap_or_default();
    for name in BOOKKEEPING {
        item.remove(name);
    }
    for (name, value) in id.item(layout).into_attributes() {
        match item.get(&name) {
            Some(other) if *other != value => {
                return Err(format!("the item's own `{name}` says otherwise; leave it out or make them agree"));
            }
            _ => item.insert(name, value),
        }
    }
    if layout == Layout::Verge && item.get("hk").is_some() {
        return Err("the item has `hk`, and the table is not in the sample layout".to_owned());
    }
    if id.key == API_ITEM && edits.are_of_a_row() {
        return Err("this describes the API, not a version: use --set or --from".to_owned());
    }
    let (domain, base_path) = match layout {
        Layout::Sample => ("dn", "dp"),
        Layout::Verge => ("domain", "base_path"),
    };
    if edits.alias_of.is_some() {
        for name in ORIGIN {
            item.remove(name);
        }
    }
    if edits.domain.is_some() {
        item.remove("alias_of");
        item.remove("domain");
    }
    if edits.base_path.is_some() {
        item.remove("base_path");
    }
    let named = [
        (domain, &edits.domain),
        (base_path, &edits.base_path),
        ("alias_of", &edits.alias_of),
        ("connect", &edits.connect),
    ];
    for (name, value) in named {
        match value.as_deref() {
            None => {}
            Some("") => drop(item.remove(name)),
            Some(text) => item.insert(name, Value::S(text.to_owned())),
        }
    }
    if edits.hidden {
        item.insert("status", Value::S("hidden".to_owned()));
    }
    for name in &edits.unset {
        check_name(name, layout)?;
        item.remove(name);
    }
    for (name, text) in &edits.set {
        check_name(name, layout)?;
        item.insert(name, value_of(name, text));
    }
    Ok(item)
}

fn check_name(name: &str, layout: Layout) -> Result<(), String> {
    if name == layout.key() || (layout == Layout::Verge && name == "api") {
        return Err(format!("`{name}` is part of the key"));
    }
    if BOOKKEEPING.contains(&name) {
        return Err(format!("`{name}` is kept by the write itself"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value as Json, json};

    fn check(base: Option<Json>, edits: &Edits, layout: Layout) -> Result<Json, String> {
        let base = base.map(|json| Item::from_json(&json).unwrap());
        let key = if layout == Layout::Sample { "application/vnd.example.v1+json" } else { "v1" };
        apply(base, edits, &RowId::new("orders", key), layout).map(|item| item.to_plain_json())
    }

    fn some(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    fn set(name: &str, value: &str) -> Edits {
        Edits { set: vec![(name.to_owned(), value.to_owned())], ..Edits::default() }
    }

    #[test]
    fn a_new_row_has_its_key_and_what_is_named() {
        let edits = Edits { domain: some("a.example"), base_path: some("/prod"), ..Edits::default() };
        let row = json!({"api": "orders", "version": "v1", "domain": "a.example", "base_path": "/prod"});
        assert_eq!(check(None, &edits, Layout::Verge), Ok(row));
        let row = json!({"hk": "application/vnd.example.v1+json", "dn": "a.example", "dp": "/prod"});
        assert_eq!(check(None, &edits, Layout::Sample), Ok(row));
    }

    #[test]
    fn an_edit_leaves_the_rest_and_drops_bookkeeping() {
        let base = json!({"api": "orders", "version": "v1", "domain": "a.example", "port": 8443, "revision": 4});
        let edits = Edits { domain: some("b.example"), hidden: true, ..Edits::default() };
        let row = json!({"api": "orders", "version": "v1", "domain": "b.example", "port": 8443, "status": "hidden"});
        assert_eq!(check(Some(base), &edits, Layout::Verge), Ok(row));
    }

    #[test]
    fn a_row_becomes_an_alias_and_back() {
        let row = json!({"api": "orders", "version": "v1", "domain": "a.example", "base_path": "/p", "note": "x"});
        let alias = json!({"api": "orders", "version": "v1", "alias_of": "v2", "note": "x"});
        let edits = Edits { alias_of: some("v2"), ..Edits::default() };
        assert_eq!(check(Some(row), &edits, Layout::Verge), Ok(alias.clone()));
        let edits = Edits { domain: some("a.example"), ..Edits::default() };
        let row = json!({"api": "orders", "version": "v1", "domain": "a.example", "note": "x"});
        assert_eq!(check(Some(alias), &edits, Layout::Verge), Ok(row));
    }

    #[test]
    fn a_value_has_the_type_its_attribute_wants() {
        let of = |name, text| check(None, &set(name, text), Layout::Verge).unwrap()[name].clone();
        assert_eq!(of("port", "8443"), json!(8443));
        assert_eq!(of("successor", "2"), json!("2"));
        assert_eq!(of("hosts", "[\"*\"]"), json!(["*"]));
        assert_eq!(of("strip", "true"), json!(true));
        assert_eq!(of("status", "{\"unknown_version\": 404}"), json!({"unknown_version": 404}));
        assert_eq!(of("note", "a=b {"), json!("a=b {"));
    }

    #[test]
    fn keys_and_bookkeeping_are_not_for_the_hand() {
        for name in ["api", "version", "revision", "previous"] {
            assert!(check(None, &set(name, "x"), Layout::Verge).is_err(), "{name}");
        }
        let other = json!({"api": "payments", "domain": "a.example"});
        assert!(check(Some(other), &Edits::default(), Layout::Verge).unwrap_err().contains("`api`"));
    }
}
