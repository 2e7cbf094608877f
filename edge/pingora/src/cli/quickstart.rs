//! `verge quickstart`: everything in one process, to see it work: the proxy, an embedded table, two stages to stand in
//! for API Gateway, and the lines to try.

mod stage;
mod tries;

use super::{Exit, Failure, Outcome, print};
use crate::app::{self, App};
use stage::{Authority, Stage};
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use verge_config::{AccessLog, Config, TableSource};
use verge_mappings::{Expect, Item};
use verge_router::origin::{Dial, Domain};

/// The document this runs, also to be read by people.
const DOCUMENT: &str = include_str!("../../../../examples/quickstart/verge.toml");

/// How long the table may take to be live.
const PATIENCE: Duration = Duration::from_secs(10);

/// Run a proxy, a table and two stages in one process, and print what to try.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  verge quickstart
  verge quickstart --port 8090 --admin-port 9911
  verge quickstart --check          run the printed lines, and exit 0 where each answers as printed")]
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

/// A version, its stage, and where that stage pretends to be.
struct Version {
    key: &'static str,
    domain: &'static str,
    base_path: &'static str,
}

const API: &str = "orders";

const VERSIONS: [Version; 2] = [
    Version { key: "v1", domain: "v1stage000.execute-api.us-east-1.amazonaws.com", base_path: "/prod" },
    Version { key: "v2", domain: "v2stage000.execute-api.us-east-1.amazonaws.com", base_path: "/live" },
];

pub(crate) fn run(args: &Args) -> Outcome {
    let directory = Directory::new()?;
    let runtime = app::runtime()?;
    let authority = Authority::new().map_err(|error| Failure::new(Exit::Failed, error))?;
    let ca = directory.0.join("stages-ca.pem");
    std::fs::write(&ca, authority.pem()).map_err(|error| Failure::new(Exit::Failed, error))?;

    let mut config = Config::parse(DOCUMENT).map_err(|problems| Failure::new(Exit::Config, problems))?;
    fill_in(&mut config, args, &directory.0, &ca)?;
    for version in &VERSIONS {
        let stage = Stage { domain: version.domain, base_path: version.base_path, version: version.key };
        let address = runtime.block_on(stage.start(&authority)).map_err(|error| Failure::new(Exit::Failed, error))?;
        point(&mut config, version.domain, address)?;
    }

    let app = App::start(config).map_err(|failure| hint_at_ports(failure, args))?;
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
        let exit = tries::check(proxy);
        app.stop();
        return Ok(exit);
    }
    print(welcome(proxy, args.admin_port));
    Ok(app.run_until_told(None))
}

fn fill_in(config: &mut Config, args: &Args, directory: &Path, ca: &Path) -> Result<(), Failure> {
    let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], if args.check { 0 } else { port }));
    config.listen.http = vec![at(args.port)];
    if let Some(admin) = &mut config.admin {
        admin.address = at(args.admin_port);
    }
    if args.check {
        config.log.access = AccessLog::Off;
    }
    config.origins.ca = Some(ca.to_string_lossy().into_owned());
    match config.table.as_mut().map(|table| &mut table.source) {
        Some(TableSource::Embedded { path, .. }) => {
            *path = directory.join("mappings.db").to_string_lossy().into_owned();
            Ok(())
        }
        _ => Err(Failure::new(Exit::Config, "the quickstart document has no embedded table")),
    }
}

/// Has the proxy dial a stage where it really listens.
fn point(config: &mut Config, domain: &str, address: SocketAddr) -> Result<(), Failure> {
    let unfit = |error| Failure::new(Exit::Failed, error);
    let domain = Domain::parse(domain).map_err(unfit)?;
    let dial = Dial::parse(&address.to_string()).map_err(unfit)?;
    config.origins.connect.retain(|(own, _)| *own != domain);
    config.origins.connect.push((domain, dial));
    Ok(())
}

/// Writes the rows as `verge mappings put` would: over the DynamoDB protocol, each conditional.
async fn put_rows(app: &App) -> Result<(), Failure> {
    let store = app.store(API).ok_or_else(|| Failure::new(Exit::Failed, "the table cannot be written"))?;
    for version in &VERSIONS {
        let row = serde_json::json!({
            "api": API, "version": version.key, "domain": version.domain, "base_path": version.base_path,
        });
        let item = Item::from_json(&row).map_err(|error| Failure::new(Exit::Failed, error))?;
        store.put(item, Expect::Absent, "quickstart").await.map_err(|error| Failure::new(Exit::Unavailable, error))?;
    }
    app.wake_table();
    Ok(())
}

fn hint_at_ports(failure: Failure, args: &Args) -> Failure {
    if !failure.message.contains("is taken") {
        return failure;
    }
    let flag = if failure.message.contains(&format!(":{} ", args.port)) { "--port" } else { "--admin-port" };
    Failure { message: format!("{} (verge quickstart {flag} N)", failure.message), ..failure }
}

fn welcome(proxy: SocketAddr, admin_port: u16) -> String {
    let mut out = format!(
        "\nVerge is running: a proxy, an embedded table and two stand-in stages, in one process.\n\n  \
         client -> http://{proxy} -> table: orders v1, v2\n"
    );
    for version in &VERSIONS {
        out.push_str(&format!("              {} -> https://{}{}\n", version.key, version.domain, version.base_path));
    }
    out.push_str("\nTry, in another terminal:\n\n");
    for line in tries::TRIES {
        out.push_str(&format!("  {}\n      -> {}\n", line.command(proxy), line.expected()));
    }
    out.push_str(&format!(
        "\n  curl http://127.0.0.1:{admin_port}/metrics      what it counts\n\n\
         Each request is a line of JSON below. Ctrl-C ends it; nothing is left behind.\n\n"
    ));
    out
}

/// A directory that goes when this does.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Result<Self, Failure> {
        let path = std::env::temp_dir().join(format!("verge-quickstart-{:016x}", fastrand::u64(..)));
        std::fs::create_dir(&path)
            .map_err(|error| Failure::new(Exit::Failed, format!("{} cannot be made: {error}", path.display())))?;
        Ok(Self(path))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
