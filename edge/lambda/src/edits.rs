//! A head that is edited, and what was edited of it: what goes back to CloudFront is the difference alone.

use crate::fields::Trigger;
use http::{HeaderMap, HeaderName, HeaderValue};
use verge_router::Edits;

/// A head and its edits. Those that CloudFront does not let a function make are left out of what is written, and made here
/// all the same, so that edits see what they expect.
#[derive(Debug)]
pub(crate) struct Recorded {
    headers: HeaderMap,
    /// Fields that are not as they were, each once.
    changed: Vec<HeaderName>,
}

impl Recorded {
    /// A head, not edited yet.
    pub(crate) const fn over(headers: HeaderMap) -> Self {
        Self { headers, changed: Vec::new() }
    }

    /// Writes each field that changed as two lines: `=` name and its first line, `+` name and each further one, or `-` name
    /// and nothing.
    pub(crate) fn write(&self, trigger: Trigger, out: &mut Vec<u8>) {
        for name in self.changed.iter().filter(|name| trigger.may_edit(name)) {
            let mut mark = b'=';
            for value in self.headers.get_all(name) {
                write_edit(mark, name, value.as_bytes(), out);
                mark = b'+';
            }
            if mark == b'=' {
                write_edit(b'-', name, b"", out);
            }
        }
    }

    fn change(&mut self, name: &HeaderName) {
        if !self.changed.contains(name) {
            self.changed.push(name.clone());
        }
    }
}

/// A request's edits, written as they are made: nothing of them is looked at again.
#[derive(Debug)]
pub(crate) struct Written<'r> {
    received: &'r HeaderMap,
    out: &'r mut Vec<u8>,
}

impl<'r> Written<'r> {
    pub(crate) const fn over(received: &'r HeaderMap, out: &'r mut Vec<u8>) -> Self {
        Self { received, out }
    }

    fn write(&mut self, mark: u8, name: &HeaderName, value: &[u8]) {
        if Trigger::OriginRequest.may_edit(name) {
            write_edit(mark, name, value, self.out);
        }
    }
}

impl Edits for Written<'_> {
    fn headers(&self) -> &HeaderMap {
        self.received
    }

    fn set(&mut self, name: HeaderName, value: HeaderValue) {
        self.write(b'=', &name, value.as_bytes());
    }

    fn append(&mut self, name: HeaderName, value: HeaderValue) {
        self.write(b'+', &name, value.as_bytes());
    }

    fn remove(&mut self, name: &HeaderName) {
        if self.received.contains_key(name) {
            self.write(b'-', name, b"");
        }
    }
}

fn write_edit(mark: u8, name: &HeaderName, value: &[u8], out: &mut Vec<u8>) {
    out.push(b'\n');
    out.push(mark);
    out.extend_from_slice(name.as_str().as_bytes());
    out.push(b'\n');
    out.extend_from_slice(value);
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    fn written(edits: &Recorded, trigger: Trigger) -> String {
        let mut out = Vec::new();
        edits.write(trigger, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn only_what_changed_is_written_with_all_its_lines() {
        let kept = HeaderValue::from_static("text/html");
        let headers = [(header::ACCEPT, kept.clone()), (header::LINK, kept.clone()), (header::TE, kept.clone())];
        let mut edits = Recorded::over(headers.into_iter().collect());
        edits.append(header::LINK, HeaderValue::from_static("<a>"));
        edits.set(header::HOST, HeaderValue::from_static("a"));
        edits.remove(&header::TE);
        edits.remove(&header::RANGE);
        assert_eq!(written(&edits, Trigger::OriginRequest), "\n=link\ntext/html\n+link\n<a>\n=host\na\n-te\n");
    }

    #[test]
    fn a_requests_edits_are_written_as_they_are_made() {
        let received: HeaderMap = [(header::TE, HeaderValue::from_static("a"))].into_iter().collect();
        let mut out = Vec::new();
        let mut edits = Written::over(&received, &mut out);
        edits.remove(&header::TE);
        edits.remove(&header::RANGE);
        edits.set(header::HOST, HeaderValue::from_static("b"));
        edits.append(header::VIA, HeaderValue::from_static("1.1 verge"));
        edits.append(header::LINK, HeaderValue::from_static("<c>"));
        assert_eq!(String::from_utf8(out).unwrap(), "\n-te\n\n=host\nb\n+link\n<c>");
    }

    #[test]
    fn what_cloudfront_keeps_to_itself_is_left_out() {
        let mut edits = Recorded::over(HeaderMap::new());
        for name in ["via", "x-forwarded-proto", "x-edge-location", "host", "x-kept"] {
            edits.set(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        assert_eq!(written(&edits, Trigger::OriginRequest), "\n=host\n1\n=x-kept\n1");
        assert_eq!(written(&edits, Trigger::ViewerRequest), "\n=x-kept\n1");
    }
}
