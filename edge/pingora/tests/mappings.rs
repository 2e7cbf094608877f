//! `verge mappings`, as a process, against an embedded table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

use serde_json::{Value as Json, json};
use std::{net::TcpListener, path::Path};
use verge_tests::{
    bench::{Bench, rows},
    certs::{Authority, Certificate, Validity},
    origin::{BlackHole, Origin},
};

fn put<'w>(version: &'w str, domain: &'w str) -> [&'w str; 5] {
    ["put", "orders", version, "--domain", domain]
}

#[test]
fn init_says_whether_the_table_is_new_and_where() {
    let bench = Bench::embedded();
    bench.run(&["init"]).check(0, &["table.db", "created"]);
    bench.run(&["init"]).check(0, &["table.db", "already there"]);
    let said = bench.run(&["init", "--json"]).check(0, &[]).json();
    assert_eq!(said[0]["created"], json!(false));
    assert!(Path::new(&bench.path("state/table.db")).exists());
}

#[test]
fn a_row_is_put_and_read_back() {
    let bench = Bench::embedded();
    let said = bench.run(&["put", "orders", "v1", "--domain", "One.example.com", "--base-path", "/prod", "--hidden"]);
    said.check(0, &["+ orders v1", "revision 1"]);
    let row = bench.get("v1");
    assert_eq!((&row["domain"], &row["base_path"]), (&json!("One.example.com"), &json!("/prod")));
    assert_eq!((&row["revision"], &row["updated_by"], &row["status"]), (&json!(1), &json!("ann"), &json!("hidden")));

    let said = bench.run(&["put", "orders", "v1", "--base-path", "/live", "--set", "port=8443", "--by", "bob"]);
    let said = said.check(0, &["~ orders v1", "/prod → /live", "(none) → 8443", "revision 2"]);
    assert!(!said.out.contains("domain"), "{said:?}");
    let row = bench.get("v1");
    assert_eq!(
        (&row["domain"], &row["port"], &row["updated_by"]),
        (&json!("One.example.com"), &json!(8443), &json!("bob"))
    );

    bench.run(&["put", "orders", "v1", "--base-path", "/live"]).check(0, &["nothing to change"]);
    assert_eq!(bench.get("v1")["revision"], json!(2));
    bench.run(&["get", "orders", "v1"]).check(0, &["domain      One.example.com\n"]);
}

