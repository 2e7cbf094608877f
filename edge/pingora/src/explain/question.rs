//! A request that is asked about, as the command line has it and as a node is sent it.

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, uri::Authority};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use verge_router::{Hop, Pin, Pinned, Pins, Request, api::parse_version};

/// A request, and what else a decision about it depends on. Its URL is absolute: whoever makes one has looked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub(crate) struct Question {
    pub(crate) method: Method,
    pub(crate) url: Uri,
    pub(crate) headers: HeaderMap,
    /// `None`: the moment it is answered.
    pub(crate) now: Option<i64>,
    pub(crate) client: IpAddr,
    pub(crate) request_id: HeaderValue,
    /// The consumer's pin, where it is said and not read.
    pub(crate) pin: Option<SaidPin>,
}

/// A pin as it is said.
#[derive(Debug, Clone)]
pub(crate) enum SaidPin {
    Nowhere,
    To(String, Pin),
}

impl SaidPin {
    /// Reads a version, or `none`.
    ///
    /// # Errors
    /// It is no version, in words.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::Nowhere);
        }
        let version = parse_version(text).map_err(|error| error.to_string())?;
        Ok(Self::To(text.to_owned(), Pin { version, upgrade: None, expires: None }))
    }
}

/// Says the same of every consumer.
pub(crate) struct Said(pub(crate) Pinned);

impl From<&SaidPin> for Said {
    fn from(pin: &SaidPin) -> Self {
        Self(match pin {
            SaidPin::Nowhere => Pinned::Nowhere,
            SaidPin::To(_, pin) => Pinned::To(pin.clone().into()),
        })
    }
}

impl Pins for Said {
    fn pinned(&self, _: &str, _: &[u8]) -> Pinned {
        self.0.clone()
    }
}

impl Question {
    /// The router's view of it.
    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            host: self.url.authority().map_or("", Authority::as_str),
            path: self.url.path(),
            query: self.url.query(),
            headers: &self.headers,
        }
    }

    /// The hop it came by.
    pub(crate) fn hop(&self) -> Hop<'_> {
        Hop {
            client: Some(self.client),
            tls: self.url.scheme_str() == Some("https"),
            request_id: &self.request_id,
            traceparent: None,
        }
    }
}

/// The same as JSON.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default = "get")]
    method: String,
    url: String,
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    now: Option<i64>,
    client: IpAddr,
    request_id: String,
    #[serde(default)]
    pin: Option<String>,
}

fn get() -> String {
    Method::GET.to_string()
}

impl TryFrom<Written> for Question {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { method, url, headers, now, client, request_id, pin } = written;
        let mut fields = HeaderMap::new();
        for (name, value) in headers {
            let field =
                HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_bytes(value.as_bytes()).ok());
            let (name, value) = field.ok_or_else(|| format!("`{}` is no field", name.escape_debug()))?;
            fields.append(name, value);
        }
        Ok(Self {
            method: method.parse().map_err(|_| "`method` is no method")?,
            url: url.parse().ok().filter(|url: &Uri| url.authority().is_some()).ok_or("`url` is not absolute")?,
            headers: fields,
            now,
            client,
            request_id: request_id.parse().map_err(|_| "`request_id` has a control character")?,
            pin: pin.as_deref().map(SaidPin::parse).transpose().map_err(|error| format!("`pin`: {error}"))?,
        })
    }
}

impl From<Question> for Written {
    fn from(question: Question) -> Self {
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        Self {
            method: question.method.to_string(),
            url: question.url.to_string(),
            headers: question.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
            now: question.now,
            client: question.client,
            request_id: text(&question.request_id),
            pin: question.pin.map(|pin| match pin {
                SaidPin::Nowhere => "none".to_owned(),
                SaidPin::To(said, _) => said,
            }),
        }
    }
}
