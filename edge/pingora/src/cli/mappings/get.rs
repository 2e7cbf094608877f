//! `verge mappings get`: one item.

use super::{Exit, Outcome, RowArg, print, print_json, show::attributes, store_failure, tables::Tables};
use verge_mappings::{Item, Layout};

/// Show one item.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings get -c verge.toml orders v1
  verge mappings get -c verge.toml orders v1 --json | jq -r .domain
  verge mappings get -c verge.toml orders '#api'

Exit codes: 0 shown; 1 there is no such item; 64 usage; 69 store unreachable; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    row: RowArg,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut tables = Tables::open(&args.row.config)?;
    let id = args.row.id();
    let table = tables.home(&id.api)?;
    // One read is enough where the store can be asked for one item, and the item says whose it is.
    let direct = match table.store() {
        Ok(store) => tables.wait(store.get(&id.api, &id.key)).map_err(store_failure)?,
        Err(_) => None,
    };
    let item = match direct.filter(|item| item.text("api") == Some(&id.api)) {
        Some(item) => item,
        None => {
            tables.reread();
            tables.home(&id.api)?.content()?;
            tables.rows().remove(&id).ok_or_else(|| tables.absent(&id))?
        }
    };
    if args.json {
        print_json(&item.to_plain_json())?;
    } else {
        print(&attributes(&item, layout(&item)))?;
    }
    Ok(Exit::Ok)
}

fn layout(item: &Item) -> Layout {
    if item.get("api").is_some() && item.get("version").is_some() { Layout::Verge } else { Layout::Sample }
}
