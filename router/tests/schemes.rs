//! Schemes and sources against second opinions: the `semver` crate, a calendar that counts days, and plain search.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "orders/table.rs"]
mod orders;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use orders::{table, table_of};
use proptest::{collection::vec, prelude::*, sample::select};
use semver::{Version, VersionReq};
use std::collections::{BTreeMap, BTreeSet};
use verge_router::{
    ApiDraft, Forward, MappingTable, Moment, Rejection, Request, Source, UnixTime,
    api::{HostVersion, Scheme, Unknown},
    resolve::{date::Date, semver::Semver},
    route,
};

fn under(scheme: Scheme, rows: &BTreeMap<String, Option<UnixTime>>, unknown: Unknown) -> MappingTable {
    let draft = ApiDraft { scheme: Some(scheme), unknown: Some(unknown), ..ApiDraft::default() };
    table_of(rows.iter().map(|(key, sunset)| (key.as_str(), *sunset)), "", draft)
}

fn ask(table: &MappingTable, version: &str, now: UnixTime) -> Result<Forward, Rejection> {
    let value = HeaderValue::from_str(version).unwrap();
    let headers: HeaderMap = [(HeaderName::from_static("apiver"), value)].into_iter().collect();
    let request = Request { method: &Method::GET, host: "api.example.com", path: "/", query: None, headers: &headers };
    route(&request, table, &Moment::at(now), &mut ())
}

/// The row that answers, or the code.
fn outcome(decision: &Result<Forward, Rejection>) -> &str {
    match decision {
        Ok(forward) => forward.mapping().key(),
        Err(rejection) => rejection.reason.code(),
    }
}

/// Rows of few numbers, so that ranges meet them; each with its sunset or none.
fn releases() -> impl Strategy<Value = BTreeMap<String, Option<UnixTime>>> {
    let number = || 0..4_u64;
    let pre = select(vec!["", "", "", "-rc.1", "-alpha", "-0"]);
    let version = (number(), number(), number(), pre).prop_map(|(a, b, c, pre)| format!("{a}.{b}.{c}{pre}"));
    let sunset = prop_oneof![Just(None), (1..10_i64).prop_map(Some)];
    vec((version, sunset), 0..24).prop_map(|rows| rows.into_iter().collect())
}

/// The newest of these, by the crate's order.
fn newest<'r>(rows: impl Iterator<Item = &'r Version>) -> Option<&'r Version> {
    rows.max_by(|one, other| one.cmp_precedence(other))
}

