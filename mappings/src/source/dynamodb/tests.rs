use super::*;
use crate::{
    Created, Expect, Store, StoreError,
    item::{Item, Value},
    source::embedded::{Embedded, Keep},
};
use aws_sdk_dynamodb::types::{AttributeDefinition, AttributeValue, BillingMode, ScalarAttributeType};
use serde_json::json;
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const TABLE: &str = "api-versions";

async fn store() -> Embedded {
    Embedded::start(Keep::Memory, TABLE).await.unwrap()
}

fn item(json: serde_json::Value) -> Item {
    Item::from_json(&json).unwrap()
}

fn row(version: &str, domain: &str) -> Item {
    item(json!({"api": "orders", "version": version, "domain": domain}))
}

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

/// A client without any of our care, and a store for another table of the same engine.
fn beside(engine: &Embedded, table: &str) -> (Client, DynamoStore) {
    (connect::loopback(engine.address()), DynamoStore::loopback(table, engine.address(), format!("table {table}")))
}

async fn create(client: &Client, table: &str, keys: &[(&str, KeyType)]) {
    let mut call = client.create_table().table_name(table).billing_mode(BillingMode::PayPerRequest);
    for (name, kind) in keys {
        let key = KeySchemaElement::builder().attribute_name(*name).key_type(kind.clone()).build().unwrap();
        let attribute = AttributeDefinition::builder().attribute_name(*name);
        let attribute = attribute.attribute_type(ScalarAttributeType::S).build().unwrap();
        call = call.key_schema(key).attribute_definitions(attribute);
    }
    call.send().await.unwrap();
}

#[tokio::test]
async fn a_scan_goes_on_to_the_last_page() {
    let engine = store().await;
    let (client, _) = beside(&engine, TABLE);
    let ballast = "x".repeat(300 * 1024);
    for number in 0..9 {
        let row = HashMap::from([
            ("api".to_owned(), s("orders")),
            ("version".to_owned(), s(&format!("v{number}"))),
            ("domain".to_owned(), s("a.example.com")),
            ("ballast".to_owned(), s(&ballast)),
        ]);
        client.put_item().table_name(TABLE).set_item(Some(row)).send().await.unwrap();
    }
    let page = client.scan().table_name(TABLE).send().await.unwrap();
    assert!(page.last_evaluated_key.is_some() && page.count < 9, "one page would prove nothing");
    let reading = engine.read().await.unwrap();
    assert_eq!((reading.rows(), reading.layout), (9, Some(Layout::Verge)));
}

#[tokio::test]
async fn an_item_is_put_read_and_deleted() {
    let engine = store().await;
    assert_eq!(engine.init().await.unwrap(), Created::Already);
    let first = engine.put(row("v1", "one.example.com"), Expect::Absent, "ann").await.unwrap();
    assert_eq!((first.whole_number("revision"), first.text("updated_by")), (Some(1), Some("ann")));
    assert!(verge_router::lifecycle::parse_rfc3339(first.text("updated_at").unwrap()).is_some());
    assert_eq!(engine.get("orders", "v1").await.unwrap().unwrap(), first);

    let mut edited = first.clone();
    edited.insert("domain", Value::S("two.example.com".to_owned()));
    let second = engine.put(edited, Expect::Revision(1), "bob").await.unwrap();
    assert_eq!(second.whole_number("revision"), Some(2));
    let Some(Value::M(previous)) = second.get("previous") else { panic!("{second:?}") };
    assert_eq!(previous.get("domain"), Some(&Value::S("one.example.com".to_owned())));
    assert!(!previous.contains_key("previous") && !previous.contains_key("version"));

    assert_eq!(engine.delete("orders", "v1", Expect::Revision(2)).await.unwrap(), second);
    assert_eq!(engine.get("orders", "v1").await.unwrap(), None);
    let gone = StoreError::Absent { key: "v1".to_owned() };
    assert_eq!(engine.delete("orders", "v1", Expect::Anything).await.unwrap_err(), gone);
}

