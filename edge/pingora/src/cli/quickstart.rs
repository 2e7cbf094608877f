//! `verge quickstart`: everything in one process, to see it work: the proxy, an embedded table, three stages to stand in
//! for API Gateway, and the lines to try.

mod ground;
mod moving;
mod stage;
mod tries;

use super::{Exit, Failure, Outcome, print};
use crate::app::{self, App, Leave, Start};
use ground::Ground;
use serde_json::{Value as Json, json};
use stage::{Authority, STAGES, Stage};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use verge_mappings::{Expect, Item};

/// How long the table may take to be live.
const PATIENCE: Duration = Duration::from_secs(10);

/// Run a proxy, a table and three stages in one process, and print what to try.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge quickstart
  verge quickstart --port 8090 --admin-port 9911
  verge quickstart --check          run the printed lines, and exit 0 where each answers as printed

While it runs, a configuration for other commands is in the temporary directory, under verge-quickstart-PORT.")]
pub(crate) struct Args {
    /// Run the printed lines itself and exit; takes any free ports.
    #[arg(long)]
    check: bool,
    /// The proxy's port.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The admin listener's port.
    #[arg(long, default_value_t = 9901)]
    admin_port: u16,
}

const API: &str = "orders";

pub(crate) fn run(args: &Args) -> Outcome {
    let ground = Ground::take(args)?;
    let runtime = app::runtime()?;
    let authority = Authority::new().map_err(|error| Failure::new(Exit::Failed, error))?;
    let start = |stage: &Stage| runtime.block_on(stage.start(&authority));
    let addresses: Vec<SocketAddr> = STAGES
        .iter()
        .map(start)
        .collect::<Result<_, _>>()
        .map_err(|error| Failure::new(Exit::Failed, format!("a stage cannot listen: {error}")))?;
    let config = ground.lay_out(args, &authority.pem(), &addresses)?;

    let app = App::start(config, Start::default()).map_err(|failure| hint_at_ports(failure, args))?;
    runtime.block_on(put_rows(&app))?;
    let deadline = Instant::now() + PATIENCE;
    while !app.is_ready() {
        if Instant::now() > deadline {
            return Err(Failure::new(Exit::Failed, "the table was not live in time"));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    let Some((_, proxy)) = app.addresses().first().copied() else {
        return Err(Failure::new(Exit::Failed, "no listener was opened"));
    };
    if args.check {
        let held = [tries::check(proxy), moving::check(proxy, &ground)];
        app.stop(Leave::Told);
        return Ok(if held.iter().all(|held| *held) { Exit::Ok } else { Exit::Failed });
    }
    print(welcome(proxy, args.admin_port, &ground));
    Ok(app.run_until_told(None))
}

/// Writes the rows as `verge mappings put` would: over the DynamoDB protocol, each conditional.
async fn put_rows(app: &App) -> Result<(), Failure> {
    let store = app.store(API).ok_or_else(|| Failure::new(Exit::Failed, "the table cannot be written"))?;
    for row in rows() {
        let item = Item::from_json(&row).map_err(|error| Failure::new(Exit::Failed, error))?;
        store.put(item, Expect::Absent, "quickstart").await.map_err(|error| Failure::new(Exit::Unavailable, error))?;
    }
    app.wake_table();
    Ok(())
}

/// `v1`, and `v2` with a canary.
fn rows() -> [Json; 2] {
    let [v1, v2, next] = STAGES.map(|stage| json!({"domain": stage.domain, "base_path": stage.base_path}));
    let with = |mut json: Json, more: Json| {
        if let (Some(members), Json::Object(more)) = (json.as_object_mut(), more) {
            members.extend(more);
        }
        json
    };
    let canary = with(next, json!({"name": "canary", "weight": moving::WEIGHT}));
    let stable = with(v2, json!({"name": "stable", "weight": 10_000 - moving::WEIGHT}));
    let split = json!({"split": [canary, stable], "salt": moving::SALT, "sticky": [moving::STICKY]});
    [with(v1, json!({"api": API, "version": "v1"})), with(split, json!({"api": API, "version": moving::VERSION}))]
}

fn hint_at_ports(failure: Failure, args: &Args) -> Failure {
    if !failure.message.contains("is taken") {
        return failure;
    }
    let flag = if failure.message.contains(&format!(":{} ", args.port)) { "--port" } else { "--admin-port" };
    Failure { message: format!("{} (verge quickstart {flag} N)", failure.message), ..failure }
}

fn welcome(proxy: SocketAddr, admin_port: u16, ground: &Ground) -> String {
    let [v1, v2, next] = STAGES.map(|stage| format!("https://{}{}", stage.domain, stage.base_path));
    let mut out = format!(
        "\nVerge is running: a proxy, an embedded table and three stand-in stages, in one process.\n\n  \
         client -> http://{proxy} -> table: orders v1, v2\n              \
         v1 -> {v1}\n              \
         v2 -> {v2}, but for 10 % of users\n                    {next}, the canary\n\n\
         Try, in another terminal:\n\n"
    );
    let show = |out: &mut String, command: &str, expected: &str| {
        out.push_str(&format!("  {command}\n      -> {expected}\n"));
    };
    for line in tries::TRIES {
        show(&mut out, &line.command(proxy), &line.expected());
    }
    out.push_str("\nCount twenty users of v2 by arm, move its canary, and count again:\n\n");
    for (command, expected) in moving::lines(proxy, ground) {
        show(&mut out, &command, &expected);
    }
    out.push_str(&format!(
        "\n  curl http://127.0.0.1:{admin_port}/metrics      what it counts\n\n\
         Each request is a line of JSON below. Ctrl-C ends it; nothing is left behind.\n\n"
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_shows_what_is_printed() {
        let readme = include_str!("../../../../README.md");
        let ground = Ground::of_the_manual();
        let printed = welcome(SocketAddr::from(([127, 0, 0, 1], 8080)), 9901, &ground);
        assert!(readme.contains(&format!("```text\n{}\n```", printed.trim())), "README.md does not show\n{printed}");
    }
}
