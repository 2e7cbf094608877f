//! What of a head the router may be shown: an edge whose transport takes requests apart itself asks here, and so all edges
//! refuse the same.

use memchr::memchr;
use verge_router::Request;

/// Whether every part of a head is one: [`is_authority`] unless there is none, a path, and a query.
#[must_use]
pub fn is_sound(request: &Request<'_>) -> bool {
    let host = request.host.as_bytes();
    let path = match request.path {
        "*" => *request.method == http::Method::OPTIONS,
        path => path.starts_with('/') && is_path(path.as_bytes()),
    };
    (host.is_empty() || is_authority(host)) && path && request.query.is_none_or(|query| is_query(query.as_bytes()))
}

/// `host [":" port]` without user information, path or blanks (RFC 3986 §3.2).
#[must_use]
pub fn is_authority(value: &[u8]) -> bool {
    let (host, port, sound) = match value {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|&b| b == b']') else { return false };
            let (address, port) = rest.split_at_checked(end).unwrap_or_default();
            let sound = address.iter().all(|&b| b.is_ascii_hexdigit() || matches!(b, b':' | b'.'));
            (address, port.get(1..).unwrap_or_default(), sound)
        }
        _ => {
            let end = value.iter().position(|&b| b == b':').unwrap_or(value.len());
            let (name, port) = value.split_at_checked(end).unwrap_or_default();
            (name, port, name.iter().all(|&b| is_host(b)))
        }
    };
    let port_fits = port.is_empty() || port.strip_prefix(b":").is_some_and(|port| port.iter().all(u8::is_ascii_digit));
    !host.is_empty() && sound && port_fits
}

/// What a registered name is made of (RFC 3986 §3.2.2).
fn is_host(b: u8) -> bool {
    let other = matches!(b, b'-' | b'.' | b'_' | b'~' | b'%' | b'!' | b'$' | b'&'..=b'+' | b';' | b'=');
    other || b.is_ascii_alphanumeric()
}

/// Visible ASCII, and nothing that the URI types behind refuse: on one side of the question mark or on both.
#[must_use]
pub fn is_target(target: &[u8]) -> bool {
    let query = memchr(b'?', target).unwrap_or(target.len());
    let (path, query) = target.split_at_checked(query).unwrap_or((target, &[]));
    !target.is_empty() && is_path(path) && is_query(query)
}

fn is_path(path: &[u8]) -> bool {
    is_visible(path, b'`') && memchr(b'?', path).is_none()
}

fn is_query(query: &[u8]) -> bool {
    is_visible(query, b'"')
}

fn is_visible(part: &[u8], unfit: u8) -> bool {
    !part
        .iter()
        .fold(false, |bad, &b| bad | (b <= b' ') | (b >= 0x7f) | (b == b'#') | (b == b'<') | (b == b'>') | (b == unfit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_may_have_a_port_and_be_an_address() {
        for host in ["a", "a:80", "a:", "a.:443", "127.0.0.1:80", "[::1]", "[::1]:80"] {
            assert!(is_authority(host.as_bytes()), "{host}");
        }
        for bad in ["", ":80", "[::1", "[]", "[::1]x", "[::1%25eth0]", "a]", "a[b]", "a:b", "a:80:80", "a/b", "u@a"] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn a_head_is_sound_where_all_its_parts_are() {
        let headers = http::HeaderMap::new();
        let sound = |method: &http::Method, host, path, query| {
            is_sound(&Request { method, host, path, query, headers: &headers })
        };
        let (get, options) = (&http::Method::GET, &http::Method::OPTIONS);
        assert!(
            sound(get, "a:80", "/a%20b", Some("x=`?")) && sound(get, "", "/", None) && sound(options, "a", "*", None)
        );
        for (host, path, query) in
            [("u@a", "/", None), ("a", "a", None), ("a", "*", None), ("a", "", None), ("a", "/a b", None)]
        {
            assert!(!sound(get, host, path, query), "{host} {path}");
        }
        assert!(!sound(get, "a", "/?", None) && !sound(get, "a", "/\u{e9}", None) && !sound(get, "a", "/", Some("\"")));
    }
}
