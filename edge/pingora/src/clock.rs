//! The wall clock, as the router takes it.

use std::time::SystemTime;
use verge_router::UnixTime;

/// Now, in whole seconds.
pub(crate) fn unix_now() -> UnixTime {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixTime::try_from(since.as_secs()).unwrap_or(UnixTime::MAX)
}