#[tokio::test]
async fn every_write_raises_the_generation_and_nothing_else_does() {
    let engine = store().await;
    let generation = async || engine.read().await.unwrap().generation;
    assert_eq!(generation().await, None);
    engine.put(row("v1", "one.example.com"), Expect::Anything, "ann").await.unwrap();
    assert_eq!(generation().await, Some(1));
    engine.put(row("v1", "two.example.com"), Expect::Absent, "ann").await.unwrap_err();
    assert_eq!(generation().await, Some(1));
    engine.delete("orders", "v1", Expect::Anything).await.unwrap();
    assert_eq!(generation().await, Some(2));
    let own = engine.get(crate::OWN_PARTITION, crate::GENERATION).await.unwrap().unwrap();
    assert_eq!(own.generation(), Some(2));
    let refused = engine.put(own, Expect::Anything, "ann").await.unwrap_err();
    assert_eq!(refused.code(), "unfit");
}

#[tokio::test]
async fn a_write_on_a_wrong_belief_is_a_conflict() {
    let engine = store().await;
    let conflict = async |expect, found: &str| {
        let error = engine.put(row("v1", "x.example.com"), expect, "ann").await.unwrap_err();
        assert_eq!(error.code(), "conflict");
        assert!(error.to_string().contains(found), "{error}");
    };
    conflict(Expect::Revision(1), "found nothing").await;
    engine.put(row("v1", "one.example.com"), Expect::Absent, "ann").await.unwrap();
    conflict(Expect::Absent, "found revision 1").await;
    conflict(Expect::Revision(2), "found revision 1").await;
    let error = engine.delete("orders", "v1", Expect::Revision(2)).await.unwrap_err();
    assert_eq!(error.code(), "conflict");
}

#[tokio::test]
async fn a_row_that_others_wrote_has_revision_zero() {
    let engine = store().await;
    let (client, _) = beside(&engine, TABLE);
    let row_by_hand = HashMap::from([("api".to_owned(), s("orders")), ("version".to_owned(), s("v1"))]);
    client.put_item().table_name(TABLE).set_item(Some(row_by_hand)).send().await.unwrap();
    let put = engine.put(row("v1", "one.example.com"), Expect::Revision(0), "ann").await.unwrap();
    assert_eq!(put.whole_number("revision"), Some(1));
}

#[tokio::test]
async fn of_two_writers_with_one_belief_one_wins() {
    let engine = Arc::new(store().await);
    engine.put(row("v1", "one.example.com"), Expect::Absent, "ann").await.unwrap();
    let write = |expect| {
        let engine = engine.clone();
        async move { engine.put(row("v1", "x.example.com"), expect, "bob").await.is_ok() }
    };
    let sure: tokio::task::JoinSet<_> = (0..4).map(|_| write(Expect::Revision(1))).collect();
    assert_eq!(sure.join_all().await.into_iter().filter(|won| *won).count(), 1);
    let any: tokio::task::JoinSet<_> = (0..4).map(|_| write(Expect::Anything)).collect();
    assert!(any.join_all().await.into_iter().all(|won| won));
    assert_eq!(engine.get("orders", "v1").await.unwrap().unwrap().whole_number("revision"), Some(6));
}

#[tokio::test]
async fn a_sample_table_is_told_by_its_key_schema() {
    let engine = store().await;
    let (client, sample) = beside(&engine, "sample-table");
    create(&client, "sample-table", &[("hk", KeyType::Hash)]).await;
    // `api` and `version` besides `hk` change nothing.
    let row = item(json!({"hk": "v1", "dn": "one.example.com", "dp": "/prod", "api": "x", "version": "y"}));
    sample.put(row, Expect::Absent, "ann").await.unwrap();
    let reading = sample.read().await.unwrap();
    assert_eq!((reading.layout, reading.rows(), reading.generation), (Some(Layout::Sample), 1, Some(1)));
    assert!(sample.get("", "v1").await.unwrap().is_some());
    sample.delete("", "v1", Expect::Revision(1)).await.unwrap();
}

#[tokio::test]
async fn other_keys_and_missing_tables_are_told_apart() {
    let engine = store().await;
    let (client, other) = beside(&engine, "other-table");
    let error = other.read().await.unwrap_err();
    assert_eq!(error.code(), "no_table");
    assert!(error.to_string().contains("`verge mappings init`"));
    create(&client, "other-table", &[("id", KeyType::Hash), ("at", KeyType::Range)]).await;
    let error = other.read().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "table other-table has the key schema `id` with sort key `at`; it must be `hk` (S), or `api` (S) with sort key \
         `version` (S)"
    );
    let (_, new) = beside(&engine, "a-new-table");
    assert_eq!(new.init().await.unwrap(), Created::New);
    assert_eq!(new.read().await.unwrap().items, []);
}

