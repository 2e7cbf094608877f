//! Rows on their way into a table, one by one.

use super::{
    InvalidItem,
    homes::{Home, Homeless, is_among},
};
use crate::{
    API_ITEM, TRIP,
    item::{Item, Layout, Trips, read_key, read_state},
};
use verge_router::{Row, RowState, TableBuilder, origin::OriginRules};

/// Rows on their way into a table.
pub(super) struct Rows<'p, 'r> {
    pub(super) builder: TableBuilder<'p>,
    pub(super) rules: &'r OriginRules,
    /// APIs that nothing is said of, in order.
    pub(super) silent: &'r [&'r str],
    pub(super) invalid: &'r mut Vec<InvalidItem>,
    pub(super) trips: Trips,
}

impl Rows<'_, '_> {
    pub(super) fn take(&mut self, item: &Item, home: Home<'_>) {
        let Home { api: name, layout, key } = home;
        if key == Some(API_ITEM) || is_among(self.silent, name) {
            return;
        }
        if let Some(key) = key.filter(|key| key.starts_with(TRIP)) {
            if self.builder.find_api(name).is_some() {
                self.trips.add(name, key, item);
            }
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
        let state = item.check_nesting().and_then(|()| read_state(item, layout, api, self.rules));
        let state = state.unwrap_or_else(|error| {
            refuse(error.to_string());
            RowState::Invalid
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
