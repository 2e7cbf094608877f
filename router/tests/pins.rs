//! What a decision makes of what is known of a consumer, which the corpus cannot say.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "orders/table.rs"]
#[allow(dead_code, reason = "other tests need the rest of it")]
mod orders;

use http::{HeaderMap, HeaderName, Method};
use verge_router::{
    ApiDraft, MappingTable, Moment, Pinned, Pins, Request, Source,
    api::{Missing, PinDraft, UntilKnown, parse_subject},
    route,
};

struct Says(Pinned);

impl Pins for Says {
    fn pinned(&self, api: &str, subject: &[u8]) -> Pinned {
        assert_eq!((api, subject), ("orders", &b"ann"[..]));
        self.0.clone()
    }
}

fn table(unpinned: Option<&str>, until_known: UntilKnown) -> MappingTable {
    let pin = PinDraft {
        subject: Some(vec![parse_subject("header:x-consumer").unwrap()]),
        unpinned: unpinned.map(|version| Missing::Version(version.into())),
        until_known: Some(until_known),
    };
    let draft = ApiDraft { missing: Some(Missing::Pin), pin: Some(pin), ..ApiDraft::default() };
    orders::table_of([("v1", None), ("v2", None)], "/prod", draft)
}

#[track_caller]
fn check(table: &MappingTable, pinned: Pinned, expected: Result<(&str, Source), (&str, u16)>) {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("x-consumer"), "ann".parse().unwrap());
    let request = Request { method: &Method::GET, host: "h", path: "/", query: None, headers: &headers };
    let says = Says(pinned);
    let decided = route(&request, table, &Moment { pins: &says, ..Moment::at(0) }, &mut ());
    let decided = decided.map(|forward| (forward.mapping().key().to_owned(), forward.source()));
    let decided = decided.map_err(|no| (no.reason.code(), no.status().as_u16()));
    assert_eq!(decided, expected.map(|(version, source)| (version.to_owned(), source)));
}

#[test]
fn who_is_not_known_is_put_off() {
    check(&table(None, UntilKnown::PutOff), Pinned::NotKnown, Err(("no_table", 503)));
    check(&table(Some("v2"), UntilKnown::PutOff), Pinned::NotKnown, Err(("no_table", 503)));
}

#[test]
fn who_is_not_known_may_get_what_the_unpinned_get() {
    check(&table(Some("v2"), UntilKnown::Unpinned), Pinned::NotKnown, Ok(("v2", Source::Missing)));
    check(&table(None, UntilKnown::Unpinned), Pinned::NotKnown, Err(("missing_version", 403)));
}

#[test]
fn a_pin_that_cannot_be_read_is_no_absence_whatever_the_policy() {
    for until_known in [UntilKnown::PutOff, UntilKnown::Unpinned] {
        check(&table(Some("v2"), until_known), Pinned::Unreadable, Err(("invalid_mapping", 503)));
        check(&table(Some("v2"), until_known), Pinned::Nowhere, Ok(("v2", Source::Missing)));
    }
}
