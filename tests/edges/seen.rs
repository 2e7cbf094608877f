//! A request as it is asked, and what became of it, in a form that all edges share.

use crate::{origin::Origin, wire::Wire};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use verge_router::UnixTime;
use verge_tests::{
    corpus::{Answer, Case, Upstream},
    message::http1_head,
};

/// A request, and what the origin is to answer it.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) tls: bool,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) fields: Vec<(String, HeaderValue)>,
    pub(crate) answer: Answer,
    pub(crate) now: Option<UnixTime>,
}

impl Asked {
    pub(crate) fn of(case: &Case) -> Self {
        Self {
            method: case.method.clone(),
            tls: case.tls,
            host: case.authority.clone(),
            path: case.path.clone(),
            query: case.query.clone(),
            fields: case.fields.clone(),
            answer: case.answer.clone(),
            now: case.now,
        }
    }

    pub(crate) fn headers(&self) -> HeaderMap {
        let fields = self.fields.iter();
        fields.map(|(name, value)| (name.parse::<http::HeaderName>().unwrap(), value.clone())).collect()
    }

    pub(crate) fn target(&self) -> String {
        self.query.as_ref().map_or_else(|| self.path.clone(), |query| format!("{}?{query}", self.path))
    }

    /// The request as it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        http1_head(&self.method, &self.target(), &self.host, &self.fields)
    }

    /// In one line, for reports.
    pub(crate) fn line(&self) -> String {
        let show = |(name, value): &(String, HeaderValue)| {
            format!("{name}: {:.80}", String::from_utf8_lossy(value.as_bytes()))
        };
        let fields: Vec<String> = self.fields.iter().map(show).collect();
        format!("{} {}{} [{}]", self.method, self.host, self.target(), fields.join(" | "))
    }
}

/// A head: names in lower case, the lines of each as one.
pub(crate) type Fields = BTreeMap<String, String>;

/// What became of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    pub(crate) status: u16,
    pub(crate) code: Option<String>,
    /// Where it went; `None`: to no origin.
    pub(crate) upstream: Option<Upstream>,
    /// The head the origin got.
    pub(crate) request: Fields,
    /// The head the client got.
    pub(crate) response: Fields,
    /// The body of an answer of Verge's own.
    pub(crate) body: Option<String>,
    /// What the request went by.
    pub(crate) id: String,
}

impl Seen {
    /// Asks over a connection. Where that brings no answer at all, the status is 0.
    pub(crate) fn over(wire: &mut Wire, origin: &Origin, asked: &Asked) -> Self {
        origin.answers(&asked.answer);
        match wire.ask(&asked.bytes(), asked.method == Method::HEAD) {
            Ok(got) => Self::at(got.status, origin.got(), got.fields, &got.body),
            Err(error) => Self::at(0, origin.got(), Fields::new(), error.to_string().as_bytes()),
        }
    }

    /// Of what the origin and the client saw.
    pub(crate) fn at(status: u16, request: Option<(Upstream, Fields)>, response: Fields, body: &[u8]) -> Self {
        let code = response.get("verge-reason").cloned();
        let (upstream, request) = match request {
            Some((upstream, fields)) => (Some(upstream), fields),
            None => (None, Fields::new()),
        };
        let id = request.get("x-request-id").or(response.get("x-request-id")).cloned().unwrap_or_default();
        let body = upstream.is_none().then(|| String::from_utf8_lossy(body).into_owned());
        let mut seen = Self { status, code, upstream, request, response, body, id };
        // Ours begin with our id, or with a number nobody foretells; a client's begins with neither.
        if let Some(trace) = seen.request.get_mut("traceparent").filter(|trace| trace.ends_with("-00")) {
            *trace = "{trace}".to_owned();
        }
        seen
    }

    /// All facts, as text.
    pub(crate) fn facts(&self) -> BTreeMap<String, String> {
        let outcome = if self.upstream.is_some() { "forward" } else { "reject" };
        let mut facts = BTreeMap::from([
            ("outcome".to_owned(), outcome.to_owned()),
            ("status".to_owned(), self.status.to_string()),
        ]);
        facts.extend(self.code.clone().map(|code| ("code".to_owned(), code)));
        if let Some(Upstream { scheme, host, port, sni, path }) = &self.upstream {
            let port = port.to_string();
            // In the clear, there is no handshake to name anybody in.
            let sni = if scheme == "https" { sni } else { "" };
            for (name, value) in [("scheme", &**scheme), ("host", host), ("port", &port), ("sni", sni), ("path", path)]
            {
                facts.insert(format!("upstream.{name}"), value.to_owned());
            }
        }
        facts.extend(self.request.iter().map(|(name, value)| (format!("request.{name}"), value.clone())));
        facts.extend(self.response.iter().map(|(name, value)| (format!("response.{name}"), value.clone())));
        if let Some(body) = self.body.as_ref().filter(|body| !body.is_empty()) {
            facts.insert("body".to_owned(), body.clone());
        }
        facts
    }
}

/// Lines of a head as [`Fields`].
pub(crate) fn fields<'a>(lines: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in lines {
        let name = name.to_ascii_lowercase();
        let mut value = String::from_utf8_lossy(value).trim().to_owned();
        if name == "vary" || name == "via" {
            value.make_ascii_lowercase();
        }
        let separator = if name == "cookie" { "; " } else { ", " };
        fields.entry(name).and_modify(|all| *all = format!("{all}{separator}{value}")).or_insert(value);
    }
    // However a list is cut into lines and spaced, it is the same list, and empty elements are none (RFC 9110 §5.3, §5.6.1).
    for (name, value) in fields.iter_mut().filter(|(_, value)| value.contains(',')) {
        if name != "set-cookie" {
            let elements = value.split(',').map(str::trim).filter(|element| !element.is_empty());
            *value = elements.collect::<Vec<_>>().join(", ");
        }
    }
    fields
}

/// The same of a map.
pub(crate) fn fields_of(headers: &HeaderMap) -> Fields {
    fields(headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())))
}

/// The same of pairs in JSON.
pub(crate) fn fields_in(pairs: &Json) -> Fields {
    let pairs: Vec<(String, String)> = serde_json::from_value(pairs.clone()).unwrap_or_default();
    fields(pairs.iter().map(|(name, value)| (&**name, value.as_bytes())))
}