#[tokio::test]
async fn a_closed_port_is_unreachable() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let store = DynamoStore::loopback(TABLE, address, "the store".to_owned());
    let begun = Instant::now();
    let error = store.read().await.unwrap_err();
    assert_eq!(error.code(), "unreachable");
    assert!(error.to_string().starts_with("the store cannot be reached: "), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn a_silent_store_is_given_up() {
    // Connections are taken by the kernel, and nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let store = DynamoStore::loopback(TABLE, listener.local_addr().unwrap(), "the store".to_owned());
    let begun = Instant::now();
    let error = store.read().await.unwrap_err();
    assert_eq!(error.code(), "timeout", "{error}");
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

const DESCRIBED: &str = r#"{"Table":{"TableName":"api-versions","TableStatus":"ACTIVE","KeySchema":[
    {"AttributeName":"api","KeyType":"HASH"},{"AttributeName":"version","KeyType":"RANGE"}]}}"#;

/// A stand-in that answers each operation with what it is told; `nth` counts from 0.
async fn stand_in(answer: impl Fn(&str, usize) -> (u16, String) + Clone + Send + 'static) -> DynamoStore {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let scans = Arc::new(AtomicUsize::new(0));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (answer, scans) = (answer.clone(), scans.clone());
            tokio::spawn(async move {
                let mut held = Vec::new();
                while let Some(request) = one_request(&mut stream, &mut held).await {
                    let operation =
                        request.split("DynamoDB_20120810.").nth(1).unwrap().lines().next().unwrap().to_owned();
                    let nth = if operation == "Scan" { scans.fetch_add(1, Ordering::SeqCst) } else { 0 };
                    let (status, body) = answer(&operation, nth);
                    let head = format!(
                        "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n",
                        body.len()
                    );
                    stream.write_all((head + &body).as_bytes()).await.unwrap();
                }
            });
        }
    });
    DynamoStore::loopback(TABLE, address, "the store".to_owned())
}

/// The head of the next request, its body read off.
async fn one_request(stream: &mut tokio::net::TcpStream, held: &mut Vec<u8>) -> Option<String> {
    loop {
        let text = String::from_utf8_lossy(held).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok();
            let length = head.lines().find_map(length).unwrap_or(0);
            if body.len() >= length {
                held.drain(..head.len() + 4 + length);
                return Some(head.to_owned());
            }
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => held.extend_from_slice(&buffer[..read]),
            _ => return None,
        }
    }
}

fn refusal(code: &str) -> String {
    format!(r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"said the store"}}"#)
}

