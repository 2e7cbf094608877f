use super::*;
use crate::{
    item::{Item, Layout},
    parse::Scope,
    source::{LoadError, Reading, Sink, Source},
};
use async_trait::async_trait;
use serde_json::json;
use std::sync::atomic::AtomicUsize;
use verge_router::{api::HostPattern, origin::DomainPattern, table::Good};

/// A source that gives what it is told to, and counts.
#[derive(Default)]
struct Told {
    name: &'static str,
    answer: Mutex<Option<Result<Reading, LoadError>>>,
    reads: AtomicUsize,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    changed: AtomicBool,
    polls: AtomicUsize,
}

impl Told {
    fn new(name: &'static str) -> Arc<Self> {
        Arc::new(Self { name, ..Self::default() })
    }

    fn gives(&self, rows: &[(&str, &str)]) {
        self.gives_generation(rows, None);
    }

    fn gives_generation(&self, rows: &[(&str, &str)], generation: Option<u64>) {
        let items = rows.iter().map(|(version, domain)| {
            Item::from_json(&json!({"api": "orders", "version": version, "domain": domain})).unwrap()
        });
        let own = generation.map(|generation| {
            Item::from_json(&json!({"api": "#verge", "version": "#generation", "generation": generation})).unwrap()
        });
        *self.answer.lock().unwrap() = Some(Ok(Reading::new(items.chain(own).collect(), Some(Layout::Verge))));
    }

    fn fails(&self) {
        let error = LoadError::Unreachable { place: self.name.to_owned(), reason: "connection refused".to_owned() };
        *self.answer.lock().unwrap() = Some(Err(error));
    }

    fn reads(&self) -> usize {
        self.reads.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl Source for Told {
    async fn read_into(&self, sink: &mut dyn Sink) -> Result<(), LoadError> {
        let now = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        let answer = self.answer.lock().unwrap().clone();
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        self.reads.fetch_add(1, Ordering::SeqCst);
        match answer {
            Some(answer) => {
                answer?.pour(sink);
                Ok(())
            }
            // A store that neither answers nor hangs up.
            None => std::future::pending().await,
        }
    }

    fn place(&self) -> String {
        self.name.to_owned()
    }

    async fn has_changed(&self) -> Result<bool, LoadError> {
        self.polls.fetch_add(1, Ordering::SeqCst);
        Ok(self.changed.swap(false, Ordering::SeqCst))
    }
}

fn rules() -> OriginRules {
    OriginRules { allow: [DomainPattern::parse("*.example.com").unwrap()].into(), ..OriginRules::default() }
}

fn open(name: &str, host: &str) -> (String, ApiDraft) {
    let hosts = Some([HostPattern::parse(host).unwrap()].into());
    (name.to_owned(), ApiDraft { hosts, ..ApiDraft::default() })
}

const REFRESH: Duration = Duration::from_secs(60);

fn live(source: &Arc<Told>) -> Arc<LiveTable> {
    let drafts = [open("orders", "*")].into();
    Arc::new(LiveTable::new([Feed::new(Scope::All, source.clone())].into(), drafts, rules(), REFRESH))
}

fn domains(live: &LiveTable) -> Vec<String> {
    let held = live.load().unwrap();
    held.table.apis().iter().flat_map(|api| api.good()).map(domain_of).collect()
}

/// Where a row leads that is not split.
fn domain_of(row: &Good) -> String {
    match row {
        Good::Mapping(mapping) => mapping.origin().domain().to_string(),
        Good::Split(row) => panic!("{row:?}"),
    }
}

#[tokio::test]
async fn nothing_is_held_before_the_first_reading() {
    let source = Told::new("store");
    let live = live(&source);
    assert!(live.load().is_none() && live.age().is_none());
    assert_eq!(live.status().waiting.unwrap(), "the mapping table was not read yet");
    source.fails();
    assert_eq!(live.refresh_once().await.unwrap_err().code(), "unreachable");
    assert!(live.load().is_none());
    assert_eq!(live.status().waiting.unwrap(), "store cannot be reached: connection refused");
}

#[tokio::test]
async fn the_last_good_table_outlives_its_store() {
    let source = Told::new("store");
    let live = live(&source);
    source.gives(&[("v1", "one.example.com")]);
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Published));
    source.fails();
    for _ in 0..3 {
        live.refresh_once().await.unwrap_err();
        assert_eq!(domains(&live), ["one.example.com"]);
    }
    let status = live.status();
    assert!(status.ready && status.waiting.is_none());
    assert_eq!((status.succeeded, status.failed.get("unreachable")), (1, Some(&3)));
    source.gives(&[("v1", "new.example.com")]);
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Published));
    assert_eq!(domains(&live), ["new.example.com"]);
    assert_eq!(live.status().sources[0].error, None);
}

