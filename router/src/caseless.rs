//! Text that is the same whatever its ASCII case: how hosts and versions are looked up as they were received.

use alloc::boxed::Box;
use core::hash::{BuildHasher, Hash, Hasher};
use foldhash::fast::{FixedState, FoldHasher};
use hashbrown::{Equivalent, HashMap};

/// Bytes, compared and hashed without regard to ASCII case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Caseless<'t>(pub(crate) &'t [u8]);

impl PartialEq for Caseless<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        // Nearly always written alike, and short: eight bytes at a time, and no call.
        let ((words, rest), (other_words, other_rest)) = (self.0.as_chunks::<8>(), other.0.as_chunks::<8>());
        self.0.len() == other.0.len()
            && words.iter().zip(other_words).all(|(one, other)| one == other || one.eq_ignore_ascii_case(other))
            && rest.iter().zip(other_rest).all(|(one, other)| one.eq_ignore_ascii_case(other))
    }
}

impl Eq for Caseless<'_> {}

impl Hash for Caseless<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // This bit makes letters lower case; that it also takes `_` for DEL costs a collision at worst.
        const LOWER: u64 = 0x2020_2020_2020_2020;
        let (words, rest) = self.0.as_chunks();
        for word in words {
            state.write_u64(u64::from_le_bytes(*word) | LOWER);
        }
        let last = rest.iter().fold(self.0.len() as u64, |last, &b| last << 8 | u64::from(b));
        state.write_u64(last | LOWER);
    }
}

/// The same, kept as a key.
#[derive(Debug, Clone)]
pub(crate) struct CaselessKey(Box<[u8]>);

impl From<Caseless<'_>> for CaselessKey {
    fn from(text: Caseless<'_>) -> Self {
        Self(text.0.into())
    }
}

impl CaselessKey {
    fn view(&self) -> Caseless<'_> {
        Caseless(&self.0)
    }
}

impl PartialEq for CaselessKey {
    fn eq(&self, other: &Self) -> bool {
        self.view() == other.view()
    }
}

impl Eq for CaselessKey {}

impl Hash for CaselessKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.view().hash(state);
    }
}

impl Equivalent<CaselessKey> for Caseless<'_> {
    fn equivalent(&self, key: &CaselessKey) -> bool {
        *self == key.view()
    }
}

/// A map from such keys.
pub(crate) type CaselessMap<V> = HashMap<CaselessKey, V, Hashing>;

/// The same from bytes that are compared as they are.
pub(crate) type ExactMap<V> = HashMap<Box<[u8]>, V, Hashing>;

/// How all maps hash. The operator writes all keys and clients only look them up, so the hash need not be secret; and it is
/// not drawn by lot, as nothing in this crate is.
#[derive(Debug, Clone, Default)]
pub(crate) struct Hashing(FixedState);

impl BuildHasher for Hashing {
    type Hasher = Words;

    #[inline]
    fn build_hasher(&self) -> Words {
        Words(self.0.build_hasher())
    }
}

/// Takes bytes as words.
pub(crate) struct Words(FoldHasher<'static>);

impl Hasher for Words {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.0.write_u64(u64::from_le_bytes(*word));
        }
        self.0.write_u64(rest.iter().fold(1, |last, &b| last << 8 | u64::from(b)));
    }

    #[inline]
    fn write_u64(&mut self, word: u64) {
        self.0.write_u64(word);
    }

    #[inline]
    fn write_usize(&mut self, word: usize) {
        self.0.write_u64(word as u64);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_in_any_case_and_at_any_length() {
        let names = ["", "a", "v1", "api.example.com", "12345678", "123456789", "a-rather-long-host.example.com"];
        let map: CaselessMap<usize> =
            names.iter().map(|name| CaselessKey::from(Caseless(name.as_bytes()))).zip(0..).collect();
        for (place, name) in names.iter().enumerate() {
            assert_eq!(map.get(&Caseless(name.to_ascii_uppercase().as_bytes())), Some(&place), "{name}");
        }
        assert_eq!(map.get(&Caseless(b"v2")), None);
        assert_eq!(map.get(&Caseless(b"api.example.co")), None);
    }
}
