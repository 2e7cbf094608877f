//! A request's head as Envoy has it: names with pseudo-headers among them, in lower case, values as bytes.

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::{IpAddr, SocketAddr},
};
use verge_carry::identity::write_hex_pair;
use verge_router::{Request, UnixTime};

/// What Envoy knows of a request besides its head.
#[derive(Debug, Clone, Copy, Default)]
pub struct Around<'a> {
    /// The clock.
    pub now: UnixTime,
    /// `source.address`: the client's address with its port.
    pub source: Option<&'a str>,
    /// Whether the client speaks TLS to Envoy.
    pub tls: bool,
    /// Tells this request apart from all others of this filter: nanoseconds, and a count.
    pub unique: (u128, u64),
}

/// A request's head, taken over.
#[derive(Debug)]
pub struct Asked {
    /// The method.
    pub method: Method,
    /// `:authority`.
    pub host: String,
    /// The path as received.
    pub path: String,
    /// The query as received.
    pub query: Option<String>,
    /// The fields.
    pub headers: HeaderMap,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Whether it speaks TLS.
    pub tls: bool,
    /// The time.
    pub now: UnixTime,
    /// What the request goes by.
    pub id: HeaderValue,
    /// Where a trace of our own begins.
    pub span: u64,
}

impl Asked {
    /// Takes a head; `None`: it is none that a router can be shown.
    #[must_use]
    pub fn take(pairs: Vec<(String, Vec<u8>)>, around: &Around<'_>) -> Option<Self> {
        let mut headers = HeaderMap::with_capacity(pairs.len());
        let (mut method, mut authority, mut target) = (None, None, None);
        for (name, value) in pairs {
            match &*name {
                ":method" => method = Method::from_bytes(&value).ok(),
                ":authority" => authority = String::from_utf8(value).ok(),
                ":path" => target = String::from_utf8(value).ok(),
                name if name.starts_with(':') => {}
                name => {
                    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
                    headers.try_append(name, HeaderValue::from_bytes(&value).ok()?).ok()?;
                }
            }
        }
        let target = target?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
            None => (target, None),
        };
        let (id, span) = name(&headers, around);
        Some(Self {
            method: method?,
            host: authority.unwrap_or_default(),
            path,
            query,
            client: around.source.and_then(address),
            tls: around.tls,
            now: around.now,
            headers,
            id,
            span,
        })
    }

    /// As the router takes it.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &self.headers,
        }
    }
}

/// The request's id, which is also a fit W3C trace id, and its first span. Envoy makes ids of 128 bits for requests, as
/// UUIDs; where it is told not to, one is made of what tells requests apart, which need not be secret.
fn name(headers: &HeaderMap, around: &Around<'_>) -> (HeaderValue, u64) {
    let chance = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        let given = headers.get("x-request-id").map(HeaderValue::as_bytes);
        (salt, around.unique, around.source, given).hash(&mut hasher);
        hasher.finish() | 1
    };
    let given = headers.get("x-request-id").and_then(|id| uuid(id.as_bytes()));
    let text = given.unwrap_or_else(|| {
        let mut text = [0; 32];
        write_hex_pair(&mut text, chance(0), chance(1));
        text
    });
    (HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0")), chance(2))
}

/// The 32 digits of a UUID (RFC 9562 §4).
fn uuid(text: &[u8]) -> Option<[u8; 32]> {
    if text.len() != 36 {
        return None;
    }
    let mut digits = [0; 32];
    let mut found = text.iter().filter(|&&b| b != b'-');
    for digit in &mut digits {
        *digit = *found.next().filter(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))?;
    }
    found.next().is_none().then_some(digits)
}

/// The address of `1.2.3.4:5` or `[::1]:5`.
fn address(text: &str) -> Option<IpAddr> {
    text.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| text.parse()).ok()
}

/// Takes the fields of an answer, its status not among them; `None`: they are none.
#[must_use]
pub fn fields(pairs: Vec<(String, Vec<u8>)>) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(pairs.len());
    for (name, value) in pairs.into_iter().filter(|(name, _)| !name.starts_with(':')) {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.try_append(name, HeaderValue::from_bytes(&value).ok()?).ok()?;
    }
    Some(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &[(&str, &str)]) -> Vec<(String, Vec<u8>)> {
        let head = [(":method", "GET"), (":authority", "a.example:80"), (":path", "/a?b?c"), (":scheme", "http")];
        head.iter().chain(fields).map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_head_is_taken_as_it_is() {
        let around = Around { source: Some("[2001:db8::1]:4711"), now: 7, ..Around::default() };
        let asked = Asked::take(head(&[("accept", "a/b"), ("accept", "c/d")]), &around).unwrap();
        let request = asked.request();
        assert_eq!((request.host, request.path, request.query), ("a.example:80", "/a", Some("b?c")));
        assert_eq!(request.headers.get_all("accept").iter().count(), 2);
        assert_eq!(asked.client, "2001:db8::1".parse().ok());
    }

    #[test]
    fn what_is_no_head_is_none() {
        let around = Around::default();
        assert!(Asked::take(Vec::new(), &around).is_none());
        assert!(Asked::take(head(&[("a", "\u{7}")]), &around).is_none());
    }

    #[test]
    fn an_id_of_envoys_is_kept_and_one_is_made_where_there_is_none() {
        let id = |fields: &[(&str, &str)], count| {
            let around = Around { unique: (1, count), ..Around::default() };
            Asked::take(head(fields), &around).unwrap().id
        };
        let uuid = "01234567-89ab-cdef-0123-456789abcdef";
        assert_eq!(id(&[("x-request-id", uuid)], 1), "0123456789abcdef0123456789abcdef");
        for other in [&[][..], &[("x-request-id", "anything")], &[("x-request-id", &uuid.replace('-', "x"))]] {
            assert_eq!(id(other, 1).len(), 32);
            assert_ne!(id(other, 1), id(other, 2));
        }
    }
}
