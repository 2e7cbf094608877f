//! Reading the configuration file: the only place where its text, its directory and its secrets meet.

use super::{Exit, Failure};
use std::path::{Path, PathBuf};
use verge_config::{Config, Problems, Secret};

/// Reads and checks a configuration; paths in it become relative to its own directory.
pub(crate) fn load(file: &Path) -> Result<Config, Failure> {
    load_by(Config::parse, file)
}

/// The same for a command that serves nothing: the document may be that of an edge in another program.
pub(crate) fn load_unserved(file: &Path) -> Result<Config, Failure> {
    load_by(Config::parse_unserved, file)
}

/// The same of such an edge alone, as it will read it.
pub(crate) fn load_hosted(file: &Path) -> Result<Config, Failure> {
    load_by(Config::parse_hosted, file)
}

fn load_by(parse: fn(&str) -> Result<Config, Problems>, file: &Path) -> Result<Config, Failure> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        Failure::new(Exit::Config, format!("{}: {error}; name a readable file with -c", file.display()))
    })?;
    let mut config = parse(&text).map_err(|problems| {
        let count = problems.as_slice().len();
        let plural = if count == 1 { "problem" } else { "problems" };
        Failure::new(Exit::Config, format!("{}: {count} {plural}\n{}", file.display(), indent(&problems.to_string())))
    })?;
    let directory = file.parent().map(Path::to_owned).unwrap_or_default();
    for path in config.paths_mut() {
        *path = directory.join(PathBuf::from(&*path)).to_string_lossy().into_owned();
    }
    Ok(config)
}

/// The value behind a secret.
pub(crate) fn secret(secret: &Secret, place: &str) -> Result<String, Failure> {
    let Secret::Env(name) = secret;
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(value),
        _ => Err(Failure::new(Exit::Config, format!("{place}: the environment variable {name} is not set"))),
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect::<String>().trim_end().to_owned()
}
