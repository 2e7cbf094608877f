//! `verge mappings get`: one item.

use super::{
    Exit, Failure, Outcome, RowArg,
    plan::RowId,
    print, print_json,
    show::{attributes, quoted},
    store_failure,
    tables::Tables,
    verdict::is_same,
};
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
            tables.rows().remove(&id).ok_or_else(|| absent(&tables, &id))?
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

/// What to say of an item that is not there.
pub(super) fn absent(tables: &Tables, id: &RowId) -> Failure {
    let rows = tables.rows();
    let mut keys = rows.keys().filter(|other| other.api == id.api && !other.is_own()).peekable();
    if keys.peek().is_none() && !tables.apis().contains(&id.api) {
        return tables.unknown(&id.api);
    }
    let twin = keys.find(|other| is_same(&other.key, &id.key));
    let hint = twin.map(|twin| format!("; the row is called `{}`", quoted(&twin.key))).unwrap_or_default();
    let (api, key) = (quoted(&id.api), quoted(&id.key));
    Failure::new(Exit::Failed, format!("{api} `{key}` is not in the table{hint}"))
}
