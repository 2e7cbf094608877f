//! `[table]` and `[api.table]`: where mappings come from.

use crate::{claims::Claims, entry::parse_file, section::Section, units::shown};
use http::uri::Authority;
use std::time::Duration;

/// `[table]` or `[api.table]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The store.
    pub source: TableSource,
    /// How often the whole table is read: 1 s to a day.
    pub refresh: Duration,
    /// How often a change is looked for: 100 ms to a day; zero: never.
    pub poll: Duration,
    /// Path of the last good table on disk, as written; never with [`TableSource::File`].
    pub snapshot: Option<String>,
    /// Path of a JSON file to start from where there is no snapshot, as written; never with [`TableSource::File`].
    pub bootstrap: Option<String>,
    /// How long a table that lost more than half its rows is held back: up to 7 days.
    pub shrink_hold: Duration,
    /// Where only the APIs that are asked for are loaded: the bytes they may take, 1 MiB to 64 GiB. `None`: all are.
    pub on_demand: Option<u64>,
}

/// A kind of store, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TableSource {
    /// DynamoDB, or what speaks its protocol.
    Dynamodb {
        /// The table's name.
        name: String,
        /// AWS region; `None`: the AWS environment's.
        region: Option<String>,
        /// URL to speak to, `http` or `https`, without path; `None`: AWS's own.
        endpoint: Option<String>,
        /// Profile of the AWS configuration files; `None`: the AWS environment's.
        profile: Option<String>,
    },
    /// A DynamoDB engine in the process.
    Embedded {
        /// Path of its data on disk, as written.
        path: String,
        /// The table's name.
        name: String,
    },
    /// A JSON file.
    File {
        /// Its path, as written.
        path: String,
    },
}

impl TableSource {
    /// As configured.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Dynamodb { .. } => "dynamodb",
            Self::Embedded { .. } => "embedded",
            Self::File { .. } => "file",
        }
    }
}

/// The name of an embedded table, where none is written.
pub const DEFAULT_NAME: &str = "verge-mappings";

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Dynamodb,
    Embedded,
    File,
}

const KINDS: [(&str, Kind); 3] = [("dynamodb", Kind::Dynamodb), ("embedded", Kind::Embedded), ("file", Kind::File)];

const LOADS: [(&str, bool); 2] = [("whole", false), ("on_demand", true)];
const MEMORY: u64 = 64 << 20;
const MIN_MEMORY: u64 = 1 << 20;
const MAX_MEMORY: u64 = 64 << 30;
const REFRESH: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_secs(1);
const MIN_POLL: Duration = Duration::from_millis(100);
const SHRINK_HOLD: Duration = Duration::from_secs(600);
const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(86_400);
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// Reads a table; `own`: it is one API's.
pub(crate) fn read(mut section: Section<'_>, own: bool, claims: &mut Claims) -> Option<Table> {
    let kind = section.need("source", "`source = \"dynamodb\"`, `\"embedded\"` or `\"file\"`");
    let kind = kind.and_then(|entry| entry.word(&KINDS));
    let source = read_source(&mut section, kind);
    let refresh = section.duration("refresh", REFRESH, SECOND..=DAY);
    let poll = section.entry("poll").and_then(|entry| {
        let poll = entry.duration(Duration::ZERO..=DAY)?;
        if !poll.is_zero() && poll < MIN_POLL {
            entry.refuse("a poll is `0s` (off) or at least `100ms`");
        }
        Some(poll)
    });
    let snapshot = section.entry("snapshot");
    let bootstrap = section.entry("bootstrap");
    if kind == Some(Kind::File) {
        for entry in [&snapshot, &bootstrap].into_iter().flatten() {
            entry.refuse("a file needs no copy on disk, it is on disk already: leave the key out");
        }
    }
    let load = section.entry("load");
    let on_demand = load.as_ref().and_then(|entry| entry.word(&LOADS)).unwrap_or(false);
    if let (Some(load), true) = (&load, on_demand) {
        if own {
            load.refuse("an API's own table is loaded whole: leave the key out");
        } else if kind == Some(Kind::File) {
            load.refuse("a file is read whole: leave the key out");
        }
        if let Some(bootstrap) = &bootstrap {
            bootstrap.refuse("a table that is loaded on demand starts from its `snapshot`: leave the key out");
        }
    }
    let memory = section.entry("memory");
    if let (Some(memory), false) = (&memory, on_demand) {
        memory.refuse("this key goes with `load = \"on_demand\"`: it bounds the APIs that are loaded");
    }
    let memory = memory.and_then(|entry| entry.size(MIN_MEMORY..=MAX_MEMORY)).unwrap_or(MEMORY);
    let snapshot = snapshot.and_then(|entry| {
        let path = entry.file()?;
        claims.snapshot(&entry, &path);
        Some(path)
    });
    let bootstrap = bootstrap.and_then(|entry| entry.file());
    let shrink_hold = section.duration("shrink_hold", SHRINK_HOLD, Duration::ZERO..=WEEK);
    section.close();
    Some(Table {
        source: source?,
        refresh,
        poll: poll.unwrap_or(POLL),
        snapshot,
        bootstrap,
        shrink_hold,
        on_demand: on_demand.then_some(memory),
    })
}

