//! Heads: what is too large, too slow or no HTTP at all. After each the socket is sound or closed.

use crate::stages::{Stages, assert_problem, is_refused, is_sound_or_closed, is_told_so};
use std::time::{Duration, Instant};
use verge_tests::{
    books::{answered, replied, too_slow},
    client::Connection,
    message::{Answer, Request},
    node::Node,
};

/// Sends bytes on a fresh socket, and returns the answer.
async fn send(node: &Node, bytes: impl AsRef<[u8]>) -> (Connection, Answer) {
    let mut connection = node.connect().await;
    connection.send(bytes).await;
    let answer = connection.answer().await.expect("closed without an answer");
    (connection, answer)
}

#[tokio::test]
async fn what_is_not_strictly_http1_is_refused_before_any_origin() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    for bytes in [
        "GET / HTTP/1.1\nHost: api.example.com\nAPIVER: v1\n\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\nAPIVER: v1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER : v1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\nx: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\nx: a\x7fb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\nx: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\nx y: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\nx(y): b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\nno colon\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET /\ta HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET /a\0b HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET /a\rb HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET /\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "\r\nGET / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET /\u{e4} HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET /<a> HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET /?a=\"b\" HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET  HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET / HTTP/3.0\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "GET / HTTP/0.9\r\nHost: api.example.com\r\nAPIVER: v1\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "hello, is anybody there?\r\n\r\n",
    ] {
        is_refused(&node, &[&stages.v1, &stages.v2], bytes.as_bytes(), 400, "bad_request").await;
    }
    // Noise of other protocols: a TLS handshake, and bytes of every kind.
    let noise = (0..=u8::MAX).collect::<Vec<u8>>();
    for bytes in
        [b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".as_slice(), &noise, &[0; 64], b"\xff\xfe / HTTP/1.1\r\n"]
    {
        is_refused(&node, &[&stages.v1, &stages.v2], bytes, 400, "bad_request").await;
    }
}

#[tokio::test]
async fn a_request_has_one_host_that_can_be_one() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    for head in [
        "GET / HTTP/1.1\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nHost: api.example.com\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com\r\nhost: other.example.com\r\n",
        "GET / HTTP/1.1\r\nHost:\r\n",
        "GET / HTTP/1.1\r\nHost: user@api.example.com\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com/orders\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com, other.example.com\r\n",
        "GET / HTTP/1.1\r\nHost: api example.com\r\n",
        "GET / HTTP/1.1\r\nHost: api.example.com:80:80\r\n",
        "GET / HTTP/1.1\r\nHost: [::1\r\n",
        "GET http://other.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n",
        "GET http://api.example.com:80/ HTTP/1.1\r\nHost: api.example.com\r\n",
        "GET http://user@api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n",
        "GET http:///orders HTTP/1.1\r\nHost: api.example.com\r\n",
        "GET http:api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n",
        "GET ftp://api.example.com/ HTTP/1.1\r\nHost: api.example.com\r\n",
        "GET api.example.com:80 HTTP/1.1\r\nHost: api.example.com:80\r\n",
    ] {
        let bytes = format!("{head}APIVER: v1\r\n\r\n");
        is_refused(&node, &[&stages.v1, &stages.v2], bytes.as_bytes(), 400, "bad_request").await;
    }
}

#[tokio::test]
async fn an_absolute_target_for_a_host_of_nobodys_is_misdirected() {
    let stages = Stages::start().await;
    let apis = "[[api]]\nname = \"orders\"\nhosts = [\"api.example.com\"]\n[api.version]\nvendor = \"example\"\n";
    let node = stages.setup().apis(apis).start().await;
    let mut connection = node.connect().await;
    for host in ["other.example.com", "api.example.com.example.org"] {
        let books = stages.books(&node).await;
        let request = Request::get(&format!("http://{host}/")).to(host).version("v1");
        assert_problem(&connection.ask(&request).await, 421, "unknown_host");
        books.balance(host, 0, &[replied("unknown_host"), answered(4)]).await;
    }
    is_sound_or_closed(&mut connection).await;
}

#[tokio::test]
async fn an_absolute_target_that_agrees_is_served() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let answer = node.ask(&Request::get("http://api.example.com/orders?x=1").version("v1")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(stages.v1.only_seen().target, "/prod/orders?x=1");
}

#[tokio::test]
async fn each_limit_on_a_head_has_its_own_answer() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let get = |target: &str| Request::get(target).version("v1");
    let mut many = get("/");
    for n in 0..120 {
        many = many.field(&format!("x-{n}"), "a");
    }
    for (request, status, code) in [
        (get(&format!("/{}", "a".repeat(8200))), 414, "target_too_long"),
        (get(&format!("/{}", "a".repeat(20_000))), 414, "target_too_long"),
        (get("/").field("x-large", &"a".repeat(17_000)), 431, "head_too_large"),
        (many, 431, "head_too_large"),
    ] {
        is_refused(&node, &[&stages.v1, &stages.v2], &request.to_http1(), status, code).await;
    }

    let mut enough = get(&format!("/{}", "a".repeat(8000)));
    for n in 0..90 {
        enough = enough.field(&format!("x-{n}"), "a");
    }
    let (mut connection, answer) = send(&node, enough.to_http1()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    is_sound_or_closed(&mut connection).await;
}

