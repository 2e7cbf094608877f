//! `verge mappings`: the table, from the command line.

use super::Outcome;

/// Work with the mapping table.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {}

pub(crate) fn run(_: &Args) -> Outcome {
    Ok(super::Exit::Ok)
}
