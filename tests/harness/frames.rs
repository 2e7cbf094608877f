//! HTTP/2 by hand (RFC 9113): frames that no library would send.

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