/// The answer to bytes that are sent in pieces of this size, until it comes.
async fn in_pieces(node: &Node, bytes: &[u8], size: usize) -> Answer {
    let mut connection = node.connect().await;
    for piece in bytes.chunks(size) {
        // Whoever is refused need not be heard to the end.
        if connection.try_send(piece).await.is_err() {
            break;
        }
    }
    connection.answer().await.expect("closed without an answer")
}

#[tokio::test]
async fn what_a_head_is_refused_for_does_not_hang_on_how_it_comes() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let rest = "Host: api.example.com\r\nAPIVER: v1\r\n";
    let long = |n: usize| "a".repeat(n);
    let mut answers = 0;
    for (head, status) in [
        // A target over its limit: alone, in a head over its own, over both at once, and in a line that is none.
        (format!("GET /{} HTTP/1.1\r\n{rest}\r\n", long(8192)), 414),
        (format!("GET /{} HTTP/1.1\r\n{rest}x: {}\r\n\r\n", long(8192), long(9000)), 414),
        (format!("GET /{} HTTP/1.1\r\n{rest}\r\n", long(16 << 10)), 414),
        (format!("GET /{}\n", long(20_000)), 414),
        // Not one too much; and heads over their limit whose targets are not.
        (format!("GET /{} HTTP/1.1\r\n{rest}\r\n", long(8191)), 200),
        (format!("GET /{} HTTP/1.1\r\n{rest}x: {}\r\n\r\n", long(8000), long(9000)), 431),
        (format!("{} / HTTP/1.1\r\n{rest}\r\n", "G".repeat(17_000)), 431),
        (format!("GET / HTTP/1.1\r\n{rest}{}\r\n", "x: a\r\n".repeat(101)), 431),
    ] {
        for size in [usize::MAX, 16 << 10, 8192, 4096, 4095, 1000, 97] {
            let answer = in_pieces(&node, head.as_bytes(), size).await;
            assert_eq!(answer.status, status, "{} bytes in pieces of {size}: {answer:?}", head.len());
            answers += usize::from(answer.status != 200);
        }
    }
    assert_eq!(stages.v1.seen().len(), 7);
    let refused = node.metric("verge_replies_total{reason=\"target_too_long\"}").await
        + node.metric("verge_replies_total{reason=\"head_too_large\"}").await;
    assert_eq!(refused, answers as f64);
}

#[tokio::test]
async fn limits_on_a_head_can_be_configured() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("head = \"1KiB\"\ntarget = \"100B\"\nfields = 5").start().await;
    for (request, status, code) in [
        (Request::get(&format!("/{}", "a".repeat(100))), 414, "target_too_long"),
        (Request::get("/").field("x", &"a".repeat(1100)), 431, "head_too_large"),
        (
            Request::get("/").field("a", "1").field("b", "2").field("c", "3").field("d", "4").field("e", "5"),
            431,
            "head_too_large",
        ),
    ] {
        let bytes = request.version("v1").to_http1();
        is_refused(&node, &[&stages.v1, &stages.v2], &bytes, status, code).await;
    }
}

#[tokio::test]
async fn a_head_has_one_deadline_for_all_of_it() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("head_timeout = \"500ms\"").start().await;
    let books = stages.books(&node).await;
    // Silent from the start, silent in the middle, and never silent but never done.
    let silent = async {
        assert!(node.connect().await.is_closed().await);
    };
    let half = async {
        let mut connection = node.connect().await;
        connection.send("GET / HTTP/1.1\r\nHost: api.example.com\r\n").await;
        assert!(connection.is_closed().await);
    };
    let dripping = async {
        let mut connection = node.connect().await;
        let begin = Instant::now();
        connection.send("GET / HTTP/1.1\r\nHost: api.example.com\r\nx: ").await;
        let mut drops = tokio::time::interval(Duration::from_millis(20));
        while connection.try_send("a").await.is_ok() {
            drops.tick().await;
            assert!(begin.elapsed() < Duration::from_secs(10), "a dripped head stays open");
        }
    };
    // A head that is not the first of its connection has its own time.
    let second = async {
        let mut connection = node.connect().await;
        assert_eq!(connection.ask(&Request::get("/").version("v2")).await.status, 200);
        connection.send("GET / HTTP/1.1\r\nHost: api.example.com\r\n").await;
        assert!(connection.answer().await.is_none());
    };
    tokio::join!(silent, half, dripping, second);
    books.balance("four heads", 1, &vec![too_slow("head"); 4]).await;
    assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("idle_timeout = \"1s\"").start().await;
    let mut connection = node.connect().await;
    assert_eq!(connection.ask(&Request::get("/").version("v1")).await.status, 200);
    assert!(connection.is_closed().await);
}

