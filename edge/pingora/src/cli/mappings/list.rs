//! `verge mappings list`: what the table holds, and what of it cannot be used.

use super::{
    Exit, Outcome,
    plan::{RowId, revision},
    print, print_json,
    show::{Paint, columns, place, quoted},
    tables::Tables,
    verdict::quarantined,
};
use crate::cli::ConfigArg;
use std::time::SystemTime;
use verge_mappings::{InvalidItem, Item};
use verge_router::lifecycle::parse_rfc3339;

/// List the rows of the table, and say which of them cannot be used.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge mappings list -c verge.toml
  verge mappings list -c verge.toml orders --json | jq '.[] | select(.invalid)'
  verge mappings list -c verge.toml --all          Verge's own items too: #api, #generation, …

Columns: API, VERSION, ORIGIN (or → the version an alias stands for), STATUS (active, or hidden, deprecated, sunset,
retired, invalid with the reason), REVISION, UPDATED.

Exit codes: 0 listed, whatever the rows are like (`verge check --table` judges them); 1 unknown API; 64 usage;
69 store unreachable; 78 configuration")]
pub(super) struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Only this API's rows.
    #[arg(value_name = "API")]
    api: Option<String>,
    /// Verge's own items too.
    #[arg(long)]
    all: bool,
    /// Print a JSON list of items; one that cannot be used has the reason under `invalid`.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let tables = Tables::read(&args.config)?;
    match &args.api {
        Some(api) => tables.check_read(api)?,
        None => tables.check_all_read()?,
    }
    let mut rows = tables.rows();
    if let Some(api) = &args.api {
        rows.retain(|id, _| id.api == *api);
        if rows.is_empty() && !tables.apis().contains(api) {
            return Err(tables.unknown(api));
        }
    }
    let invalid = quarantined(&tables);
    let reason = |id: &RowId| {
        let of = |item: &&InvalidItem| item.api == id.api && item.key == id.key;
        invalid.iter().find(of).map(|item| item.reason.as_str())
    };
    let shown = |id: &RowId| args.all || !id.is_own() || (id.is_portable() && reason(id).is_some());
    rows.retain(|id, _| shown(id));
    if args.json {
        let one = |(id, item): (&RowId, &Item)| {
            let mut json = item.to_plain_json();
            if let (Some(reason), Some(members)) = (reason(id), json.as_object_mut()) {
                members.insert("invalid".to_owned(), reason.into());
            }
            json
        };
        print_json(&rows.iter().map(one).collect())?;
        return Ok(Exit::Ok);
    }
    if rows.is_empty() {
        eprintln!("no rows");
        return Ok(Exit::Ok);
    }
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let head = ["API", "VERSION", "ORIGIN", "STATUS", "REVISION", "UPDATED"].map(str::to_owned).to_vec();
    let mut lines = vec![head];
    for (id, item) in &rows {
        lines.push(vec![
            quoted(&id.api),
            quoted(&id.key),
            place(item),
            status(item, reason(id), now),
            revision(item).to_string(),
            updated(item),
        ]);
    }
    let paint = Paint::stdout();
    let mut out = String::new();
    for (number, line) in columns(&lines).lines().enumerate() {
        let line = match number.checked_sub(1).and_then(|number| rows.keys().nth(number)) {
            None => paint.bold(line),
            Some(id) if reason(id).is_some() => paint.red(line),
            Some(_) => line.to_owned(),
        };
        out.push_str(&line);
        out.push('\n');
    }
    print(&out)?;
    Ok(Exit::Ok)
}

/// What is particular about a row.
fn status(item: &Item, invalid: Option<&str>, now: i64) -> String {
    if let Some(reason) = invalid {
        return format!("invalid: {}", quoted(reason));
    }
    let time = |name: &str| item.text(name).and_then(|text| Some((quoted(text), parse_rfc3339(text)? <= now)));
    let mut words = Vec::new();
    if item.text("status") == Some("hidden") {
        words.push("hidden".to_owned());
    }
    match time("sunset_at") {
        Some((_, true)) => words.push("retired".to_owned()),
        sunset => {
            match time("deprecated_at") {
                Some((_, true)) => words.push("deprecated".to_owned()),
                Some((at, false)) => words.push(format!("deprecated from {at}")),
                None => {}
            }
            words.extend(sunset.map(|(at, _)| format!("sunset {at}")));
        }
    }
    if words.is_empty() { "active".to_owned() } else { words.join(", ") }
}

fn updated(item: &Item) -> String {
    match (item.text("updated_at"), item.text("updated_by")) {
        (Some(at), Some(by)) => quoted(&format!("{at} by {by}")),
        (Some(at), None) => quoted(at),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_status_says_what_is_particular() {
        let now = parse_rfc3339("2026-06-01T00:00:00Z").unwrap();
        let check = |json, expected: &str| assert_eq!(status(&Item::from_json(&json).unwrap(), None, now), expected);
        let (past, future) = ("2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z");
        check(json!({}), "active");
        check(json!({"status": "hidden"}), "hidden");
        check(json!({"deprecated_at": past, "sunset_at": future}), "deprecated, sunset 2027-01-01T00:00:00Z");
        check(json!({"deprecated_at": future}), "deprecated from 2027-01-01T00:00:00Z");
        check(json!({"status": "hidden", "deprecated_at": past, "sunset_at": past}), "hidden, retired");
        assert_eq!(status(&Item::new(), Some("no domain"), now), "invalid: no domain");
    }
}
