//! Scheme `label`: versions are names. ASCII case does not matter, and `v1` is `1`.

use crate::caseless::Caseless;

/// The longest version, in bytes; longer is malformed.
pub const MAX_VERSION: usize = 64;

/// A version as it was written, compared in normal form: whatever its ASCII case, and without the `v` before a digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Label<'t>(Caseless<'t>);

/// What cannot be a version: empty, too long, or with a byte other than ASCII letters, digits and `-._~+`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedVersion;

impl<'t> Label<'t> {
    /// Reads a version.
    ///
    /// # Errors
    /// [`MalformedVersion`].
    pub fn parse(text: &'t [u8]) -> Result<Self, MalformedVersion> {
        let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'~' | b'+');
        if text.is_empty() || text.len() > MAX_VERSION || !text.iter().all(plain) {
            return Err(MalformedVersion);
        }
        let bare = match text {
            [b'v' | b'V', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => rest,
            text => text,
        };
        Ok(Self(Caseless(bare)))
    }

    /// Itself, to be looked up.
    pub(crate) fn as_caseless(&self) -> Caseless<'t> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        fn normal(text: &str) -> Result<Label<'_>, MalformedVersion> {
            Label::parse(text.as_bytes())
        }
        for same in ["v1", "V1", "1"] {
            assert_eq!(normal(same).unwrap().0.0, b"1");
        }
        assert_eq!(normal("vNext"), normal("VNEXT"));
        assert_ne!(normal("vNext"), normal("Next"));
        assert_eq!(normal("v").unwrap().0.0, b"v");
        assert_ne!(normal("v10"), normal("v1"));
        for bad in ["", "v 1", "v1/", "\u{e9}", "v1\0", "a,b"] {
            assert!(normal(bad).is_err(), "{bad}");
        }
        assert!(Label::parse(&[b'1'; 64]).is_ok());
        assert!(Label::parse(&[b'1'; 65]).is_err());
    }
}
