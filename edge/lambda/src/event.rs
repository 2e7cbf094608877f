//! An event of CloudFront, as `edge.mjs` hands it over: a few numbers, and texts one behind the other with their lengths.
//!
//! ```text
//! id            CloudFront's id of the request
//! address       the client's; empty where there is none
//! method
//! uri
//! query         without `?`; empty where there is none
//! way           what the way there wrote down; empty but on the way back
//! name, value   the request's fields: two texts each, every entry of a name on its own
//! name, value   the answer's fields, on the way back
//! ```
//!
//! Nothing is escaped, and nothing within a text can be taken for another: lengths alone tell where one ends.

use crate::fields::Trigger;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::{net::IpAddr, slice};
use verge_router::UnixTime;

/// An event as it was handed over.
#[derive(Debug, Clone, Copy)]
pub struct Question<'q> {
    /// The event itself.
    pub trigger: Trigger,
    /// The time, in seconds since 1970.
    pub now: UnixTime,
    /// Whatever the caller had at hand that is different each time.
    pub chance: u32,
    /// How many fields the request has.
    pub fields: usize,
    /// The lengths of the texts, in bytes.
    pub lengths: &'q [u32],
    /// The texts, in UTF-8.
    pub texts: &'q Bytes,
}

/// What is asked.
#[derive(Debug)]
pub struct Event<'e> {
    /// The event itself.
    pub trigger: Trigger,
    /// The time.
    pub now: UnixTime,
    /// What a trace begins from, besides the id.
    pub chance: u32,
    /// CloudFront's id of the request.
    pub id: HeaderValue,
    /// Who connected to CloudFront.
    pub client: Option<IpAddr>,
    /// The method.
    pub method: Method,
    /// The path, percent-encoded as it came.
    pub uri: &'e str,
    /// The query; CloudFront does not tell an empty one from none.
    pub query: Option<&'e str>,
    /// What the way there wrote down.
    pub way: &'e str,
    /// The request's fields.
    pub headers: HeaderMap,
    /// In [`Trigger::OriginResponse`]: the fields of what comes back.
    pub answer: HeaderMap,
}

/// Why texts are no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoEvent {
    /// A client wrote something that is no HTTP.
    Malformed,
    /// The texts are not as written above: a failure of ours.
    Torn,
}

impl<'e> Event<'e> {
    /// Reads the texts.
    ///
    /// # Errors
    /// What is not an event; see [`NoEvent`].
    pub fn read(question: &Question<'e>) -> Result<Self, NoEvent> {
        let Question { trigger, now, chance, fields, .. } = *question;
        let mut texts = Texts::of(question)?;
        let id = texts.value()?;
        let client = match texts.next()? {
            "" => None,
            address => Some(address.parse().map_err(|_| NoEvent::Malformed)?),
        };
        let method = Method::from_bytes(texts.next()?.as_bytes()).map_err(|_| NoEvent::Malformed)?;
        let uri = texts.next()?;
        let query = Some(texts.next()?).filter(|query| !query.is_empty());
        let way = texts.next()?;
        let headers = texts.fields(fields)?;
        let answer =
            if trigger == Trigger::OriginResponse { texts.fields(texts.left() / 2)? } else { HeaderMap::new() };
        texts.end()?;
        Ok(Self { trigger, now, chance, id, client, method, uri, query, way, headers, answer })
    }

    /// The id alone, of what is no event otherwise.
    #[must_use]
    pub fn id_in(question: &Question<'_>) -> Option<HeaderValue> {
        Texts::of(question).ok()?.value().ok()
    }
}

/// The texts that are left.
struct Texts<'e> {
    bytes: &'e Bytes,
    rest: &'e str,
    lengths: slice::Iter<'e, u32>,
}

impl<'e> Texts<'e> {
    fn of(question: &Question<'e>) -> Result<Self, NoEvent> {
        let bytes = question.texts;
        let rest = std::str::from_utf8(bytes).map_err(|_| NoEvent::Torn)?;
        Ok(Self { bytes, rest, lengths: question.lengths.iter() })
    }

    fn left(&self) -> usize {
        self.lengths.len()
    }

