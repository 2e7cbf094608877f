//! The table given away at the admin listener, for edges that read no store.

use serde_json::json;
use verge_tests::{client::Connection, message::Request, node::Setup};

#[tokio::test]
async fn the_table_is_given_away_once_for_each_change() {
    let rows = json!([{"api": "orders", "version": "v1", "domain": "v1.execute-api.eu-central-1.amazonaws.com"}]);
    let node = Setup::new().rows(rows).start().await;
    let answer = node.ask_admin("/table").await;
    assert_eq!(answer.status, 200);
    let page = answer.json();
    assert_eq!(page["Items"][0]["version"], json!({"S": "v1"}));
    let tag = answer.field("etag").unwrap().to_owned();
    let mut admin = Connection::open(node.admin()).await;
    let again = admin.ask(&Request::get("/table").field("If-None-Match", &tag)).await;
    assert_eq!((again.status, again.field("etag"), again.body.len()), (304, Some(&*tag), 0));
    let other = admin.ask(&Request::get("/table").field("If-None-Match", "\"0\"")).await;
    assert_eq!(other.status, 200);
    assert_eq!(node.ask_admin("/table?api=bills").await.status, 404);
}
