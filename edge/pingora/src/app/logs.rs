//! The program's own log, on stderr, and the access log where the configuration says. Both follow a reload, and neither
//! is ever waited for.

use crate::{
    cli::{Exit, Failure},
    telemetry::{
        access::{self, AccessLayer},
        lines::Lines,
    },
};
use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Write},
    os::unix::fs::FileTypeExt,
    path::Path,
};
use tracing_subscriber::{Layer, Registry, filter::Targets, layer::SubscriberExt, reload, util::SubscriberInitExt};
use verge_config::{AccessLog, Config, Format};

/// The logs of this process.
pub(crate) struct Logs {
    filter: reload::Handle<Targets, Registry>,
    program: Lines,
    access: Lines,
}

/// What logs lost, to be looked at while they go on.
pub(crate) struct Losses([Lines; 2]);

impl Losses {
    /// Lines that were dropped, because a log was not read.
    pub(crate) fn count(&self) -> u64 {
        self.0.iter().map(Lines::dropped).sum()
    }
}

impl Logs {
    /// Begins to log.
    ///
    /// # Errors
    /// The access log cannot be opened, or a thread not be started.
    pub(crate) fn start(config: &Config) -> Result<Self, Failure> {
        let (filter, handle) = reload::Layer::new(filter(config));
        let begin = |thread: &str, out| {
            Lines::start(thread, out)
                .map_err(|error| Failure::new(Exit::Failed, format!("the log's thread cannot be started: {error}")))
        };
        let (program_lines, access) = (begin("verge-say", Box::new(io::stderr()))?, begin("verge-log", open(config)?)?);
        let stderr = tracing_subscriber::fmt::layer().with_writer(program_lines.clone());
        let program = match config.log.format {
            Format::Json => stderr.json().with_filter(filter).boxed(),
            Format::Text => stderr.with_ansi(io::stderr().is_terminal()).with_target(false).with_filter(filter).boxed(),
        };
        let requests =
            AccessLayer(access.clone()).with_filter(Targets::new().with_target(access::TARGET, tracing::Level::INFO));
        // A second subscriber in one process means a test; the first one goes on.
        let _ = tracing_subscriber::registry().with(program).with(requests).try_init();
        Ok(Self { filter: handle, program: program_lines, access })
    }

    /// Follows another configuration; a file is opened anew, so that a rotated one is let go.
    ///
    /// # Errors
    /// The access log cannot be opened; the old one goes on.
    pub(crate) fn reload(&self, config: &Config) -> Result<(), Failure> {
        self.access.write_to(open(config)?).map_err(|error| {
            Failure::new(Exit::Failed, format!("[log] access: its thread cannot be started: {error}"))
        })?;
        // It fails only where this process has another subscriber, which then is not ours to change.
        let _ = self.filter.reload(filter(config));
        Ok(())
    }

    /// What they lose from now on, and have lost.
    pub(crate) fn losses(&self) -> Losses {
        Losses([self.program.clone(), self.access.clone()])
    }
}

/// Libraries speak up only when something is wrong; what they say of requests is ours to say.
fn filter(config: &Config) -> Targets {
    let level: tracing::Level = config.log.level.as_str().parse().unwrap_or(tracing::Level::INFO);
    Targets::new()
        .with_default(tracing::Level::WARN)
        .with_target("verge", level)
        .with_target("verge_mappings", level)
        // A store that answers with an error is reported by us, with the remedy.
        .with_target("aws_smithy_runtime", tracing::Level::ERROR)
        .with_target("dynoxide", tracing::Level::ERROR)
        .with_target(access::TARGET, tracing_subscriber::filter::LevelFilter::OFF)
}

fn open(config: &Config) -> Result<Box<dyn Write + Send>, Failure> {
    Ok(match &config.log.access {
        AccessLog::Off => Box::new(io::sink()),
        AccessLog::Stdout => Box::new(io::stdout()),
        AccessLog::Path(path) => {
            let file = open_file(Path::new(path));
            Box::new(file.map_err(|error| Failure::new(Exit::Config, format!("[log] access: {path}: {error}")))?)
        }
    })
}

/// A named pipe is opened for reading, too: otherwise opening it would wait for somebody who reads, and writing fail
/// while nobody does.
fn open_file(path: &Path) -> io::Result<File> {
    let pipe = path.metadata().is_ok_and(|found| found.file_type().is_fifo());
    OpenOptions::new().create(true).append(true).read(pipe).open(path)
}