#[tokio::test]
async fn empty_pages_are_not_the_end() {
    let store = stand_in(|operation, nth| {
        let key = r#""LastEvaluatedKey":{"api":{"S":"orders"},"version":{"S":"v1"}}"#;
        let item = r#"{"api":{"S":"orders"},"version":{"S":"v1"},"domain":{"S":"a.example.com"}}"#;
        let body = match (operation, nth) {
            ("DescribeTable", _) => DESCRIBED.to_owned(),
            (_, 0 | 1) => format!(r#"{{"Items":[],"Count":0,{key}}}"#),
            (_, 2) => format!(r#"{{"Items":[{item}],"Count":1,{key}}}"#),
            _ => r#"{"Items":[],"Count":0}"#.to_owned(),
        };
        (200, body)
    })
    .await;
    assert_eq!(store.read().await.unwrap().rows(), 1);
}

#[tokio::test]
async fn a_page_that_fails_fails_the_reading() {
    let store = stand_in(|operation, nth| match (operation, nth) {
        ("DescribeTable", _) => (200, DESCRIBED.to_owned()),
        (_, 0) => (
            200,
            r#"{"Items":[{"api":{"S":"orders"},"version":{"S":"v1"}}],"LastEvaluatedKey":{"api":{"S":"orders"},"version":{"S":"v1"}}}"#
                .to_owned(),
        ),
        _ => (400, refusal("AccessDeniedException")),
    })
    .await;
    assert_eq!(store.read().await.unwrap_err().code(), "access_denied");
}

#[tokio::test]
async fn refusals_are_told_apart() {
    for (status, code, expected) in [
        (400, "AccessDeniedException", "access_denied"),
        (400, "UnrecognizedClientException", "bad_credentials"),
        (400, "ExpiredTokenException", "bad_credentials"),
        (400, "ResourceNotFoundException", "no_table"),
        (400, "ThrottlingException", "throttled"),
        (500, "InternalServerError", "failed"),
        (400, "ValidationException", "failed"),
    ] {
        let store = stand_in(move |_, _| (status, refusal(code))).await;
        let error = store.read().await.unwrap_err();
        assert_eq!(error.code(), expected, "{error}");
        assert!(error.to_string().starts_with("the store"), "{error}");
        assert!(!error.to_string().contains('\n'));
    }
}

#[tokio::test]
async fn noise_is_no_table() {
    let store = stand_in(|_, _| (200, "<html>not DynamoDB</html>".to_owned())).await;
    assert!(store.read().await.is_err());
    let store = stand_in(|_, _| (200, "{}".to_owned())).await;
    assert_eq!(store.read().await.unwrap_err().code(), "failed");
}

/// Runs the test of this name once more, in a process with this environment and no other; `true` in that process,
/// which goes on with the test's body.
fn is_in_environment(test: &str, variables: &[(&str, &str)]) -> bool {
    const CHILD: &str = "VERGE_TEST_CHILD";
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    command.env_clear().args(["--exact", "--test-threads=1"]);
    command.arg(format!("source::dynamodb::tests::{test}"));
    let nowhere = [("AWS_EC2_METADATA_DISABLED", "true"), ("HOME", "/nonexistent"), (CHILD, "1")];
    let output = command.envs(nowhere).envs(variables.iter().copied()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

fn elsewhere() -> DynamoStore {
    DynamoStore::new(DynamoSettings { table: TABLE.to_owned(), ..DynamoSettings::default() })
}

#[tokio::test]
async fn without_a_region_the_message_says_so() {
    if !is_in_environment(
        "without_a_region_the_message_says_so",
        &[("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x")],
    ) {
        return;
    }
    let error = elsewhere().read().await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "DynamoDB table api-versions: no AWS region is known; set `region` beside the table's name, or AWS_REGION"
    );
}

#[tokio::test]
async fn without_credentials_the_message_says_so() {
    if !is_in_environment("without_credentials_the_message_says_so", &[("AWS_REGION", "us-east-1")]) {
        return;
    }
    let error = elsewhere().read().await.unwrap_err();
    assert_eq!(error.code(), "no_credentials", "{error}");
    assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

#[tokio::test]
async fn variables_that_make_the_sdk_panic_are_an_error() {
    if !is_in_environment(
        "variables_that_make_the_sdk_panic_are_an_error",
        &[("AWS_REGION", "us-east-1"), ("AWS_MAX_ATTEMPTS", "0")],
    ) {
        return;
    }
    assert_eq!(elsewhere().read().await.unwrap_err().code(), "setting");
}

#[tokio::test]
async fn the_standard_variables_find_a_table() {
    const OURS: &str = "the_standard_variables_find_a_table";
    if std::env::var_os("VERGE_TEST_CHILD").is_none() {
        let engine = store().await;
        engine.put(row("v1", "one.example.com"), Expect::Absent, "ann").await.unwrap();
        let endpoint = format!("http://{}", engine.address());
        let credentials = [("AWS_ACCESS_KEY_ID", "x"), ("AWS_SECRET_ACCESS_KEY", "x"), ("AWS_REGION", "eu-west-1")];
        for name in ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_DYNAMODB", "SETTING"] {
            let endpoint = endpoint.clone();
            let child = tokio::task::spawn_blocking(move || {
                // A proxy of the environment is not asked for this very machine.
                let proxy = if name == "SETTING" { [("HTTP_PROXY", "http://127.0.0.1:1")].as_slice() } else { &[] };
                is_in_environment(OURS, &[&credentials[..], proxy, &[(name, &endpoint)]].concat());
            });
            child.await.unwrap();
        }
        return;
    }
    let setting = std::env::var("SETTING").ok();
    let store = DynamoStore::new(DynamoSettings {
        table: TABLE.to_owned(),
        endpoint: setting.clone(),
        ..DynamoSettings::default()
    });
    assert_eq!(store.read().await.unwrap().rows(), 1);
    let place = match setting {
        Some(endpoint) => format!("DynamoDB table api-versions at {endpoint}"),
        None => "DynamoDB table api-versions in eu-west-1".to_owned(),
    };
    assert_eq!(store.place(), place);
}