#[test]
fn a_row_from_a_file_replaces_the_whole() {
    let bench = Bench::with_rows();
    bench.write("row.json", &json!({"domain": {"S": "new.example.com"}, "read_timeout": {"S": "5s"}}));
    bench.run(&["put", "orders", "v1", "--from", "row.json"]).check(0, &["/prod → (none)", "(none) → 5s"]);
    let said = bench.feed(&["put", "orders", "v1", "--from", "-", "--json"], r#"{"domain": "one.example.com"}"#);
    assert_eq!(said.check(0, &[]).json()["after"]["domain"], json!("one.example.com"));
    bench.write("row.json", &json!({"version": "v3", "domain": "new.example.com"}));
    bench.run(&["put", "orders", "v1", "--from", "row.json"]).check(1, &["`version` says otherwise"]);
}

#[test]
fn the_list_shows_origins_aliases_and_flags() {
    let bench = Bench::with_rows();
    let said = bench.run(&["list"]).check(0, &["https://one.example.com/prod", "→ v2", "hidden"]);
    let lines: Vec<_> = said.out.lines().collect();
    assert_eq!(lines.len(), 4, "{said:?}");
    assert!(lines[0].starts_with("API     VERSION  ORIGIN"), "{said:?}");
    assert!(!said.out.contains('\u{1b}') && !said.out.contains("#generation"), "{said:?}");
    bench.run(&["list", "--all"]).check(0, &["#generation"]);
    let versions: Vec<_> = bench.run(&["list", "orders", "--json"]).json().as_array().unwrap().clone();
    assert!(versions.iter().all(|row| row.get("invalid").is_none()));
    assert_eq!(versions.len(), 3);
    bench.run(&["list", "order"]).check(1, &["API `order` is unknown", "known: orders"]);
}

#[test]
fn a_row_that_cannot_be_used_says_why() {
    let bench = Bench::with_rows();
    // The operator's rules become narrower than the table.
    bench.configure("*.example.com", "two.example.com");
    bench.run(&["list"]).check(0, &["invalid: domain `one.example.com` does not match [origins] allow"]);
    let listed = bench.run(&["list", "--json"]).json();
    let reasons: Vec<_> = listed.as_array().unwrap().iter().filter_map(|row| row["invalid"].as_str()).collect();
    assert_eq!(reasons.len(), 1);
    // What is broken already keeps nobody from the rest, and can be deleted.
    bench.run(&put("v3", "two.example.com")).check(0, &[]);
    bench.run(&["put", "orders", "v1", "--hidden"]).check(1, &["refused", "does not match"]);
    bench.run(&["delete", "orders", "v1"]).check(0, &[]);
}

#[test]
fn what_could_not_be_served_is_refused() {
    let bench = Bench::with_rows();
    let before = bench.export();
    let one = "one.example.com";
    bench.run(&put("V1", one)).check(1, &["orders V1: another row is the same version", "orders v1 would break"]);
    bench.run(&put("v3", "one.example.org")).check(1, &["does not match [origins] allow (`*.example.com`)"]);
    bench.run(&put("v3", "127.0.0.1")).check(1, &["nothing is written"]);
    bench.run(&put("v 3", one)).check(1, &["cannot be a version"]);
    bench.run(&["put", "orders", "stable", "--alias-of", "v9"]).check(1, &["alias_of `v9` names no row"]);
    bench.run(&["put", "orders", "v1", "--alias-of", "latest", "--set", "domain=one.example.com"]).check(1, &["both"]);
    bench.run(&["put", "orders", "v1", "--set", "sunset_at=soon"]).check(1, &["`sunset_at`"]);
    bench.run(&["put", "orders", "v1", "--set", "port=\"x\""]).check(1, &["`port` must be a number"]);
    bench.run(&["put", "orders", "v1", "--set", "revision=1"]).check(1, &["`revision`"]);
    bench.run(&["put", "orders", "#generation", "--set", "generation=9"]).check(1, &["Verge's own"]);
    bench.run(&["put", "payments", "v1", "--domain", one]).check(1, &["API `payments` is unknown", "known: orders"]);
    bench.run(&["put", "orders", "v1"]).check(64, &["say what to put"]);
    bench.run(&["put", "orders", "v1", "--nonsense"]).check(64, &[]);
    assert_eq!(bench.export(), before);
}

#[test]
fn an_api_can_live_in_the_table() {
    let bench = Bench::with_rows();
    bench.write("api.json", &json!({"hosts": ["pay.example.net"], "missing": "v1", "header": "x-v"}));
    bench.run(&["put", "payments", "#api", "--from", "api.json"]).check(0, &["+ payments #api"]);
    bench.run(&["put", "payments", "v1", "--domain", "pay.example.com"]).check(0, &[]);
    bench
        .run(&["put", "payments", "#api", "--set", "hosts=orders.example.net"])
        .check(1, &["`orders` already answers"]);
    bench.run(&["put", "payments", "#api", "--set", "hosts=a:80"]).check(1, &["without scheme and port"]);
    bench.run(&["put", "payments", "#api", "--domain", "pay.example.com"]).check(1, &["describes the API"]);
    // An API's own limit holds for the rows that are there.
    let said = bench.run(&["put", "payments", "#api", "--set", "allow=x.example.com"]);
    said.check(1, &["payments v1 would break", "the API's `allow`"]);
    bench.run(&["delete", "payments", "v1"]).check(1, &["missing-version policy is `v1`"]);
    bench.run(&["delete", "payments", "#api"]).check(1, &["payments v1 would break: its API is unknown"]);
    bench.run(&["get", "payments", "#api"]).check(0, &["[\"pay.example.net\"]"]);
    bench.run(&["list", "nobody"]).check(1, &["known: orders, payments"]);
}

#[test]
fn a_write_is_conditional_on_a_revision() {
    let bench = Bench::with_rows();
    bench.run(&["put", "orders", "v1", "--base-path", "/a", "--revision", "1"]).check(0, &["revision 2"]);
    let said = bench.run(&["put", "orders", "v1", "--base-path", "/b", "--revision", "1"]);
    said.check(1, &["expected revision 1, found revision 2"]);
    bench.run(&["put", "orders", "v9", "--domain", "n.example.com", "--revision", "1"]).check(1, &["found nothing"]);
    bench.run(&["delete", "orders", "v1", "--revision", "1"]).check(1, &["expected revision 1, found revision 2"]);
    assert_eq!(bench.get("v1")["base_path"], json!("/a"));
}

#[test]
fn a_row_that_others_name_is_not_deleted_by_mistake() {
    let bench = Bench::with_rows();
    bench.run(&["delete", "orders", "v2"]).check(1, &["- orders v2", "orders latest would break", "--yes"]);
    bench.run(&["delete", "orders", "v1", "--dry-run"]).check(0, &["one.example.com", "nothing is deleted"]);
    assert_eq!(bench.get("v1")["domain"], "one.example.com");
    let gone = bench.run(&["delete", "orders", "v1", "--json"]).check(0, &[]).json();
    assert_eq!((&gone["deleted"], &gone["item"]["domain"]), (&json!(true), &json!("one.example.com")));
    bench.run(&["get", "orders", "v1"]).check(1, &["orders `v1` is not in the table"]);
    bench.run(&["delete", "orders", "v1"]).check(1, &["orders `v1` is not in the table"]);
    bench.run(&["get", "orders", "2"]).check(1, &["the row is called `v2`"]);
    bench.run(&["delete", "orders", "v2", "--yes"]).check(0, &[]);
    bench.run(&["list"]).check(0, &["invalid: alias_of `v2` names no row"]);
}

#[test]
fn an_export_imports_to_the_same_table() {
    let (one, other) = (Bench::with_rows(), Bench::embedded());
    let exported = one.export();
    assert!(!exported.contains("#generation") && !exported.contains("revision"), "{exported}");
    assert_eq!(serde_json::from_str::<Json>(&exported).unwrap()["Items"].as_array().unwrap().len(), 3);
    other.feed(&["import", "-"], &exported).check(0, &["3 to add"]);
    assert_eq!(other.export(), exported);
    other.feed(&["diff", "-"], &exported).check(0, &["3 the same"]);
    other.feed(&["import", "-"], &exported).check(0, &["0 to add, 0 to change"]);

    let typed = one.run(&["export", "orders", "--typed"]).check(0, &["{\n        \"S\": \"one.example.com\""]).out;
    other.feed(&["diff", "-"], &typed).check(0, &["3 the same"]);
    let all = one.run(&["export", "--all"]).check(0, &["#generation", "updated_by"]).out;
    other.feed(&["diff", "-"], &all).check(0, &["1 item of Verge's own left out"]);
    one.run(&["export", "nobody"]).check(1, &["API `nobody` is unknown"]);
}

#[test]
fn a_diff_is_what_an_import_would_do() {
    let bench = Bench::with_rows();
    let wanted = json!([
        {"api": "orders", "version": "v1", "domain": "one.example.com", "base_path": "/live"},
        {"api": "orders", "version": "v3", "domain": "three.example.com"},
        {"api": "orders", "version": "latest", "alias_of": "v3"},
    ]);
    bench.write("wanted.json", &wanted);
    let lines = "~ orders latest alias_of v2 → v3\n~ orders v1 base_path /prod → /live\n\
                 - orders v2 https://two.example.com\n+ orders v3 https://three.example.com\n";
    let said = bench.run(&["diff", "wanted.json"]).check(1, &["1 to add, 2 to change, 1 to remove"]);
    let sorted = |text: &str| text.lines().map(str::to_owned).collect::<std::collections::BTreeSet<_>>();
    assert_eq!(sorted(&said.out), sorted(lines));
    let changes = bench.run(&["diff", "wanted.json", "--json"]).check(1, &[]).json();
    let removed = changes["changes"].as_array().unwrap().iter().filter(|one| one["change"] == "remove").count();
    assert_eq!(removed, 1);

    let before = bench.export();
    bench.run(&["import", "wanted.json", "--prune", "--dry-run"]).check(0, &["- orders v2", "nothing is written"]);
    assert_eq!(bench.export(), before);
    let said = bench.run(&["import", "wanted.json", "--prune"]);
    said.check(1, &["1 row would be removed", "--yes", "nothing is written"]);
    assert_eq!(bench.export(), before);
    bench.run(&["import", "wanted.json", "--prune", "--yes"]).check(0, &["4 written"]);
    bench.run(&["diff", "wanted.json"]).check(0, &["3 the same"]);
    bench.run(&["diff", "missing.json"]).check(64, &["missing.json"]);
}

#[test]
fn an_import_is_checked_before_its_first_write() {
    let bench = Bench::with_rows();
    let before = bench.export();
    let import = |rows: Json| bench.feed(&["import", "-"], &rows.to_string());
    let good = json!({"api": "orders", "version": "v3", "domain": "three.example.com"});
    let bad = json!({"api": "orders", "version": "v4", "domain": "three.example.org"});
    import(json!([good, bad])).check(1, &["refused, nothing is written", "orders v4: domain"]);
    import(json!([good, good])).check(1, &["item 2: orders `v3` is there twice"]);
    import(json!([good, {"hk": "v4", "dn": "a.example.com"}])).check(1, &["item 2: it is in the sample layout"]);
    import(json!([good, {"api": "payments", "version": "v1", "domain": "a.example.com"}]))
        .check(1, &["its API is unknown"]);
    bench.feed(&["import", "-"], "[{").check(1, &["stdin: not JSON"]);
    assert_eq!(bench.export(), before);
    bench.feed(&["import", "-", "--json"], &json!([good]).to_string()).check(0, &["\"result\": \"written\""]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let bench = Bench::with_rows();
    let before = bench.run(&["export", "--all"]).out;
    bench
        .run(&["put", "orders", "v1", "--base-path", "/x", "--dry-run"])
        .check(0, &["/prod → /x", "nothing is written"]);
    bench.run(&["delete", "orders", "v1", "--dry-run"]).check(0, &["nothing is deleted"]);
    let said = bench.run(&["put", "orders", "v1", "--base-path", "/x", "--dry-run", "--revision", "7"]);
    said.check(1, &["expected revision 7, found revision 1"]);
    assert_eq!(bench.run(&["export", "--all"]).out, before);
}

#[test]
fn a_file_is_read_and_never_written() {
    let bench = Bench::new("source = \"file\"\npath = \"rows.json\"");
    bench.write("rows.json", &rows());
    let message = "the table is a file: edit it, it is reread when it changes";
    bench.run(&["list"]).check(0, &["https://one.example.com/prod"]);
    bench.run(&["get", "orders", "v1"]).check(0, &["one.example.com"]);
    bench.run(&["diff", "rows.json"]).check(0, &["3 the same"]);
    bench.run(&["init"]).check(1, &[message]);
    bench.run(&put("v3", "three.example.com")).check(1, &[message]);
    bench.run(&["delete", "orders", "v1"]).check(1, &[message]);
    bench.write("more.json", &json!([{"api": "orders", "version": "v3", "domain": "three.example.com"}]));
    bench.run(&["import", "more.json"]).check(1, &[message]);
    std::fs::remove_file(bench.path("rows.json")).unwrap();
    bench.run(&["list"]).check(69, &["rows.json", "does not exist"]);
}

#[test]
fn a_file_in_the_sample_layout_reads_alike() {
    let bench = Bench::new("source = \"file\"\npath = \"rows.json\"");
    let rows = json!([{"hk": "application/vnd.example.v1+json", "dn": "one.example.com", "dp": "/prod"}]);
    bench.write("rows.json", &rows);
    bench.run(&["list", "orders"]).check(0, &["application/vnd.example.v1+json", "https://one.example.com/prod"]);
    bench.run(&["get", "orders", "application/vnd.example.v1+json", "--json"]).check(0, &["\"dp\": \"/prod\""]);
    bench.run(&["diff", "rows.json"]).check(0, &["1 the same"]);
}

#[test]
fn an_unreachable_store_is_told_from_an_absence() {
    let bench = Bench::new(
        "source = \"dynamodb\"\nname = \"api-versions\"\nregion = \"us-east-1\"\nendpoint = \"http://127.0.0.1:1\"",
    );
    for words in [["list", "orders"], ["export", "orders"]] {
        let said = bench.run(&words);
        assert_eq!((said.code, said.out.as_str()), (69, ""), "{said:?}");
        assert_eq!(said.err.lines().count(), 1, "{said:?}");
    }
    bench.run(&["get", "orders", "v1"]).check(69, &["verge: "]);
    bench.run(&put("v1", "one.example.com")).check(69, &["verge: "]);
    std::fs::write(bench.path("verge.toml"), "nonsense = 1").unwrap();
    bench.run(&["list"]).check(78, &["nonsense"]);
}

#[test]
fn a_rollback_puts_back_what_stood_there_and_a_second_one_undoes_it() {
    let bench = Bench::with_rows();
    bench.run(&["rollback", "orders", "v1"]).check(1, &["nothing to go back to"]);
    bench
        .run(&["put", "orders", "v1", "--domain", "wrong.example.com", "--set", "port=8443"])
        .check(0, &["revision 2"]);
    let said = bench.run(&["rollback", "orders", "v1", "--dry-run"]);
    said.check(0, &["wrong.example.com → one.example.com", "8443 → (none)", "nothing is written"]);
    assert_eq!(bench.get("v1")["domain"], "wrong.example.com");

    let said = bench.run(&["rollback", "orders", "v1", "--json"]).check(0, &["revision 3"]).json();
    assert_eq!((&said["written"], &said["after"]["domain"]), (&json!(true), &json!("one.example.com")), "{said}");
    let row = bench.get("v1");
    assert_eq!(
        (&row["base_path"], row.get("port"), &row["updated_by"]),
        (&json!("/prod"), None, &json!("ann")),
        "{row}"
    );
    bench.run(&["rollback", "orders", "v1"]).check(0, &["one.example.com → wrong.example.com", "revision 4"]);
    assert_eq!(bench.get("v1")["port"], 8443);

    bench.run(&["rollback", "orders", "v1", "--revision", "1"]).check(1, &["expected revision 1, found revision 4"]);
    bench.run(&["rollback", "orders", "v9"]).check(1, &["not in the table"]);
}

#[test]
fn a_rollback_to_what_could_not_be_served_is_refused() {
    let bench = Bench::with_rows();
    bench.run(&["put", "orders", "v3", "--alias-of", "v1"]).check(0, &["revision 1"]);
    bench
        .run(&["put", "orders", "v3", "--unset", "alias_of", "--domain", "three.example.com"])
        .check(0, &["revision 2"]);
    bench.run(&["delete", "orders", "v1"]).check(0, &["deleted"]);
    bench.run(&["rollback", "orders", "v3"]).check(1, &["refused, nothing is written"]);
    assert_eq!(bench.get("v3")["domain"], "three.example.com");
}

#[test]
fn a_rollback_leaves_what_verge_keeps_in_the_table_alone() {
    let bench = Bench::with_rows();
    bench.run(&["freeze"]).check(0, &["nodes keep what they serve"]);
    bench.run(&["freeze", "--off"]).check(0, &["nodes follow the table again"]);
    let before = bench.run(&["export", "--all"]).out;
    assert!(before.contains("#control"), "{before}");
    for (api, key) in [("#verge", "#control"), ("#verge", "#generation"), ("orders", "#trip")] {
        bench.run(&["rollback", api, key]).check(1, &[&format!("`{key}` is Verge's own")]);
    }
    assert_eq!(bench.run(&["export", "--all"]).out, before);
}

const ONE: &str = "one.example.com";

/// On threads of its own, an origin answers while the test waits for a command.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_probe_says_what_it_saw_and_lets_a_good_row_pass() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &[ONE]).await;
    let address = origin.address().to_string();
    let bench = Bench::with_rows().with_origins(&authority, origin.address(), "");
    let said = bench.run(&["put", "orders", "v3", "--domain", ONE, "--probe", "--dry-run"]);
    said.check(0, &[&address, "good certificate", "speaks h2", "nothing is written"]);
    bench.run(&["get", "orders", "v3"]).check(1, &["not in the table"]);

    let said = bench.run(&["put", "orders", "v3", "--domain", ONE, "--probe", "--json"]).check(0, &["revision 1"]);
    assert_eq!(said.json()["probe"], json!({"address": address, "sni": ONE, "protocol": "h2"}), "{said:?}");
    let said = bench.run(&["put", "orders", "v3", "--set", "protocol=h1", "--probe", "--json"]).check(0, &[]).json();
    assert_eq!(said["probe"]["protocol"], "http/1.1", "the row's own choice: {said}");
    let said = bench.run(&["put", "orders", "v3", "--set", "protocol=h1", "--probe"]);
    said.check(0, &["speaks http/1.1", "nothing to change"]);
    bench.run(&["rollback", "orders", "v3", "--probe"]).check(0, &["speaks h2", "revision 3"]);
    let said = bench.run(&["put", "orders", "v3", "--base-path", "/x", "--json"]).check(0, &[]).json();
    assert!(said.get("probe").is_none(), "{said}");
    assert!(origin.seen().is_empty(), "a probe sends no request");
    assert_eq!(origin.connections(), 5);

    let said = bench.run(&["put", "orders", "newest", "--alias-of", "v3", "--probe", "--json"]);
    let said = said.check(0, &["nothing to probe: orders `newest` has no origin of its own\n"]);
    assert_eq!((&said.json()["probe"], &said.json()["written"]), (&Json::Null, &json!(true)), "{said:?}");
    assert_eq!(origin.connections(), 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_probe_of_an_origin_without_alpn_or_tls_says_so() {
    let authority = Authority::new();
    let plain = Origin::speaking(&[], &authority.certify(&[ONE]), &[ONE]).await;
    let bench = Bench::with_rows().with_origins(&authority, plain.address(), "");
    let said = bench.run(&["put", "orders", "v3", "--domain", ONE, "--probe", "--json"]);
    let said = said.check(0, &["it knows no ALPN: HTTP/1.1 is spoken"]).json();
    assert_eq!(said["probe"]["protocol"], Json::Null, "{said}");

    let clear = Origin::in_the_clear(&[ONE]).await;
    let bench = Bench::with_rows().with_origins(&authority, clear.address(), "insecure = true");
    let words = ["put", "orders", "v3", "--domain", ONE, "--set", "scheme=http", "--probe", "--json"];
    let said = bench.run(&words).check(0, &["takes connections at", "in clear text"]).json();
    let seen = json!({"address": clear.address().to_string(), "sni": null, "protocol": null});
    assert_eq!(said["probe"], seen, "{said}");
    // The same as a row for TLS.
    let before = bench.export();
    let said = bench.run(&["put", "orders", "v4", "--domain", ONE, "--probe"]);
    said.check(69, &["the TLS handshake failed", "nothing is written"]);
    assert_eq!(bench.export(), before);
}

/// A probe that ends so writes nothing, dry or not; without it the row is written.
#[track_caller]
fn a_probe_fails(bench: &Bench, put: &[&str], says: &[&str]) {
    let before = bench.run(&["export", "--all"]).out;
    for more in [&["--probe"][..], &["--probe", "--dry-run"], &["--probe", "--json"]] {
        let said = bench.run(&[put, more].concat()).check(69, says);
        let said = said.check(69, &["the probe failed, nothing is written: ", "without --probe it is written"]);
        assert_eq!(said.err.lines().count(), 1, "one clear message: {said:?}");
        assert_eq!(bench.run(&["export", "--all"]).out, before);
    }
    bench.run(put).check(0, &["written to"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_probe_refuses_the_certificates_that_serving_refuses() {
    let authority = Authority::new();
    let own = rcgen::generate_simple_self_signed([ONE.to_owned()]).unwrap();
    let own = Certificate { chain: own.cert.pem(), key: own.signing_key.serialize_pem() };
    let cases = [
        (authority.certify(&["two.example.com"]), "not valid for name \"one.example.com\""),
        (authority.certify_for(&[ONE], Validity::Expired), "certificate expired"),
        (authority.certify_for(&[ONE], Validity::NotYet), "not valid yet"),
        (own, "nobody who is trusted has signed it (UnknownIssuer); an authority of your own"),
        // It calls itself as the trusted one does.
        (Authority::new().certify(&[ONE]), "nobody who is trusted has signed it (BadSignature)"),
    ];
    for (certificate, says) in cases {
        let origin = Origin::speaking(&["h2", "http/1.1"], &certificate, &[ONE]).await;
        let bench = Bench::with_rows().with_origins(&authority, origin.address(), "");
        let address = origin.address().to_string();
        a_probe_fails(&bench, &put("v3", ONE), &[&address, "its certificate is refused: ", says]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_probe_that_reaches_nobody_says_how() {
    let authority = Authority::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = Bench::with_rows().with_origins(&authority, nobody, "");
    a_probe_fails(&bench, &put("v3", ONE), &[&nobody.to_string(), "the connection is refused"]);

    let silent = BlackHole::dig().await;
    let bench = Bench::with_rows().with_origins(&authority, silent.address(), "connect_timeout = \"10s\"");
    let row = ["put", "orders", "v3", "--domain", ONE, "--set", "connect_timeout=300ms"];
    a_probe_fails(&bench, &row, &["timed out: it is not connected within 300ms"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_probe_dials_what_serving_would_dial() {
    let authority = Authority::new();
    let origin = Origin::start(&authority, &["localhost", "two.example.com"]).await;
    let (port, address) = (origin.address().port(), origin.address().to_string());
    let bench = Bench::with_rows().with_origins(&authority, origin.address(), "");
    bench.configure("[\"*.example.com\"]", "[\"*.example.com\", \"localhost\", \"*.verge.invalid\"]");
    let local_port = format!("port={port}");
    let local = ["put", "orders", "v3", "--domain", "localhost", "--set", &local_port];
    a_probe_fails(&bench, &local, &["`localhost` resolves to ", ", which is never dialled"]);
    assert_eq!(origin.connections(), 0);
    a_probe_fails(&bench, &put("v4", "nowhere.verge.invalid"), &["`nowhere.verge.invalid` does not resolve"]);

    bench.configure("ca = \"ca.pem\"\n", "ca = \"ca.pem\"\nloopback = true\ndial = [\"127.0.0.0/8\"]\n");
    bench.run(&["put", "orders", "v3", "--set", "base_path=/x", "--probe"]).check(0, &[&address, "speaks h2"]);
    // A row's `connect`, with the row's name in the handshake.
    let connect = format!("connect={address}");
    let words = ["put", "orders", "v5", "--domain", "two.example.com", "--set", &connect, "--probe"];
    bench.run(&words).check(0, &[&address, "speaks h2"]);
    // The operator's word is before the row's: this one leads to the origin, which has no certificate for the name.
    let words = ["put", "orders", "v6", "--domain", ONE, "--set", "connect=127.0.0.1:1", "--probe"];
    bench.run(&words).check(69, &[&address, "not valid for name"]);
}

#[test]
fn policies_name_the_table_and_hold_writers_to_their_apis() {
    let bench = Bench::new("source = \"dynamodb\"\nname = \"api-versions\"\nregion = \"eu-central-1\"");
    let serve = bench.run(&["iam", "--account", "123456789012"]).check(0, &[]).json();
    let statements = serve["Statement"].as_array().unwrap();
    assert_eq!(statements.len(), 1, "{serve}");
    assert_eq!(statements[0]["Resource"][0], "arn:aws:dynamodb:eu-central-1:123456789012:table/api-versions");
    let reads = ["dynamodb:DescribeTable", "dynamodb:Scan", "dynamodb:Query", "dynamodb:GetItem"];
    assert_eq!(statements[0]["Action"], json!(reads));

    // Trips are apart from reading. A sort key cannot be named, so no more is promised than the leading key holds.
    let trip = bench.run(&["iam", "--role", "trip", "--api", "orders", "--api", "bills"]).check(0, &[]).json();
    let actions: Vec<_> = trip["Statement"].as_array().unwrap().iter().map(|one| &one["Action"]).collect();
    assert_eq!(actions, [&json!(["dynamodb:PutItem"]), &json!(["dynamodb:UpdateItem"])], "{trip}");
    let keys = |at: usize| &trip["Statement"][at]["Condition"]["ForAllValues:StringEquals"]["dynamodb:LeadingKeys"];
    assert_eq!((keys(0), keys(1)), (&json!(["orders", "bills"]), &json!(["#verge"])), "{trip}");
    bench.run(&["iam", "--role", "trip"]).check(64, &["--api"]);
    let help = bench.run(&["iam", "--help"]).out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(help.contains("IAM knows no condition on sort keys"), "{help}");

    let writer = bench.run(&["iam", "--role", "writer", "--api", "orders"]).check(0, &[]).json();
    let condition = |at: usize| &writer["Statement"][at]["Condition"]["ForAllValues:StringEquals"];
    assert_eq!(condition(1)["dynamodb:LeadingKeys"], json!(["orders"]), "{writer}");
    assert_eq!(condition(2)["dynamodb:LeadingKeys"], json!(["#verge"]), "{writer}");
    assert_eq!(writer["Statement"][2]["Action"], json!(["dynamodb:UpdateItem"]));
    bench.run(&["iam", "--role", "writer"]).check(64, &["--api"]);
    Bench::embedded().run(&["iam"]).check(1, &["no table with `source = \"dynamodb\"`"]);
}

#[test]
fn the_policies_of_the_manual_are_what_is_printed() {
    let page = include_str!("../../../docs/operations.md");
    let bench = Bench::new("source = \"dynamodb\"\nname = \"api-versions\"\nregion = \"us-east-1\"");
    let commands = page.lines().filter_map(|line| line.strip_prefix("$ verge mappings iam -c verge.toml"));
    let printed: Vec<String> = commands
        .map(|rest| {
            let options = rest.split('#').next().unwrap().split_whitespace();
            bench.run(&["iam"].into_iter().chain(options).collect::<Vec<_>>()).check(0, &[]).out
        })
        .collect();
    assert_eq!(printed.len(), 5, "one for each role");
    let shown = printed.first().unwrap();
    assert!(page.contains(&format!("```json\n{shown}```")), "the page does not show\n{shown}");
}

#[test]
fn a_document_of_another_edge_will_do_for_commands_that_serve_nothing() {
    let bench = Bench::with_rows();
    bench.configure("[listen]\nhttp = \"127.0.0.1:0\"\n", "[log]\naccess = \"off\"\n");
    bench.run(&["list"]).check(0, &["v1"]);
    assert!(bench.export().contains("one.example.com"));
    bench.explain(&["-H", "APIVER: v1", "http://orders.example.net/"]).check(0, &["one.example.com"]);
    bench.check(&["--hosted", "--table"]).check(0, &["verge.toml: ok"]);
    bench.check(&[]).check(78, &["`[listen]` is missing"]);
}