    fn next(&mut self) -> Result<&'e str, NoEvent> {
        let length = self.lengths.next().and_then(|length| usize::try_from(*length).ok()).ok_or(NoEvent::Torn)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(NoEvent::Torn)?;
        self.rest = rest;
        Ok(text)
    }

    /// A field's value, which shares the bytes it stands in. What is not ASCII is UTF-8 here, and none of the router's business.
    fn value(&mut self) -> Result<HeaderValue, NoEvent> {
        let text = self.next()?.trim_matches([' ', '\t']);
        HeaderValue::from_maybe_shared(self.bytes.slice_ref(text.as_bytes())).map_err(|_| NoEvent::Malformed)
    }

    fn fields(&mut self, count: usize) -> Result<HeaderMap, NoEvent> {
        // A bound on what is made room for; CloudFront's own on heads is far below.
        let mut headers = HeaderMap::with_capacity(count.min(64));
        for _ in 0..count {
            let name = HeaderName::from_bytes(self.next()?.as_bytes()).map_err(|_| NoEvent::Malformed)?;
            headers.try_append(name, self.value()?).map_err(|_| NoEvent::Malformed)?;
        }
        Ok(headers)
    }

    /// After the last one there is nothing.
    fn end(&self) -> Result<(), NoEvent> {
        if self.left() == 0 && self.rest.is_empty() { Ok(()) } else { Err(NoEvent::Torn) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 12] = [
        "id==",
        "192.0.2.7",
        "GET",
        "/orders",
        "x=1",
        "",
        "host",
        "api.example.com",
        "accept",
        "text/html",
        "accept",
        "*/*",
    ];

    /// What becomes of these texts, as far as the tests look at it.
    fn read(trigger: Trigger, fields: usize, texts: &[&str]) -> Result<Event<'static>, NoEvent> {
        let lengths: Vec<u32> = texts.iter().map(|text| u32::try_from(text.len()).unwrap()).collect();
        torn(trigger, fields, &lengths, &texts.concat())
    }

    fn torn(trigger: Trigger, fields: usize, lengths: &[u32], texts: &str) -> Result<Event<'static>, NoEvent> {
        let texts = Box::leak(Box::new(Bytes::copy_from_slice(texts.as_bytes())));
        let lengths = lengths.to_vec().leak();
        Event::read(&Question { trigger, now: 1_767_225_600, chance: 5, fields, lengths, texts })
    }

    /// The event with one of its texts changed.
    fn with(what: &str, instead: &str) -> Result<Event<'static>, NoEvent> {
        let texts = TEXTS.map(|text| if text == what { instead } else { text });
        read(Trigger::OriginRequest, 3, &texts)
    }

    #[test]
    fn every_entry_of_a_name_is_a_line_of_its_own() {
        let event = with("", "").unwrap();
        assert_eq!((event.now, event.uri, event.query), (1_767_225_600, "/orders", Some("x=1")));
        assert_eq!(event.headers.get_all("accept").iter().collect::<Vec<_>>(), ["text/html", "*/*"]);
        assert_eq!(event.client, "192.0.2.7".parse().ok());
    }

    #[test]
    fn no_query_and_an_empty_one_are_the_same_to_cloudfront() {
        assert_eq!(with("x=1", "").unwrap().query, None);
    }

    #[test]
    fn a_text_is_never_read_as_another() {
        let lengths: Vec<u32> = TEXTS.iter().map(|text| u32::try_from(text.len()).unwrap()).collect();
        let all = TEXTS.concat();
        for place in 0..lengths.len() {
            for other in [u32::MAX, lengths[place] + 1] {
                let mut lengths = lengths.clone();
                lengths[place] = other;
                assert!(torn(Trigger::OriginRequest, 3, &lengths, &all).is_err(), "{place}");
            }
        }
        for fields in [0, 2, 4, usize::MAX] {
            assert_eq!(read(Trigger::OriginRequest, fields, &TEXTS).unwrap_err(), NoEvent::Torn, "{fields}");
        }
        assert_eq!(torn(Trigger::OriginRequest, 3, &lengths, &format!("{all}x")).unwrap_err(), NoEvent::Torn);
        // Within a letter of two bytes.
        assert_eq!(torn(Trigger::OriginRequest, 3, &[1], "\u{e9}").unwrap_err(), NoEvent::Torn);
    }

    #[test]
    fn what_is_no_http_is_malformed() {
        let odd =
            [("GET", "G T"), ("accept", "acc ept"), ("*/*", "a\u{7}b"), ("id==", "\u{7}"), ("192.0.2.7", "192.0.2")];
        for (what, instead) in odd.into_iter().chain([("*/*", "a\nhost"), ("*/*", "\r")]) {
            assert_eq!(with(what, instead).unwrap_err(), NoEvent::Malformed, "{instead:?}");
        }
    }

    #[test]
    fn an_answer_brings_its_way_and_its_fields() {
        let mut texts = TEXTS.to_vec();
        texts[5] = "1;0";
        texts.extend(["location", "/a"]);
        let event = read(Trigger::OriginResponse, 3, &texts).unwrap();
        assert_eq!((event.way, event.answer.get("location").unwrap()), ("1;0", &HeaderValue::from_static("/a")));
        assert_eq!(read(Trigger::OriginRequest, 3, &texts).unwrap_err(), NoEvent::Torn);
        texts.pop();
        assert_eq!(read(Trigger::OriginResponse, 3, &texts).unwrap_err(), NoEvent::Torn);
    }
}
