//! JSON text (RFC 8259), read into values at once: a table has many rows, and no tree of JSON is to stand between.
//!
//! Numbers stay as they are written: DynamoDB's have 38 digits.

use super::{Item, Members, Value, base64};

/// How deep lists and objects may be nested in one another.
const MAX_DEPTH: usize = 128;

/// Why a text is no JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line} column {column}")]
pub struct NoJson {
    reason: &'static str,
    line: usize,
    column: usize,
}

/// What was read, or what is wrong at this place.
pub(super) type Read<T> = Result<T, &'static str>;

/// A text that is being read.
pub(super) struct Text<'t> {
    text: &'t str,
    at: usize,
    depth: usize,
}

impl Value {
    /// Reads any JSON, in the plain form.
    ///
    /// # Errors
    /// What is no JSON.
    pub fn read_json(text: &[u8]) -> Result<Self, NoJson> {
        Text::whole(text, Text::value)
    }
}

impl<'t> Text<'t> {
    /// Reads all of a text.
    pub(super) fn whole<T>(json: &'t [u8], read: impl FnOnce(&mut Self) -> Read<T>) -> Result<T, NoJson> {
        let mut text = Self { text: "", at: 0, depth: 0 };
        let read = match std::str::from_utf8(json) {
            Ok(json) => {
                text.text = json;
                read(&mut text)
            }
            Err(error) => {
                text.at = error.valid_up_to();
                Err("invalid unicode")
            }
        };
        let read = match read {
            Ok(_) if text.peek().is_some() => Err("trailing characters"),
            read => read,
        };
        read.map_err(|reason| {
            let before = json.get(..text.at).unwrap_or(json);
            let line = before.iter().filter(|b| **b == b'\n').count() + 1;
            let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
            NoJson { reason, line, column }
        })
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// What comes next, blanks aside.
    pub(super) fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\t' | b'\r') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    /// Whether this comes next; it is taken then.
    fn take(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        self.at += usize::from(comes);
        comes
    }

    fn need(&mut self, byte: u8, otherwise: &'static str) -> Read<()> {
        if self.take(byte) { Ok(()) } else { Err(otherwise) }
    }

    /// Any value, in the plain form.
    pub(super) fn value(&mut self) -> Read<Value> {
        Ok(match self.peek() {
            Some(b'{') => Value::M(self.plain_members()?),
            Some(b'[') => Value::L(self.list(Self::value)?),
            Some(b'"') => Value::S(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::N(self.number()?.to_owned()),
            Some(b'n') => {
                self.word("null")?;
                Value::Null
            }
            _ => Value::Bool(self.boolean()?),
        })
    }

    /// What stands between brackets, with commas between.
    fn each(&mut self, [open, close]: [u8; 2], one: &mut dyn FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.need(open, "expected value")?;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err("recursion limit exceeded");
        }
        if !self.take(close) {
            one(self)?;
            while !self.take(close) {
                self.need(b',', "expected `,` or the end of the list or object")?;
                one(self)?;
            }
        }
        self.depth -= 1;
        Ok(())
    }

    /// The values of a list.
    pub(super) fn each_of_list(&mut self, one: &mut dyn FnMut(&mut Self) -> Read<()>) -> Read<()> {
        self.each(*b"[]", one)
    }

    /// The members of an object, each given with its name.
    pub(super) fn members(&mut self, one: &mut dyn FnMut(&mut Self, String) -> Read<()>) -> Read<()> {
        self.each(*b"{}", &mut |text| {
            let name = text.string()?;
            text.need(b':', "expected `:`")?;
            one(text, name)
        })
    }

    /// An item: typed where every attribute is, else plain. `None` for what is no object.
    pub(super) fn item(&mut self) -> Read<Option<Item>> {
        if self.peek() != Some(b'{') {
            return self.value().map(|_| None);
        }
        let (at, depth) = (self.at, self.depth);
        let members = self.typed_members().or_else(|_| {
            (self.at, self.depth) = (at, depth);
            self.plain_members()
        })?;
        Ok(Some(Item(members).cut()))
    }

    fn plain_members(&mut self) -> Read<Members> {
        self.map(Self::value)
    }

    fn typed_members(&mut self) -> Read<Members> {
        self.map(Self::typed)
    }

    fn map(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Members> {
        let mut list = Vec::new();
        self.members(&mut |text, name| {
            list.push((name, read(text)?));
            Ok(())
        })?;
        Ok(Members::of(list))
    }

    /// A value in the typed form: an object of one member.
    fn typed(&mut self) -> Read<Value> {
        let mut typed = None;
        self.members(&mut |text, name| {
            let value = match &*name {
                "S" => Value::S(text.string()?),
                "N" => Value::N(text.string()?),
                "BOOL" => Value::Bool(text.boolean()?),
                "NULL" => text.boolean().map(|_| Value::Null)?,
                "B" => Value::B(text.bytes()?),
                "L" => Value::L(text.list(Self::typed)?),
                "M" => Value::M(text.typed_members()?),
                "SS" => Value::Ss(text.list(Self::string)?),
                "NS" => Value::Ns(text.list(Self::string)?),
                "BS" => Value::Bs(text.list(Self::bytes)?),
                _ => return Err("no type"),
            };
            if typed.replace(value).is_some() { Err("two types") } else { Ok(()) }
        })?;
        typed.ok_or("no type")
    }

    fn list<T>(&mut self, read: fn(&mut Self) -> Read<T>) -> Read<Vec<T>> {
        let mut list = Vec::new();
        self.each_of_list(&mut |text| {
            list.push(read(text)?);
            Ok(())
        })?;
        Ok(list)
    }

    fn bytes(&mut self) -> Read<Vec<u8>> {
        base64::decode(&self.string()?).ok_or("not base64")
    }

    fn boolean(&mut self) -> Read<bool> {
        match self.peek() {
            Some(b't') => self.word("true").map(|()| true),
            Some(b'f') => self.word("false").map(|()| false),
            _ => Err("expected value"),
        }
    }

    fn word(&mut self, word: &str) -> Read<()> {
        if !self.text.get(self.at..).is_some_and(|rest| rest.starts_with(word)) {
            return Err("expected value");
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Read<&'t str> {
        const INVALID: &str = "invalid number";
        let begin = self.at;
        self.at += usize::from(self.byte() == Some(b'-'));
        let zero = self.byte() == Some(b'0');
        let digits = self.digits();
        if digits == 0 || zero && digits > 1 {
            return Err(INVALID);
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            if self.digits() == 0 {
                return Err(INVALID);
            }
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            if self.digits() == 0 {
                return Err(INVALID);
            }
        }
        self.text.get(begin..self.at).ok_or(INVALID)
    }

    fn digits(&mut self) -> usize {
        let begin = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        self.at - begin
    }

    fn string(&mut self) -> Read<String> {
        self.need(b'"', "expected a string")?;
        let mut out = String::new();
        loop {
            let begin = self.at;
            while self.byte().is_some_and(|b| !matches!(b, b'"' | b'\\' | ..b' ')) {
                self.at += 1;
            }
            out.push_str(self.text.get(begin..self.at).unwrap_or_default());
            match self.byte() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escaped()?);
                }
                Some(_) => return Err("control character found while parsing a string"),
                None => return Err("EOF while parsing a string"),
            }
        }
    }

    /// What a backslash stands before.
    fn escaped(&mut self) -> Read<char> {
        let letter = self.byte();
        self.at += 1;
        Ok(match letter {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.unit()?;
                let mut units = vec![first];
                // Half of a pair wants the other half.
                if first & 0xfc00 == 0xd800 && self.word("\\u").is_ok() {
                    units.push(self.unit()?);
                }
                match *char::decode_utf16(units).collect::<Vec<_>>() {
                    [Ok(character)] => character,
                    _ => return Err("lone surrogate in hex escape"),
                }
            }
            _ => return Err("invalid escape"),
        })
    }

    fn unit(&mut self) -> Read<u16> {
        let digits = self.text.get(self.at..self.at + 4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        self.at += 4;
        digits.and_then(|digits| u16::from_str_radix(digits, 16).ok()).ok_or("invalid escape")
    }
}

#[cfg(test)]
mod tests;
