//! A head that is edited, and what was edited of it: what goes back to Envoy is the difference alone.

use http::{HeaderMap, HeaderName, HeaderValue};
use verge_router::Edits;

/// One change of a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Edit {
    /// One line in the place of all.
    Set(HeaderName, HeaderValue),
    /// One more line.
    Add(HeaderName, HeaderValue),
    /// No line.
    Remove(HeaderName),
}

/// A head and which of its fields are not as they were, each once.
#[derive(Debug)]
pub(crate) struct Recorded {
    headers: HeaderMap,
    changed: Vec<HeaderName>,
}

impl Recorded {
    pub(crate) const fn over(headers: HeaderMap) -> Self {
        Self { headers, changed: Vec::new() }
    }

    /// What changed.
    pub(crate) fn into_edits(self) -> Vec<Edit> {
        let mut edits = Vec::with_capacity(self.changed.len());
        for name in self.changed {
            let mut lines = self.headers.get_all(&name).iter().cloned();
            match lines.next() {
                Some(first) => edits.push(Edit::Set(name.clone(), first)),
                None => edits.push(Edit::Remove(name.clone())),
            }
            edits.extend(lines.map(|line| Edit::Add(name.clone(), line)));
        }
        edits
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

    /// Envoy does this itself, and has left what an upgrade and the framing need.
    fn remove_hop_by_hop(&mut self, name: &HeaderName) {
        let kept = [http::header::CONNECTION, http::header::UPGRADE, http::header::TE, http::header::TRANSFER_ENCODING];
        if !kept.contains(name) {
            self.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ACCEPT, LINK, RANGE, TE, UPGRADE, WARNING};

    #[test]
    fn only_what_changed_is_told_with_all_its_lines() {
        let value = HeaderValue::from_static;
        let headers =
            [(ACCEPT, value("a/b")), (LINK, value("<a>")), (WARNING, value("1")), (UPGRADE, value("websocket"))];
        let mut edits = Recorded::over(headers.into_iter().collect());
        edits.append(LINK, value("<b>"));
        edits.set(TE, value("trailers"));
        edits.remove(&WARNING);
        edits.remove(&RANGE);
        edits.remove_hop_by_hop(&UPGRADE);
        let expected = [
            Edit::Set(LINK, value("<a>")),
            Edit::Add(LINK, value("<b>")),
            Edit::Set(TE, value("trailers")),
            Edit::Remove(WARNING),
        ];
        assert_eq!(edits.into_edits(), expected);
    }
}
