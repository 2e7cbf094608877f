//! Why a text makes no API.

use crate::{cors::InvalidCors, origin::InvalidOrigin};
use alloc::boxed::Box;

/// Why a text makes no API.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidApi {
    /// The name.
    #[error("`{}` cannot name an API: letters, digits, `-`, `_`, `.`, at most 128", .0.escape_debug())]
    Name(Box<str>),
    /// A host.
    #[error("host `{host}`: {reason}", host = .host.escape_debug())]
    Host {
        /// As written.
        host: Box<str>,
        /// Why.
        reason: &'static str,
    },
    /// No host.
    #[error("no hosts are named; `hosts = [\"*\"]` takes any")]
    NoHost,
    /// The path.
    #[error("`{}` is not an absolute path such as `/orders`", .0.escape_debug())]
    Path(Box<str>),
    /// A vendor.
    #[error("vendor `{vendor}`: {reason}", vendor = .vendor.escape_debug())]
    Vendor {
        /// As written.
        vendor: Box<str>,
        /// Why.
        reason: &'static str,
    },
    /// A source.
    #[error("`{}` is no version source; there are `accept`, `header`, `query`, `path` and `host`", .0.escape_debug())]
    Source(Box<str>),
    /// No source.
    #[error("`read` is empty: name at least one of `accept`, `header`, `query`, `path`, `host`")]
    NoSource,
    /// The header's name.
    #[error("`{}` cannot be a version header", .0.escape_debug())]
    Header(Box<str>),
    /// The scheme.
    #[error("`{}` is no version scheme; there are `label`, `semver` and `date`", .0.escape_debug())]
    Scheme(Box<str>),
    /// The query parameter's name.
    #[error("`{}` cannot name a query parameter: letters, digits, `-`, `_`, `.`, `~`, at most 64", .0.escape_debug())]
    Query(Box<str>),
    /// The pattern of hosts that carry the version.
    #[error("host pattern `{pattern}`: {reason}", pattern = .pattern.escape_debug())]
    HostPattern {
        /// As written.
        pattern: Box<str>,
        /// Why.
        reason: &'static str,
    },
    /// The host is read, and nothing says where in it.
    #[error("`read` names `host`: write `host = \"api{{version}}.example.com\"`, the pattern it is read by")]
    NoHostPattern,
    /// The unknown-version policy.
    #[error("`{}` is none of `reject`, `forward` and `back`", .0.escape_debug())]
    Unknown(Box<str>),
    /// Paths that need no version, and nothing says which version answers.
    #[error("`neutral` needs a version that answers: write `neutral_version`, or a version as `missing`")]
    NeutralWithoutVersion,
    /// A version was meant.
    #[error("`{}` is no version", .0.escape_debug())]
    NoVersion(Box<str>),
    /// A method.
    #[error("`{}` is no method that can be passed on", .0.escape_debug())]
    Method(Box<str>),
    /// No method.
    #[error("`methods` is empty: leave it out to allow any")]
    NoMethod,
    /// The missing-version policy.
    #[error("`{}` is neither `reject`, `pin` nor a version", .0.escape_debug())]
    Missing(Box<str>),
    /// Where a consumer says who it is.
    #[error("`{}` does not say who a consumer is: write `claim:sub`, `header:NAME`, `cookie:NAME` or `query:NAME`", .0.escape_debug())]
    PinSubject(Box<str>),
    /// Pins, and nothing says whom they are for.
    #[error(
        "`missing = \"pin\"` needs `[api.pin] subject = [\"claim:sub\"]`, one to eight places that say who a consumer is"
    )]
    PinWithoutSubject,
    /// Whom pins are for, and there are none.
    #[error("it says whom pins are for, and there are none: write `missing = \"pin\"`")]
    PinUnused,
    /// Pins for those without one.
    #[error("`unpinned` is for consumers without a pin: `reject`, a version or an alias")]
    UnpinnedIsPinned,
    /// What those get of whom nothing is known yet.
    #[error("`{}` is neither `put_off` nor `unpinned`", .0.escape_debug())]
    UntilKnown(Box<str>),
    /// Preflights carry nothing that says who a consumer is.
    #[error("a preflight says nothing of its consumer (Fetch, \"CORS protocol\"): name a version, or `reject`")]
    PinnedPreflight,
    /// A status.
    #[error("status {status} for `{code}`: only rejections take a status of their own, from 400 to 599")]
    Status {
        /// The reason's code.
        code: &'static str,
        /// As written.
        status: u16,
    },
    /// A status for what no API has a say in.
    #[error("`unknown_host` takes no status here: it is said where no API is found, so that none has a say in it")]
    StatusOfNoApi,
    /// A status for no reason.
    #[error("`{}` is no rejection code", .0.escape_debug())]
    Code(Box<str>),
    /// Where versions are listed.
    #[error("`{}` is neither `fields` nor `well_known`", .0.escape_debug())]
    Advertise(Box<str>),
    /// The CORS policy.
    #[error(transparent)]
    Cors(#[from] InvalidCors),
    /// `allow`.
    #[error(transparent)]
    Allow(#[from] InvalidOrigin),
}
