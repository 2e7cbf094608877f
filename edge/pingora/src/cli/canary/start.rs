//! `verge canary start`: a plain row becomes a split one.

use super::{
    Edited, Moment, check_drain,
    origin::OriginArg,
    percent::{Percent, WHOLE},
    ramp::RampArg,
    row,
    split::{Arm, SPLIT, STABLE, Split},
    sticky::Sticky,
};
use crate::cli::{
    Outcome,
    table::{
        RowArg,
        attributes::{ORIGIN, pair, value_of},
        show::quoted,
        write::Manner,
    },
};
use verge_mappings::{Item, Layout, Members, Value};
use verge_router::lifecycle::rfc3339;

/// Send a share of a version's clients to another origin, or to another version.
///
/// The row's own origin becomes the last arm, `stable`. Without --sticky each request is drawn by itself; with it a client
/// stays where it is, and a greater weight only adds clients.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge canary start -c verge.toml orders v2 --weight 5% --sticky header:x-user \\
      --to https://new.execute-api.us-east-1.amazonaws.com/live
  verge canary start -c verge.toml orders v2 --to-version v3 --weight 1%
  verge canary start -c verge.toml orders v2 --to new.execute-api.us-east-1.amazonaws.com/live \\
      --weight 5% --ramp step=5%,interval=1h,until=50%
  verge canary start -c verge.toml orders v2 --to new.execute-api.us-east-1.amazonaws.com/live \\
      --weight 0%                                 testers alone: see `verge canary token`
  verge canary start -c verge.toml orders v2 --to-version v3 --weight 5% --dry-run

Exit codes: 0 written; 1 refused, or changed in the meantime; 64 usage; 69 store unreachable, or the probe failed;
78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    row: RowArg,
    #[command(flatten)]
    canary: Canary,
    #[command(flatten)]
    write: Manner,
}

/// The arm that is new, and how clients are drawn.
#[derive(Debug, clap::Args)]
struct Canary {
    /// The canary's origin.
    #[arg(long, value_name = "ORIGIN", required_unless_present = "to_version", conflicts_with = "to_version")]
    to: Option<OriginArg>,
    /// Or the version that answers for it.
    #[arg(long, value_name = "VERSION")]
    to_version: Option<String>,
    /// Its share, such as 5% or 0.01%.
    #[arg(long, value_name = "PERCENT")]
    weight: Percent,
    /// Its name, which clients see in `verge-arm`.
    #[arg(long, value_name = "NAME", default_value = "canary")]
    name: String,
    /// Raise the share by and by: step=5%,interval=1h,until=50%[,start=TIME].
    #[arg(long, value_name = "RAMP")]
    ramp: Option<RampArg>,
    /// What clients are drawn with; default: the version and the time, so that each canary draws others first.
    #[arg(long, value_name = "TEXT")]
    salt: Option<String>,
    #[command(flatten)]
    sticky: Sticky,
    /// At weight 0, keep the clients that Verge's cookie pins to the canary; needs `--sticky cookie`.
    #[arg(long)]
    drain: bool,
    /// Give the canary's origin an attribute, such as connect_timeout=1s; may be repeated.
    #[arg(long = "with", value_name = "NAME=VALUE", value_parser = pair, conflicts_with = "to_version")]
    with: Vec<(String, String)>,
}

pub(super) fn run(args: &Args) -> Outcome {
    row::change(&args.row, &args.write, |item, moment| start(item, &args.canary, moment))
}

/// The row with a canary. Timeouts that the row sets hold for the canary, too.
fn start(item: &Item, canary: &Canary, moment: &Moment<'_>) -> Result<Edited, String> {
    if item.get("split").is_some_and(|split| *split != Value::Null) {
        return Err("it is split already: move its weights with `verge canary set`, or end the split with \
                    `verge canary promote` or `abort` first"
            .to_owned());
    }
    if let Some(target) = item.text("alias_of") {
        return Err(format!("it is another name for `{0}`: start the canary of `{0}`", quoted(target)));
    }
    let stable = origin(item, moment.layout);
    if !stable.contains_key("domain") {
        return Err("it has no origin, so there is nothing that could be the stable arm; give it one with \
                    `verge mappings put --domain`"
            .to_owned());
    }
    check_name(&canary.name)?;
    let weight = canary.weight.weight(WHOLE)?;
    let split = Split::of(
        Arm::new(&canary.name, weight, destination(canary, &stable)?),
        Arm::new(STABLE, WHOLE - weight, stable),
    );

    let mut after = item.clone();
    for name in ORIGIN.into_iter().chain(SPLIT) {
        after.remove(name);
    }
    split.write(&mut after);
    let salt = canary.salt.clone().unwrap_or_else(|| salt(moment));
    if !salt.is_empty() {
        after.insert("salt", Value::S(salt));
    }
    canary.sticky.write(&mut after);
    if let Some(ramp) = &canary.ramp {
        after.insert("ramp", ramp.value(WHOLE, moment.now)?);
    }
    if canary.drain {
        after.insert("drain", Value::Bool(true));
    }
    check_drain(&after)?;
    let mut notes = Vec::new();
    if canary.sticky.is_empty() {
        notes.push("each request is drawn by itself; --sticky header:x-user keeps a client where it is".to_owned());
    }
    Ok(Edited { item: after, notes })
}

/// Where the canary leads.
fn destination(canary: &Canary, stable: &Members) -> Result<Members, String> {
    let Some(origin) = &canary.to else {
        let version = canary.to_version.clone().unwrap_or_default();
        return Ok(Members::from([("version".to_owned(), Value::S(version))]));
    };
    let mut all: Members =
        stable.iter().filter(|(name, _)| name.ends_with("_timeout")).map(|(n, v)| (n.clone(), v.clone())).collect();
    all.extend(origin.attributes());
    for (name, text) in &canary.with {
        if ["name", "weight", "version", "domain", "base_path"].contains(&name.as_str()) {
            return Err(format!("`{}` is not given to --with: --name, --weight and --to say it", quoted(name)));
        }
        all.insert(name.clone(), value_of(name, text));
    }
    Ok(all)
}

/// The row's own origin, under the names that an arm has for it.
fn origin(item: &Item, layout: Layout) -> Members {
    let own = |name: &&&str| layout == Layout::Sample || !["dn", "dp"].contains(*name);
    let named = |name: &str| match name {
        "dn" => "domain".to_owned(),
        "dp" => "base_path".to_owned(),
        name => name.to_owned(),
    };
    let stored = |name: &str| Some((named(name), item.get(name).filter(|value| **value != Value::Null)?.clone()));
    ORIGIN.iter().filter(own).filter_map(|name| stored(name)).collect()
}

fn check_name(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    if name == STABLE {
        return Err(format!("`{STABLE}` is the arm that the row's own origin becomes; name the canary otherwise"));
    }
    if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
        let name = quoted(name);
        return Err(format!("`{name}` cannot name an arm: 1 to 64 lower-case letters, digits and `._-`"));
    }
    Ok(())
}

/// `v2-20261125-152334`; without a key that is long.
fn salt(moment: &Moment<'_>) -> String {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    let at = rfc3339(moment.now);
    let (date, time) = at.split_once('T').unwrap_or((&at, ""));
    let at = format!("{}-{}", digits(date), digits(time));
    if moment.key.len() > 64 { at } else { format!("{}-{at}", moment.key) }
}

#[cfg(test)]
mod tests;
