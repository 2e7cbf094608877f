use super::*;
use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

fn vendors() -> Vec<Vendor> {
    ["example.orders", "example"].iter().map(|name| Vendor::parse(name).unwrap()).collect()
}

/// What each range of these lines names: `text@q`, `*@q`, `-@q`.
fn read(lines: &[&str]) -> Vec<String> {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header::ACCEPT, HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    let show = |text: Text<'_>| {
        let mut buffer = [0; MAX_VERSION];
        text.unescape(&mut buffer).map_or_else(|| "<long>".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    ranges(&headers)
        .map(|range| {
            let named = match range.named(&vendors()) {
                Named::Version(text) => show(text),
                Named::Both(one, other) => format!("{}|{}", show(one), show(other)),
                Named::Torn(first) => format!("{}|?", show(first)),
                Named::Wildcard => "*".to_string(),
                Named::Nothing => "-".to_string(),
            };
            format!("{named}@{}", range.q)
        })
        .collect()
}

fn check(line: &str, expected: &[&str]) {
    assert_eq!(read(&[line]), expected, "{line}");
}

#[test]
fn a_version_stands_in_the_subtype_or_in_a_parameter() {
    check("application/vnd.example.v1+json", &["v1@1000"]);
    check("application/vnd.example.v1", &["v1@1000"]);
    check("application/vnd.example+json;version=1", &["1@1000"]);
    check("application/vnd.example+json; version=\"1\"", &["1@1000"]);
    check("application/vnd.example+json; version=\"\\1\"", &["1@1000"]);
    check("APPLICATION/VND.Example.V1+JSON", &["V1@1000"]);
    check("application/vnd.example.1.2+xml", &["1.2@1000"]);
    check("application/vnd.example.orders.v2+json", &["v2@1000"]);
    check("application/vnd.example.v1+json;version=v1", &["v1@1000"]);
    check("application/vnd.example.v1+json;version=2", &["v1|2@1000"]);
    check("application/vnd.example+json;version=1;version=2", &["1|?@1000"]);
    check("application/vnd.example+json;version=1;version=\"1\"", &["1@1000"]);
}

#[test]
fn other_types_name_nothing() {
    check("application/json", &["-@1000"]);
    check("application/vnd.other.v1+json", &["-@1000"]);
    check("application/vnd.examples.v1+json", &["-@1000"]);
    check("application/vnd.example+json", &["-@1000"]);
    check("application/signed-exchange;v=b3;q=0.7", &["-@700"]);
    check("*/*, application/*;q=0.1", &["*@1000", "*@100"]);
}

#[test]
fn quality_stands_anywhere_and_a_bad_one_skips_the_range() {
    check("application/vnd.example+json;q=0.5;version=1", &["1@500"]);
    check("application/vnd.example.v1+json;Q=0", &["v1@0"]);
    check("application/vnd.example.v1+json ; q=0.123", &["v1@123"]);
    for bad in ["1.5", "-1", "0.1234", "", "x", "1.001", ".5", "01", "\"1\\\"", "1;q=1"] {
        check(
            &format!("application/vnd.example.v1+json;q={bad}, */*"),
            if bad == "\"1\\\"" { &[] } else { &["*@1000"] },
        );
    }
}

#[test]
fn empty_elements_and_blanks_do_not_count() {
    check(" , ,application/vnd.example.v1+json,, \t,", &["v1@1000"]);
    check("", &[]);
    check(",", &[]);
}

#[test]
fn commas_and_semicolons_in_quotes_are_text() {
    check("application/vnd.example.v1+json;p=\"a,b;q=0\", */*", &["v1@1000", "*@1000"]);
    check("application/vnd.example.v1+json;p=\"a\\\",b\"", &["v1@1000"]);
    check("application/vnd.example.v1+json;p=\"never ends, */*", &[]);
    check("application/vnd.example.v1+json;p=\"a\"b, */*", &["*@1000"]);
}

#[test]
fn all_lines_form_one_list() {
    assert_eq!(read(&["application/vnd.example.v1+json;q=0.1", "*/*"]), ["v1@100", "*@1000"]);
}

#[test]
fn ranges_beyond_the_bound_are_not_considered() {
    let line = "a/b,".repeat(1000);
    assert_eq!(read(&[&line]).len(), MAX_RANGES);
}

#[test]
fn a_whole_media_type_is_looked_up_without_its_quality() {
    let whole = |element: &str| {
        let mut buffer = [0; MAX_WHOLE];
        write_whole(element.as_bytes(), &mut buffer).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    assert_eq!(whole("Application/VND.x.v1+json").unwrap(), "application/vnd.x.v1+json");
    assert_eq!(whole("a/b ; V=1 ; q=0.5").unwrap(), "a/b;v=1");
    assert_eq!(whole("a/b;q=0.5;v=1").unwrap(), "a/b;v=1");
    assert_eq!(whole(&"x".repeat(257)), None);
}

#[test]
fn a_delimiter_is_found_wherever_it_stands() {
    // Neighbours that differ from the delimiters by one, by case, or by the high bit must not be taken for them.
    let text: Vec<u8> = (0..40).map(|n| [b'+', b'-', b':', b'<', b'\0', 0xac, 0xbb, 0xff][n % 8]).collect();
    for len in 0..text.len() {
        for at in 0..=len {
            let mut line = text[..len].to_vec();
            line.insert(at, b';');
            assert_eq!(position_of([b',', b';'], &line), at, "{len}");
            line.insert(0, b',');
            assert_eq!(position_of([b';', b'='], &line), at + 1, "{len}");
        }
        assert_eq!(position_of([b',', b';'], &text[..len]), len);
    }
}

#[test]
fn lines_are_made_one_only_where_a_string_is_left_open() {
    let joined_of = |lines: &[&str]| {
        let lines = lines.iter().map(|line| (header::ACCEPT, HeaderValue::from_bytes(line.as_bytes()).unwrap()));
        let headers: HeaderMap = lines.collect();
        joined(&headers).map(|headers| headers.get(header::ACCEPT).unwrap().to_str().unwrap().to_string())
    };
    assert_eq!(joined_of(&[]), None);
    assert_eq!(joined_of(&["a/b;x=\"open"]), None);
    assert_eq!(joined_of(&["a/b;x=\"shut\"", "c/d;y=\"open"]), None);
    assert_eq!(joined_of(&["a\"/b", "c/d"]), None);
    assert_eq!(joined_of(&["a/b;x=\"open", "c/d\"", "e/f"]).as_deref(), Some("a/b;x=\"open,c/d\",e/f"));
    assert_eq!(joined_of(&["a/b", "c/d; x = \"a\\\"", ""]).as_deref(), Some("a/b,c/d; x = \"a\\\","));
}
