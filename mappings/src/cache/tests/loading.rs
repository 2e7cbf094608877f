//! APIs on their way into memory, and what comes in between.

use super::{
    shelf::{Shelf, domains_of},
    *,
};

const ROOMY: u64 = 1 << 20;

#[tokio::test]
async fn a_write_that_lands_while_an_api_is_loaded_does_not_wait_for_the_next_refresh() {
    let shelf = Shelf::of(&["books"]);
    let live = shelf.node(ROOMY);
    live.refresh_once().await.unwrap();
    shelf.hold("books");
    let load = tokio::spawn({
        let live = live.clone();
        async move { live.load_api(&"books".into()).await }
    });
    until(|| shelf.reads("books") == 1).await;
    // What is being read is what was there before this, and the poll that tells of it finds no such API in memory.
    shelf.put("books", &[("v1", "new.example.com")]);
    live.refresh_once().await.unwrap();
    shelf.release();
    load.await.unwrap();
    assert_eq!(domains_of(&live, "books"), ["new.example.com"]);
    // And nothing is read twice without need.
    assert_eq!(shelf.reads("books"), 2);
    shelf.put("pets", &[("v1", "one.example.com")]);
    live.refresh_once().await.unwrap();
    live.load_api(&"pets".into()).await;
    assert_eq!(shelf.reads("pets"), 1);
}

#[tokio::test]
async fn what_clients_wait_for_does_not_wait_for_a_refresh() {
    let names: Vec<String> = (0..20).map(|n| format!("api{n}")).collect();
    let apis: Vec<&str> = names.iter().map(String::as_str).chain(["books"]).collect();
    let shelf = Shelf::of(&apis);
    let live = shelf.node(ROOMY);
    live.refresh_once().await.unwrap();
    for name in &names {
        live.load_api(&name.as_str().into()).await;
        shelf.hold(name);
    }
    let refresh = tokio::spawn({
        let live = live.clone();
        async move { live.refresh_once().await }
    });
    // As many as are read at once, and all of them hang.
    until(|| names.iter().map(|name| shelf.reads(name)).sum::<usize>() == names.len() + 8).await;
    tokio::time::timeout(Duration::from_secs(20), live.load_api(&"books".into())).await.unwrap();
    assert_eq!(domains_of(&live, "books"), ["one.example.com"]);
    shelf.release();
    refresh.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_panic_in_a_load_is_a_failed_load() {
    let shelf = Shelf::of(&["books"]);
    let live = shelf.node(ROOMY);
    let (_stop, _running) = run(&live);
    until(|| live.is_ready()).await;
    shelf.panics.store(true, Ordering::SeqCst);
    let failures = || live.status().demand.unwrap().failures;
    let ask = || live.load().unwrap().want("books");
    ask();
    until(|| failures() == 1).await;
    assert_eq!((shelf.reads("books"), live.status().failed.get("malformed")), (1, Some(&1)));
    shelf.panics.store(false, Ordering::SeqCst);
    until(|| {
        ask();
        !domains_of(&live, "books").is_empty()
    })
    .await;
    assert_eq!((shelf.reads("books"), failures()), (2, 1));
}

#[tokio::test]
async fn a_panic_in_a_refresh_is_a_failed_refresh() {
    let shelf = Shelf::of(&["books"]);
    let live = shelf.node(ROOMY);
    live.refresh_once().await.unwrap();
    live.load_api(&"books".into()).await;
    shelf.panics.store(true, Ordering::SeqCst);
    assert_eq!(live.refresh_once().await.unwrap_err().code(), "malformed");
    assert_eq!(live.status().failed.get("malformed"), Some(&1));
    assert_eq!(domains_of(&live, "books"), ["one.example.com"]);
}
