//! A policy as the configuration or an `#api` item wrote it, and the making of the whole one.

use super::{Cors, WebOrigin};
use alloc::{borrow::ToOwned, boxed::Box, string::String, vec::Vec};
use core::time::Duration;
use http::{HeaderName, HeaderValue, Method};

/// `max_age` where none is written.
const DEFAULT_MAX_AGE: Duration = Duration::from_secs(600);

/// The longest `max_age`: no browser keeps a preflight longer.
const LONGEST_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Methods where none are written.
const DEFAULT_METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

/// Fields where none are written, besides those that the version is read from.
const DEFAULT_HEADERS: [&str; 2] = ["Authorization", "Content-Type"];

/// What Verge says to clients besides the application.
const OWN_FIELDS: [&str; 8] =
    ["api-version", "verge-arm", "verge-reason", "x-request-id", "Deprecation", "Sunset", "Link", "Retry-After"];

/// A list of names, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// `*`.
    Any,
    /// These.
    These(Vec<String>),
}

/// A policy as a border wrote it; what is `None` was not written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CorsDraft {
    /// Web origins that may read answers.
    pub origins: Vec<WebOrigin>,
    /// Methods that they may use.
    pub methods: Option<Names>,
    /// Fields that they may send, besides those that the version is read from.
    pub headers: Option<Names>,
    /// Fields that they may read, besides those Verge sets.
    pub expose: Option<Names>,
    /// Whether cookies and the like may come along.
    pub credentials: Option<bool>,
    /// How long a browser may remember what a preflight was told.
    pub max_age: Option<Duration>,
    /// Whether CORS fields that the origin of an answer set itself are kept.
    pub keep: Option<bool>,
}

impl CorsDraft {
    /// Checks what one key alone does not show.
    ///
    /// # Errors
    /// No origin; `*` beside others; `*` or `null` with credentials; a `max_age` over a day.
    pub fn check(&self) -> Result<(), InvalidCors> {
        let any = self.origins.contains(&WebOrigin::Any);
        let credentials = self.credentials == Some(true);
        if self.origins.is_empty() {
            return Err(InvalidCors::NoOrigin);
        }
        if any && self.origins.len() > 1 {
            return Err(InvalidCors::AnyAndMore);
        }
        if credentials && any {
            return Err(InvalidCors::Credentials("`*`"));
        }
        if credentials && self.origins.contains(&WebOrigin::Null) {
            return Err(InvalidCors::Credentials("`null`, which any page can make itself,"));
        }
        if credentials && self.expose == Some(Names::Any) {
            return Err(InvalidCors::Credentials("`expose = [\"*\"]`"));
        }
        if self.max_age.is_some_and(|age| age > LONGEST_MAX_AGE) {
            return Err(InvalidCors::MaxAge);
        }
        Ok(())
    }

    /// Makes the policy. `asked_in` names the fields that the version is read from, `own` what else this API is told to say.
    ///
    /// # Errors
    /// See [`CorsDraft::check`].
    pub(crate) fn finish(self, asked_in: &[String], own: &[&str]) -> Result<Cors, InvalidCors> {
        self.check()?;
        let these = |names: Option<Names>, default: &[&str]| match names {
            Some(Names::Any) => None,
            Some(Names::These(names)) => Some(names),
            None => Some(default.iter().map(|name| (*name).to_owned()).collect()),
        };
        let methods = these(self.methods, &DEFAULT_METHODS).map(|names| list([], names));
        let headers = these(self.headers, &DEFAULT_HEADERS).map(|names| list(asked_in.iter().cloned(), names));
        let expose = match these(self.expose, &[]) {
            Some(names) => list(OWN_FIELDS.iter().chain(own).map(|name| (*name).to_owned()), names),
            None => HeaderValue::from_static("*"),
        };
        Ok(Cors {
            any: self.origins.contains(&WebOrigin::Any),
            origins: self.origins,
            credentials: self.credentials.unwrap_or(false),
            keep: self.keep.unwrap_or(false),
            methods,
            headers,
            expose,
            max_age: HeaderValue::from(self.max_age.unwrap_or(DEFAULT_MAX_AGE).as_secs()),
        })
    }
}

/// Names as one field value, each once.
fn list(first: impl IntoIterator<Item = String>, names: Vec<String>) -> HeaderValue {
    let mut all: Vec<String> = Vec::new();
    for name in first.into_iter().chain(names) {
        if !all.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
            all.push(name);
        }
    }
    // They were checked one by one.
    HeaderValue::try_from(all.join(", ")).unwrap_or(HeaderValue::from_static(""))
}

/// Reads a method that a browser can be allowed to use: Fetch forbids three of them.
///
/// # Errors
/// What is no method, and those three.
pub fn parse_method(text: &str) -> Result<String, InvalidCors> {
    let refuse = || InvalidCors::Method(text.into());
    let method = Method::from_bytes(text.as_bytes()).map_err(|_| refuse())?;
    let forbidden = ["CONNECT", "TRACE", "TRACK"].iter().any(|other| other.eq_ignore_ascii_case(method.as_str()));
    if forbidden || text == "*" { Err(refuse()) } else { Ok(text.to_owned()) }
}

/// Reads a field name.
///
/// # Errors
/// What is none; `*` stands alone.
pub fn parse_name(text: &str) -> Result<String, InvalidCors> {
    match HeaderName::from_bytes(text.as_bytes()) {
        Ok(_) if text != "*" => Ok(text.to_owned()),
        _ => Err(InvalidCors::Name(text.into())),
    }
}

/// Why a text makes no CORS policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCors {
    /// An origin.
    #[error("web origin `{origin}`: {reason}", origin = .origin.escape_debug())]
    Origin {
        /// As written.
        origin: Box<str>,
        /// Why.
        reason: &'static str,
    },
    /// A method.
    #[error("`{}` is no method that a page can be allowed to use", .0.escape_debug())]
    Method(Box<str>),
    /// A field name.
    #[error("`{}` is no field name; `*` stands alone", .0.escape_debug())]
    Name(Box<str>),
    /// No origin.
    #[error("no web origins are named: write `origins = [\"https://app.example.com\"]`")]
    NoOrigin,
    /// `*` and others.
    #[error("the web origin `*` stands alone")]
    AnyAndMore,
    /// Credentials for everybody.
    #[error(
        "{0} cannot be combined with `credentials = true`: name the origins and fields (Fetch, \"CORS protocol and credentials\")"
    )]
    Credentials(&'static str),
    /// `max_age`.
    #[error("`max_age` is over 24 hours, which no browser keeps to")]
    MaxAge,
}
