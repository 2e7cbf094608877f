//! How an API reads versions and answers: vendors, scheme, header, missing policy, statuses.

use super::InvalidApi;
use crate::rejection::Reason;
use alloc::{borrow::ToOwned, boxed::Box, string::ToString};
use http::{HeaderName, StatusCode};

/// A vendor name, as in `application/vnd.VENDOR.v1+json`; lower case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Vendor(Box<str>);

impl Vendor {
    /// Reads a vendor name: `example`, or `example.orders`; without the `vnd.`.
    ///
    /// # Errors
    /// What cannot stand in a media type (RFC 6838 §4.2), or begins with `vnd.`.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        let refuse = |reason| Err(InvalidApi::Vendor { vendor: text.to_owned(), reason });
        let lower = text.to_ascii_lowercase();
        if lower.starts_with("vnd.") {
            return refuse("write it without `vnd.`");
        }
        if lower.contains('/') || lower.contains('+') {
            return refuse("write the bare vendor name, as in application/vnd.VENDOR.v1+json");
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.".contains(&b);
        if lower.is_empty()
            || lower.len() > 100
            || !lower.bytes().all(plain)
            || lower.starts_with('.')
            || lower.ends_with('.')
        {
            return refuse("this cannot stand in a media type");
        }
        Ok(Self(lower.into_boxed_str()))
    }

    /// The name, lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How versions are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scheme {
    /// Names: ASCII case does not matter, nor a `v` before a digit.
    #[default]
    Label,
}

impl Scheme {
    /// Reads a scheme's name.
    ///
    /// # Errors
    /// An unknown name.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        match text {
            "label" => Ok(Self::Label),
            _ => Err(InvalidApi::Scheme(text.to_owned())),
        }
    }

    /// As written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
        }
    }
}

/// What happens when no version is asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Missing {
    /// `missing_version`.
    #[default]
    Reject,
    /// This version, or the one this alias stands for.
    Version(Box<str>),
}

impl Missing {
    /// Reads `reject`, a version or an alias.
    ///
    /// # Errors
    /// What cannot be a version.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        match text {
            "reject" => Ok(Self::Reject),
            _ if text.is_empty() || text.len() > 256 || !text.bytes().all(|b| b.is_ascii_graphic()) => {
                Err(InvalidApi::Missing(text.to_owned()))
            }
            _ => Ok(Self::Version(text.into())),
        }
    }
}

/// The `header` source's name where none is configured: `APIVER`.
pub const DEFAULT_HEADER: &str = "apiver";

/// Fields the version must never be read from: framing, routing, connection control, and Verge's own.
const UNFIT_HEADERS: [&str; 14] = [
    "accept",
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "te",
    "trailer",
    "upgrade",
    "keep-alive",
    "via",
    "cdn-loop",
    "cookie",
    "authorization",
    "forwarded",
];

/// Reads the name of a version header.
///
/// # Errors
/// What is no field name, or one whose meaning is taken.
pub fn parse_header(text: &str) -> Result<HeaderName, InvalidApi> {
    let refuse = || InvalidApi::Header(text.to_owned());
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| refuse())?;
    let lower = name.as_str().to_string();
    if UNFIT_HEADERS.contains(&lower.as_str()) || lower.starts_with("verge-") || lower.starts_with("x-forwarded-") {
        return Err(refuse());
    }
    Ok(name)
}

/// Reads one entry of `status`: a code and a number.
///
/// # Errors
/// An unknown code, or a status that is no error.
pub fn parse_status(code: &str, status: u16) -> Result<(Reason, StatusCode), InvalidApi> {
    let reason = Reason::from_code(code).ok_or_else(|| InvalidApi::Code(code.to_owned()))?;
    match StatusCode::from_u16(status) {
        Ok(value) if reason.is_configurable() && (400..600).contains(&status) => Ok((reason, value)),
        _ => Err(InvalidApi::Status { code: reason.code(), status }),
    }
}
