//! `verge serve`: the proxy.

use super::{ConfigArg, Outcome, config};
use crate::app::App;

/// Run the proxy.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "SIGTERM and SIGINT: readiness turns red, `drain_wait` passes, then requests in flight are finished
(at most `drain`) and the process exits; at once when idle. SIGHUP, or a change of the file, reloads the configuration
but for [listen], [admin] and [health]; where the new one is wrong, the old one stays.

Example:
  verge serve -c verge.toml"
)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArg,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let config = config::load(&args.config.config)?;
    Ok(App::start(config)?.run_until_told(Some(&args.config.config)))
}
