//! Scheme `semver`: Semantic Versioning 2.0.0, and the ranges that clients may ask for.
//!
//! A `v` before the first digit and ASCII case do not count: media types, which carry versions too, have no case. Build
//! metadata is read and means nothing (SemVer §10).

use super::label::{MAX_VERSION, MalformedVersion};
use core::cmp::Ordering;

/// A full version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Semver<'t> {
    /// Major, minor, patch (§2).
    pub numbers: Numbers,
    /// Pre-release identifiers with the dots between them (§9); empty for a release.
    pub pre: &'t [u8],
}

/// Major, minor and patch.
pub type Numbers = (u64, u64, u64);

/// What a client may ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked<'t> {
    /// `1.2.3`, `1.2.3-rc.1`: this version and no other.
    Exact(Semver<'t>),
    /// `1`, `1.x`, `1.*`: the newest of this major version.
    Major(u64),
    /// `1.2`, `1.2.x`, `1.2.*`: the newest of this minor version.
    Minor(u64, u64),
    /// `1.2+`: the newest of this major version from this minor version on.
    From(u64, u64),
}

impl<'t> Semver<'t> {
    /// Reads a full version.
    ///
    /// # Errors
    /// [`MalformedVersion`]; a range is one too.
    pub fn parse(text: &'t [u8]) -> Result<Self, MalformedVersion> {
        match Asked::parse(text)? {
            Asked::Exact(version) => Ok(version),
            _ => Err(MalformedVersion),
        }
    }

    /// Precedence (§11).
    #[must_use]
    pub fn precedence(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| match (self.pre, other.pre) {
            ([], []) => Ordering::Equal,
            ([], _) => Ordering::Greater,
            (_, []) => Ordering::Less,
            (one, other) => {
                let (one, other) = (one.split(|&b| b == b'.'), other.split(|&b| b == b'.'));
                one.map(Identifier).cmp(other.map(Identifier))
            }
        })
    }
}

/// One identifier of a pre-release, by its precedence (§11.4).
#[derive(PartialEq, Eq)]
struct Identifier<'t>(&'t [u8]);

impl Identifier<'_> {
    fn is_number(&self) -> bool {
        self.0.iter().all(u8::is_ascii_digit)
    }
}

impl Ord for Identifier<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let lower = |text: &Self, other: &Self| {
            let (one, other) = (text.0.iter().map(u8::to_ascii_lowercase), other.0.iter().map(u8::to_ascii_lowercase));
            one.cmp(other)
        };
        match (self.is_number(), other.is_number()) {
            // Without leading zeros the longer number is the greater one, however long.
            (true, true) => self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(other.0)),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => lower(self, other),
        }
    }
}

impl PartialOrd for Identifier<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<'t> Asked<'t> {
    /// Reads what a client asks for.
    ///
    /// # Errors
    /// [`MalformedVersion`]: another form, a number with a leading zero or beyond 64 bits, more than [`MAX_VERSION`]
    /// bytes.
    pub fn parse(text: &'t [u8]) -> Result<Self, MalformedVersion> {
        read(text).ok_or(MalformedVersion)
    }
}

fn read(text: &[u8]) -> Option<Asked<'_>> {
    if text.len() > MAX_VERSION {
        return None;
    }
    let (major, rest) = number(text.strip_prefix(b"v").or(text.strip_prefix(b"V")).unwrap_or(text))?;
    let rest = match rest {
        [] | [b'.', b'x' | b'X' | b'*'] => return Some(Asked::Major(major)),
        [b'.', rest @ ..] => rest,
        _ => return None,
    };
    let (minor, rest) = number(rest)?;
    let rest = match rest {
        [] | [b'.', b'x' | b'X' | b'*'] => return Some(Asked::Minor(major, minor)),
        b"+" => return Some(Asked::From(major, minor)),
        [b'.', rest @ ..] => rest,
        _ => return None,
    };
    let (patch, rest) = number(rest)?;
    let (pre, build) = match rest.iter().position(|&b| b == b'+') {
        Some(plus) => (rest.get(..plus)?, Some(rest.get(plus + 1..)?)),
        None => (rest, None),
    };
    let pre = match pre {
        [] => pre,
        [b'-', pre @ ..] => identifiers(pre, true)?,
        _ => return None,
    };
    build.map_or(Some(pre), |build| identifiers(build, false))?;
    Some(Asked::Exact(Semver { numbers: (major, minor, patch), pre }))
}

