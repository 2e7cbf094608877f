//! One claim of a bearer token, as a sticky key. The token is not verified: whoever forges it chooses an arm for
//! themselves, and nothing else.
//!
//! RFC 7519 §3, RFC 7515 §3.1: three parts of base64url (RFC 4648 §5) with dots between; the second is a JSON object.

/// What a JSON text turns into, byte by byte: base64url decoded as it is read.
struct Decoded<'t> {
    text: &'t [u8],
    bits: u32,
    held: u32,
}

impl Iterator for Decoded<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        while self.held < 8 {
            let [first, rest @ ..] = self.text else { return None };
            let value = match first {
                b'A'..=b'Z' => first - b'A',
                b'a'..=b'z' => first - b'a' + 26,
                b'0'..=b'9' => first - b'0' + 52,
                b'-' => 62,
                b'_' => 63,
                _ => return None,
            };
            self.text = rest;
            self.bits = self.bits << 6 | u32::from(value);
            self.held += 6;
        }
        self.held -= 8;
        let byte = self.bits >> self.held;
        self.bits &= (1 << self.held) - 1;
        u8::try_from(byte & 0xff).ok()
    }
}

/// Writes the claim's value into `buffer`: a string as it stands between its quotes, or a number as it is written.
/// `None` where the token or the claim is not there, is of another kind, or does not fit.
pub(super) fn read<'b>(authorization: &[u8], name: &[u8], buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let (scheme, token) = authorization.split_at_checked(7)?;
    if !scheme.eq_ignore_ascii_case(b"bearer ") {
        return None;
    }
    let payload = token.trim_ascii().split(|&b| b == b'.').nth(1)?;
    let mut json = Decoded { text: payload, bits: 0, held: 0 };
    let mut next = skip_blanks(&mut json)?;
    if next != b'{' {
        return None;
    }
    loop {
        if skip_blanks(&mut json)? != b'"' {
            return None;
        }
        let is_it = skip_string(&mut json, name)?;
        if skip_blanks(&mut json)? != b':' {
            return None;
        }
        next = skip_blanks(&mut json)?;
        if is_it {
            return value(next, &mut json, buffer);
        }
        if skip_value(next, &mut json)? == b'}' {
            return None;
        }
    }
}

fn skip_blanks(json: &mut Decoded<'_>) -> Option<u8> {
    json.find(|b| !b.is_ascii_whitespace())
}

/// Goes past the end of a string that has begun; whether it is just this, without escapes.
fn skip_string(json: &mut Decoded<'_>, wanted: &[u8]) -> Option<bool> {
    let mut same = true;
    let mut left = wanted.iter();
    loop {
        match json.next()? {
            b'"' => return Some(same && left.next().is_none()),
            b'\\' => {
                same = false;
                json.next()?;
            }
            b => same &= left.next() == Some(&b),
        }
    }
}

/// Goes past a value that begins with this byte; the comma or brace after it.
fn skip_value(first: u8, json: &mut Decoded<'_>) -> Option<u8> {
    let mut depth = 0_usize;
    let mut b = first;
    loop {
        match b {
            b'"' => drop(skip_string(json, b"")?),
            b'{' | b'[' => depth += 1,
            b'}' | b']' if depth > 0 => depth -= 1,
            b'}' | b',' if depth == 0 => return Some(b),
            _ => {}
        }
        b = json.next()?;
    }
}

fn value<'b>(first: u8, json: &mut Decoded<'_>, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
    let mut len = 0;
    let mut push = |b: u8| {
        *buffer.get_mut(len)? = b;
        len += 1;
        Some(())
    };
    match first {
        b'"' => loop {
            match json.next()? {
                b'"' => break,
                b'\\' => {
                    push(b'\\')?;
                    push(json.next()?)?;
                }
                b => push(b)?,
            }
        },
        b'-' | b'0'..=b'9' => {
            let mut next = Some(first);
            while let Some(b @ (b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9')) = next {
                push(b)?;
                next = json.next();
            }
        }
        _ => return None,
    }
    buffer.get(..len).filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, string::String, vec::Vec};

    fn base64url(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut out = String::new();
        for chunk in bytes.chunks(3) {
            let word = chunk.iter().fold(0_u32, |word, b| word << 8 | u32::from(*b)) << (8 * (3 - chunk.len()));
            for place in 0..=chunk.len() {
                out.push(DIGITS[(word >> (18 - 6 * place) & 63) as usize] as char);
            }
        }
        out
    }

    fn check(json: &str, name: &str, expected: Option<&str>) {
        let header = format!("Bearer e30.{}.sig", base64url(json.as_bytes()));
        let mut buffer = [0; 64];
        let found = read(header.as_bytes(), name.as_bytes(), &mut buffer);
        assert_eq!(found.map(String::from_utf8_lossy).as_deref(), expected, "{json}");
    }

    #[test]
    fn a_claim_is_found_among_others() {
        check(r#"{"sub":"u-7"}"#, "sub", Some("u-7"));
        check(r#"{ "iss" : "x", "n": [1, {"sub": "inner"}], "sub" : "u-7" , "z":1}"#, "sub", Some("u-7"));
        check(r#"{"sub":42}"#, "sub", Some("42"));
        check(r#"{"a":"\"sub\":\"no\"","sub":"yes"}"#, "sub", Some("yes"));
        check(r#"{"sub":"a\"b"}"#, "sub", Some(r#"a\"b"#));
    }

    #[test]
    fn what_is_no_claim_is_none() {
        check(r#"{"sub":""}"#, "sub", None);
        check(r#"{"sub":null}"#, "sub", None);
        check(r#"{"sub":{"a":1}}"#, "sub", None);
        check(r#"{"x":1}"#, "sub", None);
        check(r#"["sub","x"]"#, "sub", None);
        check(r#"{"sub":"never ends"#, "sub", None);
        check("", "sub", None);
        let long = format!(r#"{{"sub":"{}"}}"#, "x".repeat(65));
        check(&long, "sub", None);
    }

    #[test]
    fn noise_is_read_without_panic() {
        let mut noise: Vec<u8> = b"Bearer ".to_vec();
        for seed in 0..2000_u32 {
            noise.truncate(7);
            let mut state = seed;
            for _ in 0..seed % 60 {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                noise.push(b"{}[]\":,.\\eyJ0-_="[(state >> 24) as usize % 16]);
            }
            let _ = read(&noise, b"sub", &mut [0; 16]);
        }
    }
}
