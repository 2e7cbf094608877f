//! `verge mappings put`: one item written.

mod edit;

use super::{Exit, Failure, Outcome, RowArg, file, show::quoted, tables::Tables, write};
use edit::Edits;

/// Write a row: a version and its origin, or another name for a version.
///
/// A row that is there is edited: what is not named stays as it is. With --from it is replaced as a whole.
/// The row and the table as it would stand are checked as `verge serve` would read them, and nothing is written that
/// could not be served. The write is conditional on the revision that was shown.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings put -c verge.toml orders v1 \\
      --domain abc.execute-api.us-east-1.amazonaws.com --base-path /prod
  verge mappings put -c verge.toml orders v1 --base-path /dev --probe   tries the origin first
  verge mappings put -c verge.toml orders latest --alias-of v1
  verge mappings put -c verge.toml orders v1 \\
      --set deprecated_at=2026-11-23T10:00:00Z --set successor=v2
  verge mappings put -c verge.toml orders v1 --unset successor --dry-run
  verge mappings put -c verge.toml orders v2 --from row.json --revision 3
  verge mappings put -c verge.toml orders '#api' --from api.json
  verge mappings put -c verge.toml orders application/vnd.example.v1+json \\
      --domain abc.execute-api.us-east-1.amazonaws.com         sample layout: VERSION is the `hk`

--set takes any attribute. Text stays text; otherwise a value that is JSON is taken as JSON:
  --set port=8443   --set read_timeout=30s   --set 'hosts=[\"*\"]'
  --set 'brownouts=[{\"from\": \"2026-11-23T10:00:00Z\", \"to\": \"2026-11-23T11:00:00Z\"}]'

Exit codes: 0 written, or already so; 1 refused, or changed in the meantime; 64 usage;
69 store unreachable, or the probe failed; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    row: RowArg,
    #[command(flatten)]
    edits: Edits,
    /// Replace the item by this one: plain JSON, or with DynamoDB's types; `-` reads stdin.
    #[arg(long, value_name = "FILE")]
    from: Option<String>,
    #[command(flatten)]
    write: write::Manner,
}

pub(super) fn run(args: &Args) -> Outcome {
    if args.from.is_none() && args.edits.are_empty() {
        return Err(Failure::new(Exit::Usage, "say what to put: --domain, --alias-of, --set, --unset or --from"));
    }
    let tables = Tables::read(&args.row.config)?;
    let id = args.row.id();
    let table = tables.home(&id.api)?;
    table.store()?;
    tables.check_read(&id.api)?;
    write::check_target(&tables, &id)?;

    let before = tables.rows().remove(&id);
    let base = args.from.as_deref().map(file::item).transpose()?;
    let after = edit::apply(base.or_else(|| before.clone()), &args.edits, &id, table.layout())
        .map_err(|reason| Failure::new(Exit::Failed, format!("{} `{}`: {reason}", quoted(&id.api), quoted(&id.key))))?;
    write::change(&tables, id, before, after, &args.write)
}
