//! `[log]`: the access log and the program's own.

use crate::section::Section;

/// `[log]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Where a line for each request goes.
    pub access: AccessLog,
    /// How much the program's own log says.
    pub level: Level,
    /// How the program's own log is written.
    pub format: Format,
}

/// Where a line for each request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccessLog {
    /// Nowhere.
    Off,
    /// To the standard output.
    Stdout,
    /// To the file of this path, as written.
    Path(String),
}

/// How much the program's own log says; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// What needs a person.
    Error,
    /// What may come to need one.
    Warn,
    /// What changed.
    Info,
    /// What happens.
    Debug,
}

impl Level {
    /// As configured.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// How the program's own log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Lines for people.
    Text,
    /// One JSON object a line.
    Json,
}

const LEVELS: [(&str, Level); 4] =
    [("error", Level::Error), ("warn", Level::Warn), ("info", Level::Info), ("debug", Level::Debug)];

const FORMATS: [(&str, Format); 2] = [("text", Format::Text), ("json", Format::Json)];

impl Default for Log {
    fn default() -> Self {
        Self { access: AccessLog::Stdout, level: Level::Info, format: Format::Text }
    }
}

pub(crate) fn read(root: &mut Section<'_>) -> Log {
    let default = Log::default();
    let Some(mut section) = root.section("log") else { return default };
    let access = section.entry("access").and_then(|entry| entry.file());
    let level = section.entry("level").and_then(|entry| entry.word(&LEVELS));
    let format = section.entry("format").and_then(|entry| entry.word(&FORMATS));
    section.close();
    let access = match access.as_deref() {
        None | Some("stdout") => AccessLog::Stdout,
        Some("off") => AccessLog::Off,
        Some(path) => AccessLog::Path(path.to_owned()),
    };
    Log { access, level: level.unwrap_or(default.level), format: format.unwrap_or(default.format) }
}
