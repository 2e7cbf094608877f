//! How far a long import is, on stderr.

use std::io::{self, IsTerminal, Write};

/// Shorter imports are over before one looks.
const LONG: usize = 50;
/// How often it is said where nobody watches.
const SELDOM: usize = 1000;

/// A counter: one line that changes on a terminal, a line every 1000 rows elsewhere.
pub(super) struct Progress {
    all: usize,
    done: usize,
    watched: bool,
}

impl Progress {
    pub(super) fn new(all: usize) -> Self {
        Self { all, done: 0, watched: io::stderr().is_terminal() && all > LONG }
    }

    pub(super) fn step(&mut self) {
        self.done += 1;
        let (done, all) = (self.done, self.all);
        if self.watched {
            eprint!("\r{done} of {all}");
            let _ = io::stderr().flush();
        } else if done.is_multiple_of(SELDOM) && done < all {
            eprintln!("{done} of {all}");
        }
    }

    pub(super) fn end(&self) {
        if self.watched {
            eprintln!();
        }
    }
}
