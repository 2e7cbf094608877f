//! APIs that were dropped for others, and come back.

use super::{
    shelf::{Shelf, domains_of},
    *,
};
use crate::{control::Control, snapshot::SnapshotFile};

const OLD: &str = "one.example.com";
const FOUR: [(&str, &str); 4] = [("v1", OLD), ("v2", OLD), ("v3", OLD), ("v4", OLD)];
/// Bytes for one API, and not for two.
const TIGHT: u64 = 10_000;

/// A node that held `books`, with four rows, and dropped it for `pets`.
async fn that_dropped_books(shelf: &Arc<Shelf>) -> Arc<LiveTable> {
    shelf.put("books", &FOUR);
    let live = shelf.node(TIGHT);
    live.refresh_once().await.unwrap();
    live.load_api(&"books".into()).await;
    assert_eq!(domains_of(&live, "books").len(), 4);
    live.load_api(&"pets".into()).await;
    assert!(domains_of(&live, "books").is_empty() && domains_of(&live, "pets").len() == 1);
    live
}

#[tokio::test]
async fn a_frozen_table_stays_as_it_is_for_apis_that_are_dropped_and_come_back() {
    let shelf = Shelf::of(&["books", "pets"]);
    let live = that_dropped_books(&shelf).await;
    shelf.say(Control { frozen: true, ..Control::default() });
    live.refresh_once().await.unwrap();
    shelf.put("books", &[("v1", "new.example.com"), ("v2", OLD), ("v3", OLD), ("v4", OLD)]);
    live.load_api(&"books".into()).await;
    assert_eq!(domains_of(&live, "books"), [OLD; 4]);
    shelf.say(Control::default());
    live.refresh_once().await.unwrap();
    assert_eq!(domains_of(&live, "books")[0], "new.example.com");
}

#[tokio::test]
async fn what_an_api_lost_while_it_was_dropped_is_held_back() {
    let shelf = Shelf::of(&["books", "pets"]);
    let live = that_dropped_books(&shelf).await;
    shelf.put("books", &FOUR[..1]);
    live.load_api(&"books".into()).await;
    assert_eq!(domains_of(&live, "books"), [OLD; 4]);
    let held_back = || live.status().held_back;
    assert_eq!(held_back().unwrap(), "shelf, API books: the table has 1 rows, where 4 are held");
    // Dropped in doubt, it comes back in doubt: since when is not forgotten.
    live.load_api(&"pets".into()).await;
    assert_eq!(held_back(), None);
    live.load_api(&"books".into()).await;
    assert_eq!((domains_of(&live, "books").len(), held_back().is_some()), (4, true));
}

#[tokio::test]
async fn an_api_that_is_dropped_comes_back_though_the_store_is_away() {
    let shelf = Shelf::of(&["books", "pets"]);
    let live = that_dropped_books(&shelf).await;
    shelf.fails.store(true, Ordering::SeqCst);
    live.load_api(&"books".into()).await;
    assert_eq!(domains_of(&live, "books"), [OLD; 4]);
    let demand = live.status().demand.unwrap();
    assert_eq!((demand.failures, demand.apis), (1, 1));
}

#[tokio::test]
async fn what_was_dropped_is_known_within_bounds() {
    let names: Vec<String> = (0..50).map(|n| format!("api{n:02}")).collect();
    let apis: Vec<&str> = names.iter().map(String::as_str).collect();
    let shelf = Shelf::of(&apis);
    let live = shelf.node(TIGHT * 2);
    live.refresh_once().await.unwrap();
    for api in &apis {
        live.load_api(&(*api).into()).await;
    }
    shelf.fails.store(true, Ordering::SeqCst);
    for api in [apis[0], apis[20]] {
        live.load_api(&api.into()).await;
        assert!(domains_of(&live, api).is_empty(), "{api} was dropped long ago");
    }
}

#[tokio::test]
async fn what_is_accepted_is_believed_of_apis_that_are_loaded_on_demand() {
    let shelf = Shelf::of(&["books", "pets"]);
    shelf.put("books", &FOUR);
    let live = shelf.node(1 << 20);
    live.refresh_once().await.unwrap();
    live.load_api(&"books".into()).await;
    shelf.put("books", &FOUR[..1]);
    live.refresh_once().await.unwrap();
    assert_eq!(domains_of(&live, "books").len(), 4);
    let row = Item::from_json(&json!({"api": "books", "version": "v1", "domain": OLD})).unwrap();
    let accepted_apis = crate::control::digests(&Reading::new(vec![row], Some(Layout::Verge)));
    // Of another API's rows it says nothing.
    let other = BTreeMap::from([("pets".to_owned(), accepted_apis["books"].clone())]);
    shelf.say(Control { accepted_apis: other, ..Control::default() });
    live.refresh_once().await.unwrap();
    assert_eq!(domains_of(&live, "books").len(), 4);
    shelf.say(Control { accepted_apis, ..Control::default() });
    live.refresh_once().await.unwrap();
    assert_eq!((domains_of(&live, "books").len(), live.status().held_back), (1, None));
}

#[tokio::test]
async fn a_snapshot_that_is_written_while_its_api_goes_goes_too() {
    let directory = std::env::temp_dir().join(format!("verge-dropped-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&directory);
    let shelf = Shelf::of(&["books", "pets"]);
    let snapshot = Some(SnapshotFile::new(directory.join("t.snapshot"), "t".to_owned()));
    let live = shelf.node_of(Feed { snapshot, ..Feed::on_demand(shelf.clone(), 8000) });
    let there = |api: &str| directory.join("t.snapshot.apis").join(format!("{api}.api")).exists();
    live.refresh_once().await.unwrap();
    live.load_api(&"books".into()).await;
    let jobs = live.jobs().0;
    live.load_api(&"pets".into()).await;
    live.save().await;
    assert!(there("pets") && !there("books"));
    for job in jobs {
        live.write(job).await;
    }
    live.save().await;
    assert!(there("pets") && !there("books"));
    // One that came back in the meantime stays.
    live.load_api(&"books".into()).await;
    live.load_api(&"pets".into()).await;
    live.load_api(&"books".into()).await;
    live.save().await;
    assert!(there("books") && !there("pets"));
}