fn read_source(section: &mut Section<'_>, kind: Option<Kind>) -> Option<TableSource> {
    // Every key is taken, so that none is called unknown for the sake of another one.
    let mut read = |key, parse: fn(&str) -> Result<String, String>, kinds: &[Kind]| {
        let (entry, kind) = (section.entry(key)?, kind?);
        if kinds.contains(&kind) {
            return entry.parse(parse);
        }
        let (source, remedy) = match kind {
            Kind::Dynamodb => ("dynamodb", "the table is found by `name`"),
            Kind::Embedded => ("embedded", "the engine runs in this process"),
            Kind::File => ("file", "the table is the file"),
        };
        entry.refuse(format!("this key does not go with `source = \"{source}\"`: leave it out, {remedy}"));
        None
    };
    let name = read("name", parse_name, &[Kind::Dynamodb, Kind::Embedded]);
    let path = read("path", parse_file, &[Kind::Embedded, Kind::File]);
    let region = read("region", parse_region, &[Kind::Dynamodb]);
    let endpoint = read("endpoint", parse_endpoint, &[Kind::Dynamodb]);
    let profile = read("profile", parse_profile, &[Kind::Dynamodb]);
    let kind = kind?;
    let (needed, missing) = match kind {
        Kind::Dynamodb => ("name", "`name` is missing: `source = \"dynamodb\"` needs the table's name"),
        Kind::Embedded => ("path", "`path` is missing: `source = \"embedded\"` needs a place for its data"),
        Kind::File => ("path", "`path` is missing: `source = \"file\"` needs the JSON file"),
    };
    if !section.has(needed) {
        section.refuse(missing);
    }
    Some(match kind {
        Kind::Dynamodb => TableSource::Dynamodb { name: name?, region, endpoint, profile },
        Kind::Embedded => TableSource::Embedded { path: path?, name: name.unwrap_or_else(|| DEFAULT_NAME.to_owned()) },
        Kind::File => TableSource::File { path: path? },
    })
}

/// DynamoDB's rule: 3 to 255 of `a-z A-Z 0-9 _ - .`.
fn parse_name(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"_-.".contains(&b);
    if (3..=255).contains(&text.len()) && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err(format!("`{}` cannot name a DynamoDB table: 3 to 255 letters, digits, `_`, `-` and `.`", shown(text)))
}

pub(crate) fn parse_region(text: &str) -> Result<String, String> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if !text.is_empty() && text.len() <= 64 && text.bytes().all(plain) {
        return Ok(text.to_owned());
    }
    Err(format!("`{}` is not an AWS region such as `eu-central-1`", shown(text)))
}

fn parse_profile(text: &str) -> Result<String, String> {
    if !text.is_empty() && text.len() <= 255 && !text.contains(char::is_control) {
        return Ok(text.to_owned());
    }
    Err(format!("`{}` cannot be a profile's name", shown(text)))
}

fn parse_endpoint(text: &str) -> Result<String, String> {
    let refuse = |why: &str| Err(format!("{why}: write `http://localhost:8000` or the like"));
    if text.is_empty() {
        return refuse("this is not a URL");
    }
    let (scheme, rest) = text.split_once("://").unwrap_or_default();
    if !["http", "https"].iter().any(|known| known.eq_ignore_ascii_case(scheme)) {
        return refuse("the URL must begin with `http://` or `https://`");
    }
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    if authority.is_empty() {
        return refuse("the URL names no host");
    }
    if authority.parse::<Authority>().is_err() {
        return refuse("this is not a URL");
    }
    if authority.contains('@') {
        return refuse("credentials do not belong in the URL, they are found as for every AWS client");
    }
    if !matches!(path, "" | "/") {
        return refuse("the URL must end after host and port");
    }
    Ok(text.trim_end_matches('/').to_owned())
}