#[tokio::test]
async fn the_same_content_makes_no_new_table() {
    let source = Told::new("store");
    let live = live(&source);
    source.gives(&[("v1", "one.example.com")]);
    live.refresh_once().await.unwrap();
    let first = live.load_full().unwrap();
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Unchanged));
    let second = live.load_full().unwrap();
    assert!(Arc::ptr_eq(&first.table, &second.table));
    assert!(second.loaded_at > first.loaded_at);
}

#[tokio::test]
async fn an_empty_first_table_is_not_published() {
    let source = Told::new("store");
    let live = live(&source);
    source.gives(&[("#api", "ignored")]);
    assert!(matches!(live.refresh_once().await, Ok(Refreshed::HeldBack(_))));
    assert!(!live.is_ready());
    assert_eq!(live.status().waiting.unwrap(), "store: the table has no rows");
    source.gives(&[("v1", "one.example.com")]);
    live.refresh_once().await.unwrap();
    assert!(live.is_ready());
}

#[tokio::test]
async fn one_reading_at_a_time() {
    let source = Told::new("store");
    source.gives(&[("v1", "one.example.com")]);
    let live = live(&source);
    let refreshes: tokio::task::JoinSet<_> = (0..8)
        .map(|_| {
            let live = live.clone();
            async move { live.refresh_once().await }
        })
        .collect();
    refreshes.join_all().await;
    assert_eq!((source.reads(), source.most_at_once.load(Ordering::SeqCst)), (8, 1));
}

#[tokio::test]
async fn a_source_that_hangs_keeps_nobody_else_waiting() {
    let (top, own) = (Told::new("top"), Told::new("own"));
    own.gives(&[("v1", "own.example.com")]);
    let feeds = vec![Feed::new(Scope::All, top.clone()), Feed::new(Scope::Api("orders".to_owned()), own.clone())];
    let drafts = vec![open("orders", "o.example"), open("bills", "b.example")];
    let live = Arc::new(LiveTable::new(feeds, drafts, rules(), REFRESH));
    let refreshing = tokio::spawn({
        let live = live.clone();
        async move { live.refresh_once().await }
    });
    until(|| live.is_ready()).await;
    assert_eq!(domains(&live), ["own.example.com"]);
    let held = live.load_full().unwrap();
    assert!(held.table.api("orders").unwrap().is_read());
    assert!(!held.table.api("bills").unwrap().is_read());
    // And a reload goes through meanwhile.
    assert_eq!(live.set_drafts([open("orders", "new.example")].into(), rules()).await, Ok(Refreshed::Published));
    assert!(live.load().unwrap().table.find_api("new.example", "/").is_some());
    refreshing.abort();
}

#[tokio::test]
async fn a_sample_table_for_two_apis_is_an_error() {
    let source = Told::new("store");
    let item = Item::from_json(&json!({"hk": "v1", "dn": "one.example.com"})).unwrap();
    *source.answer.lock().unwrap() = Some(Ok(Reading::new([item].into(), Some(Layout::Sample))));
    let drafts = vec![open("orders", "o.example"), open("bills", "b.example")];
    let live = LiveTable::new([Feed::new(Scope::All, source)].into(), drafts, rules(), REFRESH);
    assert_eq!(live.refresh_once().await.unwrap_err().code(), "which_api");
    assert!(!live.is_ready());
}

