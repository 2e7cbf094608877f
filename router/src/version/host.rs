//! Source `host`: part of a label of the host, `apiv1.example.com` under the pattern `api{version}.example.com`.

use crate::{api::HostVersion, caseless::Caseless, table::bare_host};

/// The version in a host; `None` where it does not fit the pattern, or has nothing in that place.
#[must_use]
pub fn version<'r>(host: &'r str, pattern: &HostVersion) -> Option<&'r [u8]> {
    let host = bare_host(host)?;
    let (before, after) = (pattern.before().as_bytes(), pattern.after().as_bytes());
    let (head, rest) = host.split_at_checked(before.len())?;
    let (version, tail) = rest.split_at_checked(rest.len().checked_sub(after.len())?)?;
    let fits = Caseless(head) == Caseless(before) && Caseless(tail) == Caseless(after);
    // A version stands within one label, as `*` does for one.
    (fits && !version.is_empty() && !version.contains(&b'.')).then_some(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_what_stands_in_its_place() {
        let check = |pattern: &str, host: &str| {
            let pattern = HostVersion::parse(pattern).unwrap();
            version(host, &pattern).map(|version| core::str::from_utf8(version).unwrap().to_owned())
        };
        use alloc::borrow::ToOwned;
        for (host, expected) in [
            ("api1.example.com", Some("1")),
            ("APIv1.Example.Com.:8080", Some("v1")),
            ("api-beta.example.com", Some("-beta")),
            ("api.example.com", None),
            ("api1.2.example.com", None),
            ("api1.example.org", None),
            ("xapi1.example.com", None),
            ("api1example.com", None),
            ("ap", None),
            ("", None),
        ] {
            assert_eq!(check("api{version}.example.com", host).as_deref(), expected, "{host}");
        }
        assert_eq!(check("{version}.api.example.com", "2026-11-25.api.example.com").as_deref(), Some("2026-11-25"));
        assert_eq!(check("api.{version}", "api.v1").as_deref(), Some("v1"));
        // What stands before and after may not be taken twice.
        assert_eq!(check("aa{version}aa", "aaa"), None);
    }
}
