//! A JSON file: what `aws dynamodb scan` prints, `{"Items": […]}` with plain values, or a bare list.

use super::{LoadError, Reading, Sink, Source};
use crate::item::{Item, Layout, PIN};
use async_trait::async_trait;
use std::{
    collections::HashMap,
    io,
    path::{Path, PathBuf},
    sync::Mutex,
    time::SystemTime,
};

/// A file, read again when it changes.
#[derive(Debug)]
pub struct FileSource {
    path: PathBuf,
    /// The file as it was when last read, or when it last could not be.
    seen: Mutex<Option<Stamp>>,
    /// Its pins when it was last read, by API and key.
    pins: Mutex<Option<HashMap<(String, String), Item>>>,
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    length: u64,
    inode: u64,
}

impl FileSource {
    /// A source that reads this file; it need not be there yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), seen: Mutex::new(None), pins: Mutex::new(None) }
    }

    fn remember(&self, stamp: Option<Stamp>) {
        *self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = stamp;
    }
}

#[async_trait]
impl Source for FileSource {
    async fn read_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        let (path, place) = (self.path.clone(), self.place());
        // The stamp is older than the content: a write between the two is seen as a change.
        let (stamp, reading) = off_thread(move || (stamp(&path), read(&path, &place))).await?;
        self.remember(stamp);
        let reading = reading?;
        let pins = reading.items.iter().filter_map(|item| Some((pin_of(item)?, item.clone()))).collect();
        *self.pins.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(pins);
        reading.pour(sink);
        Ok(())
    }

    fn place(&self) -> String {
        format!("file {}", self.path.display())
    }

    async fn has_changed(&self) -> Result<bool, LoadError> {
        let path = self.path.clone();
        let now = off_thread(move || stamp(&path)).await?;
        let mut seen = self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // A file that is away is being replaced; it is read when it is back.
        if now.is_none() || *seen == now {
            return Ok(false);
        }
        // Said once: a file that cannot be read is not tried again until it changes again, or at the next refresh.
        *seen = now;
        Ok(true)
    }
}

/// Whose pin an item is: in the Verge layout, which names the API.
fn pin_of(item: &Item) -> Option<(String, String)> {
    let key = item.text(Layout::Verge.key()).filter(|key| key.starts_with(PIN))?;
    Some((item.text("api")?.to_owned(), key.to_owned()))
}

#[cfg(feature = "cache")]
#[async_trait]
impl crate::pins::PinSource for FileSource {
    async fn read_pin(&self, api: &str, key: &str) -> Result<Option<Item>, LoadError> {
        let pins = self.pins.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let unread = || LoadError::Unreachable { place: self.place(), reason: "it was not read yet".to_owned() };
        Ok(pins.as_ref().ok_or_else(unread)?.get(&(api.to_owned(), key.to_owned())).cloned())
    }
}

async fn off_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, LoadError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| LoadError::Malformed { place: "file".to_owned(), reason: error.to_string() })
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = std::fs::metadata(path).ok()?;
    #[cfg(unix)]
    let inode = std::os::unix::fs::MetadataExt::ino(&meta);
    #[cfg(not(unix))]
    let inode = 0;
    Some(Stamp { modified: meta.modified().ok(), length: meta.len(), inode })
}

/// Reads a file of items.
fn read(path: &Path, place: &str) -> Result<Reading, LoadError> {
    let bytes = std::fs::read(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => LoadError::NoFile { place: place.to_owned() },
        _ => LoadError::Unreachable { place: place.to_owned(), reason: error.to_string() },
    })?;
    parse(&bytes, place)
}

/// Reads items from JSON text; `place` is named in errors.
///
/// # Errors
/// [`LoadError::Malformed`], with line and column or the item's number.
pub fn parse(bytes: &[u8], place: &str) -> Result<Reading, LoadError> {
    match Item::read_all(bytes) {
        Ok(items) => Ok(Reading::new(items, None)),
        Err(error) => Err(LoadError::Malformed { place: place.to_owned(), reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> String {
        parse(text.as_bytes(), "file t.json").unwrap_err().to_string()
    }

    #[test]
    fn all_three_shapes_read_alike() {
        let scan = r#"{"Items":[{"hk":{"S":"v1"},"dn":{"S":"a.example"}}],"Count":1,"ScannedCount":1,"ConsumedCapacity":null}"#;
        let plain = r#"{"Items":[{"hk":"v1","dn":"a.example"}]}"#;
        let bare = r#"[{"hk":"v1","dn":"a.example"}]"#;
        let read = |text: &str| parse(text.as_bytes(), "").unwrap();
        assert_eq!(read(scan), read(plain));
        assert_eq!(read(scan), read(bare));
        assert_eq!(read(scan).rows(), 1);
    }

    #[test]
    fn what_is_wrong_is_placed() {
        assert_eq!(reason("{\n  \"Items\": [}\n"), "file t.json: not JSON: expected value at line 2 column 13");
        assert_eq!(reason("[{}, 3]"), "file t.json: item 2: an item must be an object of attributes");
        assert_eq!(reason("{\"Items\": {}}"), "file t.json: `Items` must be a list");
        assert_eq!(reason("7"), "file t.json: it must be a list of items, or have them under `Items`");
        assert!(reason("{\"Items\": [], \"LastEvaluatedKey\": {\"hk\": {\"S\": \"a\"}}}").contains("one page"));
    }

    #[tokio::test]
    async fn a_missing_file_is_an_error_with_its_name() {
        let source = FileSource::new("/nonexistent/table.json");
        let error = source.read().await.unwrap_err();
        assert_eq!(error.code(), "no_file");
        assert!(error.to_string().contains("/nonexistent/table.json"));
        assert!(!source.has_changed().await.unwrap());
    }

    #[tokio::test]
    async fn a_change_is_seen_once() {
        let path = std::env::temp_dir().join(format!("verge-file-{}-{}.json", std::process::id(), fastrand::u64(..)));
        std::fs::write(&path, "[]").unwrap();
        let source = FileSource::new(&path);
        assert!(source.has_changed().await.unwrap());
        source.read().await.unwrap();
        assert!(!source.has_changed().await.unwrap());
        std::fs::write(&path, "[{\"hk\": \"v1\"}]").unwrap();
        assert!(source.has_changed().await.unwrap());
        assert!(!source.has_changed().await.unwrap());
        std::fs::write(&path, "[{\"hk\": \"v1\"").unwrap();
        assert!(source.has_changed().await.unwrap());
        assert_eq!(source.read().await.unwrap_err().code(), "malformed");
        std::fs::remove_file(&path).unwrap();
    }
}
