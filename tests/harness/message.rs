//! Requests as they are sent, and answers as they were received.

use bytes::Bytes;
use http::{HeaderValue, Method};
use serde_json::Value as Json;
use std::fmt;

/// A request in the making: `Request::get("/orders").field("apiver", "v1")`.
#[derive(Debug, Clone)]
pub struct Request {
    /// The method.
    pub method: String,
    /// The target, byte for byte.
    pub target: String,
    /// The authority: `Host` in HTTP/1, `:authority` in HTTP/2.
    pub host: String,
    /// The other fields, in order.
    pub fields: Vec<(String, String)>,
    /// The body; where there is one, `Content-Length` is written.
    pub body: Option<Bytes>,
}

impl Request {
    /// A request without body.
    #[must_use]
    pub fn new(method: &str, target: &str) -> Self {
        Self {
            method: method.to_owned(),
            target: target.to_owned(),
            host: "api.example.com".to_owned(),
            fields: Vec::new(),
            body: None,
        }
    }

    /// `GET`.
    #[must_use]
    pub fn get(target: &str) -> Self {
        Self::new("GET", target)
    }

    /// `POST` with a body.
    #[must_use]
    pub fn post(target: &str, body: impl Into<Bytes>) -> Self {
        Self { body: Some(body.into()), ..Self::new("POST", target) }
    }

    /// To another host.
    #[must_use]
    pub fn to(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// With one more field line.
    #[must_use]
    pub fn field(mut self, name: &str, value: &str) -> Self {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// For a version, by the default header.
    #[must_use]
    pub fn version(self, version: &str) -> Self {
        self.field("apiver", version)
    }

    /// For media types.
    #[must_use]
    pub fn accept(self, ranges: &str) -> Self {
        self.field("accept", ranges)
    }

    /// The whole request as HTTP/1.1.
    #[must_use]
    pub fn to_http1(&self) -> Vec<u8> {
        let mut out = format!("{} {} HTTP/1.1\r\nhost: {}\r\n", self.method, self.target, self.host);
        for (name, value) in &self.fields {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(body) = &self.body {
            out.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        out.push_str("\r\n");
        let mut out = out.into_bytes();
        out.extend_from_slice(self.body.as_deref().unwrap_or_default());
        out
    }
}

/// A head as HTTP/1.1 has it, byte for byte.
#[must_use]
pub fn http1_head(method: &Method, target: &str, host: &str, fields: &[(String, HeaderValue)]) -> Vec<u8> {
    let mut out = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n").into_bytes();
    for (name, value) in fields {
        for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            out.extend_from_slice(part);
        }
    }
    out.extend_from_slice(b"\r\n");
    out
}

/// What came back.
#[derive(Clone)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The fields in order, names in lower case.
    pub fields: Vec<(String, String)>,
    /// The body, chunked coding undone.
    pub body: Bytes,
    /// The trailers, in order, of an answer over HTTP/2.
    pub trailers: Vec<(String, String)>,
    /// Whether the body came to its end as its framing says; a truncated one did not.
    pub complete: bool,
    /// The interim answers (1xx) that came before.
    pub interim: Vec<u16>,
}

impl Answer {
    /// The one line of a field.
    ///
    /// # Panics
    /// It has several lines.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let lines = self.lines(name);
        assert!(lines.len() <= 1, "`{name}` has several lines: {lines:?}");
        lines.first().copied()
    }

    /// All lines of a field, in order.
    #[must_use]
    pub fn lines(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(other, _)| other == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The members of a list field, over all its lines, in lower case and sorted.
    #[must_use]
    pub fn members(&self, name: &str) -> Vec<String> {
        let lines = self.lines(name).join(",");
        let mut members: Vec<String> = lines
            .split(',')
            .map(|member| member.trim().to_ascii_lowercase())
            .filter(|member| !member.is_empty())
            .collect();
        members.sort();
        members
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> Json {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("the body is no JSON ({error}): {self:?}"))
    }

    /// The code of an answer Verge authored; it must be told alike by field and body.
    #[must_use]
    pub fn code(&self) -> String {
        assert_eq!(self.field("content-type"), Some("application/problem+json"), "{self:?}");
        let code = self.json()["code"].as_str().unwrap_or_default().to_owned();
        assert_eq!(self.field("verge-reason"), Some(code.as_str()), "{self:?}");
        code
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}{}", self.status, if self.complete { "" } else { " (truncated)" })?;
        for (name, value) in &self.fields {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", String::from_utf8_lossy(&self.body))
    }
}
