use super::{draw::Draw, *};
use crate::{
    ApiDraft, ApiRows, Forward, MappingTable, Moment, Reason, Rejection, Request, Row, RowState,
    api::HostPattern,
    lifecycle::{Lifecycle, LifecycleSpec},
    origin::{DomainPattern, OriginRules, OriginSpec},
    rewrite::VERGE_ARM,
    route,
    table::{Conflict, MappingSpec, SplitRowSpec},
};
use alloc::{borrow::ToOwned, format, string::String, sync::Arc, vec, vec::Vec};
use http::{HeaderMap, HeaderName, Method, header};

/// The vectors of docs/semantics.md, made by another implementation in another language.
#[test]
fn draws_are_as_published() {
    for (salt, subject, canary, stable) in [
        ("", "alice", "156.260371645", "1153.216756659"),
        ("", "bob", "1154.195971480", "6749.781768301"),
        ("2026-11", "alice", "464.823068933", "8290.026766829"),
        ("2026-11", "00000000000000000000000000000000", "1376.782093318", "120534.630719267"),
    ] {
        let score = |arm, weight| {
            format!("{:.9}", Draw::new(salt, "orders", "v2", arm).drawn(weight, subject.as_bytes()).score())
        };
        assert_eq!((&*score("canary", 500), &*score("stable", 9500)), (canary, stable), "{salt} {subject}");
    }
}

#[test]
fn picks_are_as_published() {
    let two = table(vec![split("v2", two(500, 9500))]);
    let canaries: Vec<usize> = (0..200).filter(|n| arm(&two, &format!("user-{n}")) == "canary").collect();
    assert_eq!(canaries, [25, 60, 61, 82, 83, 89, 128, 154, 157, 176]);

    let arms = vec![own("a", 1), own("b", 2), own("c", 7)];
    let three = table(vec![split("v2", SplitSpec { arms, salt: "s".into(), ..by_user() })]);
    let picks: String = (0..24).map(|n| arm(&three, &format!("user-{n}"))).collect();
    assert_eq!(picks, "cbcccbcccccccbcccccabbcb");
}

fn origin(domain: &str) -> Origin {
    let rules = OriginRules { allow: vec![DomainPattern::parse("*.example").unwrap()], ..OriginRules::default() };
    let spec = OriginSpec { domain, base_path: Some("/prod"), ..OriginSpec::default() };
    Origin::parse(&spec, &rules, &[]).unwrap()
}

/// An arm at the origin of its name.
fn own(name: &str, weight: u16) -> Arm {
    Arm { name: name.into(), weight, leads: Leads::Origin(origin(&format!("{name}.example"))) }
}

fn to(name: &str, weight: u16, version: &str) -> Arm {
    Arm { name: name.into(), weight, leads: Leads::Version(version.into()) }
}

fn by_user() -> SplitSpec {
    SplitSpec { sticky: vec![Sticky::parse("header:x-user").unwrap()], ..SplitSpec::default() }
}

fn two(canary: u16, stable: u16) -> SplitSpec {
    SplitSpec { arms: vec![own("canary", canary), own("stable", stable)], ..by_user() }
}

fn split(key: &str, spec: SplitSpec) -> Row {
    let spec = SplitRowSpec { split: Split::parse(spec).unwrap(), hidden: false, lifecycle: None };
    Row { key: key.into(), whole: false, state: RowState::Split(spec) }
}

fn plain(key: &str, sunset_at: Option<i64>) -> Row {
    let lifecycle =
        sunset_at.map(|at| Lifecycle::parse(LifecycleSpec { sunset_at: Some(at), ..Default::default() }).unwrap());
    let spec = MappingSpec { origin: origin(&format!("{key}.example")), hidden: false, lifecycle };
    Row { key: key.into(), whole: false, state: RowState::Mapped(spec) }
}

