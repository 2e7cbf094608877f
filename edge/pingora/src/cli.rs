//! The `verge` command: one module per subcommand, and what they share.

mod canary;
mod check;
pub(crate) mod config;
mod explain;
mod mappings;
mod node;
mod quickstart;
mod serve;
mod table;
mod versions;

use crate::telemetry::lines;
use clap::{Parser, Subcommand, error::ErrorKind};
use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// How a command ends, as in sysexits.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// All well.
    Ok,
    /// A check the command makes did not hold.
    Failed,
    /// The command line is wrong.
    Usage,
    /// The store cannot be reached or read; or the origin that was to be probed.
    Unavailable,
    /// The configuration is wrong.
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Ok => 0,
            Exit::Failed => 1,
            Exit::Usage => 64,
            Exit::Unavailable => 69,
            Exit::Config => 78,
        })
    }
}

/// A command that ends early: what to say, and the exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl std::fmt::Display) -> Self {
        Self { exit, message: message.to_string() }
    }
}

type Outcome = Result<Exit, Failure>;

/// Prints to stdout. A reader that has gone away (`| head`) is no error.
pub(crate) fn print(text: impl std::fmt::Display) {
    let mut out = io::stdout().lock();
    let _ = write!(out, "{text}").and_then(|()| out.flush());
}

/// Prints one JSON document.
pub(crate) fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::new(Exit::Failed, error))?;
    print(format_args!("{text}\n"));
    Ok(())
}

/// The edge API-version router.
///
/// Verge stands in front of API Gateway stage APIs, reads the version a client asks for (Accept media type or a version
/// header), finds its origin in a DynamoDB table held in memory, and forwards the request there.
#[derive(Debug, Parser)]
#[command(
    name = "verge",
    version,
    after_help = "Examples:
  verge quickstart                      a proxy, a table and three stages to try, in one process
  verge check -c verge.toml --table     is the configuration right, and can the table be read?
  verge serve -c verge.toml             run the proxy
  verge explain -c verge.toml -H 'Accept: application/vnd.example.v1+json' http://api.example.com/orders

Exit codes: 0 success, 1 a check failed, 64 usage, 69 store unreachable or probe failed, 78 configuration"
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::Args),
    Check(check::Args),
    Explain(explain::Args),
    Mappings(mappings::Args),
    Canary(canary::Args),
    Versions(versions::Args),
    Quickstart(quickstart::Args),
}

/// The configuration file, for the commands that need one.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArg {
    /// The configuration file.
    #[arg(short, long = "config", value_name = "FILE")]
    config: PathBuf,
}

impl ConfigArg {
    /// The file that was named.
    pub(crate) fn file(&self) -> &Path {
        &self.config
    }
}

/// Runs the command line of this process.
#[must_use]
pub fn run() -> ExitCode {
    let args = match Args::try_parse() {
        Ok(args) => args,
        Err(error) => {
            // Help and version go to stdout and are no errors. Nobody may be reading.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Ok.into(),
                _ => Exit::Usage.into(),
            };
        }
    };
    let outcome = match args.command {
        Command::Serve(args) => serve::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Mappings(args) => mappings::run(&args),
        Command::Canary(args) => canary::run(&args),
        Command::Versions(args) => versions::run(&args),
        Command::Quickstart(args) => quickstart::run(&args),
    };
    // What was logged before a failure explains it.
    lines::flush();
    match outcome {
        Ok(exit) => exit.into(),
        Err(failure) => {
            eprintln!("verge: {}", failure.message);
            failure.exit.into()
        }
    }
}
