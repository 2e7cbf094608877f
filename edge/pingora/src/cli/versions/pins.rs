//! `verge versions pins`: what consumers are pinned to.

use super::consumer::{ConsumerArg, words};
use crate::{
    cli::{
        ConfigArg, Exit, Outcome,
        table::{
            print, print_json,
            show::{columns, quoted},
            store_failure,
            tables::Tables,
        },
    },
    clock::unix_now,
};
use clap::Subcommand;
use serde_json::Value as Json;
use verge_mappings::{Item, PIN, StoredPin};

/// Look at the pins of an API's consumers.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge versions pins list -c verge.toml orders
  verge versions pins list -c verge.toml orders --json | jq -r '.[].version'
  verge versions pins get -c verge.toml orders ann@example.com

Exit codes: 0 shown; 1 there is none, or no such API; 64 usage; 69 store unreachable; 78 configuration")]
pub(super) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(List),
    Get(Get),
}

/// Show all of them.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge versions pins list -c verge.toml orders

Exit codes: 0 shown, or there is none; 1 no such API; 64 usage; 69 store unreachable; 78 configuration")]
struct List {
    #[command(flatten)]
    config: ConfigArg,
    /// The API.
    #[arg(value_name = "API")]
    api: String,
    /// Print a list of JSON objects.
    #[arg(long)]
    json: bool,
}

/// Show one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge versions pins get -c verge.toml orders ann@example.com --json

Exit codes: 0 shown; 1 there is none; 64 usage; 69 store unreachable; 78 configuration")]
struct Get {
    #[command(flatten)]
    consumer: ConsumerArg,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::List(args) => list(args),
        Command::Get(args) => get(args),
    }
}

fn list(args: &List) -> Outcome {
    let tables = Tables::read(&args.config)?;
    let table = tables.home(&args.api)?;
    table.content()?;
    if !tables.apis().contains(&args.api) {
        return Err(tables.unknown(&args.api));
    }
    let pins: Vec<Item> = match table.store() {
        Ok(store) => tables.wait(store.pins(&args.api)).map_err(store_failure)?,
        Err(_) => {
            let rows = tables.rows().into_iter();
            rows.filter(|(id, _)| id.api == args.api && id.key.starts_with(PIN)).map(|(_, item)| item).collect()
        }
    };
    if args.json {
        print_json(&pins.iter().map(Item::to_plain_json).collect::<Json>())?;
        return Ok(Exit::Ok);
    }
    let cell = |text: &str| text.to_owned();
    let mut lines = vec![["CONSUMER", "PIN", "UPDATED", "BY"].map(cell).to_vec()];
    for item in &pins {
        let text = |name| quoted(item.text(name).unwrap_or_default());
        let key = item.text("version").or(item.text("hk")).and_then(|key| key.strip_prefix(PIN)).unwrap_or_default();
        lines.push(vec![quoted(key), said(item), text("updated_at"), text("updated_by")]);
    }
    print(&columns(&lines))?;
    Ok(Exit::Ok)
}

fn get(args: &Get) -> Outcome {
    let consumer = args.consumer.find()?;
    let item = consumer.item()?;
    if args.json {
        print_json(&item.to_plain_json())?;
    } else {
        print(&format!("{}\n", said(item)))?;
    }
    Ok(Exit::Ok)
}

fn said(item: &Item) -> String {
    match StoredPin::read(item) {
        Ok(pin) => words(&pin, unix_now()),
        Err(error) => format!("cannot be read: {error}"),
    }
}
