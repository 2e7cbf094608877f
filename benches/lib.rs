//! What the benches share: tables of any size, and requests that ask for rows of them.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use std::sync::Arc;
use verge_router::{
    Api, ApiDraft, ApiRows, MappingTable, Origin, Request, Row, RowState,
    api::{HostPattern, Vendor, parse_header},
    origin::{DomainPattern, OriginRules, OriginSpec},
    split::{Arm, Leads, Split, SplitSpec, Sticky},
    table::{MappingSpec, SplitRowSpec},
};

/// An API holds at most this many versions; larger tables hold more APIs.
pub const VERSIONS_PER_API: usize = 1_000;

/// A table of this many mappings, `v1`, `v2`, … under `api0.example.com`, `api1.example.com`, …
#[must_use]
pub fn table(mappings: usize) -> MappingTable {
    let apis = mappings.div_ceil(VERSIONS_PER_API);
    let parts = (0..apis).map(|number| ApiRows {
        api: Arc::new(api(number)),
        rows: (1..=VERSIONS_PER_API.min(mappings)).map(|version| row(number, version)).collect(),
    });
    let (table, conflicts) = MappingTable::build(parts.collect(), None);
    assert!(conflicts.is_empty() && table.rows() == mappings, "the bench's own table is sound");
    table
}

fn api(number: usize) -> Api {
    let host = format!("api{number}.example.com");
    let draft = ApiDraft {
        hosts: Some(vec![must(HostPattern::parse(&host))]),
        vendor: Some(vec![must(Vendor::parse("example"))]),
        header: Some(must(parse_header("APIVER"))),
        ..ApiDraft::default()
    };
    must(draft.finish(&format!("api{number}")))
}

/// An API of two rows: `v1` has an origin, and of `v2` two arms have 5 % and 95 %, stuck to by `X-User`.
#[must_use]
pub fn split_table() -> MappingTable {
    let arm = |name: &str, weight, version| Arm { name: name.into(), weight, leads: Leads::Origin(origin(0, version)) };
    let arms = vec![arm("canary", 500, 3), arm("stable", 9_500, 2)];
    let sticky = vec![must(Sticky::parse("header:x-user"))];
    let split = must(Split::parse(SplitSpec { arms, salt: "2026-11".into(), sticky, ..SplitSpec::default() }));
    let state = RowState::Split(SplitRowSpec { split, hidden: false, lifecycle: None });
    let rows = vec![row(0, 1), Row { key: "v2".into(), whole: false, state }];
    MappingTable::build(vec![ApiRows { api: Arc::new(api(0)), rows }], None).0
}

fn row(api: usize, version: usize) -> Row {
    let spec = MappingSpec { origin: origin(api, version), hidden: false, lifecycle: None };
    Row { key: format!("v{version}").into(), whole: false, state: RowState::Mapped(spec) }
}

fn origin(api: usize, version: usize) -> Origin {
    let domain = format!("a{api}v{version}.execute-api.us-east-1.amazonaws.com");
    let spec = OriginSpec { domain: &domain, base_path: Some("/prod"), ..OriginSpec::default() };
    let allow = vec![must(DomainPattern::parse("*.execute-api.*.amazonaws.com"))];
    must(Origin::parse(&spec, &OriginRules { allow, ..OriginRules::default() }, &[]))
}

/// How a request asks for its version.
#[derive(Debug, Clone, Copy)]
pub enum Asks {
    /// Three ranges: the version, the one before it at half weight, anything at a tenth.
    Accept,
    /// The version header.
    Header,
    /// Not at all.
    Missing,
    /// The version header, for a version that no table holds.
    Unknown,
}

impl Asks {
    /// All ways, in the order they are reported.
    pub const ALL: [Self; 4] = [Self::Accept, Self::Header, Self::Missing, Self::Unknown];

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept of three ranges",
            Self::Header => "header",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// A head that owns its parts, with the fields an ordinary client sends.
#[derive(Debug)]
pub struct Head {
    host: String,
    headers: HeaderMap,
}

impl Head {
    /// The head of a request for this mapping, counted over the whole table.
    #[must_use]
    pub fn new(asks: Asks, mapping: usize) -> Self {
        let host = format!("api{}.example.com", mapping / VERSIONS_PER_API);
        let version = mapping % VERSIONS_PER_API + 1;
        let mut headers = HeaderMap::new();
        let mut add = |name: HeaderName, value: &str| headers.append(name, must(HeaderValue::from_str(value)));
        add(header::HOST, &host);
        add(header::USER_AGENT, "orders-client/4.2 (linux; x86_64)");
        add(header::ACCEPT_ENCODING, "gzip, br");
        add(header::AUTHORIZATION, "Bearer eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.e30.MEUCIQDx");
        add(header::CONTENT_TYPE, "application/json");
        add(HeaderName::from_static("traceparent"), "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        let apiver = HeaderName::from_static("apiver");
        match asks {
            Asks::Accept => {
                let before = version.max(2) - 1;
                add(
                    header::ACCEPT,
                    &format!(
                        "application/vnd.example.v{version}+json, application/vnd.example.v{before}+json;q=0.5, */*;q=0.1"
                    ),
                )
            }
            Asks::Header => add(apiver, &format!("v{version}")),
            Asks::Missing => add(header::ACCEPT, "*/*"),
            Asks::Unknown => add(apiver, &format!("v{version}-none")),
        };
        Self { host, headers }
    }

    /// The same from this user, as `X-User` has it.
    #[must_use]
    pub fn of_user(mut self, user: usize) -> Self {
        let user = must(HeaderValue::from_str(&format!("user-{user:08}")));
        self.headers.insert(HeaderName::from_static("x-user"), user);
        self
    }

    /// The router's view of it.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request {
            method: &Method::GET,
            host: &self.host,
            path: "/orders/12345/items",
            query: Some("expand=customer&page=2"),
            headers: &self.headers,
        }
    }
}

/// A value that the bench itself wrote down.
///
/// # Panics
/// Where it wrote down something else than it meant.
#[expect(clippy::panic, reason = "a bench with a broken table must not report numbers")]
pub fn must<T, E: std::fmt::Debug>(result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{error:?}"))
}
