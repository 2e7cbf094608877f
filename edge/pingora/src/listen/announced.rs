//! The PROXY protocol, versions 1 and 2 (haproxy.org/download/3.2/doc/proxy-protocol.txt): before all else, a balancer
//! says for whom it connects. Read strictly, since whoever is believed here is whoever it says.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
};
use tokio::{io::AsyncReadExt, net::TcpStream};

/// The longest header of version 1, line end included.
const LONGEST_LINE: usize = 107;

/// The most that is read of version 2: addresses, and what else the balancer tells.
const LONGEST: usize = 4096;

/// How version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// How far a header has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// More bytes are needed.
    Partial,
    /// It has this many bytes, and names this client; none where the balancer speaks for itself.
    Client(usize, Option<SocketAddr>),
    /// It is none.
    Refused,
}

/// Reads the header and not a byte more; the client's address, where it names one.
pub(super) async fn read(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let refused = || io::Error::new(io::ErrorKind::InvalidData, "no PROXY header");
    let mut header = Vec::with_capacity(LONGEST_LINE);
    let mut room = [0; 256];
    loop {
        let come = stream.peek(&mut room).await?;
        let before = header.len();
        header.extend_from_slice(room.get(..come).unwrap_or_default());
        let (taken, client) = match announced(&header) {
            _ if come == 0 => return Err(refused()),
            Announced::Refused => return Err(refused()),
            Announced::Partial => (come, None),
            Announced::Client(length, client) => (length.saturating_sub(before), Some(client)),
        };
        stream.read_exact(room.get_mut(..taken).ok_or_else(refused)?).await?;
        if let Some(client) = client {
            return Ok(client);
        }
    }
}

/// Reads what has come of a header, and of what follows it.
#[must_use]
pub fn announced(bytes: &[u8]) -> Announced {
    let begins = |start: &[u8]| bytes.iter().zip(start).all(|(a, b)| a == b);
    if begins(SIGNATURE) {
        version2(bytes).unwrap_or(Announced::Partial)
    } else if begins(b"PROXY ") {
        version1(bytes)
    } else {
        Announced::Refused
    }
}

fn version1(bytes: &[u8]) -> Announced {
    let window = bytes.get(..LONGEST_LINE).unwrap_or(bytes);
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if window.len() < LONGEST_LINE { Announced::Partial } else { Announced::Refused };
    };
    let line = window.get(..end).and_then(|line| line.strip_suffix(b"\r")).and_then(|line| str::from_utf8(line).ok());
    match line.and_then(line_client) {
        Some(client) => Announced::Client(end + 1, client),
        None => Announced::Refused,
    }
}

/// `PROXY TCP4 source destination port port`; after `UNKNOWN`, anything.
fn line_client(line: &str) -> Option<Option<SocketAddr>> {
    let line = line.strip_prefix("PROXY ")?;
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Some(None);
    }
    let mut words = line.split(' ');
    let mut next = || words.next();
    let (family, source, destination, from, to) = (next()?, next()?, next()?, next()?, next()?);
    let port = |text: &str| {
        let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
        text.parse::<u16>().ok().filter(|_| plain)
    };
    let (from, _) = (port(from)?, port(to)?);
    let source: IpAddr = match family {
        "TCP4" => (source.parse::<Ipv4Addr>().ok()?, destination.parse::<Ipv4Addr>().ok()?).0.into(),
        "TCP6" => (source.parse::<Ipv6Addr>().ok()?, destination.parse::<Ipv6Addr>().ok()?).0.into(),
        _ => return None,
    };
    words.next().is_none().then_some(Some(SocketAddr::new(source.to_canonical(), from)))
}

/// `None` where more is needed.
fn version2(bytes: &[u8]) -> Option<Announced> {
    let &[command, family, high, low] = bytes.get(SIGNATURE.len()..)?.first_chunk()?;
    let (start, length) = (SIGNATURE.len() + 4, usize::from(u16::from_be_bytes([high, low])));
    let addresses = match (command, family) {
        // The balancer's own connection, as for a check of health; or one it knows no addresses of.
        (0x20, _) | (0x21, 0x00) => 0,
        (0x21, 0x11) => 12,
        (0x21, 0x21) => 36,
        _ => return Some(Announced::Refused),
    };
    if length < addresses || start + length > LONGEST {
        return Some(Announced::Refused);
    }
    let body = bytes.get(start..start + length)?;
    let (addresses, told) = body.split_at_checked(addresses)?;
    // With no addresses that are meant, what follows need not be in parts.
    if !addresses.is_empty() && !is_in_parts(told) {
        return Some(Announced::Refused);
    }
    let client = match addresses {
        [a, b, c, d, _, _, _, _, high, low, _, _] => {
            Some(SocketAddr::from((Ipv4Addr::new(*a, *b, *c, *d), u16::from_be_bytes([*high, *low]))))
        }
        [source @ .., _, _, _, _] if source.len() == 32 => source.first_chunk::<16>().map(|source| {
            let port = addresses.get(32..34).and_then(|port| port.try_into().ok()).map_or(0, u16::from_be_bytes);
            SocketAddr::new(Ipv6Addr::from(*source).to_canonical(), port)
        }),
        _ => None,
    };
    Some(Announced::Client(start + length, client))
}