#[tokio::test]
async fn a_head_may_come_in_pieces() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    for byte in Request::get("/slowly").version("v1").to_http1() {
        connection.send([byte]).await;
    }
    assert_eq!(connection.answer().await.unwrap().json()["target"], "/prod/slowly");
    is_sound_or_closed(&mut connection).await;
}

#[tokio::test]
async fn a_socket_serves_one_request_after_the_other() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    let books = stages.books(&node).await;
    for n in 0..10 {
        let target = format!("/{n}");
        let answer = match n % 3 {
            0 => connection.ask(&Request::get(&target).version("v2")).await,
            1 => connection.ask(&Request::post(&target, "body").version("v2")).await,
            _ => {
                let rejected = connection.ask(&Request::get(&target).version("v9")).await;
                assert_problem(&rejected, 403, "unknown_version");
                continue;
            }
        };
        assert_eq!(answer.json()["target"], target.as_str());
    }
    let moved = [vec![answered(2); 7], vec![answered(4); 3], vec![replied("unknown_version"); 3]];
    books.balance("ten requests", 7, &moved.concat()).await;
}

#[tokio::test]
async fn pipelined_requests_are_never_mixed() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let mut connection = node.connect().await;
    let mut bytes = Vec::new();
    for n in 0..5 {
        let request = if n == 2 { Request::post(&format!("/{n}"), "body") } else { Request::get(&format!("/{n}")) };
        bytes.extend(request.version("v2").to_http1());
    }
    connection.send(bytes).await;
    for n in 0..5 {
        let answer = connection.answer().await.expect("a pipelined request was dropped");
        assert_eq!(answer.json()["target"], format!("/{n}"), "{answer:?}");
    }
}

#[tokio::test]
async fn http10_is_served_and_closed() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let (mut connection, answer) =
        send(&node, "GET /old HTTP/1.0\r\nHost: api.example.com\r\nAPIVER: v2\r\n\r\n").await;
    assert_eq!((answer.status, &answer.json()["target"]), (200, &"/old".into()), "{answer:?}");
    assert!(connection.is_closed().await);
}

#[tokio::test]
async fn connect_and_trace_are_refused_and_unknown_methods_pass() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    let connect = "CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\nAPIVER: v1\r\n\r\n";
    for bytes in [connect.as_bytes().to_vec(), Request::new("TRACE", "/").version("v1").to_http1()] {
        let books = stages.books(&node).await;
        let (mut connection, answer) = send(&node, &bytes).await;
        assert_problem(&answer, 405, "method_not_allowed");
        assert!(answer.field("allow").is_some());
        books.balance("refused", 0, &[replied("method_not_allowed"), answered(4)]).await;
        is_sound_or_closed(&mut connection).await;
    }
    let mut connection = node.connect().await;
    for method in ["PURGE", "PATCH", "PROPFIND", "OPTIONS", "get"] {
        let books = stages.books(&node).await;
        let answer = connection.ask(&Request::new(method, "/").version("v1")).await;
        assert_eq!(answer.status, 200, "{method}: {answer:?}");
        books.balance(method, 1, &[answered(2)]).await;
        assert_eq!(stages.v1.last_seen().method, method);
    }
    is_sound_or_closed(&mut connection).await;
}

/// What may be nominated, and is kept all the same.
const KEPT: &[&str] = &["content-length", "transfer-encoding", "forwarded", "via, cdn-loop"];

#[tokio::test]
async fn connection_cannot_take_away_what_matters() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    for nominated in [
        "host",
        "content-length",
        "transfer-encoding",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "forwarded",
        "via, cdn-loop",
        "close, Host",
        ":authority",
        "\"host\"",
        "a, b, c, d, e, f, g, h, i, j, k, l",
    ] {
        let books = stages.books(&node).await;
        let request = Request::post("/", "four").version("v1").field("connection", nominated);
        let mut connection = node.connect().await;
        connection.send(request.to_http1()).await;
        if !KEPT.contains(&nominated) {
            is_told_so(&mut connection, 400, "bad_request", nominated).await;
            books.balance(nominated, 0, &[replied("bad_request"), answered(4)]).await;
            continue;
        }
        let answer = connection.answer().await.unwrap();
        assert_eq!(answer.status, 200, "{nominated}: {answer:?}");
        books.balance(nominated, 1, &[answered(2)]).await;
        let seen = stages.v1.last_seen();
        assert_eq!((seen.body.as_ref(), seen.host.as_str()), (&b"four"[..], crate::stages::V1), "{nominated}");
        for kept in ["x-forwarded-for", "x-forwarded-proto", "via", "cdn-loop"] {
            assert!(seen.field(kept).is_some(), "{nominated}: {kept}");
        }
        is_sound_or_closed(&mut connection).await;
    }
}
