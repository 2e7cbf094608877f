//! What passes, and what each refusal is called.

use super::*;
use proptest::prelude::*;

const LIMITS: HeadLimits = HeadLimits { head: 256, fields: 4, target: 64 };

/// The outcome when the head arrives at once, which must be the outcome when it arrives byte by byte.
fn scan(head: &[u8]) -> Progress {
    let whole = HeadScan::default().scan(head, &LIMITS);
    let mut scan = HeadScan::default();
    let dripped = (1..=head.len())
        .map(|end| scan.scan(&head[..end], &LIMITS))
        .find(|progress| *progress != Progress::Partial)
        .unwrap_or(Progress::Partial);
    assert_eq!(whole, dripped, "{:?}", String::from_utf8_lossy(head));
    whole
}

/// A head that is whole, without a body.
fn complete(head: &[u8]) -> Progress {
    Progress::Complete(head.len(), BodyFraming::Empty)
}

#[test]
fn a_head_ends_at_the_first_empty_line() {
    let head = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(scan(head), complete(head));
    assert_eq!(scan(b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET"), complete(head));
    assert_eq!(scan(b"GET / HTTP/1.1\r\nHost: a\r\n"), Progress::Partial);
    let star = b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(scan(star), complete(star));
    let absolute = b"GET http://a/?x HTTP/1.1\r\nHost: a\r\n\r\n";
    assert_eq!(scan(absolute), complete(absolute));
    assert_eq!(scan(b"GET / HTTP/1.0\r\n\r\n"), Progress::Complete(18, BodyFraming::Empty));
}

#[test]
fn what_is_not_strictly_http_is_refused() {
    for bad in [
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\n\r\n",
        "\r\nGET / HTTP/1.1\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET /a b HTTP/1.1\r\n\r\n",
        "GET /\t HTTP/1.1\r\n\r\n",
        "GET /#x HTTP/1.1\r\n\r\n",
        "GET * HTTP/1.1\r\n\r\n",
        "GET a HTTP/1.1\r\n\r\n",
        "GET HTTP/1.1\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\n",
        "GET /\u{e4} HTTP/1.1\r\n\r\n",
        "GET /<a> HTTP/1.1\r\n\r\n",
        "GET /`a HTTP/1.1\r\n\r\n",
        "GET /?a=\"b\" HTTP/1.1\r\n\r\n",
        "G(T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\n: v\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\0\r\n\r\n",
        "GET / HTTP/1.1\r\nA: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:80x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a:80:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: :80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5, 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999999\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent_Length: 5\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n",
        "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer_Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
        "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http://u@a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET http:/a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: host\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: \"x\"\r\n\r\n",
    ] {
        assert_eq!(scan(bad.as_bytes()), Progress::Refused(Reason::BadRequest), "{bad:?}");
    }
}

#[test]
fn a_body_framed_in_one_way_passes() {
    for (framing, framed) in [
        ("Content-Length: 5", BodyFraming::Length(5)),
        ("content-length:\t0 ", BodyFraming::Empty),
        ("Transfer-Encoding: Chunked", BodyFraming::Chunked),
    ] {
        let head = format!("POST / HTTP/1.1\r\nHost: a:80\r\n{framing}\r\n\r\n");
        assert_eq!(scan(head.as_bytes()), Progress::Complete(head.len(), framed), "{framing}");
    }
}

#[test]
fn an_http2_head_has_the_same_limits() {
    let head = |target: &str, fields: &[(&str, &str)]| {
        let mut head = RequestHeader::build("GET", target.as_bytes(), None).unwrap();
        for (name, value) in fields {
            head.append_header((*name).to_owned(), *value).unwrap();
        }
        check_http2(&head, &LIMITS)
    };
    let crumbs = [("cookie", "a=1"); 5];
    assert_eq!(head("/", &crumbs), None);
    assert_eq!(head("/", &[("content-length", "5")]), None);
    assert_eq!(head(&format!("/{}", "a".repeat(64)), &[]), Some(Reason::TargetTooLong));
    assert_eq!(head("/", &[("a", "b"); 5]), Some(Reason::HeadTooLarge));
    assert_eq!(head("/", &[("a", &"b".repeat(256))]), Some(Reason::HeadTooLarge));
    for bad in [
        &[("content-length", "5"), ("content-length", "5")][..],
        &[("content_length", "5")],
        &[("transfer_encoding", "chunked")],
    ] {
        assert_eq!(head("/", bad), Some(Reason::BadRequest), "{bad:?}");
    }
    assert_eq!(head("/\u{e4}", &[]), Some(Reason::BadRequest));
}

#[test]
fn connect_is_refused_as_a_method() {
    assert_eq!(scan(b"CONNECT a:443 HTTP/1.1\r\n\r\n"), Progress::Refused(Reason::MethodNotAllowed));
}

#[test]
fn each_limit_has_its_own_answer() {
    let target = format!("GET /{} HTTP/1.1\r\n", "a".repeat(64));
    assert_eq!(scan(target.as_bytes()), Progress::Refused(Reason::TargetTooLong));
    let endless = format!("GET /{}", "a".repeat(300));
    assert_eq!(scan(endless.as_bytes()), Progress::Refused(Reason::TargetTooLong));
    let exact = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(63));
    assert_eq!(scan(exact.as_bytes()), complete(exact.as_bytes()));
    let method = "G".repeat(300);
    assert_eq!(scan(method.as_bytes()), Progress::Refused(Reason::HeadTooLarge));
    let version = format!("GET / {}", "1".repeat(300));
    assert_eq!(scan(version.as_bytes()), Progress::Refused(Reason::HeadTooLarge));
    let large = format!("GET / HTTP/1.1\r\nA: {}", "a".repeat(300));
    assert_eq!(scan(large.as_bytes()), Progress::Refused(Reason::HeadTooLarge));
    let many = format!("GET / HTTP/1.1\r\n{}", "A: b\r\n".repeat(5));
    assert_eq!(scan(many.as_bytes()), Progress::Refused(Reason::HeadTooLarge));
    let enough = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(3));
    assert_eq!(scan(enough.as_bytes()), complete(enough.as_bytes()));
}

