//! What holds for every request, not only for those somebody thought of.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

#[path = "accept/second_opinion.rs"]
mod second_opinion;

#[path = "orders/table.rs"]
mod orders;

use http::{HeaderMap, HeaderName, HeaderValue, Method, uri::PathAndQuery};
use orders::table;
use proptest::{collection::vec, prelude::*, sample::select};
use second_opinion::{Heard, hear};
use verge_router::{
    Forward, Hop, MappingTable, Moment, Reason, Rejection, Request,
    api::Vendor,
    rejection::MAX_REQUESTED,
    rewrite::add_vary,
    route,
    version::accept::{self, MAX_RANGES, MAX_WHOLE, Named},
};

fn headers<'v>(fields: impl IntoIterator<Item = (&'static str, &'v [u8])>) -> HeaderMap {
    let value = |value| HeaderValue::from_bytes(value).unwrap();
    fields.into_iter().map(|(name, line)| (HeaderName::from_static(name), value(line))).collect()
}

fn decide(table: &MappingTable, headers: &HeaderMap) -> Result<Forward, Rejection> {
    let request = Request { method: &Method::GET, host: "api.example.com", path: "/orders", query: None, headers };
    route(&request, table, &Moment::at(0), &mut ())
}

/// The row that answers, or the code.
fn outcome(decision: &Result<Forward, Rejection>) -> &str {
    match decision {
        Ok(forward) => forward.mapping().key(),
        Err(rejection) => rejection.reason.code(),
    }
}

// Texts.

/// Any field value: everything HTTP lets through, bytes beyond ASCII included.
fn any_value(length: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(b'\t'), b' '..=b'~', 0x80..=0xff_u8], 0..length)
}

/// Values made of what means something in `Accept`, so that few of them are merely noise.
fn accept_soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = select(vec![
        ",",
        ";",
        "=",
        "\"",
        "\\",
        " ",
        "\t",
        "/",
        "*",
        "+",
        ".",
        "q",
        "Q",
        "0",
        "1",
        "0.5",
        "v1",
        "v2",
        "version",
        ";q=0",
        ";q=1",
        ";version=1",
        "application/vnd.example",
        "application/vnd.example.v1+json",
        "*/*",
        "é",
    ]);
    vec(piece, 0..40).prop_map(|pieces| pieces.concat().into_bytes())
}

fn label() -> impl Strategy<Value = String> {
    "[A-Za-z0-9][A-Za-z0-9._~-]{0,12}"
}

/// `text` with the case of its letters drawn anew.
fn any_case(text: String) -> impl Strategy<Value = String> {
    vec(any::<bool>(), text.len()).prop_map(move |upper| {
        let cases = text.chars().zip(upper);
        cases.map(|(c, upper)| if upper { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }).collect()
    })
}

fn blanks() -> impl Strategy<Value = &'static str> {
    select(vec!["", "", " ", "\t", " \t "])
}