fn build(rows: Vec<Row>, before: Option<&MappingTable>) -> (MappingTable, Vec<Conflict>) {
    let vendor = crate::api::Vendor::parse("example").unwrap();
    let draft = ApiDraft { hosts: Some(vec![HostPattern::Any]), vendor: Some(vec![vendor]), ..ApiDraft::default() };
    let api = before
        .and_then(|table| table.api("orders"))
        .map_or_else(|| Arc::new(draft.finish("orders").unwrap()), |part| part.api().clone());
    MappingTable::build(vec![ApiRows { api, rows }], before)
}

fn table(rows: Vec<Row>) -> MappingTable {
    let (table, conflicts) = build(rows, None);
    assert!(conflicts.is_empty(), "{conflicts:?}");
    table
}

struct Fixed;

/// Not HMAC: that is the edges'. The rules around it do not care.
impl Seal for Fixed {
    fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut hash = siphash::SipHash::new();
        parts.iter().for_each(|part| hash.write(part));
        let mut mac = [7; 32];
        mac[..8].copy_from_slice(&hash.finish().to_le_bytes());
        mac
    }
}

struct Tripped(&'static str);

impl Health for Tripped {
    fn is_tripped(&self, _: &SplitRow, arm: &HeldArm) -> bool {
        arm.name() == self.0
    }
}

fn ask(
    table: &MappingTable,
    method: &Method,
    fields: &[(&'static str, &str)],
    moment: &Moment<'_>,
) -> Result<Forward, Rejection> {
    let mut headers: HeaderMap = [(HeaderName::from_static("apiver"), "v2".parse().unwrap())].into_iter().collect();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), value.parse().unwrap());
    }
    let request = Request { method, host: "h", path: "/x", query: None, headers: &headers };
    route(&request, table, moment, &mut ())
}

fn named(forward: &Forward) -> String {
    forward.arm().map_or("-", |arm| arm.name()).into()
}

fn arm(table: &MappingTable, user: &str) -> String {
    named(&ask(table, &Method::GET, &[("x-user", user)], &Moment::at(0)).unwrap())
}

#[test]
fn a_weight_of_zero_is_never_picked() {
    let table = table(vec![split("v2", two(0, 1))]);
    assert!((0..2000).all(|n| arm(&table, &format!("user-{n}")) == "stable"));
}

#[test]
fn without_a_sticky_key_the_request_id_draws() {
    let table = table(vec![split("v2", two(5000, 5000))]);
    let by_id = |id: &str| {
        let moment = Moment { request_id: id.as_bytes(), ..Moment::at(0) };
        let forward = ask(&table, &Method::GET, &[], &moment).unwrap();
        assert_eq!(forward.choice().unwrap().by(), By::Chance);
        named(&forward)
    };
    let arms: Vec<String> = (0..64).map(|n| by_id(&format!("id-{n}"))).collect();
    assert!(arms.iter().any(|arm| arm == "canary") && arms.iter().any(|arm| arm == "stable"));
    assert_eq!(arms, (0..64).map(|n| by_id(&format!("id-{n}"))).collect::<Vec<_>>());
}

