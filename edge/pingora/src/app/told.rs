//! What a running proxy is told: by signals, and by its configuration file.

use super::Leave;
use crate::{
    cli::{Exit, Failure},
    handover::Sockets,
};
use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};

/// How often the configuration file is looked at.
const CONFIG_POLL: Duration = Duration::from_secs(1);

/// What the process is told from outside; heard from the first moment on.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    succeed: Signal,
}

/// What to do next.
pub(super) enum Told {
    Leave(Leave),
    Reload,
    /// Start a process that takes over.
    Succeed,
}

/// Ends when another process serves in this one's place.
pub(super) struct Replaced(JoinHandle<()>);

impl Replaced {
    /// Offers the sockets there; without a place, to nobody.
    pub(super) fn watch(background: &Runtime, sockets: Sockets, place: Option<PathBuf>) -> Self {
        Self(background.spawn(async move {
            let Some(place) = place else { return std::future::pending().await };
            if let Err(error) = sockets.offer(place.clone()).await {
                tracing::warn!(place = %place.display(), %error, "no upgrade can take over from this process; `[listen] upgrade` names another place");
                std::future::pending().await
            }
        }))
    }

    /// Offers them no longer.
    pub(super) fn stop(self, background: &Runtime, place: Option<&Path>) {
        self.0.abort();
        let _ = background.block_on(self.0);
        if let Some(place) = place {
            let _ = std::fs::remove_file(place);
        }
    }
}

/// Starts the program as it is now on disk, as this process was started, to take over.
pub(super) fn start_successor(file: &Path) {
    let Some(program) = std::env::args_os().next() else { return };
    let mut command = Command::new(program);
    command.args(["serve", "--upgrade", "-c"]).arg(file).stdin(Stdio::null());
    match command.spawn() {
        // Where it fails, it is waited for, and this process goes on; where it does not, this one goes first.
        Ok(mut successor) => drop(std::thread::spawn(move || successor.wait())),
        Err(error) => tracing::error!(%error, "a successor cannot be started; this process goes on"),
    }
}

impl Signals {
    pub(super) fn listen() -> Result<Self, Failure> {
        let open = || {
            Ok(Self {
                terminate: signal(SignalKind::terminate())?,
                interrupt: signal(SignalKind::interrupt())?,
                hangup: signal(SignalKind::hangup())?,
                succeed: signal(SignalKind::user_defined2())?,
            })
        };
        open().map_err(|error: io::Error| Failure::new(Exit::Failed, format!("signals cannot be received: {error}")))
    }

    pub(super) async fn told(&mut self, watched: Option<&mut Watched>, replaced: &mut Replaced) -> Told {
        let changed = async {
            match watched {
                Some(watched) => watched.changed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => Told::Leave(Leave::Told),
            _ = self.interrupt.recv() => Told::Leave(Leave::Told),
            _ = &mut replaced.0 => Told::Leave(Leave::Replaced),
            _ = self.hangup.recv() => Told::Reload,
            _ = self.succeed.recv() => Told::Succeed,
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
