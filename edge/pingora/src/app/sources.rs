//! The configured tables, as sources.

use crate::cli::{Exit, Failure};
use std::sync::Arc;
use tokio::runtime::Runtime;
use verge_config::{Config, Table, TableSource};
use verge_mappings::{DynamoSettings, DynamoStore, FileSource, LiveTable, Scope, Source, Store};
#[cfg(feature = "embedded")]
use verge_mappings::{Embedded, Keep};

/// One table of the configuration, opened.
pub(crate) struct Opened {
    scope: Scope,
    source: Arc<dyn Source>,
    /// The same, where it can be written.
    store: Option<Arc<dyn Store>>,
}

/// All tables of a configuration.
pub(crate) struct Sources {
    opened: Vec<Opened>,
    local: bool,
}

impl Sources {
    /// Opens what is configured; nothing is read yet, and an unreachable store is no error.
    pub(crate) fn open(config: &Config, background: &Runtime) -> Result<Self, Failure> {
        let own = config.apis.iter().filter_map(|api| Some((Scope::Api(api.name.clone()), api.table.as_ref()?)));
        let tables = config.table.iter().map(|table| (Scope::All, table)).chain(own);
        let mut sources = Self { opened: Vec::new(), local: true };
        for (scope, table) in tables {
            sources.local &= !matches!(table.source, TableSource::Dynamodb { .. });
            sources.opened.push(open(scope, table, background)?);
        }
        Ok(sources)
    }

    /// Whether all of them are on this machine.
    pub(crate) fn are_local(&self) -> bool {
        self.local
    }

    /// The table in memory, not read yet.
    pub(crate) fn live_table(&self, config: &Config) -> LiveTable {
        let refresh = config
            .table
            .iter()
            .chain(config.apis.iter().filter_map(|api| api.table.as_ref()))
            .map(|table| table.refresh)
            .min();
        LiveTable::new(
            self.opened.iter().map(|opened| (opened.scope.clone(), opened.source.clone())).collect(),
            config.apis.iter().map(|api| (api.name.clone(), api.draft.clone())).collect(),
            config.origins.rules.clone(),
            refresh.unwrap_or_default(),
        )
    }

    /// The table an API's rows are written to; the common one for an API that has none of its own.
    pub(crate) fn store(&self, api: &str) -> Option<Arc<dyn Store>> {
        let own = self.opened.iter().find(|opened| opened.scope == Scope::Api(api.to_owned()));
        own.or_else(|| self.opened.iter().find(|opened| opened.scope == Scope::All))?.store.clone()
    }
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
            Ok(Opened { scope, source: store.clone(), store: Some(store) })
        }
        TableSource::File { path } => Ok(Opened { scope, source: Arc::new(FileSource::new(path)), store: None }),
        #[cfg(feature = "embedded")]
        TableSource::Embedded { path, name } => {
            let engine = background
                .block_on(Embedded::start(Keep::File(path.into()), name))
                .map_err(|error| Failure::new(Exit::Unavailable, error))?;
            let engine = Arc::new(engine);
            Ok(Opened { scope, source: engine.clone(), store: Some(engine) })
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
