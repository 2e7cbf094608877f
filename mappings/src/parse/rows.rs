//! Rows on their way into a table, one by one.

use super::{
    InvalidItem, Kept,
    homes::{Home, Homeless},
};
use crate::{
    API_ITEM,
    item::{Item, Layout, read_key, read_state},
};
use std::collections::HashSet;
use verge_router::{Row, RowState, TableBuilder, origin::OriginRules};

/// Rows on their way into a table.
pub(super) struct Rows<'p, 'r> {
    pub(super) builder: TableBuilder<'p>,
    pub(super) rules: &'r OriginRules,
    pub(super) kept: Option<&'r Kept>,
    pub(super) silent: &'r HashSet<&'r str>,
    pub(super) invalid: &'r mut Vec<InvalidItem>,
}

impl Rows<'_, '_> {
    pub(super) fn take(&mut self, item: &Item, home: Home<'_>) {
        let Home { api: name, layout, key } = home;
        if key == Some(API_ITEM) || self.silent.contains(name) {
            return;
        }
        let mut refuse = |reason: String| {
            let key = key.unwrap_or_default().to_owned();
            self.invalid.push(InvalidItem { api: name.to_owned(), key, reason, kept: false });
        };
        let Some(api) = self.builder.find_api(name) else {
            return refuse("its API is unknown: neither the configuration nor an `#api` item names it".to_owned());
        };
        // A key that no request can ask for makes no row.
        let key = match read_key(item, layout) {
            Ok(key) => key,
            Err(error) => return refuse(error.to_string()),
        };
        let state = read_state(item, layout, api, self.rules).unwrap_or_else(|error| {
            refuse(error.to_string());
            let kept = self.kept.and_then(|kept| kept.get(&(name.to_owned(), key.to_owned())));
            kept.and_then(|item| read_state(item, layout, api, self.rules).ok()).unwrap_or(RowState::Invalid)
        });
        self.builder.row(name, Row { key: key.into(), whole: layout == Layout::Sample, state });
    }

    pub(super) fn refuse_homeless(&mut self, item: &Item, number: usize, error: &Homeless) {
        let key = |layout: Layout| item.key(layout).unwrap_or_default().to_owned();
        let (key, reason) = match error {
            Homeless::NoKey => (String::new(), format!("item {number}: it has neither `hk` nor `api` and `version`")),
            Homeless::Api(layout, error) => (key(*layout), format!("item {number}: {error}")),
            Homeless::NoApi => (
                item.layout().map(key).unwrap_or_default(),
                "rows in the sample layout name no API: configure one, or give it an [api.table]".to_owned(),
            ),
        };
        self.invalid.push(InvalidItem { api: String::new(), key, reason, kept: false });
    }
}
