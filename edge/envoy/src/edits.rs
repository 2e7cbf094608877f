//! What was edited of a head, as Envoy is told it.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use verge_carry::edits::Recorded;

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

/// What Envoy sees to itself: it has left what an upgrade and the framing need.
static LEFT: [HeaderName; 4] = [header::CONNECTION, header::UPGRADE, header::TE, header::TRANSFER_ENCODING];

/// A head to be edited for Envoy.
pub(crate) fn record(headers: HeaderMap) -> Recorded {
    Recorded::over(headers).leaving(&LEFT)
}

/// What changed.
pub(crate) fn changes(recorded: &Recorded) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (name, mut lines) in recorded.changed() {
        match lines.next() {
            Some(first) => edits.push(Edit::Set(name.clone(), first.clone())),
            None => edits.push(Edit::Remove(name.clone())),
        }
        edits.extend(lines.map(|line| Edit::Add(name.clone(), line.clone())));
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ACCEPT, LINK, RANGE, TE, UPGRADE, WARNING};
    use verge_router::Edits;

    #[test]
    fn only_what_changed_is_told_with_all_its_lines() {
        let value = HeaderValue::from_static;
        let headers =
            [(ACCEPT, value("a/b")), (LINK, value("<a>")), (WARNING, value("1")), (UPGRADE, value("websocket"))];
        let mut edits = record(headers.into_iter().collect());
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
        assert_eq!(changes(&edits), expected);
    }
}
