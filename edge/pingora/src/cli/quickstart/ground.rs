//! The ground a quickstart stands on: a directory for its time, and in it the configuration it runs, which other commands
//! read while it does.

use super::{Args, stage::STAGES};
use crate::cli::{Exit, Failure, config};
use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
};
use verge_config::Config;

/// The document this runs, also to be read by people; but for ports and addresses, which are filled in.
const DOCUMENT: &str = include_str!("../../../../../examples/quickstart/verge.toml");

/// A directory, and this program as a shell finds it from here.
pub(super) struct Ground {
    directory: PathBuf,
    program: PathBuf,
    _swept: Option<Sweep>,
}

/// Takes a directory away when it goes.
struct Sweep(PathBuf);

impl Ground {
    /// Makes the directory. What a quickstart on the same port left when it was killed is cleared away.
    pub(super) fn take(args: &Args) -> Result<Self, Failure> {
        let name = if args.check { format!("check-{:016x}", fastrand::u64(..)) } else { args.port.to_string() };
        let path = std::env::temp_dir().join(format!("verge-quickstart-{name}"));
        let unfit =
            |error: std::io::Error| Failure::new(Exit::Failed, format!("{} cannot be made: {error}", path.display()));
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if TcpListener::bind(at(args.port)).is_err() {
                    let why = format!("{} is taken, perhaps by another quickstart", at(args.port));
                    return Err(Failure::new(Exit::Failed, format!("{why} (verge quickstart --port N)")));
                }
                std::fs::remove_dir_all(&path).and_then(|()| std::fs::create_dir(&path)).map_err(unfit)?;
            }
            made => made.map_err(unfit)?,
        }
        Ok(Self { _swept: Some(Sweep(path.clone())), directory: path, program: program() })
    }

    /// Writes what this run is configured with, and reads it as any command would.
    pub(super) fn lay_out(&self, args: &Args, authority: &str, stages: &[SocketAddr]) -> Result<Config, Failure> {
        let port = |port: u16| at(if args.check { 0 } else { port }).to_string();
        let mut text = filled(DOCUMENT, "127.0.0.1:8080", &port(args.port))?;
        text = filled(&text, "127.0.0.1:9901", &port(args.admin_port))?;
        for (stage, address) in STAGES.iter().zip(stages) {
            text = filled(&text, stage.example, &address.to_string())?;
        }
        if args.check {
            text = filled(&text, "stdout", "off")?;
        }
        let written = std::fs::write(self.directory.join("stages-ca.pem"), authority)
            .and_then(|()| std::fs::write(self.config(), text));
        written.map_err(|error| Failure::new(Exit::Failed, format!("{}: {error}", self.directory.display())))?;
        config::load(&self.config())
    }

    /// The configuration, for other commands.
    pub(super) fn config(&self) -> PathBuf {
        self.directory.join("verge.toml")
    }

    /// A command of this program as one types it.
    pub(super) fn shown(&self, words: &[String]) -> String {
        let plain = |word: &str| word.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-%:".contains(&b));
        let quoted =
            |word: &String| if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) };
        let program = self.program.to_string_lossy().into_owned();
        [&[program], words].concat().iter().map(quoted).collect::<Vec<_>>().join(" ")
    }

    /// One that stands where README has it stand.
    #[cfg(test)]
    pub(super) fn of_the_manual() -> Self {
        Self { directory: "/tmp/verge-quickstart-8080".into(), program: "target/quick/verge".into(), _swept: None }
    }
}

impl Drop for Sweep {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn at(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// The document with one string of it replaced by another.
fn filled(document: &str, from: &str, to: &str) -> Result<String, Failure> {
    let quoted = |text: &str| format!("\"{text}\"");
    match document.matches(&quoted(from)).count() {
        1 => Ok(document.replace(&quoted(from), &quoted(to))),
        count => {
            Err(Failure::new(Exit::Config, format!("the quickstart document has `{from}` {count} times, not once")))
        }
    }
}

/// This program, as a shell finds it from here.
fn program() -> PathBuf {
    let own = std::env::current_exe().unwrap_or_else(|_| Path::new("verge").to_owned());
    let below = std::env::current_dir().ok().and_then(|here| Some(own.strip_prefix(here).ok()?.to_owned()));
    below.unwrap_or(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_is_filled_in_whole() {
        let args = Args { check: false, port: 18_080, admin_port: 19_901 };
        let directory = std::env::temp_dir().join(format!("verge-ground-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let ground = Ground { _swept: Some(Sweep(directory.clone())), directory, program: program() };
        let stages = [1, 2, 3].map(at);
        let config = ground.lay_out(&args, "a certificate", &stages).unwrap();
        assert_eq!(config.listen.http, [at(18_080)]);
        assert_eq!(config.admin.as_ref().unwrap().address, at(19_901));
        let dialled: Vec<String> = config.origins.connect.iter().map(|(_, dial)| dial.to_string()).collect();
        assert_eq!(dialled, ["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:3"]);
        assert_eq!(ground.config().parent().unwrap().join("mappings.db").to_str(), embedded(&config));
        assert!(filled("a = \"x\"\nb = \"x\"", "x", "y").is_err());
        assert!(filled("a = \"x\"", "y", "z").is_err());
    }

    fn embedded(config: &Config) -> Option<&str> {
        match &config.table.as_ref()?.source {
            verge_config::TableSource::Embedded { path, .. } => Some(path),
            _ => None,
        }
    }

    #[test]
    fn a_command_is_shown_as_a_shell_reads_it() {
        let ground = Ground { directory: "/tmp/a b".into(), program: "target/quick/verge".into(), _swept: None };
        let words = ["check", "-c", "/tmp/a b/it's.toml"].map(str::to_owned);
        assert_eq!(ground.shown(&words), "target/quick/verge check -c '/tmp/a b/it'\\''s.toml'");
    }
}
