//! Source `header`: a comma list in the API's version header. Equal values are fine, none at all is malformed.

use http::{HeaderMap, HeaderName};

/// A list of more values than this is no version: none of them is dropped in silence.
pub const MAX_VALUES: usize = 64;

/// The values of all lines of the version header, blanks and empty elements dropped, and at most one more than
/// [`MAX_VALUES`]; `None` where the field is absent.
#[must_use]
pub fn values<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Option<impl Iterator<Item = &'r [u8]> + use<'r>> {
    let lines = headers.get_all(name);
    let mut lines = lines.iter();
    let first = lines.next()?;
    Some(
        core::iter::once(first)
            .chain(lines)
            .flat_map(|line| line.as_bytes().split(|&b| b == b','))
            .map(<[u8]>::trim_ascii)
            .filter(|value| !value.is_empty())
            .take(MAX_VALUES + 1),
    )
}
