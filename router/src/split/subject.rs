//! Whom a choice sticks to: the first of the row's sticky keys that the request has.

use super::{COOKIE_PREFIX, InvalidSplit, claim};
use crate::{moment::Moment, request::Request, rewrite::write_address};
use alloc::{borrow::ToOwned, boxed::Box, format, string::String};
use core::net::{IpAddr, Ipv6Addr};
use http::{HeaderMap, HeaderName, header};

/// A sticky key of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sticky {
    /// `header:NAME`: the first line of this field.
    Header(HeaderName),
    /// `cookie:NAME`: the first cookie of this name (RFC 6265 §5.4).
    Cookie(Box<str>),
    /// `query:NAME`: the first parameter of this name, as it is written.
    Query(Box<str>),
    /// `claim:NAME`: a claim of the bearer token, string or number, unverified.
    Claim(Box<str>),
    /// `ip`: the client's address; of IPv6 the /64.
    Address,
    /// `cookie`: the cookie that Verge makes and signs itself.
    Signed,
}

/// Whom a choice is for, as a request has it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Subject<'a> {
    /// As it stands in the request.
    Received(&'a [u8]),
    /// The first so many bytes of the room.
    Written(usize),
}

impl<'a> Subject<'a> {
    /// Its bytes, with the room it may have been written to.
    pub(crate) fn bytes(self, room: &'a Room) -> &'a [u8] {
        match self {
            Self::Received(bytes) => bytes,
            Self::Written(length) => room.as_ref().and_then(|room| room.get(..length)).unwrap_or_default(),
        }
    }
}

/// Room for a subject that is not written in the request as it is; cleared only where one is written.
pub type Room = Option<[u8; 256]>;

fn clear(room: &mut Room) -> &mut [u8; 256] {
    room.insert([0; 256])
}

impl Sticky {
    /// Reads `header:NAME`, `cookie:NAME`, `query:NAME`, `claim:NAME`, `ip` or `cookie`.
    ///
    /// # Errors
    /// Anything else, and names that cannot be.
    pub fn parse(text: &str) -> Result<Self, InvalidSplit> {
        let refuse = || InvalidSplit::Sticky(text.into());
        match text.split_once(':') {
            None if text == "ip" => Ok(Self::Address),
            None if text == "cookie" => Ok(Self::Signed),
            Some(("header", name)) => {
                let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| refuse())?;
                // What only proxies say, or what is taken off on the way, sticks to nobody.
                let unfit = name.as_str().starts_with("verge-") || name == header::CONNECTION || name == header::HOST;
                if unfit { Err(refuse()) } else { Ok(Self::Header(name)) }
            }
            // Verge's own are cut out on the way, and what they mean is written `cookie`.
            Some(("cookie", name)) if is_token(name) && !name.starts_with(COOKIE_PREFIX) => {
                Ok(Self::Cookie(name.into()))
            }
            Some(("query", name)) if is_name(name) => Ok(Self::Query(name.into())),
            Some(("claim", name)) if is_name(name) => Ok(Self::Claim(name.into())),
            _ => Err(refuse()),
        }
    }

    /// As written in a row.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Header(name) => format!("header:{name}"),
            Self::Cookie(name) => format!("cookie:{name}"),
            Self::Query(name) => format!("query:{name}"),
            Self::Claim(name) => format!("claim:{name}"),
            Self::Address => "ip".to_owned(),
            Self::Signed => "cookie".to_owned(),
        }
    }

    /// The field it is read from, which answers vary by.
    pub(crate) fn field(&self) -> Option<HeaderName> {
        match self {
            Self::Header(name) => Some(name.clone()),
            Self::Cookie(_) | Self::Signed => Some(header::COOKIE),
            Self::Claim(_) => Some(header::AUTHORIZATION),
            Self::Query(_) | Self::Address => None,
        }
    }

    /// What this request has of it; an empty value is none. The signed cookie is read elsewhere, with its seal.
    pub(crate) fn read<'a>(&self, request: &Request<'a>, moment: &Moment<'_>, room: &mut Room) -> Option<Subject<'a>> {
        let received = match self {
            Self::Header(name) => request.headers.get(name).map(|value| value.as_bytes().trim_ascii()),
            Self::Cookie(name) => cookie(request.headers, name),
            Self::Query(name) => parameter(request.query?, name),
            Self::Claim(name) => {
                let authorization = request.headers.get(header::AUTHORIZATION)?;
                let claim = claim::read(authorization.as_bytes(), name.as_bytes(), clear(room))?;
                return Some(Subject::Written(claim.len()));
            }
            Self::Address => {
                let address = match moment.client?.to_canonical() {
                    IpAddr::V4(address) => IpAddr::V4(address),
                    IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
                };
                return Some(Subject::Written(write_address(address, clear(room))?.len()));
            }
            Self::Signed => None,
        };
        received.filter(|subject| !subject.is_empty()).map(Subject::Received)
    }
}

