//! What a client refuses of the versions in their order, where it may refuse many at once.

use crate::version::accept::MAX_RANGES;

/// Places of versions in a row; the end is not among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

/// All spans that one request refuses.
#[derive(Debug)]
pub(crate) struct Refused {
    /// In order and apart from each other, once they are [merged](Self::merge). There is room when there is a first.
    spans: Option<[Span; MAX_RANGES]>,
    len: usize,
}

impl Refused {
    pub(crate) const NONE: Self = Self { spans: None, len: 0 };

    pub(crate) fn push(&mut self, span: Span) {
        const ROOM: [Span; MAX_RANGES] = [Span { start: 0, end: 0 }; MAX_RANGES];
        if span.start < span.end
            && let Some(slot) = self.spans.get_or_insert(ROOM).get_mut(self.len)
        {
            *slot = span;
            self.len += 1;
        }
    }

    /// Puts them in order, and makes one of those that overlap: so a walk past them is linear.
    pub(crate) fn merge(&mut self) {
        let Some(spans) = self.spans.as_mut().and_then(|spans| spans.get_mut(..self.len)) else { return };
        spans.sort_unstable_by_key(|span| span.start);
        let mut kept = 0_usize;
        for at in 0..spans.len() {
            let Some(next) = spans.get(at).copied() else { break };
            match kept.checked_sub(1).and_then(|last| spans.get_mut(last)) {
                Some(last) if next.start <= last.end => last.end = last.end.max(next.end),
                _ => {
                    if let Some(slot) = spans.get_mut(kept) {
                        *slot = next;
                    }
                    kept += 1;
                }
            }
        }
        self.len = kept;
    }

    /// The span around a place.
    pub(crate) fn around(&self, place: usize) -> Option<Span> {
        let spans = self.spans.as_ref()?.get(..self.len)?;
        let later = spans.partition_point(|span| span.start as usize <= place);
        let span = spans.get(later.checked_sub(1)?)?;
        (place < span.end as usize).then_some(*span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_refused_by_any_span_around_it() {
        let spans = [(7, 9), (0, 2), (20, 30), (1, 4), (22, 25), (9, 10), (50, 50)];
        let mut refused = Refused::NONE;
        assert_eq!(refused.around(0), None);
        spans.iter().for_each(|&(start, end)| refused.push(Span { start, end }));
        refused.merge();
        for place in 0..60 {
            let expected = spans.iter().any(|&(start, end)| (start..end).contains(&place));
            assert_eq!(refused.around(place as usize).is_some(), expected, "{place}");
        }
        assert_eq!(refused.around(8), Some(Span { start: 7, end: 10 }));
    }
}
