//! `[lambda]`: what a Lambda@Edge function needs to know; the proxy reads it, so that one document does for both, and heeds
//! none of it.

use crate::{section::Section, table::parse_region};

/// `[lambda]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lambda {
    /// AWS regions that hold a replica of the table, in the order of preference; empty: the table's own.
    pub regions: Vec<String>,
}

pub(crate) fn read(root: &mut Section<'_>) -> Lambda {
    let Some(mut section) = root.section("lambda") else { return Lambda::default() };
    let regions = section.entry("regions");
    if let Some(regions) = regions.as_ref().filter(|regions| regions.is_empty_list()) {
        regions.refuse("the list is empty: leave the key out for the table's own region");
    }
    let regions = regions.and_then(|entry| entry.list(parse_region)).unwrap_or_default();
    section.close();
    Lambda { regions }
}
