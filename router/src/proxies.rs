//! Trusted proxies: who may say for whom a request comes, and what the origin is told of the way it took.
//!
//! Only what a trusted proxy says is read. Its `X-Forwarded-For` is walked from the right, where each proxy has written
//! whom it saw: the first address that is no trusted proxy is the client, and whatever stands left of it the client may
//! have made up. A trusted proxy that sends `X-Forwarded-For` is not asked for `Forwarded` (RFC 7239), which it may have
//! passed through unread.

use crate::{
    origin::Cidr,
    request::Request,
    rewrite::{Edits, Hop, X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, address_value},
};
use alloc::{boxed::Box, vec::Vec};
use core::net::{IpAddr, SocketAddr};
use http::{HeaderMap, HeaderValue, header};

/// Where trusted proxies are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies(Box<[Cidr]>);

impl TrustedProxies {
    /// The proxies in these networks.
    #[must_use]
    pub fn new(networks: Vec<Cidr>) -> Self {
        Self(networks.into())
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one is at this address.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// For whom a trusted proxy sends a request: the rightmost address that is none of a trusted proxy, or the leftmost
    /// where all are. What is no address ends the walk: then it is the last one seen before.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        if headers.contains_key(X_FORWARDED_FOR) {
            let lines = headers.get_all(X_FORWARDED_FOR).iter().rev();
            return self.walk(peer, lines.flat_map(|line| line.as_bytes().rsplit(|&b| b == b',')));
        }
        let mut elements = Vec::new();
        for line in headers.get_all(header::FORWARDED) {
            split_forwarded(line.as_bytes(), &mut elements);
        }
        self.walk(peer, elements.iter().rev().copied())
    }

    fn walk<'h>(&self, peer: IpAddr, nodes: impl Iterator<Item = &'h [u8]>) -> IpAddr {
        let mut seen = peer;
        for node in nodes.map(<[u8]>::trim_ascii).filter(|node| !node.is_empty()) {
            let Some(address) = parse_node(node) else { return seen };
            seen = address;
            if !self.contains(address) {
                return seen;
            }
        }
        seen
    }
}

/// Whether a trusted proxy was asked over TLS, where it says so in one unmistakable word.
#[must_use]
pub fn was_tls(headers: &HeaderMap) -> Option<bool> {
    let mut lines = headers.get_all(X_FORWARDED_PROTO).iter();
    let (Some(line), None) = (lines.next(), lines.next()) else { return None };
    match line.as_bytes() {
        word if word.eq_ignore_ascii_case(b"https") => Some(true),
        word if word.eq_ignore_ascii_case(b"http") => Some(false),
        _ => None,
    }
}

/// After [`crate::Forward::edit_request`], for a request from a trusted proxy at `peer`: what it said stays, as one line
/// a field, and this hop is added. `hop.client` is for whom it asks, and `hop.tls` how it was asked itself.
pub fn append(request: &Request<'_>, hop: &Hop<'_>, peer: IpAddr, edits: &mut impl Edits) {
    let headers = request.headers;
    let Some(own) = address_value(peer) else { return };
    let mut chain: Vec<&[u8]> = headers.get_all(X_FORWARDED_FOR).iter().map(HeaderValue::as_bytes).collect();
    chain.retain(|line| !line.trim_ascii().is_empty());
    let client = hop.client.filter(|client| chain.is_empty() && *client != peer).and_then(address_value);
    chain.extend(client.as_ref().map(HeaderValue::as_bytes));
    chain.push(own.as_bytes());
    if let Ok(chain) = HeaderValue::from_bytes(&chain.join(&b", "[..])) {
        edits.set(X_FORWARDED_FOR, chain);
    }
    let mut hosts = headers.get_all(X_FORWARDED_HOST).iter();
    if let (Some(host), None) = (hosts.next(), hosts.next()) {
        edits.set(X_FORWARDED_HOST, host.clone());
    }
    if headers.contains_key(X_FORWARDED_FOR) {
        return;
    }
    let mut ways: Vec<&[u8]> = headers.get_all(header::FORWARDED).iter().map(HeaderValue::as_bytes).collect();
    if ways.is_empty() {
        return;
    }
    let own = match peer.to_canonical() {
        IpAddr::V4(address) => alloc::format!("for={address}"),
        IpAddr::V6(address) => alloc::format!("for=\"[{address}]\""),
    };
    ways.push(own.as_bytes());
    if let Ok(way) = HeaderValue::from_bytes(&ways.join(&b", "[..])) {
        edits.set(header::FORWARDED, way);
    }
}

/// The `for` of each element of a `Forwarded` line; nothing where an element has none, or the line's quotes do not close.
fn split_forwarded<'h>(line: &'h [u8], elements: &mut Vec<&'h [u8]>) {
    /// No address.
    const UNKNOWN: &[u8] = b"unknown";
    let first = elements.len();
    let (mut start, mut quoted, mut escaped, mut node) = (0, false, false, None);
    for (at, &b) in line.iter().chain(b",").enumerate() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b',' | b';' if !quoted || at == line.len() => {
                let pair = line.get(start..at).unwrap_or_default().trim_ascii();
                if let Some((name, value)) = pair.split_at_checked(4)
                    && name.eq_ignore_ascii_case(b"for=")
                {
                    // Said twice, it says nothing.
                    node = Some(if node.is_some() { UNKNOWN } else { value });
                }
                start = at + 1;
                if b == b',' {
                    let empty = pair.is_empty() && node.is_none();
                    let element = node.take();
                    if !empty {
                        elements.push(element.unwrap_or(UNKNOWN));
                    }
                }
            }
            _ => {}
        }
    }
    if quoted {
        elements.truncate(first);
        elements.push(UNKNOWN);
    }
}

