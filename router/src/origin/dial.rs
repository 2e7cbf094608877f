//! What is dialled: hosts, addresses, and the ones that never are.

use super::{Domain, DomainPattern, InvalidOrigin};
use core::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// A block of addresses (RFC 4632), such as `10.0.0.0/8`; a bare address is a block of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cidr {
    base: IpAddr,
    bits: u8,
}

impl Cidr {
    /// Reads `address/bits` or `address`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let base: IpAddr = address.parse().ok()?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most)?,
            None => most,
        };
        Some(Self { base, bits })
    }

    /// Whether an address lies in the block; IPv4-mapped IPv6 addresses count as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits.min(32))).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

/// A host to dial: a name to resolve, or an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum DialHost {
    /// Resolved when dialled.
    Name(Domain),
    /// Dialled as it is.
    Address(IpAddr),
}

/// Where to open the connection instead of the origin's own name and port; Host and SNI stay the origin's.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Dial {
    /// The host.
    pub host: DialHost,
    /// The port; `None` keeps the origin's.
    pub port: Option<u16>,
}

impl Dial {
    /// Reads `host[:port]`, `address[:port]` or `[address]:port`.
    ///
    /// # Errors
    /// What is none of these.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let refuse = |reason| InvalidOrigin::Connect { connect: text.into(), reason };
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self { host: DialHost::Address(address), port: None });
        }
        let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((address, rest)) => (address, rest.strip_prefix(':')),
            None => match text.rsplit_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (text, None),
            },
        };
        let port = match port {
            Some(port) => match port.parse::<u16>() {
                Ok(port) if port > 0 => Some(port),
                _ => return Err(refuse("the port must be a number from 1 to 65535")),
            },
            None => None,
        };
        let host = match host.parse::<IpAddr>() {
            Ok(address) => DialHost::Address(address),
            Err(_) => {
                DialHost::Name(Domain::parse(host).map_err(|_| refuse("the host is neither a name nor an address"))?)
            }
        };
        Ok(Self { host, port })
    }
}

impl fmt::Display for Dial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.host, self.port) {
            (DialHost::Name(name), None) => write!(f, "{name}"),
            (DialHost::Name(name), Some(port)) => write!(f, "{name}:{port}"),
            (DialHost::Address(address), None) => write!(f, "{address}"),
            (DialHost::Address(IpAddr::V6(address)), Some(port)) => write!(f, "[{address}]:{port}"),
            (DialHost::Address(address), Some(port)) => write!(f, "{address}:{port}"),
        }
    }
}

/// What a row's `connect` must match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DialPattern {
    /// Names, as in [`DomainPattern`].
    Name(DomainPattern),
    /// Addresses.
    Addresses(Cidr),
}

impl DialPattern {
    /// Reads a name pattern or a CIDR block.
    ///
    /// # Errors
    /// What is neither.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        match Cidr::parse(text) {
            Some(block) => Ok(Self::Addresses(block)),
            None => DomainPattern::parse(text).map(Self::Name),
        }
    }

    pub(super) fn matches(&self, host: &DialHost) -> bool {
        match (self, host) {
            (Self::Name(pattern), DialHost::Name(name)) => pattern.matches(name),
            (Self::Addresses(block), DialHost::Address(address)) => block.contains(*address),
            _ => false,
        }
    }
}

/// Whether an address may be dialled for an origin: never link-local (instance metadata among them), unspecified,
/// multicast or `fd00:ec2::/32`, in whatever IPv6 form they hide; loopback only where `loopback` says so.
#[must_use]
pub fn may_dial(address: IpAddr, loopback: bool) -> bool {
    match address {
        IpAddr::V4(v4) => may_dial_v4(v4, loopback),
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => may_dial_v4(v4, loopback),
            None => {
                let [first, second, ..] = v6.segments();
                let metadata = first == 0xfd00 && second == 0x0ec2;
                !(v6.is_unspecified() || v6.is_multicast() || first & 0xffc0 == 0xfe80 || metadata)
                    && (loopback || !v6.is_loopback())
            }
        },
    }
}

fn may_dial_v4(v4: Ipv4Addr, loopback: bool) -> bool {
    let this_network = v4.octets()[0] == 0;
    !(this_network || v4.is_link_local() || v4.is_multicast() || v4.is_broadcast()) && (loopback || !v4.is_loopback())
}

/// The IPv4 address inside a mapped (`::ffff:0:0/96`), compatible (`::/96`) or NAT64 (`64:ff9b::/96`) address.
fn embedded_v4(v6: Ipv6Addr) -> Option<Ipv4Addr> {
    if v6.is_loopback() || v6.is_unspecified() {
        return None;
    }
    let v4 = || Ipv4Addr::from_bits((v6.to_bits() & 0xffff_ffff) as u32);
    match v6.segments() {
        [0, 0, 0, 0, 0, 0xffff | 0, _, _] | [0x64, 0xff9b, 0, 0, 0, 0, _, _] => Some(v4()),
        _ => None,
    }
}