#[test]
fn the_first_key_that_is_there_decides() {
    let sticky = ["claim:sub", "header:x-user", "ip"].map(|key| Sticky::parse(key).unwrap()).into();
    let table = table(vec![split("v2", SplitSpec { sticky, ..two(5000, 5000) })]);
    let moment = Moment { client: Some("192.0.2.1".parse().unwrap()), ..Moment::at(0) };
    let by =
        |fields: &[(&'static str, &str)]| ask(&table, &Method::GET, fields, &moment).unwrap().choice().unwrap().by();
    assert_eq!(by(&[("authorization", "Bearer e30.eyJzdWIiOiJ1In0.x"), ("x-user", "u")]), By::Sticky(0));
    assert_eq!(by(&[("authorization", "Bearer e30.e30.x"), ("x-user", "u")]), By::Sticky(1));
    assert_eq!(by(&[("x-user", "")]), By::Sticky(2));
}

#[test]
fn an_arm_that_names_a_version_answers_as_that_version() {
    let arms = vec![to("next", 1, "3"), own("own", 0)];
    let table = table(vec![split("v2", SplitSpec { arms, ..by_user() }), plain("v3", Some(500))]);
    let forward = ask(&table, &Method::GET, &[], &Moment::at(0)).unwrap();
    assert_eq!((forward.mapping().key(), forward.origin().domain().as_str()), ("v3", "v3.example"));
    assert_eq!(named(&forward), "next");
    let mut answer = HeaderMap::new();
    let headers = HeaderMap::new();
    let request = Request { method: &Method::GET, host: "h", path: "/x", query: None, headers: &headers };
    forward.edit_response(&request, false, &mut answer);
    assert_eq!(answer["api-version"], "v3");
    assert_eq!(answer[VERGE_ARM], "next");
    assert!(answer.contains_key("sunset"));
    assert!(answer.get_all(header::VARY).iter().any(|line| line == "x-user"));
}

#[test]
fn an_arm_whose_version_is_over_is_passed_over_and_the_last_of_them_says_so() {
    let both = vec![to("next", 9999, "v3"), own("own", 1)];
    let with_own = table(vec![split("v2", SplitSpec { arms: both, ..by_user() }), plain("v3", Some(500))]);
    let at = |table, now| ask(table, &Method::GET, &[("x-user", "u")], &Moment::at(now));
    assert_eq!(named(&at(&with_own, 499).unwrap()), "next");
    assert_eq!(named(&at(&with_own, 500).unwrap()), "own");
    let alone = vec![to("next", 1, "v3"), own("own", 0)];
    let alone = table(vec![split("v2", SplitSpec { arms: alone, ..by_user() }), plain("v3", Some(500))]);
    assert_eq!(at(&alone, 500).unwrap_err().reason, Reason::RetiredVersion);
}

#[test]
fn a_version_the_client_refuses_does_not_answer_by_way_of_an_arm() {
    let arms = vec![to("next", 9999, "v3"), own("own", 1)];
    let table = table(vec![split("v2", SplitSpec { arms, ..by_user() }), plain("v3", None)]);
    let ask =
        |accept| named(&ask(&table, &Method::GET, &[("x-user", "u"), ("accept", accept)], &Moment::at(0)).unwrap());
    assert_eq!(ask("application/json"), "next");
    assert_eq!(ask("application/vnd.example.v3+json;q=0, application/json"), "own");
}

#[test]
fn splits_may_lead_to_splits_but_not_in_a_circle() {
    let nested = SplitSpec { arms: vec![to("next", 1, "v3")], ..by_user() };
    let nested_table = table(vec![split("v2", nested.clone()), split("v3", two(1, 0))]);
    let forward = ask(&nested_table, &Method::GET, &[], &Moment::at(0)).unwrap();
    assert_eq!((named(&forward), forward.origin().domain().as_str()), ("next".into(), "canary.example"));

    let back = SplitSpec { arms: vec![to("back", 1, "v2"), own("own", 1)], ..by_user() };
    let (circle, conflicts) = build(vec![split("v2", nested.clone()), split("v3", back)], Some(&nested_table));
    assert_eq!(conflicts.len(), 2);
    // The last good ones go on.
    let forward = ask(&circle, &Method::GET, &[], &Moment::at(0)).unwrap();
    assert_eq!(forward.origin().domain().as_str(), "canary.example");

    let (_, conflicts) = build(vec![split("v2", nested)], None);
    assert_eq!(format!("{}", conflicts[0].reason), "split: arm `next` leads to version `v3`, which names no row");
}

#[test]
fn a_tripped_arm_gets_nothing_and_stable_what_is_left() {
    let moment = Moment { health: &Tripped("canary"), ..Moment::at(0) };
    let half = table(vec![split("v2", two(5000, 5000))]);
    let all = table(vec![split("v2", two(10_000, 0))]);
    for n in 0..200 {
        let user = format!("user-{n}");
        assert_eq!(named(&ask(&half, &Method::GET, &[("x-user", &user)], &moment).unwrap()), "stable");
        let left = ask(&all, &Method::GET, &[("x-user", &user)], &moment).unwrap();
        assert_eq!((named(&left), left.choice().unwrap().by()), ("stable".into(), By::Left));
    }
    // Nobody watches stable.
    let moment = Moment { health: &Tripped("stable"), ..Moment::at(0) };
    assert_eq!(named(&ask(&half, &Method::GET, &[("x-user", "user-0")], &moment).unwrap()), arm(&half, "user-0"));
}

#[test]
fn what_can_be_repeated_may_fall_back_to_stable_once() {
    let table = table(vec![split("v2", two(1, 0))]);
    for (method, may) in [(Method::GET, true), (Method::PUT, true), (Method::POST, false), (Method::PATCH, false)] {
        let forward = ask(&table, &method, &[], &Moment::at(0)).unwrap();
        let headers = HeaderMap::new();
        let request = Request { method: &method, host: "h", path: "/x", query: None, headers: &headers };
        let stable = forward.fall_back(&request);
        assert_eq!(stable.is_some(), may, "{method}");
        if let Some(stable) = stable {
            assert_eq!((named(&stable), stable.origin().domain().as_str()), ("stable".into(), "stable.example"));
            assert!(stable.fall_back(&request).is_none());
        }
    }
}

#[test]
fn a_tester_gets_the_arm_asked_for_and_an_answer_for_nobody_else() {
    let table = table(vec![split("v2", two(0, 1))]);
    let moment = Moment { seal: Some(&Fixed), overridable: true, ..Moment::at(1000) };
    let token = seal::sign_override(&Fixed, "orders", "v2", "canary", 2000);
    let with =
        |token: &str, moment: &Moment<'_>| ask(&table, &Method::GET, &[("verge-override", token)], moment).unwrap();
    let forward = with(&token, &moment);
    assert_eq!((named(&forward), forward.choice().unwrap().by()), ("canary".into(), By::Override));
    let mut answer = HeaderMap::new();
    let headers = HeaderMap::new();
    let request = Request { method: &Method::GET, host: "h", path: "/x", query: None, headers: &headers };
    forward.edit_response(&request, false, &mut answer);
    assert_eq!(answer[header::CACHE_CONTROL], "no-store");
    assert!(answer.get_all(header::VARY).iter().any(|line| line == "verge-override"));
    assert!(forward.fall_back(&request).is_none(), "a tester wants to see it fail");

    let other_row = seal::sign_override(&Fixed, "orders", "v3", "canary", 2000);
    let other_arm = token.replace("canary", "stable");
    let later = token.replace("2000", "3000");
    for bad in
        ["", "canary", "canary;2000;", &other_row, &other_arm, &later, &token.to_uppercase(), &format!("{token}0")]
    {
        assert_eq!(named(&with(bad, &moment)), "stable", "{bad}");
    }
    assert_eq!(named(&with(&token, &Moment { now: 2000, ..moment })), "stable", "over");
    assert_eq!(named(&with(&token, &Moment { overridable: false, ..moment })), "stable", "not configured");
    assert_eq!(named(&with("canary", &Moment { is_tester: true, ..moment })), "canary", "from an allowed network");
}

/// What the answer sets, as a client sends it back.
fn cookie_of(forward: &Forward) -> Option<String> {
    let line = forward.choice()?.cookie.as_ref()?.to_str().ok()?.split(';').next()?.to_owned();
    Some(line)
}

#[test]
fn the_signed_cookie_keeps_its_client_and_drains_the_arm_that_is_going() {
    let sticky = vec![Sticky::Signed];
    let half = table(vec![split("v2", SplitSpec { sticky: sticky.clone(), ..two(5000, 5000) })]);
    let moment = |id: &'static [u8], now| Moment { request_id: id, seal: Some(&Fixed), ..Moment::at(now) };
    // One client of each arm.
    let ids: [&[u8]; 8] = [b"a1", b"b2", b"c3", b"d4", b"e5", b"f6", b"g7", b"h8"];
    let mut first: Vec<(String, String)> = Vec::new();
    for id in ids {
        let forward = ask(&half, &Method::GET, &[], &moment(id, 0)).unwrap();
        assert_eq!(forward.choice().unwrap().by(), By::Chance);
        first.push((named(&forward), cookie_of(&forward).unwrap()));
    }
    for (arm, cookie) in &first {
        let again = ask(&half, &Method::GET, &[("cookie", cookie)], &moment(b"other", 10)).unwrap();
        assert_eq!(&named(&again), arm);
        assert!(cookie_of(&again).is_none(), "it is fresh");
        let late = ask(&half, &Method::GET, &[("cookie", cookie)], &moment(b"other", seal::COOKIE_LIFE - 5)).unwrap();
        assert!(cookie_of(&late).is_some(), "half its life is over");
    }
    let (_, canary) = first.iter().find(|(arm, _)| arm == "canary").unwrap();
    let (_, stable) = first.iter().find(|(arm, _)| arm == "stable").unwrap();

    let gone = table(vec![split("v2", SplitSpec { sticky: sticky.clone(), ..two(0, 10_000) })]);
    let draining = table(vec![split("v2", SplitSpec { sticky, drain: true, ..two(0, 10_000) })]);
    let ask =
        |table, cookie: &str, moment: Moment<'_>| ask(table, &Method::GET, &[("cookie", cookie)], &moment).unwrap();
    assert_eq!(named(&ask(&gone, canary, moment(b"x", 10))), "stable");
    let pinned = ask(&draining, canary, moment(b"x", 10));
    assert_eq!((named(&pinned), pinned.choice().unwrap().by()), ("canary".into(), By::Pin));
    assert_eq!(named(&ask(&draining, stable, moment(b"x", 10))), "stable");
    assert_eq!(named(&ask(&draining, canary, Moment { health: &Tripped("canary"), ..moment(b"x", 10) })), "stable");
    for forged in
        [canary.replace('~', "~x"), canary.replace("canary", "stable"), format!("{canary}0"), canary.to_uppercase()]
    {
        assert_eq!(named(&ask(&draining, &forged, moment(b"x", 10))), "stable", "{forged}");
    }
    assert_eq!(named(&ask(&draining, canary, moment(b"x", seal::COOKIE_LIFE + 1))), "stable", "over");
    assert!(canary.starts_with("__Host-verge-"));
}

#[test]
fn without_a_key_no_cookie_is_read_or_set() {
    let table = table(vec![split("v2", SplitSpec { sticky: vec![Sticky::Signed], ..two(1, 1) })]);
    let forward = ask(&table, &Method::GET, &[], &Moment { request_id: b"a", ..Moment::at(0) }).unwrap();
    assert!(cookie_of(&forward).is_none());
}

#[test]
fn a_ramp_moves_weight_from_the_last_arm_to_the_first() {
    let ramp = Ramp { start: 1000, step: 2500, interval: 100, until: 10_000, pauses: Vec::new() };
    let table = table(vec![split("v2", SplitSpec { ramp: Some(ramp), ..two(0, 10_000) })]);
    let share = |now| {
        let at = |n: usize| ask(&table, &Method::GET, &[("x-user", &format!("user-{n}"))], &Moment::at(now)).unwrap();
        (0..1000).filter(|n| named(&at(*n)) == "canary").count()
    };
    assert_eq!(share(999), 0);
    assert_eq!(share(1099), 0);
    assert!((200..300).contains(&share(1100)));
    assert!((450..550).contains(&share(1200)));
    assert_eq!(share(1400), 1000);
}
