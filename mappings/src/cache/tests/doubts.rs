//! Readings that lost too much, held back by the runtime's clock: nothing here waits.

use super::*;
use tokio::time::advance;

const HOLD: Duration = Feed::SHRINK_HOLD;
const FOUR: [(&str, &str); 4] =
    [("v1", "a.example.com"), ("v2", "b.example.com"), ("v3", "c.example.com"), ("v4", "d.example.com")];

async fn holding_four() -> (Arc<Told>, Arc<LiveTable>) {
    let source = Told::new("store");
    let live = live(&source);
    source.gives(&FOUR);
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Published));
    (source, live)
}

fn held(live: &LiveTable) -> Option<String> {
    live.status().held_back
}

#[tokio::test(start_paused = true)]
async fn half_a_table_is_served_at_once_and_less_is_held_back() {
    let (source, live) = holding_four().await;
    source.gives(&FOUR[..2]);
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Published));
    source.gives(&[]);
    let reason = "store: the table has no rows, where 2 are held".to_owned();
    assert_eq!(live.refresh_once().await, Ok(Refreshed::HeldBack(reason.clone())));
    assert_eq!((domains(&live).len(), held(&live)), (2, Some(reason)));
    assert!(live.status().ready && live.status().waiting.is_none());
}

#[tokio::test(start_paused = true)]
async fn what_is_read_alike_for_long_enough_is_believed() {
    let (source, live) = holding_four().await;
    source.gives(&FOUR[..1]);
    assert!(matches!(live.refresh_once().await, Ok(Refreshed::HeldBack(_))));
    advance(HOLD - Duration::from_secs(1)).await;
    assert!(matches!(live.refresh_once().await, Ok(Refreshed::HeldBack(_))));
    advance(Duration::from_secs(1)).await;
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Published));
    assert_eq!((domains(&live), held(&live)), (vec!["a.example.com".to_owned()], None));
}

#[tokio::test(start_paused = true)]
async fn other_content_begins_anew_and_a_failed_read_does_not() {
    let (source, live) = holding_four().await;
    source.gives(&FOUR[..1]);
    live.refresh_once().await.unwrap();
    advance(HOLD - Duration::from_secs(1)).await;
    source.gives(&FOUR[1..2]);
    assert!(matches!(live.refresh_once().await, Ok(Refreshed::HeldBack(_))));
    advance(HOLD / 2).await;
    source.fails();
    live.refresh_once().await.unwrap_err();
    assert!(held(&live).is_some());
    source.gives(&FOUR[1..2]);
    assert!(matches!(live.refresh_once().await, Ok(Refreshed::HeldBack(_))));
    advance(HOLD / 2).await;
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Published));
    assert_eq!(domains(&live), ["b.example.com"]);
}

#[tokio::test(start_paused = true)]
async fn rows_that_come_back_end_the_doubt() {
    let (source, live) = holding_four().await;
    source.gives(&[]);
    assert!(matches!(live.refresh_once().await, Ok(Refreshed::HeldBack(_))));
    source.gives(&FOUR);
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Unchanged));
    assert_eq!(held(&live), None);
}

#[tokio::test(start_paused = true)]
async fn an_empty_table_is_believed_in_time_but_never_at_first() {
    let (source, live) = holding_four().await;
    source.gives(&[]);
    live.refresh_once().await.unwrap();
    advance(HOLD).await;
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Published));
    assert_eq!((domains(&live).len(), live.is_ready()), (0, true));

    let first = Told::new("store");
    let live = super::live(&first);
    first.gives(&[]);
    for _ in 0..3 {
        assert!(matches!(live.refresh_once().await, Ok(Refreshed::HeldBack(_))));
        advance(HOLD * 2).await;
    }
    assert!(!live.is_ready());
}

#[tokio::test(start_paused = true)]
async fn an_older_generation_waits() {
    let (source, live) = holding_four().await;
    source.gives_generation(&FOUR, Some(8));
    live.refresh_once().await.unwrap();
    source.gives_generation(&FOUR[..3], Some(7));
    let reason = "store: the table is of generation 7, where 8 is held".to_owned();
    assert_eq!(live.refresh_once().await, Ok(Refreshed::HeldBack(reason)));
    assert_eq!(live.load().unwrap().generation, Some(8));
    advance(HOLD).await;
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Published));
    assert_eq!((live.load().unwrap().generation, domains(&live).len()), (Some(7), 3));
}

#[tokio::test(start_paused = true)]
async fn a_doubt_is_settled_when_its_time_has_come_not_at_the_next_refresh() {
    let source = Told::new("store");
    let feed =
        Feed { poll: Duration::ZERO, shrink_hold: Duration::from_secs(5), ..Feed::new(Scope::All, source.clone()) };
    let live = LiveTable::new([feed].into(), [open("orders", "*")].into(), rules(), Duration::from_secs(3600));
    let live = Arc::new(live);
    source.gives(&FOUR);
    live.refresh_once().await.unwrap();
    source.gives(&FOUR[..1]);
    let begun = tokio::time::Instant::now();
    let (_stop, _running) = run(&live);
    while held(&live).is_some() || domains(&live).len() == 4 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
    assert_eq!(source.polls.load(Ordering::SeqCst), 0, "zero is never");
}
