//! Three hours without a store, replayed on a clock that runs by itself.

use super::*;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use verge_router::{Moment, Reason, Request, route};

/// What a store can do to those who read it.
fn failures() -> Vec<LoadError> {
    let place = || "store".to_owned();
    vec![
        LoadError::Unreachable { place: place(), reason: "connection refused".to_owned() },
        LoadError::Throttled { place: place(), operation: "Scan" },
        LoadError::Timeout { place: place(), operation: "Scan", after: Duration::from_secs(10) },
        LoadError::NoTable { place: place() },
        LoadError::Malformed { place: place(), reason: "not what was asked for".to_owned() },
    ]
}

/// What a request for this version comes to: the domain it goes to, or the code it is refused with.
fn decide(live: &LiveTable, version: &str) -> String {
    let mut headers = HeaderMap::new();
    headers.insert(HeaderName::from_static("apiver"), HeaderValue::from_str(version).unwrap());
    let request = Request { method: &Method::GET, host: "api.example.com", path: "/", query: None, headers: &headers };
    match route(&request, &live.load().unwrap().table, &Moment::at(0), &mut ()) {
        Ok(forward) => forward.origin().domain().to_string(),
        Err(rejection) => rejection.reason.code().to_owned(),
    }
}

#[tokio::test(start_paused = true)]
async fn three_hours_of_outage_change_no_answer() {
    let source = Told::new("store");
    let live = live(&source);
    source.gives(&[("v1", "one.example.com"), ("v2", "two.example.com")]);
    let (stop, running) = run(&live);
    until(|| live.is_ready()).await;
    let (reads, begun) = (source.reads(), tokio::time::Instant::now());

    let mut asked = 0;
    for second in 0..3 * 3600 {
        // Each kind for a while.
        let kinds = failures();
        *source.answer.lock().unwrap() = Some(Err(kinds[second / 97 % kinds.len()].clone()));
        for (version, expected) in
            [("v1", "one.example.com"), ("V2", "two.example.com"), ("v3", Reason::UnknownVersion.code())]
        {
            assert_eq!(decide(&live, version), expected, "after {second} s");
            asked += 1;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(asked, 3 * 3 * 3600);
    assert!(live.is_ready());
    let status = live.status();
    // One reading at a time, at the pace of the back-off: never faster than it, and never given up.
    let tried = source.reads() - reads;
    assert!((180..=900).contains(&tried), "{tried} reads");
    assert_eq!(source.most_at_once.load(Ordering::SeqCst), 1);
    assert_eq!(status.failed.len(), failures().len(), "{:?}", status.failed);
    assert_eq!(status.failed.values().sum::<u64>(), tried as u64);
    assert!(begun.elapsed() >= Duration::from_secs(3 * 3600));

    // The store is back, with news: within the longest pause it is read.
    source.gives(&[("v1", "one.example.com"), ("v2", "new.example.com"), ("v3", "three.example.com")]);
    tokio::time::sleep(REFRESH + Duration::from_secs(7)).await;
    until(|| decide(&live, "v2") == "new.example.com").await;
    assert_eq!(decide(&live, "v3"), "three.example.com");
    stop.send(()).unwrap();
    running.await.unwrap();
}
