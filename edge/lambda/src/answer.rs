//! What is to be done with an event, as `edge.mjs` reads it: numbers, and texts that the numbers are the lengths of.
//!
//! ```text
//! texts, ascii, 1, port, scheme, seconds, domain, base path, path, way, edits    the request goes there; a scheme of 1 is
//!                                                                                https, and 0 seconds are what the
//!                                                                                distribution says
//! texts, ascii, 0, edits                                                         the fields are edited, and that is all
//! texts, ascii, status, edits, body                                              an answer of ours; its fields are such edits
//! ```
//!
//! First stand the address of the texts and how many bytes they have. `ascii` says whether all texts are, so that they can be
//! read as one. Edits are a number each, with the field's value as a text, and end with 0 ([`Edit`]).

use crate::{fields::Trigger, names};
use http::HeaderName;

/// Numbers that stand before all others.
const HEAD: usize = 3;
/// Only the fields are edited.
pub const EDIT: u32 = 0;
/// The request goes to an origin. What is larger is the status of an answer.
pub const FORWARD: u32 = 1;

/// What is done with a field: the lowest two bits of its number. The others are its name's ([`names`]), or 0 where a text with
/// the name comes before the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum Edit {
    /// One line instead of all.
    Set = 1,
    /// One more line.
    Append = 2,
    /// No line; there is no value.
    Remove = 3,
}

/// An answer being written. It is used again for the next one.
#[derive(Debug, Default)]
pub struct Answer {
    numbers: Vec<u32>,
    texts: Vec<u8>,
}

impl Answer {
    /// An answer that nothing is written into yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { numbers: Vec::new(), texts: Vec::new() }
    }

    /// Forgets what was written.
    pub fn clear(&mut self) {
        self.numbers.clear();
        self.numbers.extend([0; HEAD]);
        self.texts.clear();
    }

    /// Nothing is written any more.
    pub fn end(&mut self) {
        // Addresses have 32 bits where this counts.
        let address = u32::try_from(self.texts.as_ptr().addr()).unwrap_or(0);
        let length = u32::try_from(self.texts.len()).unwrap_or(0);
        if let Some(head) = self.numbers.first_chunk_mut::<HEAD>() {
            *head = [address, length, self.texts.is_ascii().into()];
        }
    }

    /// The numbers.
    #[must_use]
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    pub(crate) fn number(&mut self, number: u32) {
        self.numbers.push(number);
    }

    pub(crate) fn text(&mut self, text: impl AsRef<[u8]>) {
        self.write(|out| out.extend_from_slice(text.as_ref()));
    }

    /// A text, piece by piece.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let begin = self.texts.len();
        write(&mut self.texts);
        self.number(u32::try_from(self.texts.len() - begin).unwrap_or(u32::MAX));
    }

    /// An edit of a field, unless CloudFront keeps it to itself in this event.
    pub(crate) fn edit(&mut self, trigger: Trigger, edit: Edit, name: &HeaderName, value: &[u8]) {
        let name = name.as_str();
        match names::number(name) {
            0 if !trigger.may_edit(name) => return,
            0 => {
                self.number(edit as u32);
                self.text(name);
            }
            number => self.number(edit as u32 | number << 2),
        }
        if edit != Edit::Remove {
            self.text(value);
        }
    }

    /// There are no more edits.
    pub(crate) fn end_edits(&mut self) {
        self.number(0);
    }
}

/// A number in decimal digits.
pub(crate) fn write_decimal(out: &mut Vec<u8>, number: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = number;
    loop {
        at -= 1;
        if let (Some(digit), Ok(value)) = (digits.get_mut(at), u8::try_from(left % 10)) {
            *digit = b'0' + value;
        }
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(digits.get(at..).unwrap_or_default());
}

/// What was written, in words.
#[cfg(test)]
pub(crate) fn told(answer: &Answer, from: usize) -> Vec<String> {
    let mut numbers = answer.numbers.iter().skip(from);
    let mut rest = std::str::from_utf8(&answer.texts).unwrap();
    let mut out = Vec::new();
    while let Some(&number) = numbers.next() {
        let mut text = || {
            let (text, more) = rest.split_at(usize::try_from(*numbers.next().unwrap()).unwrap());
            rest = more;
            text
        };
        let name = match number >> 2 {
            0 if number == 0 => break,
            0 => text().to_owned(),
            number => names::name(number).unwrap().to_string(),
        };
        out.push(match number & 3 {
            1 => format!("={name}: {}", text()),
            2 => format!("+{name}: {}", text()),
            _ => format!("-{name}"),
        });
    }
    assert!(rest.is_empty(), "{rest:?} is left over");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whether_all_of_it_is_ascii_is_said() {
        let mut answer = Answer::new();
        for (text, ascii) in [("a", 1), ("\u{e9}", 0), ("", 1)] {
            answer.clear();
            answer.text(text);
            answer.end();
            let length = u32::try_from(text.len()).unwrap();
            assert_eq!(answer.numbers()[1..], [length, ascii, length]);
        }
    }

    #[test]
    fn numbers_are_decimal() {
        for number in [0, 7, 10, 1_767_225_600, u64::MAX] {
            let mut out = Vec::new();
            write_decimal(&mut out, number);
            assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