/// Whether this is a row of type, length and value, and nothing else.
fn is_in_parts(mut told: &[u8]) -> bool {
    while let Some(([_, high, low], rest)) = told.split_first_chunk() {
        match rest.get(usize::from(u16::from_be_bytes([*high, *low]))..) {
            Some(rest) => told = rest,
            None => return false,
        }
    }
    told.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(bytes: &[u8]) -> Option<String> {
        match announced(bytes) {
            Announced::Client(length, client) => {
                assert_eq!(length, bytes.len(), "not a byte more");
                Some(client.map_or("itself".to_owned(), |client| client.to_string()))
            }
            _ => None,
        }
    }

    fn version2(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    #[test]
    fn a_line_names_the_client() {
        for (line, expected) in [
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n", Some("192.0.2.7:4711")),
            ("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n", Some("[2001:db8::7]:4711")),
            ("PROXY UNKNOWN\r\n", Some("itself")),
            ("PROXY UNKNOWN ff:: whatever\r\n", Some("itself")),
            ("PROXY UNKNOWNS\r\n", None),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\n", None),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 443 \r\n", None),
            ("PROXY TCP4 192.0.2.7  10.0.0.1 4711 443\r\n", None),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n", None),
            ("PROXY TCP4 192.0.2.07 10.0.0.1 4711 443\r\n", None),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 04711 443\r\n", None),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 +4711 443\r\n", None),
            ("PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n", None),
            ("PROXY TCP4 2001:db8::7 10.0.0.1 1 443\r\n", None),
            ("PROXY TCP6 192.0.2.7 10.0.0.1 1 443\r\n", None),
            ("PROXY UDP4 192.0.2.7 10.0.0.1 1 443\r\n", None),
            ("proxy TCP4 192.0.2.7 10.0.0.1 1 443\r\n", None),
            ("GET / HTTP/1.1\r\n", None),
        ] {
            assert_eq!(client(line.as_bytes()).as_deref(), expected, "{line:?}");
        }
        assert_eq!(announced(&[b'P'; 200]), Announced::Refused);
        assert_eq!(announced(format!("PROXY UNKNOWN {}", "a".repeat(100)).as_bytes()), Announced::Refused);
    }

    #[test]
    fn bytes_name_the_client() {
        let four = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 1, 187];
        let six = [[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7], [1; 16]].concat();
        let six = [&six[..], &[0x12, 0x67, 1, 187]].concat();
        let told = |told: &[u8]| [&four[..], told].concat();
        for (bytes, expected) in [
            (version2(0x21, 0x11, &four), Some("192.0.2.7:4711")),
            (version2(0x21, 0x21, &six), Some("[2001:db8::7]:4711")),
            (version2(0x21, 0x11, &told(&[4, 0, 2, 9, 9])), Some("192.0.2.7:4711")),
            (version2(0x21, 0x11, &told(&[4, 0, 3, 9, 9])), None),
            (version2(0x21, 0x11, &told(&[4])), None),
            (version2(0x20, 0x00, &[]), Some("itself")),
            (version2(0x20, 0x11, &four), Some("itself")),
            (version2(0x21, 0x00, &[1, 2, 3]), Some("itself")),
            (version2(0x21, 0x11, &four[..11]), None),
            (version2(0x21, 0x12, &four), None),
            (version2(0x21, 0x31, &[0; 216]), None),
            (version2(0x22, 0x11, &four), None),
            (version2(0x11, 0x11, &four), None),
            (version2(0x21, 0x11, &told(&[0; 5000])), None),
        ] {
            assert_eq!(client(&bytes).as_deref(), expected, "{bytes:?}");
        }
    }

    #[test]
    fn a_header_that_is_cut_off_waits_for_the_rest() {
        let lines = [b"PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n".to_vec(), version2(0x21, 0x11, &[1; 12])];
        for whole in &lines {
            for end in 0..whole.len() {
                assert_eq!(announced(&whole[..end]), Announced::Partial, "{end} of {whole:?}");
            }
            let more = [whole, &b"GET /"[..]].concat();
            assert!(matches!(announced(&more), Announced::Client(length, Some(_)) if length == whole.len()));
        }
    }
}
