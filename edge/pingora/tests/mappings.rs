//! `verge mappings`, as a process, against an embedded table.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on says so")]

use serde_json::{Value as Json, json};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const CONFIG: &str = r#"
[listen]
http = "127.0.0.1:0"
[table]
SOURCE
[origins]
allow = ["*.example.com"]
[[api]]
name = "orders"
hosts = ["orders.example.net"]
[api.version]
vendor = "example"
"#;

/// A configuration and its table, in a directory of their own that goes at the end.
struct Bench {
    directory: PathBuf,
}

/// What a command said, and how it ended.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// That it ended so, and said each of these.
    #[track_caller]
    fn check(self, code: i32, says: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        for text in says {
            assert!(self.out.contains(text) || self.err.contains(text), "`{text}` is not in {self:#?}");
        }
        self
    }
}

impl Bench {
    fn new(name: &str, source: &str) -> Self {
        let directory = std::env::temp_dir().join(format!("verge-mappings-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join("verge.toml"), CONFIG.replace("SOURCE", source)).unwrap();
        Self { directory }
    }

    fn embedded(name: &str) -> Self {
        Self::new(name, "source = \"embedded\"\npath = \"state/table.db\"")
    }

    /// The same with `v1`, `v2` and `latest`, which is `v2`.
    fn with_rows(name: &str) -> Self {
        let bench = Self::embedded(name);
        bench.write("rows.json", &rows());
        bench.run(&["import", "rows.json"]).check(0, &["3 to add", "3 written"]);
        bench
    }

    fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    fn write(&self, file: &str, json: &Json) {
        std::fs::write(self.path(file), json.to_string()).unwrap();
    }

    fn run(&self, words: &[&str]) -> Said {
        self.feed(words, "")
    }

    /// Runs `verge mappings WORDS` with something on stdin.
    fn feed(&self, words: &[&str], input: &str) -> Said {
        let (first, rest) = words.split_first().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_verge"))
            .args(["mappings", first, "-c", "verge.toml"])
            .args(rest)
            .current_dir(&self.directory)
            .env("USER", "ann")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that does not read it may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        Said {
            code: status.code().unwrap(),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }

    fn get(&self, version: &str) -> Json {
        self.run(&["get", "orders", version, "--json"]).check(0, &[]).json()
    }

    fn export(&self) -> String {
        self.run(&["export"]).check(0, &[]).out
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn rows() -> Json {
    json!({"Items": [
        {"api": "orders", "version": "v1", "domain": "one.example.com", "base_path": "/prod"},
        {"api": "orders", "version": "v2", "domain": "two.example.com", "status": "hidden"},
        {"api": "orders", "version": "latest", "alias_of": "v2"},
    ]})
}

fn put<'w>(version: &'w str, domain: &'w str) -> [&'w str; 5] {
    ["put", "orders", version, "--domain", domain]
}

#[test]
fn init_says_whether_the_table_is_new_and_where() {
    let bench = Bench::embedded("init");
    bench.run(&["init"]).check(0, &["table.db", "created"]);
    bench.run(&["init"]).check(0, &["table.db", "already there"]);
    let said = bench.run(&["init", "--json"]).check(0, &[]).json();
    assert_eq!(said[0]["created"], json!(false));
    assert!(Path::new(&bench.path("state/table.db")).exists());
}

#[test]
fn a_row_is_put_and_read_back() {
    let bench = Bench::embedded("put");
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
    let bench = Bench::with_rows("from");
    bench.write("row.json", &json!({"domain": {"S": "new.example.com"}, "read_timeout": {"S": "5s"}}));
    bench.run(&["put", "orders", "v1", "--from", "row.json"]).check(0, &["/prod → (none)", "(none) → 5s"]);
    let said = bench.feed(&["put", "orders", "v1", "--from", "-", "--json"], r#"{"domain": "one.example.com"}"#);
    assert_eq!(said.check(0, &[]).json()["after"]["domain"], json!("one.example.com"));
    bench.write("row.json", &json!({"version": "v3", "domain": "new.example.com"}));
    bench.run(&["put", "orders", "v1", "--from", "row.json"]).check(1, &["`version` says otherwise"]);
}

#[test]
fn the_list_shows_origins_aliases_and_flags() {
    let bench = Bench::with_rows("list");
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
    let bench = Bench::with_rows("quarantined");
    // The operator's rules become narrower than the table.
    let config = std::fs::read_to_string(bench.path("verge.toml")).unwrap();
    std::fs::write(bench.path("verge.toml"), config.replace("*.example.com", "two.example.com")).unwrap();
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
    let bench = Bench::with_rows("refused");
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
    let bench = Bench::with_rows("api");
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
    let bench = Bench::with_rows("revision");
    bench.run(&["put", "orders", "v1", "--base-path", "/a", "--revision", "1"]).check(0, &["revision 2"]);
    let said = bench.run(&["put", "orders", "v1", "--base-path", "/b", "--revision", "1"]);
    said.check(1, &["expected revision 1, found revision 2"]);
    bench.run(&["put", "orders", "v9", "--domain", "n.example.com", "--revision", "1"]).check(1, &["found nothing"]);
    bench.run(&["delete", "orders", "v1", "--revision", "1"]).check(1, &["expected revision 1, found revision 2"]);
    assert_eq!(bench.get("v1")["base_path"], json!("/a"));
}

#[test]
fn a_row_that_others_name_is_not_deleted_by_mistake() {
    let bench = Bench::with_rows("delete");
    bench.run(&["delete", "orders", "v2"]).check(1, &["- orders v2", "orders latest would break", "--yes"]);
    bench.run(&["delete", "orders", "v1", "--dry-run"]).check(0, &["one.example.com", "nothing is deleted"]);
    bench.get("v1");
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
    let (one, other) = (Bench::with_rows("export"), Bench::embedded("export-to"));
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
    let bench = Bench::with_rows("diff");
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
    let bench = Bench::with_rows("import");
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
    let bench = Bench::with_rows("dry");
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
    let bench = Bench::new("file", "source = \"file\"\npath = \"rows.json\"");
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
    let bench = Bench::new("sample", "source = \"file\"\npath = \"rows.json\"");
    let rows = json!([{"hk": "application/vnd.example.v1+json", "dn": "one.example.com", "dp": "/prod"}]);
    bench.write("rows.json", &rows);
    bench.run(&["list", "orders"]).check(0, &["application/vnd.example.v1+json", "https://one.example.com/prod"]);
    bench.run(&["get", "orders", "application/vnd.example.v1+json", "--json"]).check(0, &["\"dp\": \"/prod\""]);
    bench.run(&["diff", "rows.json"]).check(0, &["1 the same"]);
}

#[test]
fn an_unreachable_store_is_told_from_an_absence() {
    let bench = Bench::new(
        "unreachable",
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
    let bench = Bench::with_rows("rollback");
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
    let bench = Bench::with_rows("rollback-bad");
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
    let bench = Bench::with_rows("rollback-own");
    bench.run(&["freeze"]).check(0, &["nodes keep what they serve"]);
    bench.run(&["freeze", "--off"]).check(0, &["nodes follow the table again"]);
    let before = bench.run(&["export", "--all"]).out;
    assert!(before.contains("#control"), "{before}");
    for (api, key) in [("#verge", "#control"), ("#verge", "#generation"), ("orders", "#trip")] {
        bench.run(&["rollback", api, key]).check(1, &[&format!("`{key}` is Verge's own")]);
    }
    assert_eq!(bench.run(&["export", "--all"]).out, before);
}

#[test]
fn policies_name_the_table_and_hold_writers_to_their_apis() {
    let bench = Bench::new("iam", "source = \"dynamodb\"\nname = \"api-versions\"\nregion = \"eu-central-1\"");
    let serve = bench.run(&["iam", "--account", "123456789012"]).check(0, &[]).json();
    let statements = serve["Statement"].as_array().unwrap();
    assert_eq!(statements.len(), 1, "{serve}");
    assert_eq!(statements[0]["Resource"][0], "arn:aws:dynamodb:eu-central-1:123456789012:table/api-versions");
    let reads = ["dynamodb:DescribeTable", "dynamodb:Scan", "dynamodb:GetItem"];
    assert_eq!(statements[0]["Action"], json!(reads));

    let writer = bench.run(&["iam", "--role", "writer", "--api", "orders"]).check(0, &[]).json();
    let condition = |at: usize| &writer["Statement"][at]["Condition"]["ForAllValues:StringEquals"];
    assert_eq!(condition(1)["dynamodb:LeadingKeys"], json!(["orders"]), "{writer}");
    assert_eq!(condition(2)["dynamodb:LeadingKeys"], json!(["#verge"]), "{writer}");
    assert_eq!(writer["Statement"][2]["Action"], json!(["dynamodb:UpdateItem"]));
    bench.run(&["iam", "--role", "writer"]).check(64, &["--api"]);
    Bench::embedded("iam-embedded").run(&["iam"]).check(1, &["no table with `source = \"dynamodb\"`"]);
}
