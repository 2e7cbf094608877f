//! `verge mappings`: the table, from the command line.
//!
//! What is written is first judged by the code that serves, together with the whole table as it would stand; and each
//! write is conditional on what its author saw.

mod control;
mod delete;
mod diff;
mod export;
mod file;
mod get;
mod iam;
mod import;
mod init;
mod list;
mod put;
mod rollback;

use super::{
    Exit, Failure, Outcome,
    table::{Author, RowArg, attributes, plan, print, print_json, show, store_failure, tables, verdict, write},
};
use clap::Subcommand;

/// Work with the mapping table: look at it, change it, carry it from place to place.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings init -c verge.toml
  verge mappings put -c verge.toml orders v1 \\
      --domain abc.execute-api.us-east-1.amazonaws.com --base-path /prod
  verge mappings put -c verge.toml orders latest --alias-of v1
  verge mappings rollback -c verge.toml orders v1
  verge mappings list -c verge.toml
  verge mappings export -c verge.toml > table.json
  verge mappings diff -c verge.toml table.json
  verge mappings import -c verge.toml table.json --prune
  verge mappings freeze -c verge.toml
  verge mappings accept -c verge.toml
  verge mappings iam -c verge.toml

A table with `source = \"file\"` can be looked at, not written:
edit the file, it is reread when it changes.

Exit codes: 0 success, 1 refused, absent or different, 64 usage,
69 store unreachable or probe failed, 78 configuration")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Init(init::Args),
    List(list::Args),
    Get(get::Args),
    Put(put::Args),
    Delete(delete::Args),
    Export(export::Args),
    Diff(diff::Args),
    Import(import::Args),
    Rollback(rollback::Args),
    Freeze(control::Freeze),
    Accept(control::Accept),
    Iam(iam::Args),
}

pub(crate) fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Init(args) => init::run(args),
        Command::List(args) => list::run(args),
        Command::Get(args) => get::run(args),
        Command::Put(args) => put::run(args),
        Command::Delete(args) => delete::run(args),
        Command::Export(args) => export::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Import(args) => import::run(args),
        Command::Rollback(args) => rollback::run(args),
        Command::Freeze(args) => control::freeze(args),
        Command::Accept(args) => control::accept(args),
        Command::Iam(args) => iam::run(args),
    }
}
