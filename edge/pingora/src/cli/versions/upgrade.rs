//! `verge versions upgrade` and `rollback`.

use super::consumer::{ConsumerArg, Manner, parse_time};
use crate::cli::Outcome;
use std::time::Duration;
use verge_config::units::parse_duration;
use verge_mappings::StoredPin;
use verge_router::{Pin, UnixTime, lifecycle::rfc3339, pin};

/// The longest time to go back in.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// Move a pinned consumer to another version, now or later, with a time in which it can go back.
///
/// Afterwards the version it had is only what `rollback` would bring back, until that time is over. A consumer that names a
/// version in its request gets that one, before and after.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge versions upgrade -c verge.toml orders ann@example.com v2
  verge versions upgrade -c verge.toml orders ann@example.com v2 --at 2027-01-01T00:00:00Z --window 240h

Exit codes: 0 written; 1 refused, without a pin, or changed in the meantime; 64 usage; 69 store unreachable;
78 configuration")]
pub(super) struct Upgrade {
    #[command(flatten)]
    consumer: ConsumerArg,
    /// The version, range or alias to move to.
    #[arg(value_name = "VERSION")]
    version: String,
    /// When (RFC 3339, UTC); default: now.
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<UnixTime>,
    /// How long it can be taken back afterwards, such as 72h.
    #[arg(long, value_name = "DURATION", default_value = "72h", value_parser = parse_window)]
    window: Duration,
    #[command(flatten)]
    manner: Manner,
}

fn parse_window(text: &str) -> Result<Duration, String> {
    let window = parse_duration(text).map_err(|error| error.to_string())?;
    if window <= LONGEST { Ok(window) } else { Err("at most 8760h".to_owned()) }
}

pub(super) fn upgrade(args: &Upgrade) -> Outcome {
    let consumer = args.consumer.find()?;
    let before = consumer.pin()?;
    let version = consumer.version(&args.version)?;
    let Some((present, _)) = before.pin.at(consumer.now) else {
        return consumer.forbid("its pin is over; `verge versions pin` makes another");
    };
    if *present == *version {
        return consumer.forbid(format_args!("it has `{present}` already"));
    }
    let at = args.at.unwrap_or(consumer.now);
    if at < consumer.now {
        return consumer.forbid("an upgrade cannot be in the past");
    }
    let window = UnixTime::try_from(args.window.as_secs()).unwrap_or(UnixTime::MAX);
    let upgrade = Some(pin::Upgrade { version, at });
    let pin = Pin { version: present.into(), upgrade, expires: before.pin.expires };
    consumer.put(&StoredPin { pin, rollback_until: Some(at.saturating_add(window)) }, &args.manner)
}

/// Take a consumer's upgrade back, while its time for that lasts.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge versions rollback -c verge.toml orders ann@example.com --dry-run
  verge versions rollback -c verge.toml orders ann@example.com

Exit codes: 0 written; 1 there is no upgrade, its time is over, or it changed in the meantime; 64 usage;
69 store unreachable; 78 configuration")]
pub(super) struct Rollback {
    #[command(flatten)]
    consumer: ConsumerArg,
    #[command(flatten)]
    manner: Manner,
}

pub(super) fn rollback(args: &Rollback) -> Outcome {
    let consumer = args.consumer.find()?;
    let before = consumer.pin()?;
    if before.pin.upgrade.is_none() {
        return consumer.forbid("there is no upgrade to take back");
    }
    if let Some(until) = before.rollback_until.filter(|until| *until <= consumer.now) {
        let until = rfc3339(until);
        return consumer.forbid(format_args!(
            "its upgrade could be taken back until {until}; `verge versions pin` still can pin it"
        ));
    }
    let pin = Pin { upgrade: None, ..before.pin };
    consumer.put(&StoredPin { pin, rollback_until: None }, &args.manner)
}
