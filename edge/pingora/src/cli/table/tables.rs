//! The configured tables, opened and read whole: what is judged, compared and shown.

use super::{
    Exit, Failure,
    plan::{Change, RowId, Rows},
    show::quoted,
    verdict::is_same,
};
use crate::{
    app::{self, sources::Sources},
    cli::{ConfigArg, config},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};
use tokio::runtime::{Handle, Runtime};
use verge_config::{Config, Origins};
use verge_mappings::{API_ITEM, Item, Layout, LoadError, Part, Reading, Scope, Source, Store, StoreError};
use verge_router::{ApiDraft, origin::OriginRules};

/// One table of the configuration.
pub(crate) struct Table {
    pub(crate) scope: Scope,
    source: Arc<dyn Source>,
    store: Option<Arc<dyn Store>>,
    /// Whose its rows are where they do not say so (sample layout).
    only: Option<String>,
    on_demand: bool,
    /// What it held when it was read.
    content: Result<Reading, LoadError>,
}

impl Table {
    /// Where it is, for people.
    pub(crate) fn place(&self) -> String {
        self.source.place()
    }

    /// Itself, to be written.
    pub(crate) fn store(&self) -> Result<&Arc<dyn Store>, Failure> {
        self.store.as_ref().ok_or_else(|| {
            let place = self.place();
            Failure::new(Exit::Failed, format!("{place}: the table is a file: edit it, it is reread when it changes"))
        })
    }

    /// What it held.
    pub(crate) fn content(&self) -> Result<&Reading, Failure> {
        self.content.as_ref().map_err(|error| Failure::new(Exit::Unavailable, error))
    }

    /// The layout of what is written to it.
    pub(crate) fn layout(&self) -> Layout {
        self.content.as_ref().ok().and_then(|reading| reading.layout).unwrap_or(Layout::Verge)
    }

    /// Whether nodes load its APIs one by one.
    pub(crate) fn is_on_demand(&self) -> bool {
        self.on_demand
    }

    /// Whose rows it holds where they name no API.
    pub(crate) fn only_api(&self) -> Option<&str> {
        self.only.as_deref()
    }

    fn id_of(&self, reading: &Reading, item: &Item) -> Option<RowId> {
        let layout = reading.layout_of(item)?;
        let api = match layout {
            Layout::Sample => self.only.as_deref()?,
            Layout::Verge => item.text("api")?,
        };
        Some(RowId::new(api, item.key(layout)?))
    }
}

/// All tables of a configuration.
pub(crate) struct Tables {
    tables: Vec<Table>,
    drafts: Vec<(String, ApiDraft)>,
    origins: Origins,
    runtime: Runtime,
}

impl Tables {
    /// Opens what is configured; nothing is read yet.
    pub(crate) fn open(file: &ConfigArg) -> Result<Self, Failure> {
        Self::of(&config::load_unserved(&file.config)?)
    }

    /// The same, of a configuration that was read already.
    pub(crate) fn of(config: &Config) -> Result<Self, Failure> {
        let runtime = app::runtime()?;
        let sources = Sources::open(config, &runtime, None)?;
        let unread = |source: &Arc<dyn Source>| {
            Err(LoadError::Unreachable { place: source.place(), reason: "it was not read".to_owned() })
        };
        let tables = sources
            .tables()
            .map(|(scope, source, store)| Table {
                scope: scope.clone(),
                source: source.clone(),
                store: store.cloned(),
                only: only_api(scope, config),
                on_demand: sources.is_on_demand(scope),
                content: unread(source),
            })
            .collect();
        let drafts = config.apis.iter().map(|api| (api.name.clone(), api.draft.clone())).collect();
        Ok(Self { tables, drafts, origins: config.origins.clone(), runtime })
    }

    /// Opens and reads them all, in the table's strictest sense of now. One that cannot be read says so when it is needed.
    pub(crate) fn read(file: &ConfigArg) -> Result<Self, Failure> {
        let mut tables = Self::open(file)?;
        tables.reread();
        Ok(tables)
    }

    pub(crate) fn reread(&mut self) {
        for table in &mut self.tables {
            table.content = self.runtime.block_on(read(table));
        }
    }

