//! The mapping table as commands see it: read whole, changed one item at a time, and never into what could not be served.

pub(crate) mod attributes;
pub(crate) mod plan;
mod probe;
pub(crate) mod show;
pub(crate) mod tables;
pub(crate) mod verdict;
pub(crate) mod write;

use super::{ConfigArg, Exit, Failure, Outcome};
use plan::RowId;
use std::io::{self, ErrorKind, Write};
use verge_mappings::StoreError;

/// Which item, of which configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct RowArg {
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    /// The API.
    #[arg(value_name = "API")]
    api: String,
    /// The version; in the sample layout the `hk`; `#api` for the API itself.
    #[arg(value_name = "VERSION")]
    version: String,
}

impl RowArg {
    pub(crate) fn id(&self) -> RowId {
        RowId::new(&self.api, &self.version)
    }
}

/// Who writes.
#[derive(Debug, clap::Args)]
pub(crate) struct Author {
    /// What goes to `updated_by`; default: $USER.
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl Author {
    pub(crate) fn name(&self) -> String {
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        let named = self.by.clone().or_else(|| variable("USER")).or_else(|| variable("LOGNAME"));
        named.unwrap_or_else(|| "verge".to_owned())
    }
}

/// A store's refusal as the end of a command.
pub(crate) fn store_failure(error: StoreError) -> Failure {
    let exit = match error {
        StoreError::Load(_) => Exit::Unavailable,
        _ => Exit::Failed,
    };
    Failure::new(exit, error)
}

/// Writes to stdout. A reader that has seen enough is no error.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, format!("stdout cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// Writes JSON to stdout, for a script.
pub(crate) fn print_json(json: &serde_json::Value) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(json).map_err(|error| Failure::new(Exit::Failed, error))?;
    print(&format!("{text}\n"))
}
