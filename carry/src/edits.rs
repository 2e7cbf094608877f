//! A head that is edited, and what was edited of it: what goes back to the program around an edge is the difference alone.

use http::{HeaderMap, HeaderName, HeaderValue, header::ValueIter};
use verge_router::Edits;

/// A head and which of its fields are not as they were, each once.
#[derive(Debug)]
pub struct Recorded {
    headers: HeaderMap,
    changed: Vec<HeaderName>,
    left: &'static [HeaderName],
}

impl Recorded {
    /// A head, not edited yet.
    #[must_use]
    pub const fn over(headers: HeaderMap) -> Self {
        Self { headers, changed: Vec::new(), left: &[] }
    }

    /// The same for a transport that sees to these fields of a connection itself.
    #[must_use]
    pub fn leaving(self, left: &'static [HeaderName]) -> Self {
        Self { left, ..self }
    }

    /// The fields that changed, with all their lines now.
    pub fn changed(&self) -> impl Iterator<Item = (&HeaderName, ValueIter<'_, HeaderValue>)> {
        self.changed.iter().map(|name| (name, self.headers.get_all(name).into_iter()))
    }

    fn change(&mut self, name: &HeaderName) {
        if !self.changed.contains(name) {
            self.changed.push(name.clone());
        }
    }
}

impl Edits for Recorded {
    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.change(&name);
        self.headers.insert(name, value);
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.change(&name);
        self.headers.append(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        if self.headers.remove(name).is_some() {
            self.change(name);
        }
    }

    fn remove_hop_by_hop(&mut self, name: &HeaderName) {
        if !self.left.contains(name) {
            self.remove(name);
        }
    }
}
