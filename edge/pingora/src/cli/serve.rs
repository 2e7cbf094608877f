//! `verge serve`: the proxy.

use super::{ConfigArg, Outcome, config};
use crate::{
    app::{App, Start},
    handover::usual_place,
};
use std::path::PathBuf;

/// Run the proxy.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SIGTERM and SIGINT: readiness turns red, `drain_wait` passes, then requests in flight are finished
(at most `drain`) and the process exits; at once when idle. SIGHUP, or a change of the file, reloads the configuration
but for [listen], [admin] and [health]; where the new one is wrong, the old one stays.

With --upgrade it takes over from the process that serves the same file: it gets its listening sockets, and when it has a
table and accepts, the other one finishes what is in flight and exits. Where it fails, the other one goes on. SIGUSR2 has a
running process start such a successor itself, from the program as it is then.

Examples:
  verge serve -c verge.toml
  verge serve -c verge.toml --upgrade"
)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Take over from the running process, without closing a listener
    #[arg(long)]
    upgrade: bool,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let config = config::load(&args.config.config)?;
    let place = config.listen.upgrade.as_ref().map_or_else(|| usual_place(&args.config.config), PathBuf::from);
    let start = Start { place: Some(place), upgrade: args.upgrade };
    Ok(App::start(config, start)?.run_until_told(Some(&args.config.config)))
}
