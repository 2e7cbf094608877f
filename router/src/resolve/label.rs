//! Scheme `label`: versions are names. ASCII case does not matter, and `v1` is `1`.

/// The longest version, in bytes; longer is malformed.
pub const MAX_VERSION: usize = 64;

/// A version in normal form, without allocation: lower case, and without the `v` before a digit.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    bytes: [u8; MAX_VERSION],
    start: u8,
    end: u8,
}

/// What cannot be a version: empty, too long, or with a byte other than ASCII letters, digits and `-._~+`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MalformedVersion;

impl Label {
    /// Reads a version.
    ///
    /// # Errors
    /// [`MalformedVersion`].
    pub fn parse(text: &[u8]) -> Result<Self, MalformedVersion> {
        let mut bytes = [0; MAX_VERSION];
        let end = u8::try_from(text.len()).map_err(|_| MalformedVersion)?;
        let target = bytes.get_mut(..text.len()).ok_or(MalformedVersion)?;
        if text.is_empty() {
            return Err(MalformedVersion);
        }
        for (to, &from) in target.iter_mut().zip(text) {
            if !(from.is_ascii_alphanumeric() || matches!(from, b'.' | b'-' | b'_' | b'~' | b'+')) {
                return Err(MalformedVersion);
            }
            *to = from.to_ascii_lowercase();
        }
        let start = u8::from(matches!(target, [b'v', b'0'..=b'9', ..]));
        Ok(Self { bytes, start, end })
    }

    /// The normal form.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(usize::from(self.start)..usize::from(self.end)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        let normal = |text: &str| Label::parse(text.as_bytes()).map(|label| label.as_bytes().to_vec());
        for same in ["v1", "V1", "1"] {
            assert_eq!(normal(same).unwrap(), b"1");
        }
        assert_eq!(normal("vNext").unwrap(), b"vnext");
        assert_eq!(normal("v").unwrap(), b"v");
        assert_ne!(normal("v10"), normal("v1"));
        for bad in ["", "v 1", "v1/", "\u{e9}", "v1\0", "a,b"] {
            assert!(normal(bad).is_err(), "{bad}");
        }
        assert!(Label::parse(&[b'1'; 64]).is_ok());
        assert!(Label::parse(&[b'1'; 65]).is_err());
    }
}
