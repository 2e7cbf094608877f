//! What a request is called.

use http::HeaderValue;
use verge_carry::identity::write_hex;

/// A request id: 128 random bits in hex, which is also a fit W3C trace id.
pub(crate) fn fresh_id() -> HeaderValue {
    let mut text = [0; 32];
    write_hex(&mut text, fastrand::u128(1..));
    HeaderValue::from_bytes(&text).unwrap_or(HeaderValue::from_static("0"))
}