#[test]
fn a_target_over_its_limit_is_that_whatever_else_is_wrong() {
    let target = "a".repeat(64);
    for line in [
        format!("GET /{target}\r\n\r\n"),
        format!("GET /{target}\n\n"),
        format!("G(T /{target} HTTP/1.1\r\n\r\n"),
        format!("GET /{target} HTTP/1.1\r\nHost: a\r\nA: {}\r\n\r\n", "a".repeat(300)),
        format!("GET /{target}{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(300)),
        format!("CONNECT {target}a HTTP/1.1\r\n\r\n"),
    ] {
        assert_eq!(scan(line.as_bytes()), Progress::Refused(Reason::TargetTooLong), "{line:?}");
    }
}

#[test]
fn a_target_that_fills_the_head_is_too_long_where_the_head_is_the_narrower_limit() {
    let limits = HeadLimits { target: 512, ..LIMITS };
    for length in [245, 300, 600] {
        let head = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(length));
        assert_eq!(
            in_pieces(head.as_bytes(), &[], &limits),
            Progress::Refused(match length {
                245 => Reason::HeadTooLarge,
                _ => Reason::TargetTooLong,
            })
        );
    }
}

/// The outcome when the head arrives in these pieces.
fn in_pieces(head: &[u8], cuts: &[usize], limits: &HeadLimits) -> Progress {
    let mut scan = HeadScan::default();
    cuts.iter()
        .chain([&head.len()])
        .map(|&end| scan.scan(&head[..end], limits))
        .find(|progress| *progress != Progress::Partial)
        .unwrap_or(Progress::Partial)
}

/// Heads about as long as they may be, in their parts and in all, sound or with a byte that is not.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let about = |limit: usize| prop_oneof![0..4_usize, limit.saturating_sub(20)..limit + 4];
    let line = (prop_oneof![5 => Just(3_usize), 1 => about(260)], about(64), "( HTTP/1.1)?(\r\n|\n| )");
    let field = prop_oneof![3 => about(64), 1 => about(256)];
    let fields = prop::collection::vec(field, 0..7);
    let spoils =
        prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b" \r\n\0:a".to_vec())), 0..2);
    (line, fields, spoils).prop_map(|((method, target, end), fields, spoils)| {
        let mut head = format!("{} /{}{end}Host: a\r\n", "G".repeat(method), "a".repeat(target));
        for length in fields {
            head.push_str(&format!("A: {}\r\n", "a".repeat(length)));
        }
        head.push_str("\r\nGET / HTTP/1.1\r\n\r\n");
        let mut head = head.into_bytes();
        for (at, byte) in spoils {
            let at = at.index(head.len());
            head[at] = byte;
        }
        head
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn what_a_head_is_refused_for_hangs_on_its_bytes_and_not_on_its_pieces(
        head in heads(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        narrow in any::<bool>(),
    ) {
        let limits = if narrow { HeadLimits { target: 300, ..LIMITS } } else { LIMITS };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(head.len() + 1)).collect();
        cuts.sort_unstable();
        let whole = in_pieces(&head, &[], &limits);
        prop_assert_eq!(in_pieces(&head, &cuts, &limits), whole);
        let bytes: Vec<usize> = (1..head.len()).collect();
        prop_assert_eq!(in_pieces(&head, &bytes, &limits), whole);
    }
}
