//! What an API tells of its versions without being asked for one.

use super::InvalidApi;

/// Where the versions of an API are listed besides in rejections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Advertise {
    /// On every answer: `api-supported-versions` and `api-deprecated-versions`.
    Fields,
    /// Under `/.well-known/api-versions`.
    WellKnown,
}

impl Advertise {
    /// Reads `fields` or `well_known`.
    ///
    /// # Errors
    /// Any other word.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        match text {
            "fields" => Ok(Self::Fields),
            "well_known" => Ok(Self::WellKnown),
            _ => Err(InvalidApi::Advertise(text.into())),
        }
    }
}
