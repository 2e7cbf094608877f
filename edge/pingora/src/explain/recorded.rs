//! Edits written down instead of carried out.

use http::{HeaderMap, HeaderName, HeaderValue};
use verge_router::Edits;

/// A field as text.
pub(super) fn text_of(name: &HeaderName, value: &HeaderValue) -> (String, String) {
    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// What was to be done to these fields.
pub(super) struct Recorded {
    headers: HeaderMap,
    pub(super) set: Vec<(String, String)>,
    pub(super) remove: Vec<String>,
}

impl Recorded {
    pub(super) fn over(headers: &HeaderMap) -> Self {
        Self { headers: headers.clone(), set: Vec::new(), remove: Vec::new() }
    }
}

impl Edits for Recorded {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.set.push(text_of(&name, &value));
        self.headers.insert(name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.set.push(text_of(&name, &value));
        self.headers.append(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.remove.push(name.as_str().to_owned());
        self.headers.remove(name);
    }
}
