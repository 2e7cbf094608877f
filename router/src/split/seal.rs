//! What Verge signs so that it can believe it later: overrides for testers, and the sticky cookie.
//!
//! The rules stand here; the primitive (HMAC-SHA-256, RFC 2104, under the operator's key) is the edge's, as a [`Seal`].
//! What is signed is a list of length-prefixed fields that begins with what the signature is for, so that none can pass
//! for another.

use super::{row::SplitRow, subject};
use crate::UnixTime;
use alloc::{format, string::String};
use core::str;
use http::{HeaderName, HeaderValue};

/// HMAC-SHA-256 under the operator's key.
pub trait Seal {
    /// The code of all these bytes, one after the other.
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32];
}

/// `verge-override`: the arm a tester asks for.
pub const VERGE_OVERRIDE: HeaderName = HeaderName::from_static("verge-override");

/// How long a sticky cookie is good for, in seconds: a week. It is renewed while it is used.
pub const COOKIE_LIFE: UnixTime = 7 * 24 * 60 * 60;

/// The code of these fields, each with its length in front of it.
fn mac<const N: usize>(seal: &dyn Seal, fields: [&[u8]; N]) -> [u8; 32] {
    let lengths = fields.map(|field| u32::try_from(field.len()).unwrap_or(u32::MAX).to_le_bytes());
    let mut parts: [[&[u8]; 2]; N] = [[&[]; 2]; N];
    for ((part, length), field) in parts.iter_mut().zip(&lengths).zip(fields) {
        *part = [length, field];
    }
    seal.mac(parts.as_flattened())
}

/// A tester's pass to one arm of one row until a time: the value of [`VERGE_OVERRIDE`].
#[must_use]
pub fn sign_override(seal: &dyn Seal, api: &str, row: &str, arm: &str, expiry: UnixTime) -> String {
    let expiry = format!("{expiry}");
    let mac = override_mac(seal, api, row, arm.as_bytes(), expiry.as_bytes());
    format!("{arm};{expiry};{}", Hex(&mac))
}

fn override_mac(seal: &dyn Seal, api: &str, row: &str, arm: &[u8], expiry: &[u8]) -> [u8; 32] {
    mac(seal, [b"verge-override", api.as_bytes(), row.as_bytes(), arm, expiry])
}

/// The arm a signed override names, where it is good for this row and time.
pub(super) fn open_override<'r>(seal: &dyn Seal, value: &'r [u8], row: &SplitRow, now: UnixTime) -> Option<&'r str> {
    let mut parts = value.splitn(3, |&b| b == b';');
    let (arm, expiry, sent) = (parts.next()?, parts.next()?, parts.next()?);
    let fresh = number(expiry)? > now;
    let mac = override_mac(seal, row.api().name(), row.key(), arm, expiry);
    (fresh && is_hex_of(sent, &mac)).then(|| str::from_utf8(arm).ok())?
}

/// What the sticky cookie says: a subject that draws, and the arm it got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pin<'r> {
    pub(super) subject: &'r [u8],
    pub(super) arm: &'r [u8],
    pub(super) expiry: UnixTime,
}

impl<'r> Pin<'r> {
    /// Reads the row's cookie; `None` where there is none, or it is not ours, or over.
    pub(super) fn read(seal: &dyn Seal, headers: &'r http::HeaderMap, row: &SplitRow, now: UnixTime) -> Option<Self> {
        let mut parts = subject::cookie(headers, row.cookie()?)?.split(|&b| b == b'~');
        let (subject, arm, expiry, sent) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let pin = Self { subject, arm, expiry: number(expiry)? };
        let mac = cookie_mac(seal, row, subject, arm, expiry);
        let sound = parts.next().is_none() && is_hex_of(sent, &mac);
        (sound && pin.expiry > now && is_subject(subject)).then_some(pin)
    }

    /// The line that sets it.
    pub(super) fn write(&self, seal: &dyn Seal, row: &SplitRow) -> Option<HeaderValue> {
        let expiry = format!("{}", self.expiry);
        let mac = cookie_mac(seal, row, self.subject, self.arm, expiry.as_bytes());
        let (subject, arm) = (str::from_utf8(self.subject).ok()?, str::from_utf8(self.arm).ok()?);
        let name = row.cookie()?;
        // RFC 6265bis §4.1.3.2: the prefix binds it to this host, and to TLS.
        HeaderValue::try_from(format!(
            "{name}={subject}~{arm}~{expiry}~{}; Max-Age={COOKIE_LIFE}; Path=/; Secure; HttpOnly; SameSite=Lax",
            Hex(&mac)
        ))
        .ok()
    }
}

fn cookie_mac(seal: &dyn Seal, row: &SplitRow, subject: &[u8], arm: &[u8], expiry: &[u8]) -> [u8; 32] {
    mac(seal, [b"verge-cookie", row.api().name().as_bytes(), row.key().as_bytes(), subject, arm, expiry])
}

/// What can stand in a cookie as a subject (RFC 6265 §4.1.1, but for what parts it): request ids, addresses, most names do.
pub(super) fn is_subject(text: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_graphic() && !b"~\",;\\".contains(b);
    (1..=64).contains(&text.len()) && text.iter().all(plain)
}

fn number(digits: &[u8]) -> Option<UnixTime> {
    let plain = (1..=18).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    plain.then(|| digits.iter().fold(0, |number, b| number * 10 + UnixTime::from(b - b'0')))
}

/// Compares in a time that does not tell where the difference is.
fn is_hex_of(sent: &[u8], mac: &[u8; 32]) -> bool {
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    let expected = mac.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]);
    sent.len() == 64 && sent.iter().zip(expected).fold(0, |difference, (one, other)| difference | (one ^ other)) == 0
}

struct Hex<'m>(&'m [u8]);

impl core::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|b| f.write_fmt(format_args!("{b:02x}")))
    }
}
