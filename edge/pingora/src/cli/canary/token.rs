//! `verge canary token`: a tester's pass to one arm.

use super::{row, split::Split};
use crate::{
    cli::{
        Exit, Failure, Outcome, config,
        table::{RowArg, print, print_json, show::quoted, tables::Tables},
    },
    clock::unix_now,
    seal::Key,
};
use serde_json::json;
use std::time::Duration;
use verge_config::units::parse_duration;
use verge_router::{
    UnixTime,
    lifecycle::rfc3339,
    split::seal::{VERGE_OVERRIDE, sign_override},
};

/// The longest that a pass is good for.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// Make a request field that leads a tester to one arm, whatever its weight.
///
/// It is signed with `[canary] key`, and is good for one row and arm until it expires; it cannot be taken back before, but
/// by another key or row. Nodes strip it before they forward, and leave such requests out of what the breaker judges.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge canary token -c verge.toml orders v2 --arm canary --expires 1h
  curl -H \"$(verge canary token -c verge.toml orders v2 --arm canary --expires 10m)\" \\
      -H 'APIVER: v2' https://api.example.com/orders

Exit codes: 0 printed; 1 there is no such row or arm; 64 usage; 69 store unreachable; 78 configuration, or no key")]
pub(super) struct Args {
    #[command(flatten)]
    row: RowArg,
    /// The arm; `stable` too.
    #[arg(long, value_name = "NAME", default_value = "canary")]
    arm: String,
    /// How long it is good for, such as 10m, 1h or 7d; 30d at most.
    #[arg(long, value_name = "DURATION", default_value = "1h", value_parser = expiry)]
    expires: Duration,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn expiry(text: &str) -> Result<Duration, String> {
    let duration = parse_duration(text).map_err(|error| error.to_string())?;
    if (Duration::from_secs(1)..=LONGEST).contains(&duration) {
        Ok(duration)
    } else {
        Err("a pass is good for 1s to 30d".to_owned())
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    let config = config::load_unserved(args.row.config.file())?;
    let Some(secret) = &config.canary.key else {
        let reason = "[canary] key is not set: no node would believe a signature; write key = \"env:NAME\", or name the \
                      testers' networks in [canary] testers";
        return Err(Failure::new(Exit::Config, reason));
    };
    let key = Key::new(&config::secret(secret, "[canary] key")?);
    let mut tables = Tables::of(&config)?;
    tables.reread();
    let id = args.row.id();
    tables.check_read(&id.api)?;
    let (item, _) = row::find(&tables, &id)?;
    let refuse = |reason: &str| row::refusal(&id, reason);
    let split = Split::read(&item).map_err(|reason| refuse(&reason))?;
    if !split.arms().iter().any(|arm| arm.name == args.arm) {
        let names = split.arms().iter().map(|arm| format!("`{}`", quoted(&arm.name))).collect::<Vec<_>>().join(", ");
        return Err(refuse(&format!("there is no arm `{}`, but {names}", quoted(&args.arm))));
    }
    let seconds = UnixTime::try_from(args.expires.as_secs()).unwrap_or(0);
    let expires = unix_now().saturating_add(seconds);
    let value = sign_override(&key, &id.api, &id.key, &args.arm, expires);
    if args.json {
        print_json(&json!({"field": VERGE_OVERRIDE.as_str(), "value": value, "expires": rfc3339(expires)}))?;
    } else {
        print(&format!("{VERGE_OVERRIDE}: {value}\n"))?;
        eprintln!("good until {}, for `{}` of {} {}", rfc3339(expires), args.arm, quoted(&id.api), quoted(&id.key));
    }
    Ok(Exit::Ok)
}
