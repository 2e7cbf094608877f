//! Pins, loaded from a store that is told what to say.

use super::*;
use crate::{Item, LoadError};
use async_trait::async_trait;
use serde_json::{Value as Json, json};
use std::sync::{Mutex, PoisonError, atomic::AtomicUsize};

/// Says the same of every consumer.
struct Says {
    item: Mutex<Result<Option<Json>, ()>>,
    reads: AtomicUsize,
}

#[async_trait]
impl PinSource for Says {
    async fn read_pin(&self, _: &str, _: &str) -> Result<Option<Item>, LoadError> {
        self.reads.fetch_add(1, Relaxed);
        let item = self.item.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let gone = |()| LoadError::Unreachable { place: "the store".to_owned(), reason: "gone".to_owned() };
        Ok(item.map_err(gone)?.map(|json| Item::from_json(&json).unwrap()))
    }
}

impl Says {
    fn now(&self, item: Result<Option<Json>, ()>) {
        *self.item.lock().unwrap() = item;
    }
}

fn start(item: Result<Option<Json>, ()>) -> (Arc<ConsumerPins>, Arc<Says>) {
    let says = Arc::new(Says { item: Mutex::new(item), reads: AtomicUsize::new(0) });
    let source = says.clone();
    let pins = Arc::new(ConsumerPins::new(move |_| Some(source.clone() as Arc<dyn PinSource>)));
    tokio::spawn(pins.clone().run());
    (pins, says)
}

fn at(pins: &ConsumerPins, generation: u64, instant: Instant) -> Beside<'_> {
    Beside { pins, epoch: Epoch(Some(generation), instant) }
}

fn version(pinned: &Pinned) -> Option<&str> {
    match pinned {
        Pinned::To(pin) => Some(&pin.version),
        _ => None,
    }
}

async fn until(what: &str, mut is: impl FnMut() -> bool) {
    let patience = Instant::now() + Duration::from_secs(30);
    while !is() {
        assert!(Instant::now() < patience, "{what}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_consumer_is_put_off_until_its_pin_is_loaded_once() {
    let (pins, says) = start(Ok(Some(json!({"pinned_to": "v1"}))));
    let now = Instant::now();
    for _ in 0..100 {
        assert_eq!(at(&pins, 1, now).pinned("orders", b"ann"), Pinned::NotKnown);
    }
    until("the pin", || version(&at(&pins, 1, now).pinned("orders", b"ann")) == Some("v1")).await;
    assert_eq!(says.reads.load(Relaxed), 1);
    assert_eq!(at(&pins, 1, now).pinned("bills", b"ann"), Pinned::NotKnown, "another API's is another");
    assert!(pins.status().put_off >= 101);
}

#[tokio::test]
async fn a_pin_is_read_again_with_the_table_and_serves_meanwhile() {
    let (pins, says) = start(Ok(Some(json!({"pinned_to": "v1"}))));
    let now = Instant::now();
    until("the pin", || version(&at(&pins, 1, now).pinned("orders", b"ann")) == Some("v1")).await;
    says.now(Ok(Some(json!({"pinned_to": "v2"}))));
    assert_eq!(version(&at(&pins, 1, now).pinned("orders", b"ann")), Some("v1"));
    assert_eq!(version(&at(&pins, 2, now).pinned("orders", b"ann")), Some("v1"), "what is known serves");
    until("the change", || version(&at(&pins, 2, now).pinned("orders", b"ann")) == Some("v2")).await;
    says.now(Ok(None));
    until("the end", || at(&pins, 3, now).pinned("orders", b"ann") == Pinned::Nowhere).await;
    says.now(Ok(Some(json!({"pinned_to": "v3"}))));
    until("a new one", || version(&at(&pins, 4, now).pinned("orders", b"ann")) == Some("v3")).await;
}

#[tokio::test]
async fn a_store_that_is_gone_leaves_what_is_known_and_makes_nothing_up() {
    let (pins, says) = start(Ok(Some(json!({"pinned_to": "v1"}))));
    let now = Instant::now();
    until("the pin", || version(&at(&pins, 1, now).pinned("orders", b"ann")) == Some("v1")).await;
    says.now(Err(()));
    assert_eq!(at(&pins, 2, now).pinned("orders", b"bob"), Pinned::NotKnown);
    until("a failure", || {
        let _ = at(&pins, 2, now).pinned("orders", b"ann");
        pins.status().failed >= 2
    })
    .await;
    assert_eq!(version(&at(&pins, 2, now).pinned("orders", b"ann")), Some("v1"));
    assert_eq!(at(&pins, 2, now).pinned("orders", b"bob"), Pinned::NotKnown, "an error is not an absence");
}

#[tokio::test]
async fn a_pin_that_cannot_be_read_keeps_its_last_good_value() {
    let (pins, says) = start(Ok(Some(json!({"pinned_to": "v1"}))));
    let now = Instant::now();
    until("the pin", || version(&at(&pins, 1, now).pinned("orders", b"ann")) == Some("v1")).await;
    says.now(Ok(Some(json!({"pinned_to": 7}))));
    until("the reading", || {
        let kept = version(&at(&pins, 2, now).pinned("orders", b"ann")) == Some("v1");
        kept && pins.status().unreadable == 1
    })
    .await;
    until("another's", || at(&pins, 2, now).pinned("orders", b"bob") == Pinned::Unreadable).await;
}

#[tokio::test]
async fn a_flood_of_made_up_consumers_costs_few_reads_and_does_not_stop_changes() {
    let (pins, says) = start(Ok(Some(json!({"pinned_to": "v1"}))));
    let began = Instant::now();
    until("the pin", || version(&at(&pins, 1, began).pinned("orders", b"ann")) == Some("v1")).await;
    says.now(Ok(None));
    for made_up in 0..50_000_u32 {
        let _ = at(&pins, 1, began).pinned("orders", &made_up.to_le_bytes());
    }
    until("the change", || at(&pins, 2, began).pinned("orders", b"ann") == Pinned::Nowhere).await;
    let most = began.elapsed().as_millis() / PACE_MILLIS * 2 + 16;
    assert!((says.reads.load(Relaxed) as u128) <= most, "{} reads", says.reads.load(Relaxed));
}

const PACE_MILLIS: u128 = 5;
