//! JSON as Verge writes it where nobody else does.

use std::fmt::Write as _;

/// A JSON string (RFC 8259 §7); control characters and line separators never reach a log or a terminal as they are.
pub fn write_json_string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c < ' ' || ('\u{7f}'..='\u{9f}').contains(&c) || matches!(c, '\u{2028}' | '\u{2029}') => {
                let _ = write!(out, "\\u{:04x}", c as u32);
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_one_whatever_is_in_it() {
        let mut out = String::new();
        write_json_string(&mut out, "/a\"\\\r\n\u{1b}[31m\u{2028}\u{e9}");
        assert_eq!(out, "\"/a\\\"\\\\\\u000d\\u000a\\u001b[31m\\u2028\u{e9}\"");
    }
}
