use super::*;
use crate::{Feed, LiveTable, Scope, Value};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use verge_router::{
    ApiDraft,
    api::HostPattern,
    origin::{DomainPattern, OriginRules},
};

const TABLE: &str = "api-versions";

/// A file of its own, deleted at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("verge-embedded-{}-{}", std::process::id(), fastrand::u64(..))))
    }

    fn file(&self) -> Keep {
        Keep::File(self.0.join("state").join("table.db"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn row(version: &str) -> Item {
    Item::from_json(&json!({"api": "orders", "version": version, "domain": "a.example.com"})).unwrap()
}

#[tokio::test]
async fn what_is_written_is_there_after_a_restart() {
    let scratch = Scratch::new();
    let first = Embedded::start(scratch.file(), TABLE).await.unwrap();
    first.put(row("v1"), Expect::Absent, "ann").await.unwrap();
    drop(first);
    let second = Embedded::start(scratch.file(), TABLE).await.unwrap();
    let reading = second.read().await.unwrap();
    assert_eq!((reading.rows(), reading.generation), (1, Some(1)));
}

#[tokio::test]
async fn two_engines_can_share_the_file() {
    // The proxy serves from it while the command line writes to it.
    let scratch = Scratch::new();
    let serving = Embedded::start(scratch.file(), TABLE).await.unwrap();
    let writing = Embedded::start(scratch.file(), TABLE).await.unwrap();
    for number in 0..20 {
        let (one, other) = if number % 2 == 0 { (&serving, &writing) } else { (&writing, &serving) };
        one.put(row(&format!("v{number}")), Expect::Absent, "ann").await.unwrap();
        assert_eq!(other.read().await.unwrap().rows(), number + 1);
    }
}

#[tokio::test]
async fn a_file_that_is_no_table_is_named() {
    let scratch = Scratch::new();
    let Keep::File(path) = scratch.file() else { unreachable!() };
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "this is no database, and longer than its header would be: ".repeat(100)).unwrap();
    let error = Embedded::start(scratch.file(), TABLE).await.unwrap_err();
    assert_eq!(error.code(), "unreachable");
    assert!(error.to_string().contains("table.db"), "{error}");
}

#[tokio::test]
async fn it_starts_fast_and_is_reached_by_nothing_but_loopback() {
    let begun = Instant::now();
    let engine = Embedded::start(Keep::Memory, TABLE).await.unwrap();
    assert!(engine.address().ip().is_loopback());
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_live_table_outlives_the_engine() {
    let engine = Embedded::start(Keep::Memory, TABLE).await.unwrap();
    let address = engine.address();
    engine.put(row("v1"), Expect::Absent, "ann").await.unwrap();
    let store = DynamoStore::loopback(TABLE, address, "the store".to_owned());
    let rules =
        OriginRules { allow: [DomainPattern::parse("*.example.com").unwrap()].into(), ..OriginRules::default() };
    let draft = ApiDraft { hosts: Some([HostPattern::Any].into()), ..ApiDraft::default() };
    let feeds = vec![Feed::new(Scope::All, Arc::new(store))];
    let live = LiveTable::new(feeds, vec![("orders".to_owned(), draft)], rules, Duration::from_secs(60));
    live.refresh_once().await.unwrap();
    assert_eq!(live.load().unwrap().generation, Some(1));
    drop(engine);
    let patience = Instant::now() + Duration::from_secs(20);
    while live.refresh_once().await.is_ok() {
        assert!(Instant::now() < patience, "the engine does not end");
    }
    assert_eq!(live.load().unwrap().rows, 1);
}

#[tokio::test]
async fn values_of_every_type_come_back() {
    let engine = Embedded::start(Keep::Memory, TABLE).await.unwrap();
    let mut item = row("v1");
    item.insert("b", Value::B(vec![0, 255]));
    item.insert("ss", Value::Ss(vec!["a".to_owned(), "b".to_owned()]));
    item.insert("ns", Value::Ns(vec!["1".to_owned()]));
    item.insert("bs", Value::Bs(vec![vec![1]]));
    item.insert("l", Value::L(vec![Value::Null, Value::Bool(true), Value::N("1.5".to_owned())]));
    let put = engine.put(item, Expect::Absent, "ann").await.unwrap();
    assert_eq!(engine.get("orders", "v1").await.unwrap().unwrap(), put);
    let listed = engine.list().await.unwrap();
    assert_eq!(listed.last(), Some(&put));
}
