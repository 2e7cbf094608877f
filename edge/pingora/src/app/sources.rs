//! The configured tables, as sources.

use crate::cli::{Exit, Failure};
use std::{sync::Arc, time::Duration};
use tokio::runtime::Runtime;
use verge_config::{Config, Table, TableSource};
use verge_mappings::{
    DynamoSettings, DynamoStore, Feed, FileSource, LiveTable, LoadError, Partitioned, PinSource, Scope, SnapshotFile,
    Source, Store,
};
#[cfg(feature = "embedded")]
use verge_mappings::{Embedded, Keep};
use verge_router::ApiDraft;

/// One table of the configuration, opened.
#[derive(Clone)]
pub(crate) struct Opened {
    scope: Scope,
    /// As configured.
    table: Table,
    source: Arc<dyn Source>,
    /// The same, where it can be written.
    store: Option<Arc<dyn Store>>,
    /// The same, where pins are read.
    pins: Arc<dyn PinSource>,
    /// The same, where its APIs can be read one by one.
    parted: Option<Arc<dyn Partitioned>>,
}

/// All tables of a configuration.
pub(crate) struct Sources {
    opened: Vec<Opened>,
    local: bool,
}

impl Sources {
    /// Opens what is configured; nothing is read yet, and an unreachable store is no error.
    ///
    /// What `old` has open under the same configuration stays open: an embedded engine owns its file.
    pub(crate) fn open(config: &Config, background: &Runtime, old: Option<&Self>) -> Result<Self, Failure> {
        let own = config.apis.iter().filter_map(|api| Some((Scope::Api(api.name.clone()), api.table.as_ref()?)));
        let tables = config.table.iter().map(|table| (Scope::All, table)).chain(own);
        let mut sources = Self { opened: Vec::new(), local: true };
        for (scope, table) in tables {
            sources.local &= !matches!(table.source, TableSource::Dynamodb { .. });
            let same = |opened: &&Opened| opened.scope == scope && opened.table.source == table.source;
            let opened = match old.and_then(|old| old.opened.iter().find(same)) {
                Some(opened) => Opened { table: table.clone(), ..opened.clone() },
                None => open(scope, table, background)?,
            };
            sources.opened.push(opened);
        }
        Ok(sources)
    }

    /// Whether all of them are on this machine.
    pub(crate) fn are_local(&self) -> bool {
        self.local
    }

    /// The table in memory, not read yet.
    pub(crate) fn live_table(&self, config: &Config) -> LiveTable {
        LiveTable::new(self.feeds(), drafts(config), config.origins.rules.clone(), refresh(config))
    }

    /// Has a table that is live follow these sources and this configuration.
    ///
    /// # Errors
    /// The new table could not be built; the old one goes on.
    pub(crate) async fn replace(&self, table: &LiveTable, config: &Config) -> Result<(), LoadError> {
        table.replace(self.feeds(), drafts(config), config.origins.rules.clone(), refresh(config)).await.map(|_| ())
    }

    fn feeds(&self) -> Vec<Feed> {
        let feed = |opened: &Opened| {
            let Table { source, poll, snapshot, bootstrap, shrink_hold, on_demand, .. } = &opened.table;
            let mut feed = match (on_demand, &opened.parted) {
                (Some(memory), Some(parted)) => Feed::on_demand(parted.clone(), *memory),
                _ => Feed::new(opened.scope.clone(), opened.source.clone()),
            };
            (feed.poll, feed.shrink_hold) = (*poll, *shrink_hold);
            feed.snapshot = snapshot.as_ref().map(|path| SnapshotFile::new(path, binding(source)));
            feed.bootstrap = bootstrap.as_ref().map(|path| Arc::new(FileSource::new(path)) as Arc<dyn Source>);
            feed
        };
        self.opened.iter().map(feed).collect()
    }

    /// Each table: whose it is, itself, and itself once more where it can be written.
    pub(crate) fn tables(&self) -> impl Iterator<Item = (&Scope, &Arc<dyn Source>, Option<&Arc<dyn Store>>)> {
        self.opened.iter().map(|opened| (&opened.scope, &opened.source, opened.store.as_ref()))
    }

    /// Whether nodes load the APIs of the table with this scope one by one.
    pub(crate) fn is_on_demand(&self, scope: &Scope) -> bool {
        self.opened.iter().any(|opened| opened.scope == *scope && opened.table.on_demand.is_some())
    }