/// An address with or without its port: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`,
/// and the same in quotes.
fn parse_node(node: &[u8]) -> Option<IpAddr> {
    let text = core::str::from_utf8(node).ok()?;
    let text = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse().ok().map(IpAddr::V6)?,
        None => text.parse().or_else(|_| text.parse::<SocketAddr>().map(|address| address.ip())).ok()?,
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::{String, ToString};
    use http::Method;

    fn trusted() -> TrustedProxies {
        TrustedProxies::new(["10.0.0.0/8", "2001:db8:1::/48"].map(|text| Cidr::parse(text).unwrap()).into())
    }

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    fn client(lines: &[(&'static str, &str)]) -> String {
        trusted().client("10.0.0.1".parse().unwrap(), &headers(lines)).to_string()
    }

    #[test]
    fn the_rightmost_address_that_is_no_proxy_is_the_client() {
        for (said, expected) in [
            (&["192.0.2.7"][..], "192.0.2.7"),
            (&["6.6.6.6, 192.0.2.7"], "192.0.2.7"),
            (&["6.6.6.6, 192.0.2.7, 10.9.9.9"], "192.0.2.7"),
            (&["6.6.6.6", "192.0.2.7,10.9.9.9", "10.2.2.2"], "192.0.2.7"),
            (&["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
            (&["192.0.2.7:4711"], "192.0.2.7"),
            (&["[2001:db8::7]:4711, [2001:db8:1::1]"], "2001:db8::7"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["::ffff:192.0.2.7"], "192.0.2.7"),
            (&["6.6.6.6, junk, 10.2.2.2"], "10.2.2.2"),
            (&["6.6.6.6, junk"], "10.0.0.1"),
            (&["192.0.2.300"], "10.0.0.1"),
            (&["unknown"], "10.0.0.1"),
            (&[""], "10.0.0.1"),
            (&[" , ,192.0.2.7, ,"], "192.0.2.7"),
        ] {
            let lines: Vec<_> = said.iter().map(|line| ("x-forwarded-for", *line)).collect();
            assert_eq!(client(&lines), expected, "{said:?}");
        }
        assert_eq!(client(&[]), "10.0.0.1");
        let many = alloc::vec!["6.6.6.6"; 1000].join(", ") + ", 192.0.2.7";
        assert_eq!(client(&[("x-forwarded-for", &many)]), "192.0.2.7");
    }

    #[test]
    fn forwarded_is_read_where_there_is_no_list() {
        for (said, expected) in [
            ("for=192.0.2.7", "192.0.2.7"),
            ("for=6.6.6.6, For=192.0.2.7;proto=https, for=10.2.2.2;by=10.0.0.1", "192.0.2.7"),
            ("for=\"[2001:db8::7]:4711\"", "2001:db8::7"),
            ("host=\"a, for=6.6.6.6\";for=192.0.2.7", "192.0.2.7"),
            ("for=6.6.6.6;for=7.7.7.7", "10.0.0.1"),
            ("for=_hidden", "10.0.0.1"),
            ("for=6.6.6.6, proto=https", "10.0.0.1"),
            ("for=6.6.6.6;host=\"a", "10.0.0.1"),
            ("", "10.0.0.1"),
        ] {
            assert_eq!(client(&[("forwarded", said)]), expected, "{said}");
        }
        assert_eq!(client(&[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.7")]), "192.0.2.7");
    }

    #[test]
    fn only_one_plain_word_says_how_it_was_asked() {
        for (said, expected) in [
            (&["https"][..], Some(true)),
            (&["HTTP"], Some(false)),
            (&["https", "http"], None),
            (&["https,http"], None),
            (&["wss"], None),
            (&[], None),
        ] {
            let lines: Vec<_> = said.iter().map(|line| ("x-forwarded-proto", *line)).collect();
            assert_eq!(was_tls(&headers(&lines)), expected, "{said:?}");
        }
    }

    #[test]
    fn what_was_said_stays_and_this_hop_is_added() {
        for (sent, name, expected) in [
            (
                &[("x-forwarded-for", "6.6.6.6"), ("x-forwarded-for", "192.0.2.7")][..],
                "x-forwarded-for",
                "6.6.6.6, 192.0.2.7, 10.0.0.1",
            ),
            (&[], "x-forwarded-for", "10.0.0.1"),
            (&[("x-forwarded-host", "shop.example")], "x-forwarded-host", "shop.example"),
            (&[("forwarded", "for=192.0.2.7")], "forwarded", "for=192.0.2.7, for=10.0.0.1"),
            (&[("forwarded", "for=192.0.2.7")], "x-forwarded-for", "192.0.2.7, 10.0.0.1"),
            (&[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "192.0.2.7")], "forwarded", "-"),
        ] {
            let headers = headers(sent);
            let peer = "10.0.0.1".parse().unwrap();
            let client = Some(trusted().client(peer, &headers));
            let id = HeaderValue::from_static("id");
            let hop = Hop { client, tls: false, request_id: &id, traceparent: None };
            let request =
                Request { method: &Method::GET, host: "api.example", path: "/", query: None, headers: &headers };
            let mut edited = HeaderMap::new();
            append(&request, &hop, peer, &mut edited);
            let lines: Vec<_> = edited.get_all(name).iter().map(|line| line.to_str().unwrap()).collect();
            assert_eq!(if lines.is_empty() { "-".into() } else { lines.join("|") }, expected, "{sent:?}");
        }
    }
}
