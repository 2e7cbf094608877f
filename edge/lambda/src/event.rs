//! An event of CloudFront, as `edge.mjs` writes it: lines, and nothing but lines.
//!
//! ```text
//! q | v | r          origin-request, viewer-request, origin-response
//! fields             how many there are of the request
//! now                seconds since 1970
//! id                 CloudFront's id of the request
//! chance             anything: what a trace begins from
//! address            the client's
//! method
//! uri
//! query              without `?`; empty where there is none
//! name, value        the request's fields: two lines each, every entry of a name on its own
//! way                r alone: what the way there wrote down
//! fields             r alone: how many there are of the answer
//! name, value        r alone: the answer's fields
//! ```
//!
//! Nothing is escaped. A value with a line end in it makes one line too many, and the number of lines is checked: so it is
//! refused and never read as something else.

use crate::fields::Trigger;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::net::IpAddr;
use verge_router::UnixTime;

/// What is asked.
#[derive(Debug)]
pub struct Event<'e> {
    /// The event itself.
    pub trigger: Trigger,
    /// The time.
    pub now: UnixTime,
    /// CloudFront's id of the request.
    pub id: HeaderValue,
    /// Whatever the caller had at hand that is different each time.
    pub chance: &'e str,
    /// Who connected to CloudFront.
    pub client: Option<IpAddr>,
    /// The method.
    pub method: Method,
    /// The path, percent-encoded as it came.
    pub uri: &'e str,
    /// The query; CloudFront does not tell an empty one from none.
    pub query: Option<&'e str>,
    /// The request's fields.
    pub headers: HeaderMap,
    /// In [`Trigger::OriginResponse`]: what comes back.
    pub answer: Option<Answer<'e>>,
}

/// What comes back.
#[derive(Debug)]
pub struct Answer<'e> {
    /// What the way there wrote down.
    pub way: &'e str,
    /// The fields of the origin's answer.
    pub headers: HeaderMap,
}

/// Why lines are no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoEvent {
    /// A client wrote something that is no HTTP.
    Malformed,
    /// The lines are not as written above: a failure of ours.
    Lines,
}

impl<'e> Event<'e> {
    /// Reads the lines.
    ///
    /// # Errors
    /// What is not an event; see [`NoEvent`].
    pub fn read(bytes: &'e Bytes) -> Result<Self, NoEvent> {
        let text = std::str::from_utf8(bytes).map_err(|_| NoEvent::Lines)?;
        let mut lines = text.split('\n');
        let mut line = || lines.next().ok_or(NoEvent::Lines);
        let trigger = match line()? {
            "q" => Trigger::OriginRequest,
            "v" => Trigger::ViewerRequest,
            "r" => Trigger::OriginResponse,
            _ => return Err(NoEvent::Lines),
        };
        let count = line()?.parse().map_err(|_| NoEvent::Lines)?;
        let now = line()?.parse().map_err(|_| NoEvent::Lines)?;
        let id = value(bytes, line()?)?;
        let chance = line()?;
        let client = line()?.parse().ok();
        let method = Method::from_bytes(line()?.as_bytes()).map_err(|_| NoEvent::Malformed)?;
        let uri = line()?;
        let query = Some(line()?).filter(|query| !query.is_empty());
        let headers = read_fields(bytes, &mut lines, count)?;
        let answer = if trigger == Trigger::OriginResponse {
            let way = lines.next().ok_or(NoEvent::Lines)?;
            let count = lines.next().and_then(|count| count.parse().ok()).ok_or(NoEvent::Malformed)?;
            Some(Answer { way, headers: read_fields(bytes, &mut lines, count)? })
        } else {
            None
        };
        // The last field's end, and after it nothing.
        if lines.next() != Some("") || lines.next().is_some() {
            return Err(NoEvent::Malformed);
        }
        Ok(Self { trigger, now, id, chance, client, method, uri, query, headers, answer })
    }
}

/// A field's value, which shares the bytes it stands in. What is not ASCII is UTF-8 here, and none of the router's business.
fn value(bytes: &Bytes, text: &str) -> Result<HeaderValue, NoEvent> {
    HeaderValue::from_maybe_shared(bytes.slice_ref(text.as_bytes())).map_err(|_| NoEvent::Malformed)
}

fn read_fields<'e>(
    bytes: &Bytes,
    lines: &mut impl Iterator<Item = &'e str>,
    count: usize,
) -> Result<HeaderMap, NoEvent> {
    // A bound on what is made room for; CloudFront's own on heads is far below.
    let mut headers = HeaderMap::with_capacity(count.min(64));
    for _ in 0..count {
        let (Some(name), Some(value)) = (lines.next(), lines.next()) else { return Err(NoEvent::Malformed) };
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| NoEvent::Malformed)?;
        let value = self::value(bytes, value.trim_matches([' ', '\t']))?;
        headers.try_append(name, value).map_err(|_| NoEvent::Malformed)?;
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &str = "q\n3\n1767225600\nid==\n0.5\n192.0.2.7\nGET\n/orders\nx=1\nhost\napi.example.com\naccept\ntext/html\naccept\n*/*\n";

    /// What becomes of a text, as far as the tests look at it.
    fn read(text: &str) -> Result<Event<'static>, NoEvent> {
        Event::read(Box::leak(Box::new(Bytes::copy_from_slice(text.as_bytes()))))
    }

    #[test]
    fn every_entry_of_a_name_is_a_line_of_its_own() {
        let event = read(QUESTION).unwrap();
        assert_eq!(event.trigger, Trigger::OriginRequest);
        assert_eq!((event.now, event.uri, event.query), (1_767_225_600, "/orders", Some("x=1")));
        assert_eq!(event.headers.get_all("accept").iter().collect::<Vec<_>>(), ["text/html", "*/*"]);
        assert_eq!(event.client, "192.0.2.7".parse().ok());
    }

    #[test]
    fn no_query_and_an_empty_one_are_the_same_to_cloudfront() {
        assert_eq!(read(&QUESTION.replace("x=1", "")).unwrap().query, None);
    }

    #[test]
    fn a_line_end_within_a_value_is_refused_wherever_it_is() {
        let places: Vec<usize> = QUESTION.match_indices('\n').map(|(at, _)| at).collect();
        for at in places {
            let mut more = QUESTION.to_owned();
            more.insert(at, '\n');
            assert!(read(&more).is_err(), "{more:?}");
        }
        // A whole field smuggled into a value.
        assert_eq!(read(&QUESTION.replace("*/*", "*/*\nhost\nevil.example")).unwrap_err(), NoEvent::Malformed);
        assert_eq!(read(&QUESTION.replace("/orders", "/\n\nhost\nevil.example")).unwrap_err(), NoEvent::Malformed);
    }

    #[test]
    fn what_is_no_http_is_malformed() {
        for (what, instead) in [("GET", "G T"), ("accept", "acc ept"), ("*/*", "a\u{7}b"), ("id==", "\u{7}")] {
            assert_eq!(read(&QUESTION.replace(what, instead)).unwrap_err(), NoEvent::Malformed, "{instead:?}");
        }
    }

    #[test]
    fn an_answer_brings_its_way_and_its_fields() {
        let text = format!("r{}1;0\n1\nlocation\n/a\n", QUESTION.strip_prefix('q').unwrap());
        let event = read(&text).unwrap();
        let answer = event.answer.unwrap();
        assert_eq!(answer.way, "1;0");
        assert_eq!(answer.headers.get("location").unwrap(), "/a");
        assert!(read(&text.replace("1\nlocation", "2\nlocation")).is_err());
        assert!(read(text.trim_end()).is_err());
    }
}
