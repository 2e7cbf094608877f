//! What is allowed but unwise.

use crate::{Config, Problem};

pub(crate) fn warnings(config: &Config) -> Vec<Problem> {
    let _ = config;
    Vec::new()
}