    /// Finds the table an API's rows are written to, wherever that is asked.
    pub(crate) fn stores(&self) -> impl Fn(&str) -> Option<Arc<dyn Store>> + Send + Sync + 'static {
        let opened = Self { opened: self.opened.clone(), local: self.local };
        move |api| opened.store(api)
    }

    /// Finds where an API's pins are read, wherever that is asked.
    pub(crate) fn pins(&self) -> impl Fn(&str) -> Option<Arc<dyn PinSource>> + Send + Sync + 'static {
        let opened = Self { opened: self.opened.clone(), local: self.local };
        move |api| Some(opened.home(api)?.pins.clone())
    }

    /// The table an API's rows are written to; the common one for an API that has none of its own.
    pub(crate) fn store(&self, api: &str) -> Option<Arc<dyn Store>> {
        self.home(api)?.store.clone()
    }

    fn home(&self, api: &str) -> Option<&Opened> {
        let own = self.opened.iter().find(|opened| opened.scope == Scope::Api(api.to_owned()));
        own.or_else(|| self.opened.iter().find(|opened| opened.scope == Scope::All))
    }
}

/// Which table a snapshot is of: what the configuration and the environment say, for at the start nobody can be asked.
fn binding(source: &TableSource) -> String {
    let variable =
        |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match source {
        TableSource::Dynamodb { name, region, endpoint, profile } => {
            let region = region.clone().or_else(|| variable(&["AWS_REGION", "AWS_DEFAULT_REGION"]));
            let endpoint = endpoint.clone().or_else(|| variable(&["AWS_ENDPOINT_URL_DYNAMODB", "AWS_ENDPOINT_URL"]));
            let profile = profile.clone().or_else(|| variable(&["AWS_PROFILE"]));
            // A profile may name a region, but an account too: it counts where nothing else names the region.
            let region = region.or_else(|| Some(format!("the region of profile {}", profile?)));
            let or = |value: Option<String>, else_: &str| value.unwrap_or_else(|| else_.to_owned());
            format!("DynamoDB table {name} in {} at {}", or(region, "the region of this machine"), or(endpoint, "AWS"))
        }
        TableSource::Embedded { path, name } => format!("embedded table {name} in {path}"),
        TableSource::File { path } => format!("file {path}"),
    }
}

fn drafts(config: &Config) -> Vec<(String, ApiDraft)> {
    config.apis.iter().map(|api| (api.name.clone(), api.draft.clone())).collect()
}

/// Tables are read together, as often as the most eager of them asks.
fn refresh(config: &Config) -> Duration {
    let own = config.apis.iter().filter_map(|api| api.table.as_ref());
    config.table.iter().chain(own).map(|table| table.refresh).min().unwrap_or_default()
}

fn open(scope: Scope, table: &Table, background: &Runtime) -> Result<Opened, Failure> {
    match &table.source {
        TableSource::Dynamodb { name, region, endpoint, profile } => {
            let settings = DynamoSettings {
                table: name.clone(),
                region: region.clone(),
                endpoint: endpoint.clone(),
                profile: profile.clone(),
            };
            let store = Arc::new(DynamoStore::new(settings));
            Ok(Opened {
                scope,
                table: table.clone(),
                source: store.clone(),
                store: Some(store.clone()),
                pins: store.clone(),
                parted: Some(store),
            })
        }
        TableSource::File { path } => {
            let file = Arc::new(FileSource::new(path));
            Ok(Opened { scope, table: table.clone(), source: file.clone(), store: None, pins: file, parted: None })
        }
        #[cfg(feature = "embedded")]
        TableSource::Embedded { path, name } => {
            let engine = background
                .block_on(Embedded::start(Keep::File(path.into()), name))
                .map_err(|error| Failure::new(Exit::Unavailable, error))?;
            let engine = Arc::new(engine);
            Ok(Opened {
                scope,
                table: table.clone(),
                source: engine.clone(),
                store: Some(engine.clone()),
                pins: engine.clone(),
                parted: Some(engine),
            })
        }
        #[cfg(not(feature = "embedded"))]
        TableSource::Embedded { .. } => {
            let _ = background;
            Err(Failure::new(
                Exit::Config,
                "[table] source: this build has no embedded engine; use `dynamodb`, or build with the feature `embedded`",
            ))
        }
    }
}
