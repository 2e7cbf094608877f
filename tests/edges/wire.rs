//! HTTP/1.1 as plainly as it can be spoken: one connection, one request after the other.

use crate::seen::{Fields, fields};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

/// The name a listener's certificate is for.
pub(crate) const LISTENER: &str = "listener.example.com";

/// A connection that is made anew where it broke.
pub(crate) struct Wire {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
    stream: Option<BufReader<Box<dyn Stream>>>,
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// A final answer.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
}

impl Wire {
    pub(crate) const fn to(address: SocketAddr) -> Self {
        Self { address, tls: None, stream: None }
    }

    pub(crate) const fn over_tls(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        Self { address, tls: Some(config), stream: None }
    }

    fn connect(&self) -> io::Result<BufReader<Box<dyn Stream>>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        Ok(BufReader::new(match &self.tls {
            None => Box::new(stream),
            Some(config) => {
                let name = LISTENER.try_into().map_err(io::Error::other)?;
                let session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(session, stream))
            }
        }))
    }

    pub(crate) fn ask(&mut self, bytes: &[u8], is_head: bool) -> io::Result<Got> {
        let fresh = self.stream.is_none();
        match self.try_ask(bytes, is_head) {
            // The connection was closed while it was idle.
            Err(_) if !fresh => self.try_ask(bytes, is_head),
            got => got,
        }
    }

    fn try_ask(&mut self, bytes: &[u8], is_head: bool) -> io::Result<Got> {
        let mut stream = self.stream.take().map_or_else(|| self.connect(), Ok)?;
        stream.get_mut().write_all(bytes)?;
        stream.get_mut().flush()?;
        loop {
            let (line, fields) = read_head(&mut stream)?;
            let status: u16 =
                line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
            if status < 200 {
                continue;
            }
            let mut body = Vec::new();
            let closes = fields.get("connection").is_some_and(|value| value.contains("close"));
            if !is_head && status != 204 && status != 304 {
                if fields.get("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
                    read_chunks(&mut stream, &mut body)?;
                } else if let Some(length) = fields.get("content-length") {
                    let length = length.parse().map_err(|_| io::ErrorKind::InvalidData)?;
                    body.resize(length, 0);
                    stream.read_exact(&mut body)?;
                } else {
                    stream.read_to_end(&mut body)?;
                }
            }
            if !closes {
                self.stream = Some(stream);
            }
            return Ok(Got { status, fields, body });
        }
    }
}

/// Reads a head: its first line, and its fields.
pub(crate) fn read_head(stream: &mut impl BufRead) -> io::Result<(String, Fields)> {
    let mut lines = Vec::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while line.last().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
            line.pop();
        }
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let first = lines.first().map(|line| String::from_utf8_lossy(line).into_owned()).unwrap_or_default();
    let named = lines.iter().skip(1).filter_map(|line| {
        let colon = line.iter().position(|&b| b == b':')?;
        Some((std::str::from_utf8(&line[..colon]).ok()?, &line[colon + 1..]))
    });
    Ok((first, fields(named)))
}

fn read_chunks(stream: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim(), 16).map_err(|_| io::ErrorKind::InvalidData)?;
        let start = body.len();
        body.resize(start + size, 0);
        stream.read_exact(&mut body[start..])?;
        stream.read_line(&mut line)?;
        if size == 0 {
            return Ok(());
        }
    }
}
