//! What goes wrong in the process itself: logs that nobody reads, and a panic.

use crate::stages::Stages;
use std::process::Command;
use verge_tests::{
    client::{Connection, Http2},
    message::Request,
    node::Node,
    patience::eventually,
};

/// More lines than a pipe holds and than may wait for it.
const LINES: usize = 10_000;
const DROPPED: &str = "verge_log_dropped_total";

/// Sends so many requests one behind the other, and reads all answers.
async fn ask_often(node: &Node, count: usize) {
    let mut connection = node.connect().await;
    let hundred = Request::get("/").version("v9").to_http1().repeat(100);
    for _ in 0..count / 100 {
        connection.send(&hundred).await;
        for _ in 0..100 {
            assert_eq!(connection.answer().await.expect("an answer").status, 403);
        }
    }
}

#[tokio::test]
async fn an_access_log_that_nobody_reads_loses_lines_and_no_request() {
    let stages = Stages::start().await;
    let node = stages.setup().start().await;
    node.stop_listening();
    ask_often(&node, LINES).await;
    eventually("lines that are lost", async || node.metric(DROPPED).await >= 1.0).await;
    for _ in 0..20 {
        assert_eq!(node.ask(&Request::get("/").version("v1")).await.status, 200);
    }
    assert_eq!(stages.v1.seen().len(), 20);
}

#[tokio::test]
async fn a_named_pipe_for_the_log_needs_no_reader() {
    let stages = Stages::start().await;
    let setup = stages.setup().log("access = \"access.pipe\"");
    let pipe = setup.scratch().path().join("access.pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let node = setup.start().await;
    ask_often(&node, LINES).await;
    eventually("lines that are lost", async || node.metric(DROPPED).await >= 1.0).await;
    // Whoever comes to read gets what was kept, and then what is new.
    let reading = tokio::task::spawn_blocking(move || {
        let lines = std::io::BufRead::lines(std::io::BufReader::new(std::fs::File::open(pipe).unwrap()));
        let mut lines = lines.map_while(Result::ok);
        assert!(lines.next().unwrap().contains("unknown_version"));
        lines.find(|line| line.contains("\"path\":\"/after\""))
    });
    let mut connection = node.connect().await;
    let mut asked = 0;
    let found = async {
        let mut reading = reading;
        loop {
            assert_eq!(connection.ask(&Request::get("/after").version("v2")).await.status, 200);
            asked += 1;
            if reading.is_finished() {
                return (&mut reading).await.unwrap();
            }
        }
    };
    assert!(found.await.is_some());
    assert_eq!(stages.v2.seen().len(), asked);
}

#[tokio::test]
async fn a_log_that_nobody_reads_is_switched_to_another_place() {
    let stages = Stages::start().await;
    let setup = stages.setup().log("access = \"access.pipe\"");
    assert!(Command::new("mkfifo").arg(setup.scratch().path().join("access.pipe")).status().unwrap().success());
    let node = setup.start().await;
    ask_often(&node, LINES).await;
    eventually("lines that are lost", async || node.metric(DROPPED).await >= 1.0).await;
    let text = node.scratch().read("verge.toml");
    node.scratch().write("verge.toml", text.replace("access.pipe", "access.log"));
    node.signal("HUP");
    node.has_said("the configuration is reloaded").await;
    let path = node.scratch().path().join("access.log");
    eventually("lines at the new place", async || {
        node.ask(&Request::get("/after").version("v1")).await;
        std::fs::read_to_string(&path).is_ok_and(|log| log.contains("\"path\":\"/after\""))
    })
    .await;
}

#[tokio::test]
async fn a_standard_error_that_nobody_reads_stops_nothing() {
    let stages = Stages::start().await;
    let node = stages.setup().limits("body = \"20B\"").start().await;
    let upload = Request::post("/", "as long as it may be").version("v1");
    let good = node.scratch().read("verge.toml").replace("20B", "19B");
    node.stop_listening();
    // There is more to say of each of these configurations than a pipe holds.
    for round in 0..3 {
        let bad: String = (0..4000).map(|n| format!("nonsense-{round}-{n} = 1\n")).collect();
        node.scratch().write("verge.toml", bad);
        node.signal("HUP");
        for _ in 0..20 {
            assert_eq!(node.ask(&upload).await.status, 200);
        }
    }
    assert_eq!(stages.v1.requests(), 60);
    // Whoever said it was not held up.
    node.scratch().write("verge.toml", good);
    node.signal("HUP");
    eventually("the good configuration", async || node.ask(&upload).await.status == 413).await;
    node.signal("TERM");
    assert_eq!(node.exit_code().await, Some(0));
}

#[tokio::test]
async fn a_panic_ends_its_own_request_and_nothing_else() {
    let stages = Stages::start().await;
    let setup = stages.setup().tls(&stages.authority, "api.example.com").environment("VERGE_PANIC_AT", "/panic");
    let node = setup.start().await;
    let mut other = node.connect().await;
    assert_eq!(other.ask(&Request::get("/").version("v1")).await.status, 200);
    for _ in 0..4 {
        let books = stages.books(&node).await;
        let mut connection = node.connect().await;
        connection.send(Request::get("/panic").version("v1").to_http1()).await;
        assert!(connection.answer().await.is_none(), "closed without an answer");
        books.balance("a panic", 0, &["verge_panics_total".to_owned()]).await;
    }
    // Over HTTP/2 its stream alone.
    let mut client = Http2::open(node.https(), "api.example.com", stages.authority.client_config(&["h2"])).await;
    assert_eq!(client.ask(&Request::get("/").version("v1")).await.status, 200);
    let books = stages.books(&node).await;
    assert!(client.begin(&Request::get("/panic").version("v1")).await.is_reset().await);
    books.balance("a panic in a stream", 0, &["verge_panics_total".to_owned()]).await;
    assert_eq!(client.ask(&Request::get("/").version("v1")).await.status, 200);
    assert_eq!(other.ask(&Request::get("/").version("v1")).await.status, 200);
    node.has_said("a task panicked").await;
    drop((client, other));
    // What was held for it is given back.
    let idle = async || node.metric("verge_requests").await == 0.0 && node.metric("verge_connections").await == 0.0;
    eventually("nothing open", idle).await;
    assert_eq!(stages.v1.seen().len(), 4, "no origin saw what panicked");
    let mut again = Connection::open(node.http()).await;
    assert_eq!(again.ask(&Request::get("/").version("v1")).await.status, 200);
}
