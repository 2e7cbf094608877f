//! `verge mappings export`: the table as a file.

use super::{Exit, Outcome, plan::BOOKKEEPING, print_json, tables::Tables};
use crate::cli::ConfigArg;
use serde_json::json;
use verge_mappings::Item;

/// Print the table as JSON, to keep or to import elsewhere.
///
/// Rows and `#api` items are printed, sorted, without what each write makes anew (revision, updated_at, updated_by,
/// previous), so that two exports differ where the tables do.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings export -c verge.toml > table.json
  verge mappings export -c verge.toml orders --typed       as `aws dynamodb scan` prints it
  verge mappings export -c staging.toml | verge mappings diff -c production.toml -

The output is also a table for `source = \"file\"`.

Exit codes: 0 printed; 1 unknown API; 64 usage; 69 store unreachable; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Only this API's.
    #[arg(value_name = "API")]
    api: Option<String>,
    /// With DynamoDB's types: sets and bytes come back as they were.
    #[arg(long)]
    typed: bool,
    /// Everything that is stored: all of Verge's own items, revisions and previous values.
    #[arg(long)]
    all: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let tables = Tables::read(&args.config)?;
    match &args.api {
        Some(api) => {
            tables.home(api)?.content()?;
        }
        None => tables.check_all_read()?,
    }
    let mut rows = tables.rows();
    rows.retain(|id, _| args.api.as_ref().is_none_or(|api| id.api == *api) && (args.all || id.is_portable()));
    if let Some(api) = args.api.as_ref().filter(|api| rows.is_empty() && !tables.apis().contains(*api)) {
        return Err(tables.unknown(api));
    }
    let one = |mut item: Item| {
        if !args.all {
            for name in BOOKKEEPING {
                item.remove(name);
            }
        }
        if args.typed { item.to_typed_json() } else { item.to_plain_json() }
    };
    let items: Vec<_> = rows.into_values().map(one).collect();
    let count = items.len();
    print_json(&if args.typed {
        json!({"Items": items, "Count": count, "ScannedCount": count})
    } else {
        json!({"Items": items})
    })?;
    Ok(Exit::Ok)
}
