//! TOML's text (v1.1): lines, keys, and values with their brackets.

use super::{Fault, Made, Placed, Table, Value};

/// How deep lists and tables in braces may be nested in one another.
const MAX_DEPTH: usize = 80;

/// How many parts a key may have: each is a table in the one before.
const MAX_PARTS: usize = 16;

/// A part of a key, and where it stands.
#[derive(Debug)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) at: usize,
}

/// A text that is being read.
pub(super) struct Text<'t> {
    pub(super) text: &'t str,
    pub(super) at: usize,
    depth: usize,
}

type Read<T> = Result<T, Fault>;

impl<'t> Text<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        // A byte order mark is none of the text.
        Self { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 }, depth: 0 }
    }

    pub(super) fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn fault<T>(&self, reason: &'static str) -> Read<T> {
        Err(Fault { at: self.at, reason })
    }

    /// Whether this comes next; it is taken then.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let comes = self.text.get(self.at..).is_some_and(|rest| rest.starts_with(text));
        self.at += if comes { text.len() } else { 0 };
        comes
    }

    /// Takes what is so, to its end.
    pub(super) fn take_while(&mut self, is_so: fn(u8) -> bool) -> &'t str {
        let begin = self.at;
        while self.byte().is_some_and(is_so) {
            self.at += 1;
        }
        self.text.get(begin..self.at).unwrap_or_default()
    }

    fn blanks(&mut self) {
        self.take_while(|b| matches!(b, b' ' | b'\t'));
    }

    /// The end of a line, perhaps with a comment before it; `false`: something else comes.
    fn line_end(&mut self) -> Read<bool> {
        self.blanks();
        if self.take("#") {
            self.take_while(|b| b == b'\t' || b >= b' ' && b != 0x7f);
            return match self.byte() {
                None => Ok(true),
                Some(_) if self.take("\n") || self.take("\r\n") => Ok(true),
                Some(_) => self.fault("a control character stands in a comment"),
            };
        }
        Ok(self.take("\n") || self.take("\r\n"))
    }

    /// What the next line begins with that says something.
    pub(super) fn next_expression(&mut self) -> Read<Option<u8>> {
        while self.byte().is_some() && self.line_end()? {}
        Ok(self.byte())
    }

    /// Nothing else stands in this line.
    pub(super) fn end_of_line(&mut self) -> Read<()> {
        if self.line_end()? || self.byte().is_none() { Ok(()) } else { self.fault("a line goes on after its end") }
    }

    /// `[a.b]` or `[[a.b]]`: the path, and whether it is of a list.
    pub(super) fn header(&mut self) -> Read<(Vec<Key>, bool)> {
        let is_list = self.take("[[");
        if !is_list {
            self.take("[");
        }
        let path = self.key()?;
        if self.take(if is_list { "]]" } else { "]" }) {
            Ok((path, is_list))
        } else {
            self.fault("a header is not closed")
        }
    }

    /// `a.b = …`
    pub(super) fn key_value(&mut self) -> Read<(Vec<Key>, Value)> {
        let key = self.key()?;
        if !self.take("=") {
            return self.fault("`=` is missing after a key");
        }
        self.blanks();
        Ok((key, self.value()?))
    }

    /// A key with its dots, blanks around it.
    fn key(&mut self) -> Read<Vec<Key>> {
        let mut parts = Vec::new();
        loop {
            self.blanks();
            let at = self.at;
            let name = match self.byte() {
                Some(b'"' | b'\'') => self.line_string()?,
                _ => self.take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')).to_owned(),
            };
            if at == self.at {
                return self.fault("a key is missing");
            }
            if parts.len() == MAX_PARTS {
                return self.fault("a key has too many parts");
            }
            parts.push(Key { name, at });
            self.blanks();
            if !self.take(".") {
                return Ok(parts);
            }
        }
    }

    fn value(&mut self) -> Read<Value> {
        match self.byte() {
            Some(b'"' | b'\'') => self.string().map(Value::String),
            Some(b'[') => self.list(),
            Some(b'{') => self.inline_table(),
            _ => self.scalar(),
        }
    }

    fn list(&mut self) -> Read<Value> {
        let mut items = Vec::new();
        self.each("[", "]", &mut |text| {
            items.push(Placed { at: text.at, value: text.value()? });
            Ok(())
        })?;
        Ok(Value::List(items))
    }

    fn inline_table(&mut self) -> Read<Value> {
        let mut table = Table::default();
        self.each("{", "}", &mut |text| {
            let (path, value) = text.key_value()?;
            table.insert(&path, value)
        })?;
        table.made = Made::Inline;
        Ok(Value::Table(table))
    }

    /// What stands between brackets, with commas between, over as many lines as it likes.
    fn each(&mut self, open: &str, close: &str, one: &mut dyn FnMut(&mut Self) -> Read<()>) -> Read<()> {
        const OPEN: &str = "a list or table is not closed";
        self.take(open);
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return self.fault("lists and tables are nested too deep");
        }
        loop {
            while self.line_end()? {}
            if self.take(close) {
                break;
            }
            if self.byte().is_none() {
                return self.fault(OPEN);
            }
            one(self)?;
            while self.line_end()? {}
            if self.take(close) {
                break;
            }
            if !self.take(",") {
                return self.fault(if self.byte().is_none() { OPEN } else { "a comma is missing" });
            }
        }
        self.depth -= 1;
        Ok(())
    }
}