#[tokio::test]
async fn a_reload_needs_no_store_and_a_new_table_waits_for_its_first_reading() {
    let source = Told::new("store");
    let live = live(&source);
    source.gives(&[("v1", "one.example.com")]);
    live.refresh_once().await.unwrap();
    source.fails();
    let drafts = vec![open("orders", "other.example")];
    let same = [Feed::new(Scope::All, source.clone())].into();
    assert_eq!(live.replace(same, drafts.clone(), rules(), REFRESH).await, Ok(Refreshed::Published));
    assert!(live.load().unwrap().table.find_api("other.example", "/").is_some());

    let other = Told::new("other store");
    let new = [Feed::new(Scope::All, other.clone())].into();
    other.fails();
    assert!(matches!(live.replace(new, drafts, rules(), REFRESH).await, Ok(Refreshed::HeldBack(_))));
    live.refresh_once().await.unwrap_err();
    assert_eq!(domains(&live), ["one.example.com"]);
    other.gives(&[("v1", "two.example.com")]);
    assert_eq!(live.refresh_once().await, Ok(Refreshed::Published));
    assert_eq!(domains(&live), ["two.example.com"]);
}

/// Waits for a condition; the clock of these tests runs by itself.
async fn until(met: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(20);
    while !met() {
        assert!(Instant::now() < patience, "waited in vain");
        tokio::task::yield_now().await;
    }
}

fn run(live: &Arc<LiveTable>) -> (tokio::sync::oneshot::Sender<()>, tokio::task::JoinHandle<()>) {
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let running = live.clone().run(async {
        let _ = stopped.await;
    });
    (stop, tokio::spawn(running))
}

#[tokio::test(start_paused = true)]
async fn it_refreshes_by_itself_and_stops_when_told() {
    let source = Told::new("store");
    let live = live(&source);
    source.gives(&[("v1", "one.example.com")]);
    let begun = tokio::time::Instant::now();
    let (stop, running) = run(&live);
    while source.reads() < 11 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let minutes = begun.elapsed().as_secs_f64() / 60.0;
    assert!((9.0..=11.1).contains(&minutes), "{minutes}");
    stop.send(()).unwrap();
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_change_is_read_within_the_poll() {
    let source = Told::new("store");
    let live = live(&source);
    source.gives(&[("v1", "one.example.com")]);
    let (_stop, _running) = run(&live);
    while source.reads() < 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    source.gives(&[("v1", "two.example.com")]);
    source.changed.store(true, Ordering::SeqCst);
    let begun = tokio::time::Instant::now();
    while source.reads() < 2 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(begun.elapsed() <= Feed::POLL + Duration::from_millis(150), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn it_recovers_from_a_dead_store_within_the_bound() {
    let source = Told::new("store");
    let live = live(&source);
    source.fails();
    let (_stop, _running) = run(&live);
    tokio::time::sleep(Duration::from_secs(3600)).await;
    source.gives(&[("v1", "one.example.com")]);
    tokio::time::sleep(Duration::from_secs(5)).await;
    let reads = source.reads();
    assert!(reads > 700, "{reads}");
    // Parsing happens on a thread that the paused clock does not know.
    until(|| live.is_ready()).await;
}

#[tokio::test(start_paused = true)]
async fn each_table_is_polled_at_its_own_pace() {
    let (eager, lazy, never) = (Told::new("eager"), Told::new("lazy"), Told::new("never"));
    let feed = |name: &str, source: &Arc<Told>, poll: u64| {
        source.gives(&[("v1", "one.example.com")]);
        Feed { poll: Duration::from_millis(poll), ..Feed::new(Scope::Api(name.to_owned()), source.clone()) }
    };
    let feeds = vec![feed("a", &eager, 100), feed("b", &lazy, 1000), feed("c", &never, 0)];
    let live = Arc::new(LiveTable::new(feeds, [open("orders", "*")].into(), rules(), Duration::from_secs(3600)));
    let (_stop, _running) = run(&live);
    tokio::time::sleep(Duration::from_secs(100)).await;
    let polls = |source: &Told| source.polls.load(Ordering::SeqCst);
    assert!((880..=1120).contains(&polls(&eager)), "{}", polls(&eager));
    assert!((88..=112).contains(&polls(&lazy)), "{}", polls(&lazy));
    assert_eq!((polls(&never), eager.reads()), (0, 1));
}

mod demand;
mod doubts;
mod dropped;
mod loading;
mod outage;
mod restart;
mod shelf;
