//! A panic on purpose, in builds with debug assertions and there only: what it takes along, and what not, is then seen in
//! a whole process.

use std::{env, sync::OnceLock};

/// Panics on the path that `VERGE_PANIC_AT` names.
pub(super) fn reach(path: &str) {
    debug_assert!(!is_here(path), "on purpose, as VERGE_PANIC_AT says");
}

fn is_here(path: &str) -> bool {
    static HERE: OnceLock<Option<String>> = OnceLock::new();
    HERE.get_or_init(|| env::var("VERGE_PANIC_AT").ok()).as_deref() == Some(path)
}
