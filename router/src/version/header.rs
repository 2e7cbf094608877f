//! Source `header`: a comma list in the API's version header. Equal values are fine, none at all is malformed.

use crate::bytes::position_of;
use http::{HeaderMap, HeaderName, HeaderValue, header::ValueIter};

/// A list of more values than this is no version: none of them is dropped in silence.
pub const MAX_VALUES: usize = 64;

/// The values of all lines of the version header, blanks and empty elements dropped, and at most one more than
/// [`MAX_VALUES`]; `None` where the field is absent.
#[must_use]
pub fn values<'r>(headers: &'r HeaderMap, name: &HeaderName) -> Option<Values<'r>> {
    let mut lines = headers.get_all(name).into_iter();
    let rest = lines.next()?.as_bytes();
    Some(Values { lines, rest, left: MAX_VALUES + 1 })
}

/// Iterator over the values; see [`values`].
#[derive(Debug)]
pub struct Values<'r> {
    lines: ValueIter<'r, HeaderValue>,
    /// What is left of one line.
    rest: &'r [u8],
    left: usize,
}

impl<'r> Iterator for Values<'r> {
    type Item = &'r [u8];

    #[inline(always)]
    fn next(&mut self) -> Option<&'r [u8]> {
        loop {
            while let [b',' | b' ' | b'\t', rest @ ..] = self.rest {
                self.rest = rest;
            }
            if !self.rest.is_empty() {
                self.left = self.left.checked_sub(1)?;
                let (value, rest) = self.rest.split_at_checked(position_of([b','], self.rest))?;
                self.rest = rest;
                return Some(value.trim_ascii());
            }
            self.rest = self.lines.next()?.as_bytes();
        }
    }
}
