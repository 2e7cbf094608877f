//! What was edited of a head, as CloudFront is told it.

use crate::{
    answer::{Answer, Edit},
    fields::Trigger,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use verge_carry::edits::Recorded;
use verge_router::Edits;

/// Writes each field of an answer that changed, with all its lines. What CloudFront does not let a function edit is left out
/// here, and no sooner, so that edits see what they expect.
pub(crate) fn write_changes(recorded: &Recorded, out: &mut Answer) {
    for (name, lines) in recorded.changed() {
        let mut edit = Edit::Set;
        for value in lines {
            out.edit(Trigger::OriginResponse, edit, name, value.as_bytes());
            edit = Edit::Append;
        }
        if edit == Edit::Set {
            out.edit(Trigger::OriginResponse, Edit::Remove, name, b"");
        }
    }
    out.end_edits();
}

/// A request's edits, written as they are made: nothing of them is looked at again. Fields that are taken away come last,
/// as most of them are set after all.
#[derive(Debug)]
pub(crate) struct Written<'r> {
    received: &'r HeaderMap,
    removed: Vec<HeaderName>,
    out: &'r mut Answer,
}

impl<'r> Written<'r> {
    pub(crate) const fn over(received: &'r HeaderMap, out: &'r mut Answer) -> Self {
        Self { received, removed: Vec::new(), out }
    }

    pub(crate) fn end(self) {
        for name in &self.removed {
            self.out.edit(Trigger::OriginRequest, Edit::Remove, name, b"");
        }
        self.out.end_edits();
    }

    /// Whether a field was taken away, which it is no longer.
    fn brings_back(&mut self, name: &HeaderName) -> bool {
        let place = self.removed.iter().position(|removed| removed == name);
        place.map(|place| self.removed.swap_remove(place)).is_some()
    }
}

impl Edits for Written<'_> {
    fn headers(&self) -> &HeaderMap {
        self.received
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.brings_back(&name);
        self.out.edit(Trigger::OriginRequest, Edit::Set, &name, value.as_bytes());
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        let edit = if self.brings_back(&name) { Edit::Set } else { Edit::Append };
        self.out.edit(Trigger::OriginRequest, edit, &name, value.as_bytes());
    }

    fn remove(&mut self, name: &HeaderName) {
        if self.received.contains_key(name) && !self.removed.contains(name) {
            self.removed.push(name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::told;
    use http::header;

    fn written(edits: &Recorded) -> Vec<String> {
        let mut out = Answer::new();
        write_changes(edits, &mut out);
        told(&out, 0)
    }

    #[test]
    fn only_what_changed_is_written_with_all_its_lines() {
        let kept = HeaderValue::from_static("text/html");
        let headers = [(header::ACCEPT, kept.clone()), (header::LINK, kept.clone()), (header::AGE, kept.clone())];
        let mut edits = Recorded::over(headers.into_iter().collect());
        edits.append(header::LINK, HeaderValue::from_static("<a>"));
        edits.set(header::HOST, HeaderValue::from_static("a"));
        edits.remove(&header::AGE);
        edits.remove(&header::RANGE);
        assert_eq!(written(&edits), ["=link: text/html", "+link: <a>", "=host: a", "-age"]);
    }

    #[test]
    fn a_requests_edits_are_written_as_they_are_made() {
        let line = HeaderValue::from_static("a");
        let received = [header::TE, header::COOKIE, header::LINK, header::AGE].map(|name| (name, line.clone()));
        let received = received.into_iter().collect();
        let mut out = Answer::new();
        let mut edits = Written::over(&received, &mut out);
        // As a reserved name, and once more because `Connection` nominates it.
        for name in [header::TE, header::COOKIE, header::LINK, header::RANGE, header::COOKIE] {
            edits.remove(&name);
        }
        edits.set(header::HOST, HeaderValue::from_static("b"));
        edits.append(header::VIA, HeaderValue::from_static("1.1 verge"));
        edits.append(header::AGE, HeaderValue::from_static("1"));
        // What is there again was not taken away.
        edits.append(header::LINK, HeaderValue::from_static("<c>"));
        edits.set(header::COOKIE, HeaderValue::from_static("d"));
        edits.end();
        assert_eq!(told(&out, 0), ["=host: b", "+age: 1", "=link: <c>", "=cookie: d", "-te"]);
    }

    #[test]
    fn what_cloudfront_keeps_to_itself_is_left_out() {
        let mut edits = Recorded::over(HeaderMap::new());
        for name in ["via", "x-forwarded-proto", "x-edge-location", "host", "x-kept"] {
            edits.set(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        assert_eq!(written(&edits), ["=host: 1", "=x-kept: 1"]);
    }
}
