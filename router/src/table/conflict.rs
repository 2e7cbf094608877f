//! Rows that the rest of the table makes unusable.

use crate::api::Scheme;
use alloc::string::String;

/// A row that the rest of the table makes unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Its API.
    pub api: String,
    /// Its key.
    pub key: String,
    /// Why.
    pub reason: ConflictReason,
}

/// How a row conflicts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConflictReason {
    /// Another row has the same key in normal form.
    #[error(
        "another row is the same version (case, a `v` before a digit and build metadata do not count); both are left out"
    )]
    SameVersion,
    /// The key is no version of the API's scheme.
    #[error("its key is {}", .0.misfit())]
    OtherScheme(Scheme),
    /// The key cannot be reported in a header.
    #[error("its key is not printable ASCII")]
    UnfitKey,
    /// The alias names a row that is not there.
    #[error("alias_of `{}` names no row", .0.escape_debug())]
    AliasOfNothing(String),
    /// The alias leads back to itself.
    #[error("alias_of leads in a circle")]
    AliasCycle,
    /// An arm of its split names a row that is not there.
    #[error("split: arm `{arm}` leads to version `{}`, which names no row", .version.escape_debug())]
    ArmOfNothing {
        /// The arm.
        arm: String,
        /// The version.
        version: String,
    },
    /// An arm of its split leads back to it.
    #[error("split: an arm leads back to this row")]
    SplitCycle,
    /// Another API already answers under this host and path.
    #[error("API `{0}` already answers under the same host and path")]
    SameHost(String),
}