    /// Waits for a store, or for an origin.
    pub(crate) fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.runtime.block_on(work)
    }

    /// Where lookups run meanwhile.
    pub(crate) fn background(&self) -> &Handle {
        self.runtime.handle()
    }

    pub(crate) fn all(&self) -> &[Table] {
        &self.tables
    }

    pub(crate) fn drafts(&self) -> &[(String, ApiDraft)] {
        &self.drafts
    }

    pub(crate) fn rules(&self) -> &OriginRules {
        &self.origins.rules
    }

    /// What may be dialled for their rows, and how.
    pub(crate) fn origins(&self) -> &Origins {
        &self.origins
    }

    /// The table an API's rows are in.
    pub(crate) fn home(&self, api: &str) -> Result<&Table, Failure> {
        let own = self.tables.iter().find(|table| table.scope == Scope::Api(api.to_owned()));
        let home = own.or_else(|| self.tables.iter().find(|table| table.scope == Scope::All));
        home.ok_or_else(|| self.unknown(api))
    }

    /// Refuses to go on where any of them could not be read.
    pub(crate) fn check_all_read(&self) -> Result<(), Failure> {
        self.tables.iter().try_for_each(|table| table.content().map(|_| ()))
    }

    /// What is known about an API's table, where what stands elsewhere does not matter.
    pub(crate) fn check_read(&self, api: &str) -> Result<(), Failure> {
        self.home(api)?.content()?;
        for table in &self.tables {
            if let Err(error) = &table.content {
                eprintln!("warning: {error}; hosts are not compared with those of its APIs");
            }
        }
        Ok(())
    }

    /// All items that have a home where they stand.
    pub(crate) fn rows(&self) -> Rows {
        let mut rows = Rows::new();
        for table in &self.tables {
            let Ok(reading) = &table.content else { continue };
            for item in &reading.items {
                let Some(id) = table.id_of(reading, item) else { continue };
                if self.home(&id.api).is_ok_and(|home| home.scope == table.scope) {
                    rows.insert(id, item.clone());
                }
            }
        }
        rows
    }

    /// The names of all APIs, configured or in a table.
    pub(crate) fn apis(&self) -> BTreeSet<String> {
        let described = self.rows().into_keys().filter(|id| id.key == API_ITEM && id.is_portable()).map(|id| id.api);
        self.drafts.iter().map(|(name, _)| name.clone()).chain(described).collect()
    }

    /// What to say of an API nobody knows.
    pub(crate) fn unknown(&self, api: &str) -> Failure {
        let known: Vec<_> = self.apis().into_iter().collect();
        let known = if known.is_empty() { "none is known".to_owned() } else { format!("known: {}", known.join(", ")) };
        let api = api.escape_debug();
        let reason = "neither the configuration nor an `#api` item names it";
        Failure::new(Exit::Failed, format!("API `{api}` is unknown: {reason}; {known}"))
    }

    /// What to say of an item that is not there.
    pub(crate) fn absent(&self, id: &RowId) -> Failure {
        let rows = self.rows();
        let mut keys = rows.keys().filter(|other| other.api == id.api && !other.is_own()).peekable();
        if keys.peek().is_none() && !self.apis().contains(&id.api) {
            return self.unknown(&id.api);
        }
        let twin = keys.find(|other| is_same(&other.key, &id.key));
        let hint = twin.map(|twin| format!("; the row is called `{}`", quoted(&twin.key))).unwrap_or_default();
        let (api, key) = (quoted(&id.api), quoted(&id.key));
        Failure::new(Exit::Failed, format!("{api} `{key}` is not in the table{hint}"))
    }

    /// All tables as they would stand after these changes.
    pub(crate) fn parts(&self, changes: &[Change]) -> Vec<Part> {
        let changed: HashMap<&RowId, &Change> = changes.iter().map(|change| (&change.id, change)).collect();
        let part = |table: &Table| {
            let Ok(reading) = &table.content else { return Part { reading: None, scope: table.scope.clone() } };
            let at_home = |id: &RowId| self.home(&id.api).is_ok_and(|home| home.scope == table.scope);
            let stays =
                |item: &&Item| table.id_of(reading, item).is_none_or(|id| !changed.contains_key(&id) || !at_home(&id));
            let new = changes.iter().filter(|change| at_home(&change.id)).filter_map(|change| change.after.as_ref());
            let items = reading.items.iter().filter(stays).chain(new).cloned().collect();
            Part { reading: Some(Arc::new(Reading::new(items, reading.layout))), scope: table.scope.clone() }
        };
        self.tables.iter().map(part).collect()
    }
}

/// The API of rows that name none: an own table's, or the only one without an own table.
fn only_api(scope: &Scope, config: &Config) -> Option<String> {
    match scope {
        Scope::Api(name) => Some(name.clone()),
        // Commands read tables whole.
        Scope::Index | Scope::Within(_) => None,
        Scope::All => {
            let mut left = config.apis.iter().filter(|api| api.table.is_none());
            left.next().filter(|_| left.next().is_none()).map(|api| api.name.clone())
        }
    }
}

async fn read(table: &Table) -> Result<Reading, LoadError> {
    let reading = match &table.store {
        None => table.source.read().await?,
        Some(store) => {
            let items = store.list().await.map_err(|error| match error {
                StoreError::Load(error) => error,
                other => LoadError::Malformed { place: table.place(), reason: other.to_string() },
            })?;
            let sample = items.iter().any(|item| item.get("hk").is_some());
            let verge = items.iter().any(|item| item.get("api").is_some() && item.get("version").is_some());
            let layout = match (sample, verge) {
                (true, false) => Some(Layout::Sample),
                (false, true) => Some(Layout::Verge),
                // Nothing tells: the key schema does.
                _ => store.read().await?.layout,
            };
            Reading::new(items, layout)
        }
    };
    if reading.holds(Layout::Sample) && table.only.is_none() {
        let reason = "configure exactly one API, or give it to one with [api.table]".to_owned();
        return Err(LoadError::WhichApi { place: table.place(), reason });
    }
    Ok(reading)
}
