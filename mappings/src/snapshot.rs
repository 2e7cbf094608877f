//! The last good table on disk: what a node serves from when it starts and the store is away.
//!
//! One file for each table: two zstd frames with checksums, so that `zstdcat` shows it. The first is a line that says what
//! the rest is: form, place, time, what is known of the items, and the last good items of rows that were quarantined when it
//! was written. The second holds the items as they were read, packed as they are in memory: a start takes it as it is. It
//! is written beside the old one, synced and renamed over it: whoever reads finds
//! the one or the other, whole.

use crate::{
    cache::stored::{Facts, Stored, unpack},
    control::Control,
    item::{Item, Layout},
};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use zstd::zstd_safe::find_frame_compressed_size;

/// The form below. Another one is never guessed at.
const FORM: u64 = 2;
/// How long the first line may be, in bytes: what describes some ten thousand APIs. It is held in memory whole.
const MAX_HEAD: usize = 64 << 20;
/// How the names of snapshots of single APIs end.
const OF_API: &str = ".api";

/// Where a table's snapshot is, and which table that is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFile {
    path: PathBuf,
    /// Endpoint, region and name, as they can be known without asking anybody.
    binding: String,
}

/// What a snapshot holds.
#[derive(Debug, PartialEq)]
pub(crate) struct Snapshot {
    /// When it was read from the store.
    pub(crate) read_at: SystemTime,
    /// The reading.
    pub(crate) stored: Stored,
    /// Last good items of rows that are not good in the reading.
    pub(crate) last_good: Vec<Item>,
}

/// Why there is nothing to start from.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// It cannot be read.
    #[error("snapshot {0} cannot be read: {1}")]
    Unreadable(PathBuf, io::Error),
    /// Its bytes are not what was written.
    #[error("snapshot {0} is damaged: {1}")]
    Damaged(PathBuf, String),
    /// It is of another form.
    #[error("snapshot {0} is of form {1}, and this build reads form {FORM} only")]
    OtherForm(PathBuf, u64),
    /// It is of another table.
    #[error("snapshot {0} is of another table: {1}, not {2}")]
    Foreign(PathBuf, String, String),
    /// It cannot be written.
    #[error("snapshot {0} cannot be written: {1}")]
    Unwritable(PathBuf, io::Error),
}

impl SnapshotError {
    /// A fixed name, for metrics.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(..) => "unreadable",
            Self::Damaged(..) => "damaged",
            Self::OtherForm(..) => "other_form",
            Self::Foreign(..) => "foreign",
            Self::Unwritable(..) => "unwritable",
        }
    }
}

impl SnapshotFile {
    /// A snapshot at this path, of the table that `binding` names.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, binding: String) -> Self {
        Self { path: path.into(), binding }
    }

    /// The snapshot of one API of the table, where APIs are loaded on demand.
    pub(crate) fn of_api(&self, api: &str) -> Self {
        let name = format!("{api}{OF_API}");
        Self { path: self.of_apis().join(name), binding: format!("{}, API {api}", self.binding) }
    }

    /// The APIs that have one.
    pub(crate) fn apis(&self) -> Vec<Arc<str>> {
        let Ok(files) = fs::read_dir(self.of_apis()) else { return Vec::new() };
        let name = |file: io::Result<fs::DirEntry>| {
            let name = file.ok()?.file_name().into_string().ok()?;
            name.strip_suffix(OF_API).map(Arc::from)
        };
        files.filter_map(name).collect()
    }

    fn of_apis(&self) -> PathBuf {
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".apis");
        self.path.with_file_name(name)
    }

    /// Removes it; what cannot be removed is refused or replaced later.
    pub(crate) fn remove(&self) {
        let _ = fs::remove_file(&self.path);
    }

    /// Reads it; `None` where there is no file.
    pub(crate) fn load(&self) -> Result<Option<Snapshot>, SnapshotError> {
        match fs::read(&self.path) {
            Ok(bytes) => self.read(bytes).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(SnapshotError::Unreadable(self.path.clone(), error)),
        }
    }

    fn read(&self, mut bytes: Vec<u8>) -> Result<Snapshot, SnapshotError> {
        let damaged = |reason: &dyn std::fmt::Display| SnapshotError::Damaged(self.path.clone(), reason.to_string());
        let length = find_frame_compressed_size(&bytes).map_err(|_| damaged(&"it does not begin as one"))?;
        let frame = if length < bytes.len() { bytes.split_off(length) } else { Vec::new() };
        let head = read_head(&bytes).map_err(|error| damaged(&format!("its first line: {error}")))?;
        let form =
            head.get("verge_snapshot").and_then(Json::as_u64).ok_or_else(|| damaged(&"it does not say its form"))?;
        if form != FORM {
            return Err(SnapshotError::OtherForm(self.path.clone(), form));
        }
        let head = Head::read(&head).ok_or_else(|| damaged(&"its first line is incomplete"))?;
        if head.binding != self.binding {
            return Err(SnapshotError::Foreign(self.path.clone(), head.binding, self.binding.clone()));
        }
        if frame.len() != head.length {
            return Err(damaged(&format!("it has {} of {} bytes", frame.len(), head.length)));
        }
        // The checksum at the frame's end is what tells.
        unpack(&frame).and_then(|mut frame| io::copy(&mut frame, &mut io::sink())).map_err(|error| damaged(&error))?;
        let stored = Stored { facts: head.facts, frame: frame.into() };
        Ok(Snapshot { read_at: head.read_at, stored, last_good: head.last_good })
    }

    /// Writes it, whole or not at all. Blocks until it is on the disk.
    pub(crate) fn save(&self, stored: &Stored, last_good: &[Item], read_at: SystemTime) -> Result<(), SnapshotError> {
        let head = Head {
            binding: self.binding.clone(),
            read_at,
            length: stored.frame.len(),
            facts: stored.facts.clone(),
            last_good: last_good.to_vec(),
        };
        self.write(&head, stored).map_err(|error| SnapshotError::Unwritable(self.path.clone(), error))
    }

    fn write(&self, head: &Head, stored: &Stored) -> io::Result<()> {
        let directory = self.path.parent().filter(|path| !path.as_os_str().is_empty()).unwrap_or(Path::new("."));
        fs::create_dir_all(directory)?;
        let mut name = self.path.file_name().unwrap_or_default().to_owned();
        name.push(".new");
        let beside = directory.join(name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&beside)?;
        file.write_all(&head.pack()?)?;
        file.write_all(&stored.frame)?;
        file.sync_all()?;
        drop(file);
        fs::rename(&beside, &self.path)?;
        // The name, too, must outlast a power cut.
        File::open(directory)?.sync_all()
    }
}

