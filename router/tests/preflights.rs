//! CORS preflights under every combination of policies: forwarded or answered, and never refused.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "orders/table.rs"]
#[allow(dead_code, reason = "other tests need the rest of it")]
mod orders;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use proptest::{prelude::*, sample::select};
use verge_router::{
    ApiDraft, Moment, Pin, Pinned, Pins, Request, Source,
    api::{ApiPath, Missing, PinDraft, Scheme, Unknown, parse_method, parse_subject},
    cors::{CorsDraft, WebOrigin},
    route,
};

/// Says the same of every consumer.
struct Says(Pinned);

impl Pins for Says {
    fn pinned(&self, _: &str, _: &[u8]) -> Pinned {
        self.0.clone()
    }
}

/// What may stand for a missing version: a row, one that is over, one that is not there.
fn defaults() -> impl Strategy<Value = Missing> {
    let version = select(vec!["v1", "v2", "v9"]).prop_map(|version| Missing::Version(version.into()));
    prop_oneof![Just(Missing::Reject), version]
}

fn pins() -> impl Strategy<Value = Option<PinDraft>> {
    let subject = Some(vec![parse_subject("header:x-consumer").unwrap()]);
    let draft = defaults().prop_map(move |unpinned| PinDraft {
        subject: subject.clone(),
        unpinned: Some(unpinned),
        until_known: None,
    });
    proptest::option::of(draft)
}

fn cors() -> impl Strategy<Value = Option<CorsDraft>> {
    let origins = select(vec!["*", "https://app.example.com", "https://*.example.com"]);
    let draft = |origin| CorsDraft { origins: vec![WebOrigin::parse(origin).unwrap()], ..CorsDraft::default() };
    proptest::option::of(origins.prop_map(draft))
}

fn apis() -> impl Strategy<Value = ApiDraft> {
    let neutral = proptest::option::of((select(vec!["/health", "/orders"]), select(vec!["v1", "v2", "v9"])));
    let read = select(vec![
        vec![Source::Accept],
        vec![Source::Header],
        vec![Source::Accept, Source::Header, Source::Query, Source::Path],
    ]);
    let unknown = select(vec![Unknown::Reject, Unknown::Back, Unknown::Forward]);
    let scheme = select(vec![Scheme::Label, Scheme::Semver, Scheme::Date]);
    let methods = proptest::option::of(Just(vec![parse_method("GET").unwrap()]));
    let all = (defaults(), pins(), proptest::option::of(defaults()), neutral, (read, unknown, scheme), methods, cors());
    all.prop_map(|(missing, pin, preflight, neutral, (read, unknown, scheme), methods, cors)| ApiDraft {
        missing: Some(if pin.is_some() { Missing::Pin } else { missing }),
        pin,
        preflight,
        neutral: neutral.map(|(path, _)| vec![ApiPath::parse_one(path).unwrap()]),
        neutral_version: neutral.map(|(_, version)| version.into()),
        read: Some(read),
        unknown: Some(unknown),
        scheme: Some(scheme),
        methods,
        cors,
        ..ApiDraft::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_preflight_is_never_refused(
        api in apis(),
        over in any::<bool>(),
        accept in select(vec!["", "*/*", "application/json", "text/html, */*;q=0.5", "*/*;q=0", "application/vnd.other.v7+json"]),
        asked in select(vec!["", "apiver", "apiver, x-consumer, authorization"]),
        consumer in select(vec!["", "ann"]),
        pinned in select(vec![0, 1, 2, 3]),
        path in select(vec!["/orders", "/health", "/"]),
    ) {
        let table = orders::table_of([("v1", over.then_some(1)), ("v2", Some(1))], "/prod", api);
        let fields = [
            (header::ORIGIN, "https://app.example.com"),
            (header::ACCESS_CONTROL_REQUEST_METHOD, "POST"),
            (header::ACCESS_CONTROL_REQUEST_HEADERS, asked),
            (header::ACCEPT, accept),
            (HeaderName::from_static("x-consumer"), consumer),
        ];
        let headers: HeaderMap = fields
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| (name, HeaderValue::from_static(value)))
            .collect();
        let pin = Pin { version: "v2".into(), upgrade: None, expires: None };
        let says = Says(match pinned {
            0 => Pinned::To(pin.into()),
            1 => Pinned::Nowhere,
            2 => Pinned::Unreadable,
            _ => Pinned::NotKnown,
        });
        let request = Request { method: &Method::OPTIONS, host: "api.example.com", path, query: None, headers: &headers };
        let moment = Moment { pins: &says, ..Moment::at(1_700_000_000) };
        if let Err(rejection) = route(&request, &table, &moment, &mut ()) {
            prop_assert_eq!(rejection.status(), StatusCode::NO_CONTENT, "{}", rejection.reason);
        }
    }
}
