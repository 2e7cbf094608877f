//! What a running proxy is told: by signals, and by its configuration file.

use crate::cli::{Exit, Failure};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// How often the configuration file is looked at.
const CONFIG_POLL: Duration = Duration::from_secs(1);

/// What the process is told from outside; heard from the first moment on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

/// What to do next.
pub(super) enum Told {
    Stop,
    Reload,
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        let open = || {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: signal(SignalKind::hangup())?,
            })
        };
        open().map_err(|error: io::Error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}")))
    }

    pub(super) async fn told(&mut self, watched: Option<&mut Watched>) -> Told {
        let changed = async {
            match watched {
                Some(watched) => watched.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Told::Stop,
            _ = self.interrupt.recv() => Told::Stop,
            _ = self.hangup.recv() => Told::Reload,
            () = changed => Told::Reload,
        }
    }
}

/// A file and what it looked like when it was last read.
pub(super) struct Watched {
    path: PathBuf,
    seen: Option<Vec<u8>>,
}

impl Watched {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), seen: std::fs::read(path).ok() }
    }

    /// Returns when the file says something else than before. A file that cannot be read, as in the middle of being
    /// replaced, has not changed yet.
    async fn changed(&mut self) {
        loop {
            tokio::time::sleep(CONFIG_POLL).await;
            if let Ok(text) = std::fs::read(&self.path)
                && self.seen.as_ref() != Some(&text)
            {
                self.seen = Some(text);
                return;
            }
        }
    }
}
