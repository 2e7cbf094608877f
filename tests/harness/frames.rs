//! HTTP/2 by hand (RFC 9113): frames that no library would send, and what they are answered with.

use crate::{client::Connection, patience::within};
use std::collections::BTreeMap;

/// What every connection begins with: the preface and empty settings.
#[must_use]
pub fn preface() -> Vec<u8> {
    let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    bytes.extend(frame(SETTINGS, 0, 0, &[]));
    bytes
}

/// Types of frames.
pub const DATA: u8 = 0;
/// A head, or its beginning.
pub const HEADERS: u8 = 1;
/// The end of a stream before its time.
pub const RST_STREAM: u8 = 3;
/// How a side wants to be spoken to.
pub const SETTINGS: u8 = 4;
/// A question that wants an answer.
pub const PING: u8 = 6;
/// The end of a connection, and why.
pub const GOAWAY: u8 = 7;
/// Leave to send more.
pub const WINDOW_UPDATE: u8 = 8;
/// More of a head.
pub const CONTINUATION: u8 = 9;

/// The flag of a stream's last frame.
pub const END_STREAM: u8 = 1;
/// The flag of a head's last frame.
pub const END_HEADERS: u8 = 4;

/// A frame.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = length[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Fields as HPACK literals that nobody remembers (RFC 7541 §6.2.2), so that any bytes may be in them.
#[must_use]
pub fn literals(fields: &[(&str, &[u8])]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        string(&mut block, name.as_bytes());
        string(&mut block, value);
    }
    block
}

/// A string of HPACK, not compressed (RFC 7541 §5.1, §5.2).
pub fn string(block: &mut Vec<u8>, text: &[u8]) {
    match u8::try_from(text.len()) {
        Ok(length) if length < 127 => block.push(length),
        _ => {
            block.push(127);
            let mut left = text.len() - 127;
            while left >= 128 {
                block.push(u8::try_from(left % 128).unwrap() | 128);
                left /= 128;
            }
            block.push(u8::try_from(left).unwrap());
        }
    }
    block.extend_from_slice(text);
}

/// The head of a request for `https://api.example.com`, with more fields.
#[must_use]
pub fn request(method: &str, path: &str, more: &[(&str, &[u8])]) -> Vec<u8> {
    let mut fields: Vec<(&str, &[u8])> = vec![
        (":method", method.as_bytes()),
        (":scheme", b"https"),
        (":authority", b"api.example.com"),
        (":path", path.as_bytes()),
    ];
    fields.extend_from_slice(more);
    literals(&fields)
}

/// How a stream ended, as its client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It was answered with this status; 0 for one that is not in HPACK's static table (RFC 7541, appendix A).
    Answered(u16),
    /// It was reset, for this reason (RFC 9113 §7).
    Reset(u32),
    /// The whole connection ended before, for this reason where one was given.
    Connection(Option<u32>),
}

/// Reads until each of these streams has an answer or an end.
pub async fn ends(connection: &mut Connection, streams: &[u32]) -> Vec<End> {
    let mut ends = BTreeMap::new();
    let mut farewell = None;
    while ends.len() < streams.len() {
        let Some((kind, stream, payload)) = within("a frame", next(connection)).await else { break };
        let code = |at: usize| payload.get(at..at + 4).map(|code| u32::from_be_bytes(code.try_into().unwrap()));
        match kind {
            HEADERS if streams.contains(&stream) => {
                ends.entry(stream).or_insert_with(|| End::Answered(status(&payload)));
            }
            RST_STREAM if streams.contains(&stream) => {
                ends.entry(stream).or_insert_with(|| End::Reset(code(0).unwrap()));
            }
            GOAWAY => farewell = code(4),
            _ => {}
        }
    }
    streams.iter().map(|stream| ends.remove(stream).unwrap_or(End::Connection(farewell))).collect()
}

/// The next frame: its type, its stream and its payload.
async fn next(connection: &mut Connection) -> Option<(u8, u32, bytes::Bytes)> {
    let head = connection.read_exactly(9).await.ok()?;
    let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
    let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
    Some((head[3], stream, connection.read_exactly(length).await.ok()?))
}

fn status(block: &[u8]) -> u16 {
    match block.first() {
        Some(index @ 0x88..=0x8e) => [200, 204, 206, 304, 400, 404, 500][usize::from(index - 0x88)],
        _ => 0,
    }
}
