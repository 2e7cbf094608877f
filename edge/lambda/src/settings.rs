//! What of the configuration this edge heeds besides the APIs and the tables.

use crate::names::NAMES;
use serde_json::{Value as Json, json};
use verge_config::{Config, TableSource};
use verge_router::origin::{Cidr, Dial, Domain};

/// The settings.
#[derive(Debug)]
pub(crate) struct Settings {
    /// `[origins.connect]`.
    pub(crate) connect: Vec<(Domain, Dial)>,
    /// Where testers come from.
    pub(crate) testers: Vec<Cidr>,
}

impl Settings {
    /// Those of a configuration.
    pub(crate) fn of(config: &Config) -> Self {
        Self { connect: config.origins.connect.clone(), testers: config.canary.testers.clone() }
    }
}

/// What the other side of the boundary must know: which tables to read, where, how often, and which
/// names are numbers.
pub(crate) fn told(config: &Config) -> Json {
    let own = config.apis.iter().filter_map(|api| Some((Some(&api.name), api.table.as_ref()?)));
    let tables: Vec<_> = config.table.iter().map(|table| (None, table)).chain(own).collect();
    let refresh = tables.iter().map(|(_, table)| table.refresh.as_secs()).min();
    let table = |(api, table): &(Option<&String>, &verge_config::Table)| match &table.source {
        TableSource::Dynamodb { name, region, endpoint, .. } => {
            let regions = &config.lambda.regions;
            let regions: Vec<&String> =
                if regions.is_empty() { region.iter().collect() } else { regions.iter().collect() };
            json!({"api": api, "source": "dynamodb", "name": name, "regions": regions, "endpoint": endpoint})
        }
        other => json!({"api": api, "source": other.as_str(), "regions": []}),
    };
    let names: Vec<&str> = NAMES.iter().map(http::HeaderName::as_str).collect();
    json!({"refresh": refresh, "tables": tables.iter().map(table).collect::<Vec<_>>(), "names": names})
}
