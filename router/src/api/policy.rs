//! How an API reads versions and answers: vendors, scheme, header, missing policy, statuses.

use super::InvalidApi;
use crate::{
    rejection::Reason,
    resolve::{
        date::Date,
        semver::{Semver, without_build},
    },
    table::compare_versions,
};
use alloc::{boxed::Box, string::ToString};
use core::cmp::Ordering;
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
        let refuse = |reason| Err(InvalidApi::Vendor { vendor: text.into(), reason });
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
    /// Semantic Versioning 2.0.0, and ranges of it.
    Semver,
    /// Days: the newest version that is not newer than the day asked for.
    Date,
}

impl Scheme {
    /// Reads a scheme's name.
    ///
    /// # Errors
    /// An unknown name.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        match text {
            "label" => Ok(Self::Label),
            "semver" => Ok(Self::Semver),
            "date" => Ok(Self::Date),
            _ => Err(InvalidApi::Scheme(text.into())),
        }
    }

    /// As written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Label => "label",
            Self::Semver => "semver",
            Self::Date => "date",
        }
    }

    /// Whether a row's key is a version of this scheme.
    #[must_use]
    pub fn fits(self, key: &str) -> bool {
        match self {
            Self::Label => true,
            Self::Semver => Semver::parse(key.as_bytes()).is_ok(),
            Self::Date => Date::parse(key.as_bytes()).is_ok(),
        }
    }

    /// What a key that does not fit is said to be.
    pub(crate) const fn misfit(self) -> &'static str {
        match self {
            Self::Label => "no version",
            Self::Semver => "no full version such as 1.4.2, which scheme `semver` needs",
            Self::Date => "no day such as 2026-11-25, which scheme `date` needs",
        }
    }

    /// What of a version counts when it is looked up as it stands.
    pub(crate) fn normal(self, text: &[u8]) -> &[u8] {
        match self {
            Self::Label | Self::Date => text,
            Self::Semver => without_build(text),
        }
    }

    /// Which of two versions is newer.
    pub(crate) fn compare(self, one: &str, other: &str) -> Ordering {
        if self == Self::Semver
            && let (Ok(one), Ok(other)) = (Semver::parse(one.as_bytes()), Semver::parse(other.as_bytes()))
        {
            return one.precedence(&other);
        }
        compare_versions(one, other)
    }
}

/// What happens when a version is asked for that is not in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unknown {
    /// `unknown_version`.
    #[default]
    Reject,
    /// The nearest newer version answers.
    Forward,
    /// The nearest older version answers.
    Back,
}

impl Unknown {
    /// Reads `reject`, `forward` or `back`.
    ///
    /// # Errors
    /// Any other word.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        match text {
            "reject" => Ok(Self::Reject),
            "forward" => Ok(Self::Forward),
            "back" => Ok(Self::Back),
            _ => Err(InvalidApi::Unknown(text.into())),
        }
    }

    /// As written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Forward => "forward",
            Self::Back => "back",
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
    /// The version that the consumer is pinned to.
    Pin,
}

impl Missing {
    /// Reads `reject`, `pin`, a version or an alias.
    ///
    /// # Errors
    /// What cannot be a version.
    pub fn parse(text: &str) -> Result<Self, InvalidApi> {
        match text {
            "reject" => Ok(Self::Reject),
            "pin" => Ok(Self::Pin),
            _ if text.is_empty() || text.len() > 256 || !text.bytes().all(|b| b.is_ascii_graphic()) => {
                Err(InvalidApi::Missing(text.into()))
            }
            _ => Ok(Self::Version(text.into())),
        }
    }
}

/// Reads a version, or an alias, that a policy names.
///
/// # Errors
/// What cannot be a version.
pub fn parse_version(text: &str) -> Result<Box<str>, InvalidApi> {
    match Missing::parse(text) {
        Ok(Missing::Version(version)) => Ok(version),
        _ => Err(InvalidApi::NoVersion(text.into())),
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
    let refuse = || InvalidApi::Header(text.into());
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
/// An unknown code, one that no API has a say in, or a status that is no error.
pub fn parse_status(code: &str, status: u16) -> Result<(Reason, StatusCode), InvalidApi> {
    let reason = Reason::from_code(code).ok_or_else(|| InvalidApi::Code(code.into()))?;
    if reason == Reason::UnknownHost {
        return Err(InvalidApi::StatusOfNoApi);
    }
    match StatusCode::from_u16(status) {
        Ok(value) if reason.is_configurable() && (400..600).contains(&status) => Ok((reason, value)),
        _ => Err(InvalidApi::Status { code: reason.code(), status }),
    }
}