/// A media range as a client may write it, with the version and the weight that must be read from it.
fn written_range() -> impl Strategy<Value = (String, String, u16)> {
    let weight = prop_oneof![
        Just((None, 1000)),
        (0..=1000_u16).prop_map(|q| (Some(format!("{}.{:03}", q / 1000, q % 1000)), q)),
        select(vec![("0", 0), ("0.", 0), ("0.5", 500), ("0.07", 70), ("1", 1000), ("1.0", 1000)])
            .prop_map(|(text, q)| (Some(text.to_owned()), q)),
    ];
    let suffix = select(vec!["", "+json", "+xml"]);
    let other = proptest::option::of(select(vec!["a=b", "p=\"x,y;q=0\"", "p=\"\\\"\"", "charset=utf-8", ""]));
    let name = select(vec!["application/vnd.example"]).prop_flat_map(|name| any_case(name.to_owned()));
    let parameter = any_case("version".to_owned());
    let shape = (any::<bool>(), any::<bool>(), any::<bool>());
    (name, parameter, label(), weight, suffix, other, shape, vec(blanks(), 8)).prop_map(
        |(name, parameter, version, (weight, q), suffix, other, (in_subtype, quoted, weight_first), blanks)| {
            let mut parameters: Vec<String> = Vec::new();
            if !in_subtype {
                parameters.push(if quoted {
                    format!("{parameter}=\"{version}\"")
                } else {
                    format!("{parameter}={version}")
                });
            }
            parameters.extend(other.map(str::to_owned));
            if let Some(weight) = weight {
                let at = if weight_first { 0 } else { parameters.len() };
                parameters.insert(at, format!("q={weight}"));
            }
            let mut text = if in_subtype { format!("{name}.{version}{suffix}") } else { format!("{name}{suffix}") };
            for (at, parameter) in parameters.iter().enumerate() {
                text += &format!("{};{}{parameter}", blanks[2 * at], blanks[2 * at + 1]);
            }
            (text, version, q)
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_accept_is_read_without_panic_and_within_bounds(
        lines in vec(prop_oneof![any_value(300), accept_soup()], 0..4)
    ) {
        let headers = headers(lines.iter().map(|line| ("accept", &line[..])));
        let vendors = [Vendor::parse("example").unwrap()];
        let mut seen = 0;
        for range in accept::ranges(&headers) {
            seen += 1;
            prop_assert!(range.q <= 1000);
            let mut buffer = [0; MAX_WHOLE];
            let whole = range.whole(&mut buffer).map(<[u8]>::to_vec);
            prop_assert!(whole.is_none_or(|whole| whole.len() <= range.element.len()));
            let _ = range.named(&vendors);
        }
        prop_assert!(seen <= MAX_RANGES);
    }

    #[test]
    fn two_parsers_of_accept_agree(line in accept_soup()) {
        let headers = headers([("accept", &line[..])]);
        let read: Vec<Heard> = accept::ranges(&headers)
            .map(|range| Heard {
                media: range.media.to_vec(),
                version: range.version.map(|text| text.raw().to_vec()),
                q: range.q,
            })
            .collect();
        let heard: Vec<Heard> = hear(&line).into_iter().take(MAX_RANGES).flatten().collect();
        prop_assert_eq!(read, heard, "{}", String::from_utf8_lossy(&line));
    }

    #[test]
    fn a_list_written_is_the_list_read(
        ranges in vec(written_range(), 0..20),
        separators in vec(select(vec![",", ", ", " ,\t", ", ,, "]), 20),
    ) {
        let mut line = String::new();
        for ((text, ..), separator) in ranges.iter().zip(&separators) {
            line += text;
            line += separator;
        }
        let headers = headers([("accept", line.as_bytes())]);
        let vendors = [Vendor::parse("example").unwrap()];
        let read: Vec<(String, u16)> = accept::ranges(&headers)
            .map(|range| match range.named(&vendors) {
                Named::Version(text) => (String::from_utf8_lossy(text.raw()).into_owned(), range.q),
                other => panic!("{other:?} in {line}"),
            })
            .collect();
        let written: Vec<(String, u16)> = ranges.into_iter().map(|(_, version, q)| (version, q)).collect();
        prop_assert_eq!(read, written);
    }

    /// Whoever passes a request on may make one line of several (RFC 9110 §5.3).
    #[test]
    fn lines_of_accept_may_be_made_one(lines in vec(accept_soup(), 1..5)) {
        let table = table(["v1", "v2", "latest"], "/prod");
        let several = headers(lines.iter().map(|line| ("accept", &line[..])));
        let joined = lines.join(&b","[..]);
        let one = headers([("accept", &joined[..])]);
        let (several, one) = (decide(&table, &several), decide(&table, &one));
        prop_assert_eq!(outcome(&several), outcome(&one), "{}", String::from_utf8_lossy(&joined));
        let requested = |decision: Result<Forward, Rejection>| decision.err().and_then(|rejection| rejection.requested);
        prop_assert_eq!(requested(several), requested(one), "{}", String::from_utf8_lossy(&joined));
    }

    #[test]
    fn every_head_gets_a_decision(
        fields in vec((select(vec!["accept", "apiver", "connection", "via", "cdn-loop", "x-other"]), prop_oneof![any_value(200), accept_soup()]), 0..8),
        method in select(vec![Method::GET, Method::OPTIONS, Method::TRACE]),
        host in "\\PC{0,40}",
        path in "(/\\PC{0,40}|\\PC{0,10})",
        query in proptest::option::of("\\PC{0,20}"),
    ) {
        let table = table(["v1", "v2", "latest"], "/prod");
        let headers = headers(fields.iter().map(|(name, value)| (*name, &value[..])));
        let request = Request { method: &method, host: &host, path: &path, query: query.as_deref(), headers: &headers };
        match route(&request, &table, &Moment::at(0), &mut ()) {
            Ok(forward) => {
                let query = query.map_or(String::new(), |query| format!("?{query}"));
                let path = if path.is_empty() { "/" } else { &path };
                prop_assert_eq!(forward.target(), format!("/prod{path}{query}"));
            }
            Err(rejection) => {
                prop_assert!(rejection.reason != Reason::Internal);
                prop_assert!(rejection.status().is_client_error() || rejection.status().is_server_error());
                let requested = rejection.requested.unwrap_or_default();
                prop_assert!(requested.len() <= MAX_REQUESTED && requested.bytes().all(|b| (0x20..0x7f).contains(&b)));
            }
        }
    }

    #[test]
    fn what_is_sent_is_the_rows_host_and_the_clients_path(
        base_path in "(/[a-z0-9_~-][a-z0-9._~-]{0,7}){0,3}/?",
        path in "/[A-Za-z0-9/%._~!$&'()*+,;=:@-]{0,40}",
        query in proptest::option::of("[A-Za-z0-9/?%._~!$&'()*+,;=:@-]{0,40}"),
        host in "[a-zA-Z0-9][a-zA-Z0-9.-]{0,30}(:[0-9]{1,5})?",
    ) {
        let table = table(["v1"], &base_path);
        let headers = headers([("apiver", &b"v1"[..]), ("host", b"evil.example"), ("x-forwarded-host", b"evil.example")]);
        let request = Request { method: &Method::POST, host: &host, path: &path, query: query.as_deref(), headers: &headers };
        let forward = route(&request, &table, &Moment::at(0), &mut ()).unwrap();
        let id = HeaderValue::from_static("id");
        let mut head = headers.clone();
        forward.edit_request(&request, &Hop { client: None, tls: true, request_id: &id, traceparent: None }, &mut head);
        prop_assert_eq!(head.get_all("host").iter().collect::<Vec<_>>(), ["r0.example"]);
        prop_assert_eq!(head.get_all("x-forwarded-host").iter().collect::<Vec<_>>(), [host.as_str()]);
        let query = query.map(|query| format!("?{query}")).unwrap_or_default();
        prop_assert_eq!(forward.target(), format!("{}{path}{query}", base_path.trim_end_matches('/')));
        let as_uri: PathAndQuery = forward.target().parse().unwrap();
        prop_assert_eq!(as_uri.as_str(), forward.target());
    }

    #[test]
    fn vary_names_what_was_read_once(origin in vec("(Accept|ACCEPT-Encoding|apiVer|Origin|,| |\\t){0,6}", 0..3)) {
        let mut head = headers(origin.iter().map(|line| ("vary", line.as_bytes())));
        let before = head.get_all("vary").iter().cloned().collect::<Vec<_>>();
        add_vary(table(["v1"], "").api("orders").unwrap().api(), &mut head);
        let after: Vec<&HeaderValue> = head.get_all("vary").iter().collect();
        prop_assert!(after.iter().zip(&before).all(|(after, before)| *after == before), "what was there stays");
        let names = |lines: &[&HeaderValue], wanted: &str| {
            let names = lines.iter().flat_map(|line| line.to_str().unwrap().split(',').map(str::trim));
            names.filter(|name| name.eq_ignore_ascii_case(wanted)).count()
        };
        for wanted in ["accept", "apiver"] {
            let had = names(&before.iter().collect::<Vec<_>>(), wanted);
            prop_assert_eq!(names(&after, wanted), had.max(1), "{}", wanted);
        }
    }

    #[test]
    fn a_version_is_one_in_every_case_and_with_or_without_v(
        (key, asked) in label().prop_flat_map(|key| (Just(key.clone()), any_case(key))),
        v in any::<bool>(),
    ) {
        // Only a `v` before a digit may come and go.
        let bare = |text: &str| match text.as_bytes() {
            [b'v' | b'V', b'0'..=b'9', ..] => text[1..].to_owned(),
            _ => text.to_owned(),
        };
        let digit = bare(&asked).starts_with(|c: char| c.is_ascii_digit());
        let asked = if v && digit { format!("v{}", bare(&asked)) } else { bare(&asked) };
        let table = table([&*key], "");
        let decision = decide(&table, &headers([("apiver", asked.as_bytes())]));
        prop_assert_eq!(outcome(&decision), &*key, "{}", asked);
        // What is in normal form already stays found: once more changes nothing.
        let decision = decide(&table, &headers([("apiver", bare(&asked).to_ascii_lowercase().as_bytes())]));
        prop_assert_eq!(outcome(&decision), &*key);
    }

    #[test]
    fn a_version_never_answers_for_another(row in 0..2000_u32, asked in 0..2000_u32, form in 0..3) {
        let table = table([&*format!("v{row}")], "");
        let head = match form {
            0 => headers([("apiver", format!("v{asked}").as_bytes())]),
            1 => headers([("accept", format!("application/vnd.example.v{asked}+json").as_bytes())]),
            _ => headers([("accept", format!("application/vnd.example+json;version={asked}").as_bytes())]),
        };
        let decision = decide(&table, &head);
        if row == asked {
            prop_assert_eq!(outcome(&decision), format!("v{row}"));
        } else {
            prop_assert_eq!(outcome(&decision), "unknown_version");
        }
    }

    #[test]
    fn two_labels_are_one_version_or_two_but_never_both(one in label(), other in label()) {
        let finds = |key: &str, asked: &str| decide(&table([key], ""), &headers([("apiver", asked.as_bytes())])).is_ok();
        prop_assert_eq!(finds(&one, &other), finds(&other, &one));
    }

    #[test]
    fn the_order_of_the_two_fields_means_nothing(
        accept in prop_oneof![accept_soup(), written_range().prop_map(|(text, ..)| text.into_bytes())],
        header in prop_oneof![any_value(6), select(vec!["v1", "1", "v2", "v9", ""]).prop_map(|text| text.as_bytes().to_vec())],
    ) {
        let table = table(["v1", "v2", "v10"], "");
        let one = headers([("accept", &accept[..]), ("apiver", &header[..])]);
        let other = headers([("apiver", &header[..]), ("accept", &accept[..])]);
        let (one, other) = (decide(&table, &one), decide(&table, &other));
        prop_assert_eq!(outcome(&one), outcome(&other));
    }

    #[test]
    fn header_and_accept_answer_together_only_where_they_agree(header in 1..4_u8, accept in vec((1..5_u8, 0..3_u16), 0..4)) {
        let table = table(["v1", "v2", "v3"], "");
        let ranges: Vec<String> =
            accept.iter().map(|(version, q)| format!("application/vnd.example.v{version}+json;q=0.{q}")).collect();
        let decision = decide(&table, &headers([("apiver", &[b'v', b'0' + header][..]), ("accept", ranges.join(",").as_bytes())]));
        let asks = |wanted: u8| accept.iter().any(|(version, q)| *version == wanted && *q > 0);
        let refuses = accept.iter().any(|(version, q)| *version == header && *q == 0);
        let silent = accept.iter().all(|(_, q)| *q == 0);
        let expected = match () {
            () if refuses => "not_acceptable".to_owned(),
            () if asks(header) || silent => format!("v{header}"),
            () => "ambiguous_version".to_owned(),
        };
        prop_assert_eq!(outcome(&decision), expected);
    }

    #[test]
    fn accept_alone_chooses_the_best_living_range(accept in vec((1..6_u8, 0..10_u16), 1..8)) {
        // Three of five versions exist. The second opinion sorts; the router scans.
        let table = table(["v1", "v2", "v3"], "");
        let ranges: Vec<String> =
            accept.iter().map(|(version, q)| format!("application/vnd.example+json;version={version};q=0.{q}")).collect();
        let decision = decide(&table, &headers([("accept", ranges.join(", ").as_bytes())]));
        let refused = |wanted: u8| accept.iter().any(|(version, q)| *version == wanted && *q == 0);
        let mut best: Vec<(u8, u16)> = accept.iter().copied().filter(|(version, q)| *q > 0 && !refused(*version)).collect();
        best.sort_by_key(|(version, q)| (*version > 3, std::cmp::Reverse(*q)));
        match best.first() {
            Some((version @ 1..=3, _)) => prop_assert_eq!(outcome(&decision), format!("v{version}")),
            Some(_) => prop_assert_eq!(outcome(&decision), "unknown_version"),
            None => prop_assert!(matches!(outcome(&decision), "not_acceptable" | "unknown_version")),
        }
    }
}
