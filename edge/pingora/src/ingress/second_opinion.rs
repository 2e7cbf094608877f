//! The guard against the parser behind it: whatever the guard lets through, pingora reads the same way. What they would
//! read differently is what attackers send. And the guard against itself: it sees the same in the same bytes, whatever
//! pieces they come in.

use super::{
    body::BodyEnd,
    framing::BodyFraming,
    head::{HeadLimits, HeadScan, Progress},
};
use bytes::Bytes;
use pingora_core::protocols::http::v1::server::HttpSession;
use std::io::Cursor;

const LIMITS: HeadLimits = HeadLimits { head: 16 << 10, fields: 100, target: 8 << 10 };

/// What there is to disagree about.
#[derive(Debug, PartialEq, Eq)]
struct Reading {
    method: Bytes,
    target: Bytes,
    version: Bytes,
    fields: Vec<(Bytes, Bytes)>,
    /// The body, and whether it has come to its end.
    body: (Vec<u8>, bool),
}

/// Compares both on these bytes; what the guard refuses is no matter of opinion.
///
/// # Errors
/// They read different requests; the text says which.
pub fn compare(bytes: &[u8]) -> Result<(), String> {
    let (at_once, byte_by_byte) = (passed(bytes, usize::MAX), passed(bytes, 1));
    if at_once != byte_by_byte {
        return Err(format!("the guard saw {at_once:?} at once, and {byte_by_byte:?} byte by byte"));
    }
    let Some((ours, taken)) = our_reading(bytes) else { return Ok(()) };
    let theirs = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|error| error.to_string())?
        .block_on(their_reading(bytes.get(..taken).unwrap_or_default()));
    match theirs {
        Ok(theirs) if theirs == ours => Ok(()),
        Ok(theirs) => Err(format!("the guard read {ours:#?}, pingora {theirs:#?}")),
        Err(error) => Err(format!("the guard read {ours:#?}, pingora refused it: {error}")),
    }
}

/// What the guard says of a head that comes in pieces of this size, and how far it then lets its body through: so many
/// bytes, to its end or not; `None` where it is malformed.
fn passed(bytes: &[u8], size: usize) -> (Progress, Option<(usize, bool)>) {
    let ends = (0..=bytes.len()).step_by(size.min(bytes.len()).max(1)).chain([bytes.len()]);
    let mut scan = HeadScan::default();
    let head = ends
        .filter_map(|end| bytes.get(..end))
        .map(|come| scan.scan(come, &LIMITS))
        .find(|progress| *progress != Progress::Partial)
        .unwrap_or(Progress::Partial);
    let Progress::Complete(length, framing) = head else { return (head, None) };
    let mut end = BodyEnd::of(framing);
    let mut taken = 0;
    for piece in bytes.get(length..).unwrap_or_default().chunks(size) {
        match end.take(piece) {
            Ok(more) => taken += more,
            Err(_) => return (head, None),
        }
        if end.is_reached() {
            break;
        }
    }
    (head, Some((taken, end.is_reached())))
}

/// The request as the guard lets it through, and how many bytes it has.
fn our_reading(bytes: &[u8]) -> Option<(Reading, usize)> {
    let Progress::Complete(length, framing) = HeadScan::default().scan(bytes, &LIMITS) else { return None };
    let (head, rest) = bytes.split_at_checked(length)?;
    let mut end = BodyEnd::of(framing);
    let taken = end.take(rest).ok()?;
    let rest = rest.get(..taken)?;
    // The guard has seen that there is one way only to take this apart; so the simplest one does.
    let mut lines = head.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_end);
    let mut words = lines.next()?.split(|&b| b == b' ').map(text);
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    let field = |line: &[u8]| {
        let (name, value) = line.split_at_checked(line.iter().position(|&b| b == b':')?)?;
        Some((Bytes::from(name.to_ascii_lowercase()), text(value.get(1..)?.trim_ascii())))
    };
    let fields = grouped(lines.take_while(|line| !line.is_empty()).map(field).collect::<Option<_>>()?);
    let body = match framing {
        BodyFraming::Chunked => unchunk(rest),
        _ => rest.to_vec(),
    };
    Some((Reading { method, target, version, fields, body: (body, end.is_reached()) }, length + taken))
}

fn text(part: &[u8]) -> Bytes {
    Bytes::copy_from_slice(part)
}

/// Lines by name: their order matters within one name only.
fn grouped(mut fields: Vec<(Bytes, Bytes)>) -> Vec<(Bytes, Bytes)> {
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields
}

/// The content of sound chunks, as far as they go.
fn unchunk(mut rest: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(end) = rest.iter().position(|&b| b == b'\r') {
        let (line, after) = rest.split_at_checked(end).unwrap_or_default();
        let digits = line.split(|&b| b == b';').next().unwrap_or_default();
        let size = std::str::from_utf8(digits).ok().and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let Some(size @ 1..) = size else { break };
        let chunk = after.get(2..).unwrap_or_default();
        let part = chunk.get(..size.min(chunk.len())).unwrap_or_default();
        content.extend_from_slice(part);
        rest = chunk.get(part.len() + 2..).unwrap_or_default();
    }
    content
}