/// What a request has of the first of these places that it has anything of. Of [`Sticky::Signed`] it has nothing.
///
/// `room` is for what does not stand in the request as it is: claims, and addresses.
pub fn find_subject<'a>(
    places: impl IntoIterator<Item = &'a Sticky>,
    request: &Request<'a>,
    moment: &Moment<'_>,
    room: &'a mut Room,
) -> Option<(&'a Sticky, &'a [u8])> {
    let mut places = places.into_iter();
    let (place, subject) = places.find_map(|place| Some((place, place.read(request, moment, room)?)))?;
    Some((place, subject.bytes(room)))
}

/// The value of a cookie: the first of this name on any line.
pub(super) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    headers.get_all(header::COOKIE).iter().flat_map(|line| line.as_bytes().split(|&b| b == b';')).find_map(|pair| {
        let value = pair.trim_ascii_start().strip_prefix(name.as_bytes())?.strip_prefix(b"=")?;
        Some(value.trim_ascii_end())
    })
}

fn parameter<'a>(query: &'a str, name: &str) -> Option<&'a [u8]> {
    query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).map(str::as_bytes)
}

/// A cookie's name (RFC 6265 §4.1.1).
fn is_token(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic() && !b"&=#\"\\".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Method;

    fn check(sticky: &str, fields: &[(HeaderName, &'static str)], query: Option<&str>, expected: Option<&str>) {
        let headers: HeaderMap = fields.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        let request = Request { method: &Method::GET, host: "h", path: "/", query, headers: &headers };
        let mut moment = Moment::at(0);
        moment.client = Some("2001:db8:1:2:3:4:5:6".parse().unwrap());
        let mut room = None;
        let found = Sticky::parse(sticky).unwrap().read(&request, &moment, &mut room);
        let found = found.map(|subject| subject.bytes(&room));
        assert_eq!(found.map(String::from_utf8_lossy).as_deref(), expected, "{sticky}");
    }

    #[test]
    fn each_key_is_read_from_its_place() {
        let user = HeaderName::from_static("x-user");
        check("header:X-User", &[(user.clone(), " u7 ")], None, Some("u7"));
        check("header:X-User", &[(user, "")], None, None);
        let cookies = [(header::COOKIE, "sid2=no; sid=u7"), (header::COOKIE, "sid=later")];
        check("cookie:sid", &cookies, None, Some("u7"));
        check("cookie:si", &cookies, None, None);
        check("query:user", &[], Some("xuser=1&user=u%207&user=x"), Some("u%207"));
        check("query:user", &[], Some("user"), None);
        check("query:user", &[], None, None);
        check("ip", &[], None, Some("2001:db8:1:2::"));
    }

    #[test]
    fn what_is_no_sticky_key_is_refused() {
        for bad in [
            "",
            "ip:x",
            "header:",
            "header:a b",
            "header:verge-x",
            "cookie:",
            "cookie:a;b",
            "cookie:__Host-verge-1",
            "query:",
            "query:a=b",
            "body",
        ] {
            assert!(Sticky::parse(bad).is_err(), "{bad}");
        }
        for good in ["header:x-user", "cookie:sid", "query:user", "claim:sub", "ip", "cookie"] {
            assert_eq!(Sticky::parse(good).unwrap().text(), good);
        }
    }
}
