//! SipHash-2-4 with a key of zero (Aumasson and Bernstein, "SipHash: a fast short-input PRF"), fed bit by bit.
//!
//! It is no secret here: it spreads clients evenly, and alike in every implementation of any language.

/// A hash in the making. A copy goes on from where its original stood, so that what many texts begin with is hashed once.
#[derive(Debug, Clone, Copy)]
pub(super) struct SipHash {
    v: [u64; 4],
    /// Bytes that do not make a word yet, the first of them lowest.
    tail: u64,
    length: u64,
}

impl SipHash {
    pub(super) const fn new() -> Self {
        // "somepseudorandomlygeneratedbytes", which the key, were it not zero, would be laid over.
        let v = [0x736f_6d65_7073_6575, 0x646f_7261_6e64_6f6d, 0x6c79_6765_6e65_7261, 0x7465_6462_7974_6573];
        Self { v, tail: 0, length: 0 }
    }

    /// Adds one field: its length in four bytes, lowest first, and its bytes. So no two lists of fields look alike.
    #[inline(always)]
    pub(super) fn field(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.add(u64::from(length), 4);
        self.write(bytes);
    }

    #[inline(always)]
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        for word in words {
            self.add(u64::from_le_bytes(*word), 8);
        }
        self.add(little(rest), rest.len() as u64);
    }

    /// Adds so many bytes, at most eight: they are shifted behind those that are held, and none is looked at alone.
    #[inline]
    fn add(&mut self, bytes: u64, length: u64) {
        let held = self.length % 8;
        self.length = self.length.wrapping_add(length);
        self.tail |= bytes << (8 * held);
        if held + length >= 8 {
            self.word(self.tail);
            // What was shifted out. In two steps: with none held it is a shift by all 64 bits.
            self.tail = (bytes >> 8) >> (56 - 8 * held);
        }
    }

    #[inline]
    pub(super) fn finish(mut self) -> u64 {
        self.word(self.length << 56 | self.tail);
        let [_, _, v2, _] = &mut self.v;
        *v2 ^= 0xff;
        (0..4).for_each(|_| self.round());
        self.v.into_iter().fold(0, |sum, v| sum ^ v)
    }

    #[inline]
    fn word(&mut self, word: u64) {
        let [.., v3] = &mut self.v;
        *v3 ^= word;
        self.round();
        self.round();
        let [v0, ..] = &mut self.v;
        *v0 ^= word;
    }

    #[inline]
    fn round(&mut self) {
        let [mut v0, mut v1, mut v2, mut v3] = self.v;
        v0 = v0.wrapping_add(v1);
        v2 = v2.wrapping_add(v3);
        v1 = v1.rotate_left(13) ^ v0;
        v3 = v3.rotate_left(16) ^ v2;
        v0 = v0.rotate_left(32);
        v2 = v2.wrapping_add(v1);
        v0 = v0.wrapping_add(v3);
        v1 = v1.rotate_left(17) ^ v2;
        v3 = v3.rotate_left(21) ^ v0;
        v2 = v2.rotate_left(32);
        self.v = [v0, v1, v2, v3];
    }
}

/// Less than eight bytes as a number, the first of them lowest.
#[inline]
fn little(bytes: &[u8]) -> u64 {
    // The first and the last of them, where they overlap they agree.
    let shift = |width: usize| 8 * (bytes.len() - width);
    if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << shift(4)
    } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
        u64::from(u16::from_le_bytes(*first)) | u64::from(u16::from_le_bytes(*last)) << shift(2)
    } else {
        bytes.first().copied().map_or(0, u64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    /// The reference implementation's vectors are for the key 00 01 … 0f; these are for the key of zero, from OpenSSL's
    /// `SIPHASH` (`openssl mac -macopt size:8 -macopt hexkey:00…00 SIPHASH`).
    #[test]
    fn it_hashes_as_others_do() {
        for (text, expected) in VECTORS {
            let mut hash = SipHash::new();
            hash.write(text);
            assert_eq!(hash.finish().to_le_bytes(), *expected, "{:?}", text.escape_ascii());
        }
    }

    const VECTORS: &[(&[u8], [u8; 8])] = &[
        (b"", 0xd700_7773_9d4b_921e_u64.to_be_bytes()),
        (b"a", 0x49a2_93cd_6008_c296_u64.to_be_bytes()),
        (b"1234567", 0x71da_be1d_edd5_83f7_u64.to_be_bytes()),
        (b"12345678", 0x98e9_81ba_c4ec_e75d_u64.to_be_bytes()),
        (b"the quick brown fox jumps over the lazy dog", 0x54d0_197e_f103_ca14_u64.to_be_bytes()),
    ];

    #[test]
    fn it_does_not_matter_how_bytes_come() {
        let bytes: Vec<u8> = (0..100).collect();
        let whole = |bytes: &[u8]| {
            let mut hash = SipHash::new();
            hash.write(bytes);
            hash.finish()
        };
        for cut in 0..=bytes.len() {
            let (head, rest) = bytes.split_at(cut);
            let mut hash = SipHash::new();
            hash.write(head);
            let mut copy = hash;
            copy.write(rest);
            assert_eq!(copy.finish(), whole(&bytes), "{cut}");
            assert_eq!(hash.finish(), whole(head), "{cut}");
        }
        let mut one_by_one = SipHash::new();
        bytes.iter().for_each(|b| one_by_one.write(&[*b]));
        assert_eq!(one_by_one.finish(), whole(&bytes));
    }
}