proptest! {
    #[test]
    fn a_full_version_is_what_the_crate_says_it_is(text in "[0-9]{1,3}(\\.[0-9]{1,2}){1,3}(-[0-9a-c.-]{0,5})?(\\+[0-9a-c.+-]{0,4})?") {
        prop_assert_eq!(Semver::parse(text.as_bytes()).is_ok(), Version::parse(&text).is_ok(), "{}", text);
    }

    #[test]
    fn numbers_end_where_the_crates_do(major in prop_oneof![any::<u64>().prop_map(u128::from), any::<u128>(), Just(1_u128 << 64)]) {
        let text = format!("{major}.0.0");
        prop_assert_eq!(Semver::parse(text.as_bytes()).is_ok(), Version::parse(&text).is_ok(), "{}", text);
    }

    #[test]
    fn precedence_is_the_crates(
        one in "[0-2]\\.[0-2]\\.[0-2](-(0|1|10|a|b|a-b|rc)(\\.(0|2|11|a|beta)){0,2})?(\\+a)?",
        other in "[0-2]\\.[0-2]\\.[0-2](-(0|1|10|a|b|a-b|rc)(\\.(0|2|11|a|beta)){0,2})?(\\+b)?",
    ) {
        let ours = Semver::parse(one.as_bytes()).unwrap().precedence(&Semver::parse(other.as_bytes()).unwrap());
        prop_assert_eq!(ours, Version::parse(&one).unwrap().cmp_precedence(&Version::parse(&other).unwrap()));
    }

    #[test]
    fn a_range_is_the_newest_that_the_crate_matches(
        rows in releases(),
        major in 0..5_u64,
        minor in proptest::option::of(0..5_u64),
        form in 0..4,
        now in 0..12_i64,
    ) {
        let (asked, requirement) = match (minor, form) {
            (None, 0) => (format!("v{major}"), format!("={major}")),
            (None, 1) => (format!("{major}.x"), format!("{major}.*")),
            (None, _) => (format!("{major}.*"), format!(">={major}, <{}", major + 1)),
            (Some(minor), 0) => (format!("{major}.{minor}"), format!("={major}.{minor}")),
            (Some(minor), 1) => (format!("V{major}.{minor}.x"), format!("~{major}.{minor}")),
            (Some(minor), _) => (format!("{major}.{minor}+"), format!(">={major}.{minor}, <{}", major + 1)),
        };
        let requirement = VersionReq::parse(&requirement).unwrap();
        let versions: Vec<(Version, Option<UnixTime>)> =
            rows.iter().map(|(key, sunset)| (Version::parse(key).unwrap(), *sunset)).collect();
        // The crate lets a range name pre-releases; here none does.
        let fit = || versions.iter().filter(|(version, _)| version.pre.is_empty() && requirement.matches(version));
        let alive = newest(fit().filter(|(_, sunset)| sunset.is_none_or(|at| at > now)).map(|(version, _)| version));
        let decision = ask(&under(Scheme::Semver, &rows, Unknown::Reject), &asked, now);
        let expected = match (alive, fit().next()) {
            (Some(version), _) => version.to_string(),
            (None, Some(_)) => "retired_version".to_owned(),
            (None, None) => "unknown_version".to_owned(),
        };
        prop_assert_eq!(outcome(&decision), expected, "{} of {:?} at {}", asked, rows, now);
    }

    #[test]
    fn what_is_unknown_falls_to_its_neighbour(
        rows in releases(),
        asked in "[0-4]\\.[0-4]\\.[0-4](-beta)?",
        now in 0..12_i64,
        forward in any::<bool>(),
    ) {
        let asked_for = Version::parse(&asked).unwrap();
        let alive = rows.iter().filter(|(_, sunset)| sunset.is_none_or(|at| at > now));
        let alive: BTreeSet<Version> =
            alive.map(|(key, _)| Version::parse(key).unwrap()).filter(|version| version.pre.is_empty()).collect();
        let neighbour =
            if forward { alive.range(asked_for..).next() } else { alive.range(..asked_for).next_back() };
        let policy = if forward { Unknown::Forward } else { Unknown::Back };
        let decision = ask(&under(Scheme::Semver, &rows, policy), &asked, now);
        let expected = match (rows.get(&asked), neighbour) {
            (Some(sunset), _) if sunset.is_none_or(|at| at > now) => asked.clone(),
            (Some(_), _) => "retired_version".to_owned(),
            (None, Some(version)) => version.to_string(),
            (None, None) => "unknown_version".to_owned(),
        };
        prop_assert_eq!(outcome(&decision), expected, "{} of {:?} at {}", &asked, rows, now);
        prop_assert_eq!(decision.is_ok_and(|forward| forward.fell()), !rows.contains_key(&asked) && neighbour.is_some());
    }

    #[test]
    fn a_refused_range_is_led_around(rows in releases(), refused in vec((0..4_u64, proptest::option::of(0..4_u64)), 1..4)) {
        // Asked for are all of major 1, without what is refused.
        let range = |(major, minor): &(u64, Option<u64>)| match minor {
            Some(minor) => format!("{major}.{minor}"),
            None => major.to_string(),
        };
        let mut ranges: Vec<String> =
            refused.iter().map(|one| format!("application/vnd.example+json;version={};q=0", range(one))).collect();
        ranges.push("application/vnd.example+json;version=1".to_owned());
        let value = HeaderValue::from_str(&ranges.join(", ")).unwrap();
        let headers: HeaderMap = [(http::header::ACCEPT, value)].into_iter().collect();
        let request = Request { method: &Method::GET, host: "a.example", path: "/", query: None, headers: &headers };
        let decision = route(&request, &under(Scheme::Semver, &rows, Unknown::Reject), &Moment::at(0), &mut ());
        let versions: Vec<Version> = rows.keys().map(|key| Version::parse(key).unwrap()).collect();
        let of_major = || versions.iter().filter(|version| version.major == 1 && version.pre.is_empty());
        let refuses = |version: &&Version| {
            refused.iter().any(|(major, minor)| *major == version.major && minor.is_none_or(|minor| minor == version.minor))
        };
        let expected = match (newest(of_major().filter(|version| !refuses(version))), of_major().next()) {
            (Some(version), _) => version.to_string(),
            (None, Some(_)) => "not_acceptable".to_owned(),
            (None, None) => "unknown_version".to_owned(),
        };
        prop_assert_eq!(outcome(&decision), expected, "{:?} of {:?}", ranges, rows);
    }

    #[test]
    fn a_day_gets_the_newest_version_of_its_time(rows in vec(0..4000_u32, 0..20), asked in 0..4000_u32) {
        let calendar: Vec<String> = days(2019).take(4000).collect();
        let keys: BTreeMap<String, Option<UnixTime>> = rows.iter().map(|day| (calendar[*day as usize].clone(), None)).collect();
        let decision = ask(&under(Scheme::Date, &keys, Unknown::Reject), &calendar[asked as usize], 0);
        let expected = rows.iter().filter(|day| **day <= asked).max().map(|day| calendar[*day as usize].as_str());
        prop_assert_eq!(outcome(&decision), expected.unwrap_or("unknown_version"));
    }

    #[test]
    fn the_path_loses_its_version_and_nothing_else(
        version in select(vec!["v1", "V2", "latest", "v9", "1", "vendors", "v", ""]),
        rest in "(/[A-Za-z0-9%._~!$&'()*+,;=:@-]{0,8}){0,4}",
        query in proptest::option::of("[A-Za-z0-9%=&+]{0,20}"),
        own in select(vec!["", "/orders"]),
        strip in any::<bool>(),
    ) {
        let draft = ApiDraft {
            read: Some(vec![Source::Path, Source::Header]),
            path: (!own.is_empty()).then(|| verge_router::api::ApiPath::parse(own).unwrap()),
            strip: Some(strip),
            missing: Some(verge_router::api::Missing::Version("v1".into())),
            ..ApiDraft::default()
        };
        let table = table_of(["v1", "v2", "latest"].map(|key| (key, None)), "/prod", draft);
        let path = format!("{own}/{version}{rest}");
        let headers = HeaderMap::new();
        let request = Request { method: &Method::GET, host: "a.example", path: &path, query: query.as_deref(), headers: &headers };
        let cut = ["v1", "V2", "latest"].contains(&version);
        match route(&request, &table, &Moment::at(0), &mut ()) {
            Ok(forward) => {
                let kept = if strip { "" } else { own };
                let left = if cut { rest.clone() } else { format!("/{version}{rest}") };
                let left = if kept.is_empty() && left.is_empty() { "/".to_owned() } else { left };
                let query = query.as_ref().map_or(String::new(), |query| format!("?{query}"));
                prop_assert_eq!(forward.target(), format!("/prod{kept}{left}{query}"));
                prop_assert_eq!(forward.segment(&request), if cut { format!("/{version}") } else { String::new() });
            }
            Err(rejection) => {
                let code = rejection.reason.code();
                let climbs = rest.contains("..") || rest.to_ascii_lowercase().contains("%2e");
                prop_assert!(version == "v9" && code == "unknown_version" || climbs && code == "bad_request", "{} {}", code, path);
            }
        }
    }

    #[test]
    fn five_sources_answer_together_only_where_they_agree(says in vec(proptest::option::of(1..5_u8), 5)) {
        // Versions 1 to 3 exist.
        let draft = ApiDraft {
            read: Some(Source::ALL.to_vec()),
            host: Some(HostVersion::parse("api{version}.example.com").unwrap()),
            ..ApiDraft::default()
        };
        let table = table_of(["v1", "v2", "v3"].map(|key| (key, None)), "", draft);
        let text = |place: usize, begin: &str| says[place].map_or(String::new(), |version| format!("{begin}{version}"));
        let (path, query, host) = (format!("{}/x", text(0, "/v")), text(1, "v="), format!("api{}.example.com", text(2, "")));
        let mut headers = HeaderMap::new();
        if says[3].is_some() {
            headers.insert("apiver", HeaderValue::from_str(&text(3, "v")).unwrap());
        }
        if says[4].is_some() {
            headers.insert("accept", HeaderValue::from_str(&text(4, "application/vnd.example.v")).unwrap());
        }
        let request = Request { method: &Method::GET, host: &host, path: &path, query: Some(&query), headers: &headers };
        let said: BTreeSet<u8> = says.iter().copied().flatten().collect();
        let expected = match said.first() {
            None => "missing_version".to_owned(),
            Some(_) if said.len() > 1 => "ambiguous_version".to_owned(),
            Some(4) => "unknown_version".to_owned(),
            Some(version) => format!("v{version}"),
        };
        let decision = route(&request, &table, &Moment::at(0), &mut ());
        prop_assert_eq!(outcome(&decision), expected);
    }

    #[test]
    fn what_is_off_changes_nothing(query in "(v=[0-9]&?){0,3}", segment in "v[0-9]", host in "api[0-9]\\.example\\.com") {
        let table = table(["v1", "v2"], "");
        let headers: HeaderMap = [(HeaderName::from_static("apiver"), HeaderValue::from_static("v1"))].into_iter().collect();
        let path = format!("/{segment}/x");
        let request = Request { method: &Method::GET, host: &host, path: &path, query: Some(&query), headers: &headers };
        let forward = route(&request, &table, &Moment::at(0), &mut ()).unwrap();
        prop_assert_eq!(forward.target(), format!("{path}?{query}"));
    }
}

