//! TOML's values that have nothing in them: strings, numbers, booleans, times.

use super::{Fault, Value, text::Text};

const QUOTE: &str = "a string is not closed";

impl Text<'_> {
    /// A string of any kind.
    pub(super) fn string(&mut self) -> Result<String, Fault> {
        for quotes in ["\"\"\"", "'''"] {
            if self.take(quotes) {
                return self.lines(quotes);
            }
        }
        self.line_string()
    }

    /// A string in one line.
    pub(super) fn line_string(&mut self) -> Result<String, Fault> {
        let basic = self.take("\"");
        if !basic {
            self.take("'");
        }
        let mut out = String::new();
        loop {
            out.push_str(self.take_while(|b| b == b'\t' || b >= b' ' && !matches!(b, b'"' | b'\'' | b'\\' | 0x7f)));
            match self.byte() {
                Some(b'"') if basic => break,
                Some(b'\'') if !basic => break,
                Some(b'\\') if basic => out.push(self.escaped()?),
                Some(b @ (b'"' | b'\'' | b'\\')) => out.push(char::from(b)),
                _ => return self.fault(QUOTE),
            }
            self.at += 1;
        }
        self.at += 1;
        Ok(out)
    }

    /// A string over several lines, after its quotes.
    fn lines(&mut self, quotes: &str) -> Result<String, Fault> {
        let basic = quotes.starts_with('"');
        let mut out = String::new();
        // The line that the quotes stand in is none of it.
        let _ = self.take("\n") || self.take("\r\n");
        loop {
            out.push_str(
                self.take_while(|b| {
                    matches!(b, b'\t' | b'\n') || b >= b' ' && !matches!(b, b'"' | b'\'' | b'\\' | 0x7f)
                }),
            );
            match self.byte() {
                Some(b'"' | b'\'') if self.take(quotes) => {
                    // Two quotes more are before the end, not after it.
                    for _ in 0..2 {
                        let quote = quotes.get(..1).unwrap_or_default();
                        out.push_str(if self.take(quote) { quote } else { "" });
                    }
                    return Ok(out);
                }
                Some(b'\r') if self.take("\r\n") => {
                    out.push_str("\r\n");
                    continue;
                }
                Some(b'\\') if basic => {
                    if self.continued() {
                        continue;
                    }
                    out.push(self.escaped()?);
                }
                Some(b @ (b'"' | b'\'' | b'\\')) => out.push(char::from(b)),
                _ => return self.fault(QUOTE),
            }
            self.at += 1;
        }
    }

    /// Whether a backslash ends its line, and the string goes on after all blanks.
    fn continued(&mut self) -> bool {
        let begin = self.at;
        self.at += 1;
        let blanks = self.take_while(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n'));
        let line = blanks.trim_start_matches([' ', '\t']);
        let ends = line.starts_with('\n') || line.starts_with("\r\n");
        // A carriage return alone is none of them: the string ends in a fault there.
        let bare = |at: &usize| blanks.as_bytes().get(at + 1) != Some(&b'\n');
        if !ends {
            self.at = begin;
        } else if let Some(at) = blanks.match_indices('\r').map(|(at, _)| at).find(bare) {
            self.at = begin + 1 + at;
        }
        ends
    }

    /// What a backslash stands before, but for its last byte.
    fn escaped(&mut self) -> Result<char, Fault> {
        const UNKNOWN: &str = "a backslash stands before what it cannot stand before";
        self.at += 1;
        let digits = match self.byte() {
            Some(b'b') => return Ok('\u{8}'),
            Some(b't') => return Ok('\t'),
            Some(b'n') => return Ok('\n'),
            Some(b'f') => return Ok('\u{c}'),
            Some(b'r') => return Ok('\r'),
            Some(b'e') => return Ok('\u{1b}'),
            Some(b @ (b'"' | b'\\')) => return Ok(char::from(b)),
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => return self.fault(UNKNOWN),
        };
        let code = self.text.get(self.at + 1..self.at + 1 + digits);
        let code = code.filter(|code| code.bytes().all(|b| b.is_ascii_hexdigit()));
        match code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32) {
            Some(character) => {
                self.at += digits;
                Ok(character)
            }
            None => self.fault(UNKNOWN),
        }
    }

    /// A number, a boolean, a time.
    pub(super) fn scalar(&mut self) -> Result<Value, Fault> {
        let part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'_' | b'.' | b':');
        let begin = self.at;
        let text = self.take_while(part);
        // A blank may stand between a date and its time.
        if is_like(text, "0000-00-00")
            && self.text.get(self.at + 1..self.at + 3).is_some_and(|hour| is_like(hour, "00"))
            && self.byte() == Some(b' ')
        {
            self.at += 1;
            self.take_while(part);
        }
        let text = self.text.get(begin..self.at).unwrap_or_default();
        let value = match text {
            "true" => Some(Value::Boolean(true)),
            "false" => Some(Value::Boolean(false)),
            _ => integer(text)
                .or_else(|| is_fraction(text).then_some(Value::Fraction))
                .or_else(|| is_time(text).then_some(Value::Time)),
        };
        value.ok_or(Fault { at: begin, reason: "a value is missing, or is none: texts stand in quotes" })
    }
}

/// Digits, single underscores between them; without those.
fn digits(text: &str, radix: u32) -> Option<String> {
    let parts = || text.split('_');
    let fit = parts().all(|part| !part.is_empty() && part.chars().all(|c| c.is_digit(radix)));
    fit.then(|| parts().collect())
}

fn integer(text: &str) -> Option<Value> {
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(text) = text.strip_prefix(prefix) {
            return Some(Value::Integer(digits(text, radix)?, radix));
        }
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = digits(unsigned, 10).filter(|digits| digits == "0" || !digits.starts_with('0'))?;
    let sign = text.get(..text.len() - unsigned.len()).unwrap_or_default();
    Some(Value::Integer(format!("{sign}{digits}"), 10))
}

fn is_fraction(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (number, exponent) = match text.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent)),
        None => (text, None),
    };
    let exponent_fits =
        exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent), 10).is_some());
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let fits = matches!(integer(whole), Some(Value::Integer(_, 10))) && !whole.starts_with(['+', '-']);
    matches!(text, "inf" | "nan") || fits && exponent_fits && digits(part, 10).is_some()
}

/// Whether a text has digits where the pattern has them, and else what that has.
fn is_like(text: &str, pattern: &str) -> bool {
    let fits = |(b, like): (u8, u8)| if like == b'0' { b.is_ascii_digit() } else { b == like };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(fits)
}

/// A date, a time, or both (RFC 3339).
fn is_time(text: &str) -> bool {
    let (date, time) = match text.get(..10).filter(|date| is_like(date, "0000-00-00")) {
        Some(_) if text.len() == 10 => return true,
        Some(_) => (true, text.get(11..).filter(|_| text.as_bytes().get(10).is_some_and(|b| b"Tt ".contains(b)))),
        None => (false, Some(text)),
    };
    let Some(time) = time else { return false };
    let zone = time.find(['Z', 'z', '+', '-']).filter(|_| date).unwrap_or(time.len());
    let (time, zone) = time.split_at_checked(zone).unwrap_or((time, ""));
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let zone_fits = matches!(zone, "" | "Z" | "z") || is_like(zone.get(1..).unwrap_or_default(), "00:00");
    (is_like(time, "00:00:00") || is_like(time, "00:00"))
        && zone_fits
        && !fraction.is_empty()
        && fraction.bytes().all(|b| b.is_ascii_digit())
}