/// Unpacks the first line, no further than it may go.
fn read_head(frame: &[u8]) -> io::Result<Json> {
    let mut line = Vec::new();
    unpack(frame)?.take(MAX_HEAD as u64 + 1).read_to_end(&mut line)?;
    if line.len() > MAX_HEAD {
        return Err(io::Error::other("it has no end"));
    }
    Ok(serde_json::from_slice(&line)?)
}

/// The first line.
struct Head {
    binding: String,
    read_at: SystemTime,
    /// Of the rest, in bytes.
    length: usize,
    facts: Facts,
    last_good: Vec<Item>,
}

impl Head {
    fn pack(&self) -> io::Result<Vec<u8>> {
        let Facts { layout, generation, control, sample, rows, own, apis } = &self.facts;
        let since = self.read_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let line = json!({
            "verge_snapshot": FORM,
            "table": self.binding,
            "read_at": since.as_secs(),
            "length": self.length,
            "layout": layout.map(Layout::as_str),
            "generation": generation,
            "frozen": control.frozen,
            "accepted": control.accepted,
            "accepted_apis": control.accepted_apis,
            "sample": sample,
            "rows": rows.to_string(),
            "own": own.to_string(),
            "apis": apis,
            "kept": self.last_good,
        });
        let line = line.to_string();
        if line.len() >= MAX_HEAD {
            return Err(io::Error::other("more describes its APIs than one line may hold"));
        }
        let mut frame = zstd::Encoder::new(Vec::new(), zstd::DEFAULT_COMPRESSION_LEVEL)?;
        frame.include_checksum(true)?;
        writeln!(frame, "{line}")?;
        frame.finish()
    }

    fn read(line: &Json) -> Option<Self> {
        let text = |name: &str| line.get(name)?.as_str();
        let items = |name: &str| Vec::<Item>::deserialize(line.get(name)?).ok();
        let layout = match text("layout") {
            Some(name) => Some([Layout::Sample, Layout::Verge].into_iter().find(|layout| layout.as_str() == name)?),
            None => None,
        };
        let facts = Facts {
            layout,
            generation: line.get("generation")?.as_u64(),
            control: Control {
                frozen: line.get("frozen")?.as_bool()?,
                accepted: line.get("accepted")?.as_str().map(str::to_owned),
                // Snapshots of builds that know of none have none.
                accepted_apis: line
                    .get("accepted_apis")
                    .and_then(|apis| Deserialize::deserialize(apis).ok())
                    .unwrap_or_default(),
            },
            sample: line.get("sample")?.as_bool()?,
            rows: text("rows")?.parse().ok()?,
            own: text("own")?.parse().ok()?,
            apis: items("apis")?,
        };
        Some(Self {
            binding: text("table")?.to_owned(),
            read_at: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(line.get("read_at")?.as_u64()?))?,
            length: usize::try_from(line.get("length")?.as_u64()?).ok()?,
            facts,
            last_good: items("kept")?,
        })
    }
}

#[cfg(test)]
mod tests;
