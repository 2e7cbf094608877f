//! APIs on demand, where reloads and failures come in between.

use super::*;
use crate::{snapshot::SnapshotFile, source::partitioned::Partitioned};

struct Parted {
    index: Arc<Told>,
    rows: Arc<Told>,
}

#[async_trait]
impl Source for Parted {
    async fn read_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.index.read_into(sink).await
    }
    fn place(&self) -> String {
        self.index.place()
    }
}

#[async_trait]
impl Partitioned for Parted {
    async fn read_index_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.index.read_into(sink).await
    }
    async fn read_api_into(&self, _: &str, sink: &mut dyn Sink) -> Result<(), LoadError> {
        self.rows.read_into(sink).await
    }
}

fn index(name: &'static str, rows: Arc<Told>) -> (Arc<Told>, Feed) {
    let index = Told::new(name);
    let item = json!({"api": "orders", "version": "#api", "hosts": ["*"], "read": ["header"]});
    *index.answer.lock().unwrap() = Some(Ok(Reading::new(vec![Item::from_json(&item).unwrap()], Some(Layout::Verge))));
    let feed = Feed::on_demand(Arc::new(Parted { index: index.clone(), rows }), 1 << 20);
    (index, feed)
}

#[tokio::test]
async fn a_load_that_a_reload_comes_into_is_of_the_table_before_and_not_taken() {
    let (slow, fast) = (Told::new("a rows"), Told::new("b rows"));
    fast.gives(&[("v1", "new.example.com")]);
    let (_a, feed_a) = index("table a", slow.clone());
    let (_b, feed_b) = index("table b", fast.clone());
    let live = Arc::new(LiveTable::new([feed_a].into(), Vec::new(), rules(), REFRESH));
    live.refresh_once().await.unwrap();
    slow.gives(&[("v1", "old.example.com")]);
    let api: Arc<str> = "orders".into();
    // The load begins: its future is polled once, up to the yield in the source.
    let live2 = live.clone();
    let mut load = Box::pin(async move { live2.load_api(&api).await });
    assert!(poll_once(load.as_mut()).await.is_none());
    // The reload comes in between.
    live.replace([feed_b].into(), Vec::new(), rules(), REFRESH).await.unwrap();
    live.refresh_once().await.unwrap();
    load.await;
    for _ in 0..3 {
        let _ = live.refresh_once().await;
    }
    assert_ne!(domains(&live), ["old.example.com"]);
}

async fn poll_once<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    std::future::poll_fn(|cx| match std::pin::Pin::new(&mut future).poll(cx) {
        std::task::Poll::Ready(out) => std::task::Poll::Ready(Some(out)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn an_index_that_cannot_be_read_takes_no_api_with_it() {
    let dir = std::env::temp_dir().join(format!("verge-demand-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    let rows = Told::new("rows");
    rows.gives(&[("v1", "one.example.com")]);
    let (_index, mut feed) = index("table", rows.clone());
    feed.snapshot = Some(SnapshotFile::new(dir.join("t.snapshot"), "t".to_owned()));
    let live = Arc::new(LiveTable::new([feed].into(), Vec::new(), rules(), REFRESH));
    live.refresh_once().await.unwrap();
    live.load_api(&"orders".into()).await;
    live.save().await;
    let file = dir.join("t.snapshot.apis/orders.api");
    assert!(file.exists() && dir.join("t.snapshot").exists());
    drop(live);
    // The index' file is damaged, and the store is away.
    std::fs::write(dir.join("t.snapshot"), "x").unwrap();
    let (again, mut feed) = index("table", rows.clone());
    again.fails();
    rows.fails();
    feed.snapshot = Some(SnapshotFile::new(dir.join("t.snapshot"), "t".to_owned()));
    let live = Arc::new(LiveTable::new([feed].into(), Vec::new(), rules(), REFRESH));
    live.restore().await;
    live.refresh_once().await.unwrap_err();
    assert_eq!(live.state().slots.len(), 2, "the API is kept");
}