/// A number without leading zeros (§2), and what follows.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let end = text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at_checked(end)?;
    if digits.is_empty() || is_padded(digits) {
        return None;
    }
    let value = digits.iter().try_fold(0_u64, |value, b| value.checked_mul(10)?.checked_add(u64::from(b - b'0')))?;
    Some((value, rest))
}

/// Identifiers between dots, none of them empty (§9, §10).
fn identifiers(text: &[u8], numbers_unpadded: bool) -> Option<&[u8]> {
    let fits = |part: &[u8]| {
        !part.is_empty()
            && part.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
            && !(numbers_unpadded && part.iter().all(u8::is_ascii_digit) && is_padded(part))
    };
    text.split(|&b| b == b'.').all(fits).then_some(text)
}

fn is_padded(digits: &[u8]) -> bool {
    matches!(digits, [b'0', _, ..])
}

/// What of a text counts when it is looked up as it stands: all but a full version's build metadata.
pub(crate) fn without_build(text: &[u8]) -> &[u8] {
    match text.iter().position(|&b| b == b'+') {
        Some(plus) if Semver::parse(text).is_ok() => text.get(..plus).unwrap_or(text),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_asked_for() {
        let read = |text: &'static str| Asked::parse(text.as_bytes()).unwrap();
        for text in ["1", "v1", "V1", "1.x", "1.X", "1.*", "v1.x"] {
            assert_eq!(read(text), Asked::Major(1), "{text}");
        }
        for text in ["1.2", "v1.2", "1.2.x", "1.2.*"] {
            assert_eq!(read(text), Asked::Minor(1, 2), "{text}");
        }
        assert_eq!(read("1.2+"), Asked::From(1, 2));
        let exact = |numbers, pre: &'static str| Asked::Exact(Semver { numbers, pre: pre.as_bytes() });
        assert_eq!(read("v1.2.3"), exact((1, 2, 3), ""));
        assert_eq!(read("1.2.3-rc.1+sha.0"), exact((1, 2, 3), "rc.1"));
        assert_eq!(read("0.0.0-0+00"), exact((0, 0, 0), "0"));
        assert_eq!(read("18446744073709551615"), Asked::Major(u64::MAX));
    }

    #[test]
    fn what_is_malformed() {
        for text in [
            "",
            "v",
            "x",
            "*",
            "vv1",
            "01",
            "1.02",
            "1.2.03",
            "1.",
            ".1",
            "1..2",
            "1.2.3.4",
            "1.x.x",
            "1.x.2",
            "1+",
            "1.2.3+",
            "1.2++",
            "^1.2",
            "~1",
            ">=1",
            "1-rc",
            "1.2-rc",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.3-rc_1",
            "1.2.3+a+b",
            " 1",
            "1 ",
            "-1",
            "18446744073709551616",
            "1.18446744073709551616.0",
            "\u{0661}",
        ] {
            assert_eq!(Asked::parse(text.as_bytes()), Err(MalformedVersion), "{text}");
        }
        assert!(Asked::parse(&[b'1'; MAX_VERSION + 1]).is_err());
    }

    #[test]
    fn precedence_is_that_of_the_standard() {
        // SemVer §11.4, with numbers beyond 64 bits.
        let ascending = [
            "0.9.9",
            "1.0.0-1",
            "1.0.0-99999999999999999998",
            "1.0.0-99999999999999999999",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1",
            "1.10.0",
            "2.0.0",
        ];
        let parsed = ascending.map(|text| Semver::parse(text.as_bytes()).unwrap());
        for (place, one) in parsed.iter().enumerate() {
            for (other_place, other) in parsed.iter().enumerate() {
                assert_eq!(one.precedence(other), place.cmp(&other_place));
            }
        }
    }
}
