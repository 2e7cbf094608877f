//! `verge versions pin` and `unpin`.

use super::consumer::{ConsumerArg, Manner, parse_time};
use crate::cli::Outcome;
use verge_mappings::StoredPin;
use verge_router::UnixTime;

/// Pin a consumer to a version: what it gets where it asks for none.
///
/// It takes the place of the pin it had, upgrade and all. A range or an alias may be pinned to; it is looked up at each
/// request.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge versions pin -c verge.toml orders ann@example.com v1
  verge versions pin -c verge.toml orders trial-7 v2 --expires 2027-01-01T00:00:00Z
  verge versions pin -c verge.toml orders ann@example.com v1 --dry-run --json

Exit codes: 0 written, or so already; 1 refused, or changed in the meantime; 64 usage; 69 store unreachable;
78 configuration")]
pub(super) struct Pin {
    #[command(flatten)]
    consumer: ConsumerArg,
    /// The version, range or alias.
    #[arg(value_name = "VERSION")]
    version: String,
    /// From this time on (RFC 3339, UTC) there is no pin.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    expires: Option<UnixTime>,
    #[command(flatten)]
    manner: Manner,
}

pub(super) fn pin(args: &Pin) -> Outcome {
    let consumer = args.consumer.find()?;
    let version = consumer.version(&args.version)?;
    if args.expires.is_some_and(|expires| expires <= consumer.now) {
        return consumer.forbid("a pin cannot end in the past");
    }
    let pin = verge_router::Pin { version, upgrade: None, expires: args.expires };
    consumer.put(&StoredPin { pin, rollback_until: None }, &args.manner)
}

/// Take a consumer's pin away: it gets what consumers without a pin get.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge versions unpin -c verge.toml orders ann@example.com --dry-run
  verge versions unpin -c verge.toml orders ann@example.com

Exit codes: 0 taken away; 1 there is none, or it changed in the meantime; 64 usage; 69 store unreachable; 78 configuration")]
pub(super) struct Unpin {
    #[command(flatten)]
    consumer: ConsumerArg,
    #[command(flatten)]
    manner: Manner,
}

pub(super) fn unpin(args: &Unpin) -> Outcome {
    args.consumer.find()?.delete(&args.manner)
}
