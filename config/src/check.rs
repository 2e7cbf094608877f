//! What can be seen only with the whole document in view.

use crate::{Config, reader::Section};

pub(crate) fn whole(config: &Config, root: &Section<'_>) {
    let _ = (config, root);
}
