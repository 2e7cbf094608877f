//! The time at edges that are processes of their own: what `clock.c` tells them, where it could be compiled.

use std::{
    env,
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::PathBuf,
    time::{SystemTime, UNIX_EPOCH},
};
use verge_router::UnixTime;
use verge_tests::scratch::Scratch;

/// Seconds since 1970.
pub(crate) fn now() -> UnixTime {
    i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

/// A clock that stands where it is put, in each process that has its [`environment`](Self::environment).
pub(crate) struct Clock {
    library: Option<PathBuf>,
    file: File,
    told: UnixTime,
    scratch: Scratch,
}

impl Clock {
    /// One that goes as all clocks do, so far. `CLOCK` names the compiled `clock.c`.
    pub(crate) fn new() -> Self {
        let scratch = Scratch::new();
        let path = scratch.write("clock", [0; 8]);
        let file = OpenOptions::new().write(true).open(path).unwrap();
        let library = env::var_os("CLOCK").map(|path| PathBuf::from(path).canonicalize().expect("CLOCK"));
        Self { library, file, told: 0, scratch }
    }

    /// What a process is to be started with.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        let Some(library) = &self.library else { return Vec::new() };
        let file = self.scratch.path().join("clock");
        vec![("LD_PRELOAD", library.display().to_string()), ("CLOCK_FILE", file.display().to_string())]
    }

    /// Puts it there, or lets it go; `false`: it cannot be put anywhere.
    pub(crate) fn put(&mut self, time: Option<UnixTime>) -> bool {
        let time = time.unwrap_or(0);
        if time == self.told {
            return true;
        }
        self.told = time;
        self.file.write_all_at(&(time * 1_000_000_000).to_ne_bytes(), 0).unwrap();
        self.library.is_some()
    }
}
