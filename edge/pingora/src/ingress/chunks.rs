//! The chunked coding, byte by byte (RFC 9112 §7.1), before the parser behind reads it.
//!
//! Nothing is repaired. A size is hexadecimal digits, followed at once by CRLF or an extension; every line ends in CRLF;
//! extensions and trailers are bounded. A tolerant reader finds other chunks in what is not so, and with them other
//! requests.

use super::octets::{is_control, is_token};

/// Digits of a size: any more would be more than any body.
const SIZE_DIGITS: u8 = 15;

/// Bytes of extensions in one body. They mean nothing to anybody here (RFC 9112 §7.1.1).
const EXTENSIONS: usize = 4096;

/// Bytes of trailers.
const TRAILERS: usize = 8192;

/// What is not the chunked coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Walks over a body as it comes.
#[derive(Debug)]
pub(crate) struct ChunkScan {
    at: At,
    extensions: usize,
    trailers: usize,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// A size, of which there is this much.
    Size {
        size: u64,
        digits: u8,
    },
    Extension {
        size: u64,
    },
    SizeEnd {
        size: u64,
    },
    /// So many bytes of a chunk.
    Bytes(u64),
    ChunkCr,
    ChunkLf,
    /// A trailer's line, or the empty one.
    Line,
    Name,
    Value,
    ValueLf,
    LastLf,
    Done,
}

impl ChunkScan {
    pub(crate) fn new() -> Self {
        Self { at: At::Size { size: 0, digits: 0 }, extensions: 0, trailers: 0 }
    }

    /// Whether the body has come to its end.
    pub(crate) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// How many of these bytes are part of the body: all of them, until it ends.
    ///
    /// # Errors
    /// They are not the chunked coding, or too much beside it.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, Malformed> {
        let mut rest = bytes;
        while let (Some((&b, after)), false) = (rest.split_first(), self.is_done()) {
            if let At::Bytes(left) = self.at {
                let taken = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                rest = rest.get(taken..).unwrap_or_default();
                let left = left - taken as u64;
                self.at = if left == 0 { At::ChunkCr } else { At::Bytes(left) };
                continue;
            }
            self.at = self.step(b)?;
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }

    fn step(&mut self, b: u8) -> Result<At, Malformed> {
        let next = match (self.at, b) {
            (At::Size { size, digits }, _) if b.is_ascii_hexdigit() && digits < SIZE_DIGITS => {
                let digit = char::from(b).to_digit(16).unwrap_or(0);
                At::Size { size: size << 4 | u64::from(digit), digits: digits + 1 }
            }
            (At::Size { size, digits: 1.. }, b'\r') => At::SizeEnd { size },
            (At::Size { size, digits: 1.. }, b';') => At::Extension { size },
            (At::Extension { size }, b'\r') => At::SizeEnd { size },
            (At::Extension { size }, _) if !is_control(b) && self.extensions < EXTENSIONS => {
                self.extensions += 1;
                At::Extension { size }
            }
            (At::SizeEnd { size: 0 }, b'\n') => At::Line,
            (At::SizeEnd { size }, b'\n') => At::Bytes(size),
            (At::ChunkCr, b'\r') => At::ChunkLf,
            (At::ChunkLf, b'\n') => At::Size { size: 0, digits: 0 },
            (At::Line, b'\r') => At::LastLf,
            (At::LastLf, b'\n') => At::Done,
            _ => return self.step_in_trailer(b),
        };
        Ok(next)
    }

    fn step_in_trailer(&mut self, b: u8) -> Result<At, Malformed> {
        self.trailers += 1;
        match (self.at, b) {
            _ if self.trailers > TRAILERS => Err(Malformed),
            (At::Line | At::Name, _) if is_token(b) => Ok(At::Name),
            (At::Name, b':') => Ok(At::Value),
            (At::Value, b'\r') => Ok(At::ValueLf),
            (At::Value, _) if !is_control(b) => Ok(At::Value),
            (At::ValueLf, b'\n') => Ok(At::Line),
            _ => Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What taking the bytes comes to, which must not depend on how they arrive: the body's length where it ends.
    fn take(bytes: &str) -> Result<Option<usize>, Malformed> {
        let outcome = |parts: &mut dyn Iterator<Item = &[u8]>| {
            let mut scan = ChunkScan::new();
            let mut length = 0;
            for part in parts {
                length += scan.take(part)?;
            }
            Ok(scan.is_done().then_some(length))
        };
        let whole = outcome(&mut [bytes.as_bytes()].into_iter());
        assert_eq!(whole, outcome(&mut bytes.as_bytes().chunks(1)), "{bytes:?}");
        whole
    }

    #[test]
    fn a_body_ends_with_its_last_line() {
        for body in [
            "0\r\n\r\n",
            "000\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "A\r\n0123456789\r\n1;a=b;c=\"d e\"\r\nx\r\n0;last\r\n\r\n",
            "1\r\n\n\r\n0\r\na: b\r\nc:\r\n\r\n",
        ] {
            assert_eq!(take(body), Ok(Some(body.len())), "{body:?}");
            assert_eq!(take(&format!("{body}GET / HTTP/1.1")), Ok(Some(body.len())), "{body:?}");
            assert_eq!(take(body.strip_suffix('\n').unwrap()), Ok(None), "{body:?}");
        }
    }

    #[test]
    fn what_some_reader_would_read_otherwise_is_malformed() {
        for bad in [
            "\r\n",
            "\n",
            "5\nhello\r\n",
            "5 \r\nhello\r\n",
            " 5\r\nhello\r\n",
            "5\t;a\r\n",
            "+5\r\nhello\r\n",
            "0x5\r\nhello\r\n",
            "5_0\r\n",
            "g\r\n",
            ";a\r\n",
            "5,5\r\n",
            "ffffffffffffffff\r\n",
            "5;a\nb\r\n",
            "5;a\0\r\n",
            "5\r\rhello",
            "5\r\nhello5\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello\r\r\n",
            "0\r\n\n",
            "0\r\r\n",
            "0\r\na\r\n",
            "0\r\na b: c\r\n",
            "0\r\n: c\r\n",
            "0\r\na: b\n\r\n",
            "0\r\n folded\r\n",
            "0\r\na: b\0\r\n",
        ] {
            assert_eq!(take(bad), Err(Malformed), "{bad:?}");
        }
    }

    #[test]
    fn what_comes_beside_the_body_is_bounded() {
        let extension = format!("1;{}\r\nx\r\n", "e".repeat(1000));
        assert_eq!(take(&extension.repeat(4)), Ok(None));
        assert_eq!(take(&extension.repeat(5)), Err(Malformed));
        assert_eq!(take(&format!("0\r\na: {}\r\n\r\n", "b".repeat(9000))), Err(Malformed));
    }
}
