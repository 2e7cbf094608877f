//! `verge mappings rollback`: one item as it was before the last write.

use super::{Exit, Failure, Outcome, RowArg, show::quoted, tables::Tables, write};

/// Undo the last write of a row: put back what stood there before it.
///
/// Every write through Verge keeps what it replaced under `previous`. The row that comes back is checked and written as any
/// other, so a second rollback undoes the first.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings rollback -c verge.toml orders v1 --dry-run     what would come back
  verge mappings rollback -c verge.toml orders v1
  verge mappings rollback -c verge.toml orders v1               the same again: undone
  verge mappings rollback -c verge.toml orders v1 --probe       tries its origin first
  verge mappings rollback -c verge.toml orders '#api'

A row that was deleted is put back with `put --from`: `delete --json` prints it.

Exit codes: 0 written; 1 refused, absent, nothing to go back to, or changed in the meantime; 64 usage;
69 store unreachable, or the probe failed; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    row: RowArg,
    #[command(flatten)]
    write: write::Manner,
}

pub(super) fn run(args: &Args) -> Outcome {
    let tables = Tables::read(&args.row.config)?;
    let id = args.row.id();
    let table = tables.home(&id.api)?;
    table.store()?;
    tables.check_read(&id.api)?;
    write::check_target(&tables, &id)?;
    let before = tables.rows().remove(&id).ok_or_else(|| tables.absent(&id))?;
    let after = write::previous(&before, id.item(table.layout())).ok_or_else(|| {
        let (api, key) = (quoted(&id.api), quoted(&id.key));
        let reason = "there is nothing to go back to: it was written once through Verge, or by others";
        Failure::new(Exit::Failed, format!("{api} `{key}`: {reason}"))
    })?;
    write::change(&tables, id, Some(before), after, &args.write)
}
