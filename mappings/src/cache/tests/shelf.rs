//! A table of many APIs, each read when it is told to be.

use super::*;
use crate::{control::Control, source::partitioned::Partitioned};
use std::collections::BTreeSet;

/// APIs and their rows, version and domain.
type Rows = BTreeMap<String, Vec<(&'static str, &'static str)>>;

/// A store that gives one API at a time, counts, and can be stopped in the middle.
#[derive(Default)]
pub(super) struct Shelf {
    rows: Mutex<Rows>,
    control: Mutex<Control>,
    reads: Mutex<Vec<String>>,
    /// Whose reads take what is there, and hang.
    held: Mutex<BTreeSet<String>>,
    pub(super) fails: AtomicBool,
    pub(super) panics: AtomicBool,
}

impl Shelf {
    pub(super) fn of(apis: &[&str]) -> Arc<Self> {
        let shelf = Self::default();
        for api in apis {
            shelf.put(api, &[("v1", "one.example.com")]);
        }
        Arc::new(shelf)
    }

    pub(super) fn put(&self, api: &str, rows: &[(&'static str, &'static str)]) {
        self.rows.lock().unwrap().insert(api.to_owned(), rows.to_vec());
    }

    pub(super) fn say(&self, control: Control) {
        *self.control.lock().unwrap() = control;
    }

    pub(super) fn hold(&self, api: &str) {
        self.held.lock().unwrap().insert(api.to_owned());
    }

    pub(super) fn release(&self) {
        self.held.lock().unwrap().clear();
    }

    /// How often an API was asked for.
    pub(super) fn reads(&self, api: &str) -> usize {
        self.reads.lock().unwrap().iter().filter(|other| *other == api).count()
    }

    /// A node that holds as many APIs as fit in `memory` bytes; one takes less than 6000.
    pub(super) fn node(self: &Arc<Self>, memory: u64) -> Arc<LiveTable> {
        self.node_of(Feed { shrink_hold: Feed::SHRINK_HOLD, ..Feed::on_demand(self.clone(), memory) })
    }

    pub(super) fn node_of(self: &Arc<Self>, feed: Feed) -> Arc<LiveTable> {
        Arc::new(LiveTable::new([feed].into(), Vec::new(), rules(), REFRESH))
    }

    fn items(&self, api: &str) -> Vec<Item> {
        let rows = self.rows.lock().unwrap();
        let item = |(version, domain): &(&str, &str)| json!({"api": api, "version": version, "domain": domain});
        rows[api].iter().map(|row| Item::from_json(&item(row)).unwrap()).collect()
    }
}

#[async_trait]
impl Source for Shelf {
    async fn read_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.read_index_into(sink).await
    }
    fn place(&self) -> String {
        "shelf".to_owned()
    }
}

#[async_trait]
impl Partitioned for Shelf {
    async fn read_index_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        sink.layout(Layout::Verge);
        for api in self.rows.lock().unwrap().keys() {
            let item = json!({"api": api, "version": "#api", "hosts": [api], "read": ["header"]});
            sink.item(Item::from_json(&item).unwrap());
        }
        sink.item(self.control.lock().unwrap().item(Layout::Verge));
        Ok(())
    }

    async fn read_api_into(&self, api: &str, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.reads.lock().unwrap().push(api.to_owned());
        assert!(!self.panics.load(Ordering::SeqCst), "told to");
        if self.fails.load(Ordering::SeqCst) {
            return Err(LoadError::NoTable { place: self.place() });
        }
        let items = self.items(api);
        while self.held.lock().unwrap().contains(api) {
            tokio::task::yield_now().await;
        }
        sink.layout(Layout::Verge);
        items.into_iter().for_each(|item| sink.item(item));
        Ok(())
    }
}

/// Where the rows of an API lead that is in memory; none where it is not.
pub(super) fn domains_of(live: &LiveTable, api: &str) -> Vec<String> {
    let held = live.load().unwrap();
    let part = held.table.api(api).filter(|part| part.is_read());
    part.iter().flat_map(|part| part.good()).map(domain_of).collect()
}
