//! `verge versions`: which consumer has which version, by pin and by use.

mod consumer;
mod pin;
mod pins;
mod upgrade;
mod usage;

use super::Outcome;
use clap::Subcommand;

/// Pin consumers to versions, move them on, and see who is left.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge versions pin -c verge.toml orders ann@example.com v1
  verge versions upgrade -c verge.toml orders ann@example.com v2       v2 from now on, and 72 h to go back
  verge versions rollback -c verge.toml orders ann@example.com
  verge versions unpin -c verge.toml orders ann@example.com
  verge versions pins list -c verge.toml orders
  verge versions usage -c verge.toml orders                            who still uses what

A consumer is what `[api.pin] subject` reads. A table with `source = \"file\"` can be looked at, not written.

Exit codes: 0 success, 1 refused, absent or changed in the meantime, 64 usage,
69 store unreachable, 78 configuration")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Pin(pin::Pin),
    Unpin(pin::Unpin),
    Upgrade(upgrade::Upgrade),
    Rollback(upgrade::Rollback),
    Pins(pins::Args),
    Usage(usage::Args),
}

pub(crate) fn run(args: &Args) -> Outcome {
    match &args.command {
        Command::Pin(args) => pin::pin(args),
        Command::Unpin(args) => pin::unpin(args),
        Command::Upgrade(args) => upgrade::upgrade(args),
        Command::Rollback(args) => upgrade::rollback(args),
        Command::Pins(args) => pins::run(args),
        Command::Usage(args) => usage::run(args),
    }
}
