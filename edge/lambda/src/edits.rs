//! What was edited of a head, as CloudFront is told it.

use crate::fields::Trigger;
use http::{HeaderMap, HeaderName, HeaderValue};
use verge_carry::edits::Recorded;
use verge_router::Edits;

/// Writes each field that changed as two lines: `=` name and its first line, `+` name and each further one, or `-` name and
/// nothing. What CloudFront does not let a function edit is left out here, and no sooner, so that edits see what they expect.
pub(crate) fn write_changes(recorded: &Recorded, trigger: Trigger, out: &mut Vec<u8>) {
    for (name, lines) in recorded.changed().filter(|(name, _)| trigger.may_edit(name)) {
        let mut mark = b'=';
        for value in lines {
            write_edit(mark, name, value.as_bytes(), out);
            mark = b'+';
        }
        if mark == b'=' {
            write_edit(b'-', name, b"", out);
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

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

    fn written(edits: &Recorded, trigger: Trigger) -> String {
        let mut out = Vec::new();
        write_changes(edits, trigger, &mut out);
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
