//! Why a table could not be read: the place, what happened there, and what to do.

use std::time::Duration;

/// Why a table could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// A setting makes no sense.
    #[error("{place}: {reason}")]
    Setting {
        /// Where.
        place: String,
        /// What is wrong, with the setting's name.
        reason: String,
    },
    /// No region is known.
    #[error("{place}: no AWS region is known; set `region` beside the table's name, or AWS_REGION")]
    NoRegion {
        /// Where.
        place: String,
    },
    /// No credentials are found.
    #[error("{place}: no AWS credentials ({reason}); set AWS_ACCESS_KEY_ID, a `profile`, or give this host a role")]
    NoCredentials {
        /// Where.
        place: String,
        /// What the providers said.
        reason: String,
    },
    /// Credentials are there, and no longer good.
    #[error("{place}: the AWS credentials were refused ({code}); renew them, and check this host's clock")]
    BadCredentials {
        /// Where.
        place: String,
        /// What the store called it.
        code: String,
    },
    /// The table is not there.
    #[error("{place} does not exist; create it with `verge mappings init`, or check its name and region")]
    NoTable {
        /// Where.
        place: String,
    },
    /// The file is not there.
    #[error("{place} does not exist; check `path`, which is relative to the configuration file")]
    NoFile {
        /// Where.
        place: String,
    },
    /// This is not permitted.
    #[error("{place}: {operation} is not permitted ({reason}); `verge mappings iam` prints the policy it needs")]
    AccessDenied {
        /// Where.
        place: String,
        /// What was tried.
        operation: &'static str,
        /// What was said.
        reason: String,
    },
    /// Nobody answers.
    #[error("{place} cannot be reached: {reason}")]
    Unreachable {
        /// Where.
        place: String,
        /// What happened.
        reason: String,
    },
    /// Too many reads.
    #[error("{place}: {operation} is throttled; raise the table's capacity or use on-demand billing")]
    Throttled {
        /// Where.
        place: String,
        /// What was tried.
        operation: &'static str,
    },
    /// No answer in time.
    #[error("{place}: {operation} had no answer within {}", seconds(*.after))]
    Timeout {
        /// Where.
        place: String,
        /// What was tried.
        operation: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The key schema is no known layout.
    #[error("{place} has the key schema {found}; it must be `hk` (S), or `api` (S) with sort key `version` (S)")]
    Layout {
        /// Where.
        place: String,
        /// The schema found.
        found: String,
    },
    /// A table in the sample layout, and it is not clear whose.
    #[error("{place} is in the sample layout, which holds one API; {reason}")]
    WhichApi {
        /// Where.
        place: String,
        /// What to do.
        reason: String,
    },
    /// Not readable as items.
    #[error("{place}: {reason}")]
    Malformed {
        /// Where, with line and column or item number where known.
        place: String,
        /// Why.
        reason: String,
    },
    /// The store failed otherwise.
    #[error("{place}: {operation} failed: {code}: {reason}")]
    Failed {
        /// Where.
        place: String,
        /// What was tried.
        operation: &'static str,
        /// What the store called it.
        code: String,
        /// What it said.
        reason: String,
    },
}

impl LoadError {
    /// A fixed name, for metrics and logs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "setting",
            Self::NoRegion { .. } => "no_region",
            Self::NoCredentials { .. } => "no_credentials",
            Self::BadCredentials { .. } => "bad_credentials",
            Self::NoTable { .. } => "no_table",
            Self::NoFile { .. } => "no_file",
            Self::AccessDenied { .. } => "access_denied",
            Self::Unreachable { .. } => "unreachable",
            Self::Throttled { .. } => "throttled",
            Self::Timeout { .. } => "timeout",
            Self::Layout { .. } => "layout",
            Self::WhichApi { .. } => "which_api",
            Self::Malformed { .. } => "malformed",
            Self::Failed { .. } => "failed",
        }
    }

    /// Every code, for metrics that start at zero.
    pub const CODES: [&'static str; 14] = [
        "setting",
        "no_region",
        "no_credentials",
        "bad_credentials",
        "no_table",
        "no_file",
        "access_denied",
        "unreachable",
        "throttled",
        "timeout",
        "layout",
        "which_api",
        "malformed",
        "failed",
    ];
}

fn seconds(after: Duration) -> String {
    format!("{} s", after.as_secs_f32())
}
