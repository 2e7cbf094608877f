//! A client's address, written as a field value.

use core::{
    fmt::Write,
    net::{IpAddr, Ipv4Addr},
};
use http::HeaderValue;

/// An address as a field value, without a heap-allocated string in between.
pub(crate) fn address_value(address: IpAddr) -> Option<HeaderValue> {
    HeaderValue::from_bytes(write_address(address, &mut [0; 45])?).ok()
}

/// Writes an address; IPv4 in IPv6 as IPv4. `None` where there is no room: the longest takes 45 bytes.
pub(crate) fn write_address(address: IpAddr, room: &mut [u8]) -> Option<&[u8]> {
    let mut text = Text { bytes: room, len: 0 };
    match address.to_canonical() {
        IpAddr::V4(address) => text.push_ipv4(address)?,
        IpAddr::V6(address) => write!(text, "{address}").ok()?,
    }
    let Text { bytes, len } = text;
    bytes.get(..len)
}

struct Text<'b> {
    bytes: &'b mut [u8],
    len: usize,
}

impl Text<'_> {
    fn push(&mut self, b: u8) -> Option<()> {
        *self.bytes.get_mut(self.len)? = b;
        self.len += 1;
        Some(())
    }

    /// By hand: this is what nearly every request needs, and the machinery of `fmt` takes ten times as long.
    fn push_ipv4(&mut self, address: Ipv4Addr) -> Option<()> {
        for (place, octet) in address.octets().into_iter().enumerate() {
            if place > 0 {
                self.push(b'.')?;
            }
            if octet >= 100 {
                self.push(b'0' + octet / 100)?;
            }
            if octet >= 10 {
                self.push(b'0' + octet / 10 % 10)?;
            }
            self.push(b'0' + octet % 10)?;
        }
        Some(())
    }
}

impl Write for Text<'_> {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        text.bytes().try_for_each(|b| self.push(b)).ok_or(core::fmt::Error)
    }
}
