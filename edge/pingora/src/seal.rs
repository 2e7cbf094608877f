//! The operator's key, as the router's rules for signatures need it: HMAC-SHA-256.

use ring::hmac;
use verge_router::split::Seal;

/// A key that overrides and sticky cookies are signed with.
pub(crate) struct Key(hmac::Key);

impl Key {
    /// A key of any length; shorter than 32 bytes is weaker than it could be.
    pub(crate) fn new(secret: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }
}

impl Seal for Key {
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut context = hmac::Context::with_key(&self.0);
        parts.iter().for_each(|part| context.update(part));
        let tag = context.sign();
        tag.as_ref().first_chunk().copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 §4.3, test case 2.
    #[test]
    fn it_is_hmac_sha_256() {
        let mac = Key::new("Jefe").mac(&[b"what do ya want ", b"for nothing?"]);
        let hex: String = mac.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
