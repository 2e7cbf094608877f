//! What a consumer is called in what is counted: never a secret.

use ring::digest::{Context, SHA256, digest};
use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv6Addr},
};
use verge_config::ConsumerBy;
use verge_router::{
    Moment, Request,
    split::{Sticky, find_subject},
};

/// The longest name, in bytes; what is longer is cut.
const LONGEST: usize = 64;

/// A consumer: a name to show, and a hash to tell it from others. All nodes give the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Consumer {
    name: [u8; LONGEST],
    length: u8,
    pub(super) hash: u64,
}

impl Consumer {
    fn new(kind: &str, shown: &[u8], hashed: &[u8]) -> Self {
        let mut context = Context::new(&SHA256);
        [kind.as_bytes(), b"\0", hashed].into_iter().for_each(|part| context.update(part));
        let digest = context.finish();
        let hash = digest.as_ref().first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
        let mut consumer = Self { name: [0; LONGEST], length: 0, hash };
        let name = kind.bytes().chain(*b":").chain(shown.iter().map(|b| if b.is_ascii_graphic() { *b } else { b'?' }));
        for (slot, b) in consumer.name.iter_mut().zip(name) {
            *slot = b;
            consumer.length += 1;
        }
        consumer
    }

    /// Its name: ASCII, without blanks.
    pub(super) fn name(&self) -> &str {
        self.name.get(..usize::from(self.length)).and_then(|name| str::from_utf8(name).ok()).unwrap_or_default()
    }

    #[cfg(test)]
    pub(super) fn numbered(number: u64) -> Self {
        Self::new("claim", number.to_string().as_bytes(), &number.to_le_bytes())
    }
}

/// Who asks, by the first of these that the request has.
pub(crate) fn consumer_of(by: &[ConsumerBy], request: &Request<'_>, client: Option<IpAddr>) -> Option<Consumer> {
    by.iter().find_map(|by| match by {
        ConsumerBy::Said(place) => said(place, request),
        ConsumerBy::Network => Some(network(client?)),
    })
}

fn said(place: &Sticky, request: &Request<'_>) -> Option<Consumer> {
    let mut room = None;
    let (place, subject) = find_subject([place], request, &Moment::at(0), &mut room)?;
    Some(match place {
        // It says who the consumer is, and opens nothing.
        Sticky::Claim(_) => Consumer::new("claim", subject, subject),
        _ => Consumer::new("key", hex(digest(&SHA256, subject).as_ref()).as_bytes(), subject),
    })
}

/// The first twelve hexadecimal digits.
fn hex(digest: &[u8]) -> String {
    let mut out = String::with_capacity(12);
    for byte in digest.iter().take(6) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// The /24, or the /48 of IPv6.
fn network(client: IpAddr) -> Consumer {
    let shown = match client.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => format!("{}/48", Ipv6Addr::from_bits(address.to_bits() >> 80 << 80)),
    };
    Consumer::new("net", shown.as_bytes(), shown.as_bytes())
}

#[cfg(test)]
pub(super) fn name_of(by: &[ConsumerBy], headers: &http::HeaderMap, client: &str) -> Option<String> {
    let request = Request { method: &http::Method::GET, host: "h", path: "/", query: None, headers };
    consumer_of(by, &request, client.parse().ok()).map(|consumer| consumer.name().to_owned())
}
