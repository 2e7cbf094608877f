//! Credentials that come from an endpoint, which may be away at the start and when they expire.

use crate::stages::{Stages, V1, V2, assert_problem, row};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, SystemTime},
};
use verge_tests::{
    message::Request,
    patience::eventually,
    store::{Layout, Store},
};

/// What gives credentials to a container, on loopback.
struct Issuer {
    address: SocketAddr,
    open: Arc<AtomicBool>,
    given: Arc<AtomicUsize>,
}

impl Issuer {
    /// Starts it, shut.
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, open, given) = (listener.local_addr().unwrap(), Arc::default(), Arc::default());
        let issuer = Self { address, open: Arc::clone(&open), given: Arc::clone(&given) };
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 4096]);
                if !open.load(Ordering::SeqCst) {
                    let _ = stream.write_all(b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    continue;
                }
                given.fetch_add(1, Ordering::SeqCst);
                // The SDK asks for new ones 10 s before the old ones end: these are old in a moment.
                let end = rfc3339(SystemTime::now() + Duration::from_millis(10_500));
                let body = format!(
                    r#"{{"AccessKeyId":"key","SecretAccessKey":"secret","Token":"token","Expiration":"{end}"}}"#
                );
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                    body.len()
                );
                let _ = stream.write_all((head + &body).as_bytes());
            }
        });
        issuer
    }

    fn set_open(&self, open: bool) {
        self.open.store(open, Ordering::SeqCst);
    }
}

/// A time of this century.
fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (mut days, second) = (seconds / 86_400, seconds % 86_400);
    let leap = |year: u64| year.is_multiple_of(4);
    let mut year = 1970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{:02}-{:02}T{hour:02}:{minute:02}:{second:02}Z", month + 1, days + 1)
}

#[tokio::test]
async fn credentials_that_are_away_at_the_start_and_at_their_end_are_waited_for() {
    let issuer = Issuer::start();
    let stages = Stages::start().await;
    let store = Store::start(Layout::Verge);
    store.put(&row("v1", V1));
    let table = format!("{}refresh = \"1s\"\npoll = \"0s\"\n", store.config());
    let setup = stages.reachable().table(&table);
    let url = format!("http://{}/credentials", issuer.address);
    let setup = [
        ("AWS_ACCESS_KEY_ID", ""),
        ("AWS_SECRET_ACCESS_KEY", ""),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &url),
    ]
    .into_iter()
    .fold(setup, |setup, (name, value)| setup.environment(name, value));
    let node = setup.start_unready().await;
    let v1 = Request::get("/").version("v1");
    assert_problem(&node.ask(&v1).await, 503, "no_table");
    eventually("a failed read", async || {
        node.metric("verge_table_refresh_failures_total{kind=\"no_credentials\"}").await >= 1.0
    })
    .await;
    assert!(!node.is_ready().await);

    issuer.set_open(true);
    eventually("a table", async || node.ask(&v1).await.status == 200).await;
    // They end, and there are no others.
    issuer.set_open(false);
    let given = issuer.given.load(Ordering::SeqCst);
    let failed = async || node.total("verge_table_refresh_failures_total").await;
    let before = failed().await;
    eventually("the credentials' end", async || failed().await >= before + 2.0).await;
    assert_eq!(issuer.given.load(Ordering::SeqCst), given);
    assert_eq!(node.ask(&v1).await.status, 200);
    assert!(node.is_ready().await);

    store.put(&row("v2", V2));
    issuer.set_open(true);
    eventually("the store's news", async || node.ask(&Request::get("/").version("v2")).await.status == 200).await;
}