/// The request as pingora reads it.
async fn their_reading(bytes: &[u8]) -> Result<Reading, String> {
    let mut session = HttpSession::new(Box::new(Cursor::new(bytes.to_vec())));
    session.set_read_timeout(None);
    session.read_request().await.map_err(|error| error.to_string())?.ok_or("nothing was read")?;
    let head = session.req_header();
    let reading = Reading {
        method: text(head.method.as_str().as_bytes()),
        target: text(head.raw_path()),
        version: Bytes::from(format!("{:?}", head.version)),
        fields: grouped(
            head.headers.iter().map(|(name, value)| (text(name.as_str().as_bytes()), text(value.as_bytes()))).collect(),
        ),
        body: (Vec::new(), false),
    };
    let mut body = Vec::new();
    let whole = loop {
        match session.read_body_bytes().await {
            Ok(Some(part)) => body.extend_from_slice(&part),
            Ok(None) => break true,
            Err(_) => break false,
        }
    };
    Ok(Reading { body: (body, whole), ..reading })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request_line() -> impl Strategy<Value = Vec<u8>> {
        let method = prop::sample::select(vec!["GET", "POST", "get", "OPTIONS", "M-SEARCH", "HEAD", "PURGE"]);
        let target = prop_oneof![
            "/[!-~]{0,20}",
            "/[a-z/%0-9]{0,10}\\?[!-~]{0,10}",
            prop::sample::select(vec![
                "*",
                "/",
                "http://a.example/",
                "http://a.example?x",
                "https://a.example:80",
                "//a"
            ])
            .prop_map(str::to_owned),
        ];
        let version = prop::sample::select(vec!["HTTP/1.1", "HTTP/1.0"]);
        (method, target, version)
            .prop_map(|(method, target, version)| format!("{method} {target} {version}\r\n").into())
    }

    fn field_line() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            3 => prop::sample::select(vec![
                "Host: a.example",
                "Host: a.example:80",
                "Content-Length: 5",
                "content-length:\t0",
                "Transfer-Encoding: chunked",
                "TRANSFER-ENCODING:Chunked ",
                "Connection: close, x",
                "Connection: keep-alive",
                "Upgrade: websocket",
                "Expect: 100-continue",
                "x:",
                "x-y: \t a b\t",
            ])
            .prop_map(|line| format!("{line}\r\n").into_bytes()),
            1 => "[!-9;-~]{1,8}:[ -~]{0,12}\r\n".prop_map(String::into_bytes),
            1 => prop::collection::vec(128_u8.., 0..6).prop_map(|value| [b"x: ", &value[..], b"\r\n"].concat()),
        ]
    }

    fn body() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            Just(Vec::new()),
            Just(b"hello".to_vec()),
            Just(b"5\r\nhello\r\n0\r\n\r\n".to_vec()),
            Just(b"3;a=\"b\"\r\nabc\r\nA\r\n0123456789\r\n00\r\nt: v\r\n\r\nGET / HTTP/1.1\r\n\r\n".to_vec()),
            prop::collection::vec(any::<u8>(), 0..20),
        ]
    }

    /// Requests that are sound or nearly so.
    fn requests() -> impl Strategy<Value = Vec<u8>> {
        let usual = prop::sample::select(vec!["", "Host: a.example\r\n"]).prop_map(|line| line.as_bytes().to_vec());
        let head = (request_line(), usual, prop::collection::vec(field_line(), 0..4));
        let spoils = prop::collection::vec((any::<prop::sample::Index>(), 0_u8..3, spoil()), 0..3);
        (head, body(), spoils).prop_map(|((line, usual, fields), body, spoils)| {
            let mut bytes = [line, usual, fields.concat(), b"\r\n".to_vec(), body].concat();
            for (at, how, b) in spoils {
                let at = at.index(bytes.len());
                match how {
                    0 => bytes[at] = b,
                    1 => bytes.insert(at, b),
                    _ => drop(bytes.remove(at)),
                }
            }
            bytes
        })
    }

    fn spoil() -> impl Strategy<Value = u8> {
        prop_oneof![prop::sample::select(b"\r\n \t\0:;,0123456789afx/\\@\"".to_vec()), any::<u8>()]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2048))]

        #[test]
        fn what_passes_is_read_alike_behind(bytes in requests()) {
            prop_assert_eq!(compare(&bytes), Ok(()));
        }
    }

    #[test]
    fn requests_of_every_framing_pass_and_are_read_alike() {
        for (request, body) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", Some("")),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello, and more", Some("hello")),
            ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 50\r\n\r\nhello", None),
            (
                "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n",
                Some("abc"),
            ),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n", None),
        ] {
            let (ours, _) = our_reading(request.as_bytes()).expect(request);
            assert_eq!(ours.body.1.then_some(ours.body.0.as_slice()), body.map(str::as_bytes), "{request:?}");
            assert_eq!(compare(request.as_bytes()), Ok(()), "{request:?}");
        }
    }
}
