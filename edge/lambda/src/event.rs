//! An event of CloudFront, as `edge.mjs` hands it over: texts one behind the other, and numbers: their lengths, in the same
//! order, and before the name of a field the number of that name (`names`), which is then no text.
//!
//! ```text
//! id            CloudFront's id of the request
//! address       the client's; empty where there is none
//! method
//! uri
//! query         without `?`; empty where there is none
//! way           what the way there wrote down; empty but on the way back
//! name, value   the request's fields: a number and, where that is 0, a text for the name, and a text; every entry of a name on
//!               its own
//! name, value   the answer's fields that concern the router, on the way back
//! ```
//!
//! Nothing is escaped, and nothing within a text can be taken for another: lengths alone tell where one ends.

use crate::{fields::Trigger, names};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::{net::IpAddr, slice};
use verge_router::UnixTime;

/// The most fields that room is made for at once.
const ROOM: usize = 64;

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
    /// The lengths of the texts, in bytes, and the numbers of names.
    pub numbers: &'q [u32],
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
        let method = method(texts.next()?)?;
        let uri = texts.next()?;
        let query = Some(texts.next()?).filter(|query| !query.is_empty());
        let way = texts.next()?;
        let mut headers = HeaderMap::with_capacity(fields.min(ROOM));
        for _ in 0..fields {
            texts.field(&mut headers)?;
        }
        let mut answer = HeaderMap::new();
        while trigger == Trigger::OriginResponse && !texts.numbers.as_slice().is_empty() {
            texts.field(&mut answer)?;
        }
        texts.end()?;
        Ok(Self { trigger, now, chance, id, client, method, uri, query, way, headers, answer })
    }

    /// The id alone, of what is no event otherwise.
    #[must_use]
    pub fn id_in(question: &Question<'_>) -> Option<HeaderValue> {
        Texts::of(question).ok()?.value().ok()
    }
}

/// A method. The usual one is known without being looked at.
fn method(text: &str) -> Result<Method, NoEvent> {
    match text {
        "GET" => Ok(Method::GET),
        _ => Method::from_bytes(text.as_bytes()).map_err(|_| NoEvent::Malformed),
    }
}

/// The texts that are left.
struct Texts<'e> {
    bytes: &'e Bytes,
    rest: &'e str,
    numbers: slice::Iter<'e, u32>,
}

impl<'e> Texts<'e> {
    fn of(question: &Question<'e>) -> Result<Self, NoEvent> {
        let bytes = question.texts;
        let rest = std::str::from_utf8(bytes).map_err(|_| NoEvent::Torn)?;
        Ok(Self { bytes, rest, numbers: question.numbers.iter() })
    }

    fn number(&mut self) -> Result<u32, NoEvent> {
        self.numbers.next().copied().ok_or(NoEvent::Torn)
    }

    fn next(&mut self) -> Result<&'e str, NoEvent> {
        let length = usize::try_from(self.number()?).map_err(|_| NoEvent::Torn)?;
        let (text, rest) = self.rest.split_at_checked(length).ok_or(NoEvent::Torn)?;
        self.rest = rest;
        Ok(text)
    }

    /// A field's value, which shares the bytes it stands in. What is not ASCII is UTF-8 here, and none of the router's business.
    fn value(&mut self) -> Result<HeaderValue, NoEvent> {
        let mut text = self.next()?.as_bytes();
        while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
            text = rest;
        }
        HeaderValue::from_maybe_shared(self.bytes.slice_ref(text)).map_err(|_| NoEvent::Malformed)
    }

    fn field(&mut self, headers: &mut HeaderMap) -> Result<(), NoEvent> {
        let name = match self.number()? {
            0 => HeaderName::from_bytes(self.next()?.as_bytes()).map_err(|_| NoEvent::Malformed)?,
            number => names::name(number).ok_or(NoEvent::Torn)?.clone(),
        };
        headers.try_append(name, self.value()?).map(drop).map_err(|_| NoEvent::Malformed)
    }

    /// After the last one there is nothing.
    fn end(&self) -> Result<(), NoEvent> {
        if self.numbers.as_slice().is_empty() && self.rest.is_empty() { Ok(()) } else { Err(NoEvent::Torn) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header;

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
        torn(trigger, fields, &numbers(texts), &texts.concat())
    }

    /// The numbers of these texts, with all names spelled out.
    fn numbers(texts: &[&str]) -> Vec<u32> {
        let is_name = |place: usize| place >= 6 && place.is_multiple_of(2);
        let spelled = |place| is_name(place).then_some(0);
        let length = |text: &&str| u32::try_from(text.len()).unwrap();
        texts.iter().enumerate().flat_map(|(place, text)| spelled(place).into_iter().chain([length(text)])).collect()
    }

    fn torn(trigger: Trigger, fields: usize, numbers: &[u32], texts: &str) -> Result<Event<'static>, NoEvent> {
        let texts = Box::leak(Box::new(Bytes::copy_from_slice(texts.as_bytes())));
        let numbers = numbers.to_vec().leak();
        Event::read(&Question { trigger, now: 1_767_225_600, chance: 5, fields, numbers, texts })
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
    fn a_name_may_be_a_number() {
        let read = |first: u32, others: u32| {
            let numbers = [4, 0, 3, 1, 0, 0, first, 1, 0, 1, 1, others, 1, others, 3];
            torn(Trigger::OriginRequest, 4, &numbers, "id==GET/axbc*/*")
        };
        let accept = u32::try_from(names::NAMES.iter().position(|name| *name == header::ACCEPT).unwrap() + 1).unwrap();
        let headers = read(1, accept).unwrap().headers;
        let expected = [("host", "a"), ("x", "b"), ("accept", "c"), ("accept", "*/*")];
        assert_eq!(headers.len(), expected.len());
        for (name, value) in expected {
            assert!(headers.get_all(name).iter().any(|line| line == value), "{name}: {value}");
        }
        assert_eq!(read(u32::MAX, accept).unwrap_err(), NoEvent::Torn);
        assert_eq!(read(1, u32::try_from(names::NAMES.len()).unwrap() + 1).unwrap_err(), NoEvent::Torn);
    }

    #[test]
    fn no_query_and_an_empty_one_are_the_same_to_cloudfront() {
        assert_eq!(with("x=1", "").unwrap().query, None);
    }

    #[test]
    fn a_text_is_never_read_as_another() {
        let numbers = numbers(&TEXTS);
        let all = TEXTS.concat();
        for place in 0..numbers.len() {
            for other in [u32::MAX, numbers[place] + 1] {
                let mut numbers = numbers.clone();
                numbers[place] = other;
                assert!(torn(Trigger::OriginRequest, 3, &numbers, &all).is_err(), "{place}");
            }
        }
        for fields in [0, 2, 4, usize::MAX] {
            assert_eq!(read(Trigger::OriginRequest, fields, &TEXTS).unwrap_err(), NoEvent::Torn, "{fields}");
        }
        assert_eq!(torn(Trigger::OriginRequest, 3, &numbers, &format!("{all}x")).unwrap_err(), NoEvent::Torn);
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
