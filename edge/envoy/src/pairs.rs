//! Fields as the proxy-wasm ABI passes them: how many, the sizes of all, and then all with a NUL after each.

/// Reads them; `None`: they are cut short.
pub(crate) fn read_fields(bytes: &[u8]) -> Option<Vec<(String, Vec<u8>)>> {
    let Some((count, rest)) = bytes.split_first_chunk::<4>() else { return Some(Vec::new()) };
    let count = u32::from_le_bytes(*count) as usize;
    let (sizes, mut rest) = rest.split_at_checked(count.checked_mul(8)?)?;
    let mut sizes = sizes.chunks_exact(4).filter_map(|size| Some(u32::from_le_bytes(size.try_into().ok()?) as usize));
    let mut next = || {
        let (text, after) = rest.split_at_checked(sizes.next()?)?;
        rest = after.get(1..)?;
        Some(text)
    };
    let mut fields = Vec::with_capacity(count);
    for _ in 0..count {
        let name = String::from_utf8(next()?.to_vec()).ok()?;
        fields.push((name, next()?.to_vec()));
    }
    Some(fields)
}

/// Writes them.
pub(crate) fn write_fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let size = |text: &str| u32::try_from(text.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut out = u32::try_from(fields.len()).unwrap_or(u32::MAX).to_le_bytes().to_vec();
    for (name, value) in fields {
        out.extend_from_slice(&size(name));
        out.extend_from_slice(&size(value));
    }
    for text in fields.iter().flat_map(|(name, value)| [name, value]) {
        out.extend_from_slice(text.as_bytes());
        out.push(0);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_they_were_written() {
        for fields in [&[][..], &[("a", "")], &[(":path", "/a?b"), ("accept", "a/b"), ("accept", "\u{e4}")]] {
            let read = read_fields(&write_fields(fields)).unwrap();
            let read: Vec<_> =
                read.iter().map(|(name, value)| (&**name, std::str::from_utf8(value).unwrap())).collect();
            assert_eq!(read, fields);
        }
        assert_eq!(write_fields(&[("a", "bc")]), b"\x01\0\0\0\x01\0\0\0\x02\0\0\0a\0bc\0");
    }

    #[test]
    fn fields_that_are_cut_short_are_none() {
        let whole = write_fields(&[("name", "value"), ("n", "v")]);
        for end in 4..whole.len() {
            assert_eq!(read_fields(&whole[..end]), None, "{end}");
        }
        assert_eq!(read_fields(&[]), Some(Vec::new()));
    }
}