/// Every day from the first of a year on, each by adding one to the day before: no formula, just the lengths of months
/// and the rule of Gregory, that of four years the last is a leap year, of four centuries only the last.
fn days(year: u32) -> impl Iterator<Item = String> {
    let first = (year, 1, 1);
    std::iter::successors(Some(first), |&(year, month, day)| {
        let leap = if year % 100 == 0 { year % 400 == 0 } else { year % 4 == 0 };
        let last = match (month, leap) {
            (2, true) => 29,
            (2, false) => 28,
            (month, _) => 30 + (month + month / 8) % 2,
        };
        Some(match (month, day) {
            (12, 31) => (year + 1, 1, 1),
            (_, day) if day == last => (year, month + 1, 1),
            (_, day) => (year, month, day + 1),
        })
    })
    .map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
}

#[test]
fn dates_are_the_days_of_the_calendar_and_no_others() {
    let calendar: BTreeSet<String> = days(1896).take_while(|day| !day.starts_with("2005")).collect();
    assert_eq!(calendar.len(), 109 * 365 + 27, "1896 to 2004: leap days in each fourth year, but in 1900");
    let mut previous = None;
    for year in 1896..2005 {
        for month in 0..=13 {
            for day in 0..=32 {
                let text = format!("{year}-{month:02}-{day:02}");
                let date = Date::parse(text.as_bytes());
                assert_eq!(date.is_ok(), calendar.contains(&text), "{text}");
                if let Ok(date) = date {
                    assert!(previous.is_none_or(|before| before < date), "{text}");
                    previous = Some(date);
                }
            }
        }
    }
}
