//! Whole documents: what is accepted, and what is said of the rest.

use super::*;
use proptest::prelude::*;
use std::time::Duration;

/// The least that is accepted; tests put more below it.
const LEAST: &str = r#"
[listen]
http = "127.0.0.1:8080"
[table]
source = "file"
path = "table.json"
"#;

fn accept(text: &str) -> Config {
    Config::parse(text).unwrap_or_else(|problems| panic!("{problems}\nin:{text}"))
}

/// The document is refused with these lines, and no others.
fn check(text: &str, expected: &[&str]) {
    let problems = Config::parse(text).expect_err(text).to_string();
    assert_eq!(problems.lines().collect::<Vec<_>>(), expected, "{text}");
}

/// As [`check`], with [`LEAST`] above (6 lines: the first line of `text` is the document's line 7) and one line expected.
fn check_below(text: &str, expected: &str) {
    check(&format!("{LEAST}{text}"), &[expected]);
}

/// As [`check`], for one `[[api]]` that begins in line 7 with its name in line 8.
fn check_api(text: &str, expected: &str) {
    check_below(&format!("[[api]]\nname = \"orders\"\n{text}"), expected);
}

/// As [`check`], for a `[table]` that begins in line 3.
fn check_table(text: &str, expected: &[&str]) {
    check(&format!("[listen]\nhttp = \"127.0.0.1:8080\"\n[table]\n{text}"), expected);
}

#[test]
fn the_least_document_takes_the_defaults() {
    let config = accept(LEAST);
    assert_eq!(config.listen.http, ["127.0.0.1:8080".parse().unwrap()]);
    assert_eq!((config.listen.threads, config.listen.drain_wait), (None, Duration::ZERO));
    assert_eq!(config.listen.drain, Duration::from_secs(15));
    assert_eq!((config.admin, config.health), (None, None));
    assert_eq!(config.log, Log { access: AccessLog::Stdout, level: Level::Info, format: Format::Text });
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.origins.timeouts.read, Duration::from_secs(35));
    assert!(config.apis.is_empty());
    let table = config.table.unwrap();
    assert_eq!(table.source, TableSource::File { path: "table.json".into() });
    assert_eq!((table.refresh, table.poll), (Duration::from_secs(60), Duration::from_secs(1)));
    assert_eq!((table.snapshot, table.shrink_hold), (None, Duration::from_secs(600)));
}

#[test]
fn an_edge_in_another_program_does_not_take_what_it_would_have_to_prove() {
    let document = |origins: &str| format!("[table]\nsource = \"dynamodb\"\nname = \"versions\"\n{origins}");
    let taken = Config::parse_hosted(&document("[origins]\nca = \"ca.pem\"\nread_timeout = \"1s\"\n")).unwrap();
    assert_eq!(taken.origins.ca, None);
    for (proof, more) in [
        ("lock", "header = \"x-secret\"\nvalue = \"env:SECRET\""),
        ("sign", "domains = [\"*.example\"]"),
        ("identity", "domains = [\"*.example\"]\ncertificate = \"a.pem\"\nkey = \"a.key\""),
    ] {
        let text = document(&format!("[[origins.{proof}]]\n{more}\n"));
        let problems = Config::parse_hosted(&text).expect_err(&text).to_string();
        assert!(problems.contains(&format!("origins.{proof}")), "{problems}");
        assert!(problems.contains("this edge proves nothing to origins"), "{problems}");
    }
}

#[test]
fn who_serves_nothing_needs_no_listener() {
    let document = "[table]\nsource = \"dynamodb\"\nname = \"versions\"\n";
    assert!(Config::parse_unserved(document).is_ok());
    let problems = Config::parse(document).unwrap_err().to_string();
    assert!(problems.contains("`[listen]` is missing"), "{problems}");
    // One that is there is looked into all the same.
    assert!(Config::parse_unserved(&format!("[listen]\nhttp = 1\n{document}")).is_err());
}

#[test]
fn the_contracts_minimum_is_accepted() {
    let config = accept(
        r#"
[listen]
http = "127.0.0.1:8080"                       # https = [{ address, certificate, key }]
threads = 2                                   # default: the machine's cores
[admin]
address = "127.0.0.1:9901"
[log]
access = "stdout"                             # "off" | a path
[table]
source = "dynamodb"                           # "embedded" | "file"
name = "api-versions"                         # path = "…" for embedded and file
refresh = "60s"
poll = "1s"
snapshot = "state/table.snapshot"
[origins]
allow = ["*.execute-api.*.amazonaws.com"]
ca = "ca.pem"                                 # optional extra trust roots
[origins.connect]
"abc.execute-api.us-east-1.amazonaws.com" = "127.0.0.1:9443"
[[api]]                                       # may carry a table of its own: [api.table]
name = "orders"
hosts = ["*"]
[api.version]
scheme = "label"
read = ["accept", "header"]
vendor = "example"
header = "APIVER"
missing = "reject"
"#,
    );
    assert_eq!((config.apis.len(), config.origins.connect.len()), (1, 1));
    assert_eq!(config.listen.threads.map(usize::from), Some(2));
}

#[test]
fn every_problem_is_listed_in_the_order_of_the_document() {
    check(
        r#"[listen]
http = "8080"
thread = 2
[admin]
address = "0.0.0.0:9901"
[table]
source = "dynamo"
refresh = 60
[origins]
insecure = "yes"
[[api]]
name = "orders"
hsots = ["*"]
[api.version]
read = ["accept", "cookie"]
"#,
        &[
            "line 2: listen.http: `8080` is not an address and a port, such as `127.0.0.1:8080`, `0.0.0.0:8080` or `[::]:8080` (names are not looked up)",
            "line 3: listen.thread: unknown key `thread`, did you mean `threads`?",
            "line 5: admin.address: off loopback a token or certificates of operators are needed: write `token = \"env:VERGE_ADMIN_TOKEN\"`, or `certificate`, `key` and `client_ca`",
            "line 7: table.source: `dynamo` is not known here, did you mean `dynamodb`?",
            "line 8: table.refresh: a duration needs a unit: `60s` for seconds, `60ms` for milliseconds (also `m`, `h`, `d`)",
            "line 10: origins.insecure: expected `true` or `false`, found a string",
            "line 13: api[0].hsots: unknown key `hsots`, did you mean `hosts`?",
            "line 15: api[0].version.read[1]: `cookie` is no version source; there are `accept`, `header`, `query`, `path` and `host`",
        ],
    );
}

#[test]
fn a_text_that_is_not_toml_gives_one_message_with_line_and_column() {
    let problems = Config::parse("[listen]\nhttp = \n").unwrap_err();
    let [problem] = problems.as_slice() else { panic!("{problems}") };
    assert_eq!((problem.line, problem.path.as_str()), (Some(2), ""));
    assert!(problem.message.starts_with("this is not TOML at column 8: "), "{problem}");
    assert_eq!(problem.to_string().lines().count(), 1);
}

#[test]
fn a_key_written_twice_is_not_toml() {
    let problems = Config::parse("[listen]\nhttp = \"127.0.0.1:1\"\nhttp = \"127.0.0.1:2\"\n").unwrap_err();
    assert_eq!(problems.to_string(), "line 3: this is not TOML at column 1: duplicate key");
}

#[test]
fn a_secret_in_a_broken_line_is_not_repeated() {
    for text in ["[admin]\ntoken = \"hunter2\n", "[admin]\ntoken = hunter2\n", "[admin]\ntoken = \"hunter2\" \"x\"\n"] {
        let problems = Config::parse(text).unwrap_err();
        assert!(!format!("{problems} {problems:?}").contains("hunter2"), "{problems}");
    }
}

#[test]
fn an_empty_document_says_what_to_write() {
    check(
        "",
        &[
            "listen: `[listen]` is missing: write it with `http = \"127.0.0.1:8080\"`",
            "there is nothing to route: write `[table]`, and `[[api]]` unless the table's `#api` items say it all",
        ],
    );
}

#[test]
fn a_key_of_another_section_is_sent_there() {
    check_api("vendor = \"example\"\n", "line 9: api[0].vendor: unknown key `vendor`, it belongs in `[api.version]`");
    check_below(
        "[limits]\nread_timeout = \"1s\"\n",
        "line 8: limits.read_timeout: unknown key `read_timeout`, it belongs in `[origins]`",
    );
}

#[test]
fn a_key_like_no_other_gets_the_list() {
    check_below(
        "[health]\naddress = \"127.0.0.1:1\"\nfoo = 1\n",
        "line 9: health.foo: unknown key `foo`, there are `address`",
    );
}

#[test]
fn each_key_is_listed_once() {
    check_api(
        "zzzzzzzzzz = 1\n",
        "line 9: api[0].zzzzzzzzzz: unknown key `zzzzzzzzzz`, there are `name`, `hosts`, `path`, `strip`, `allow`, `supported`, `methods`, `status`, `advertise`, `cors`, `pin`, `version`, `table`",
    );
}

#[test]
fn hostile_keys_are_escaped() {
    check_below(
        "\"a\\n\\u001b[2J\" = 1\n",
        "line 7: table.\"a\\n\\u{1b}[2J\": unknown key `a\\n\\u{1b}[2J`, there are `source`, `name`, `path`, `region`, `endpoint`, `profile`, `refresh`, `poll`, `snapshot`, `bootstrap`, `load`, `memory`, `shrink_hold`",
    );
}

#[test]
fn types_are_named_in_the_users_words() {
    check_api("hosts = 1\n", "line 9: api[0].hosts: expected a list of strings, found an integer");
    check_api("hosts = [\"a\", 1]\n", "line 9: api[0].hosts[1]: expected a string, found an integer");
    check_api("strip = 1.5\n", "line 9: api[0].strip: expected `true` or `false`, found a number with a fraction");
    check_api("path = [\"/a\"]\n", "line 9: api[0].path: expected a string, found a list");
    check_api(
        "version = 1979-05-27\n",
        "line 9: api[0].version: expected a table: write `[api.version]` on a line of its own, found a date or time",
    );
    check_below(
        "[api]\nname = \"a\"\n",
        "line 7: api: expected a list of tables: write `[[api]]`, with two brackets, on a line of its own, found a table",
    );
}

#[test]
fn a_problem_in_a_long_list_stands_in_its_own_line() {
    check_api(
        "hosts = [\n  \"a\",\n  \"b:80\",\n]\n",
        "line 11: api[0].hosts[1]: host `b:80`: write it without scheme and port",
    );
}

#[test]
fn one_string_is_a_list_of_one() {
    let api = accept(&format!("{LEAST}[[api]]\nname = \"a\"\nhosts = \"a.example\"\nversion.read = \"header\"\n"))
        .apis
        .remove(0);
    assert_eq!(api.draft.hosts.unwrap().len(), 1);
    assert_eq!(api.draft.read.unwrap(), [verge_router::Source::Header]);
}

#[test]
fn numbers_have_bounds() {
    let expected = |found| format!("line 7: listen.threads: expected a whole number from 1 to 1024, found {found}");
    let text = |threads: &str| {
        format!("[table]\nsource = \"file\"\npath = \"t\"\n\n[listen]\nhttp = \"127.0.0.1:1\"\nthreads = {threads}\n")
    };
    check(&text("0"), &[&expected("0")]);
    check(&text("-1"), &[&expected("-1")]);
    check(&text("1025"), &[&expected("1025")]);
    check(&text("\"two\""), &[&expected("a string")]);
    assert_eq!(accept(&text("0x1_0")).listen.threads.map(usize::from), Some(16));
}

#[test]
fn durations_and_sizes_have_bounds_and_units() {
    check_below("refresh = \"500ms\"\n", "line 7: table.refresh: `500ms` is out of bounds: from `1s` to `1d`");
    check_below("poll = \"1ms\"\n", "line 7: table.poll: a poll is `0s` (off) or at least `100ms`");
    check_below("[limits]\nhead = \"2MiB\"\n", "line 8: limits.head: `2MiB` is out of bounds: from `1KiB` to `1MiB`");
    check_below(
        "[limits]\nhead = \"16K\"\n",
        "line 8: limits.head: `16K` is not a size such as `512B`, `16KiB`, `10MiB` or `1GiB`",
    );
    check_below("[limits]\nhead = true\n", "line 8: limits.head: expected a size such as \"16KiB\", found a boolean");
    check_below(
        "[limits]\nhead = \"4KiB\"\n",
        "line 8: limits.head: `target` (`8KiB`) is part of `head` (`4KiB`) and cannot be more",
    );
    let config = accept(&format!("{LEAST}poll = \"0s\"\n[limits]\nbody = 1000\nhead = \"32KiB\"\n"));
    assert_eq!((config.limits.body, config.limits.head), (1000, 32_768));
    assert!(config.table.unwrap().poll.is_zero());
}

#[test]
fn something_must_listen() {
    let table = "[table]\nsource = \"file\"\npath = \"t\"\n";
    check(
        &format!("{table}[listen]\n"),
        &["line 4: listen: nothing listens: write `http = \"127.0.0.1:8080\"`, or `https`"],
    );
    check(
        &format!("{table}[listen]\nhttp = []\n"),
        &["line 5: listen.http: the list is empty: name an address such as `127.0.0.1:8080`, or leave the key out"],
    );
}

#[test]
fn a_tls_listener_needs_its_certificate_and_key() {
    let table = "[table]\nsource = \"file\"\npath = \"t\"\n";
    check(
        &format!("{table}[[listen.https]]\naddress = \"[::]:8443\"\n"),
        &[
            "line 4: listen.https[0]: `certificate` is missing: write `certificate = \"cert.pem\"`",
            "line 4: listen.https[0]: `key` is missing: write `key = \"key.pem\"`",
        ],
    );
    let one = "{ address = \"[::]:8443\", certificate = \"c\", key = \"k\" }";
    for text in [format!("{table}[listen]\nhttps = {one}\n"), format!("{table}[listen]\nhttps = [{one}]\n")] {
        let files = CertificateFiles { certificate: "c".into(), key: "k".into() };
        let expected = Https { address: "[::]:8443".parse().unwrap(), certificates: vec![files], clients: None };
        assert_eq!(accept(&text).listen.https, [expected]);
    }
}

#[test]
fn a_tls_listener_may_show_several_certificates() {
    let table = "[table]\nsource = \"file\"\npath = \"t\"\n";
    let listener = "[[listen.https]]\naddress = \"[::]:8443\"\ncertificate = \"a\"\nkey = \"b\"\n";
    let mut config = accept(&format!(
        "{table}{listener}certificates = [{{ certificate = \"c\", key = \"d\" }}, {{ certificate = \"e\", key = \"f\" }}]\n"
    ));
    let paths: Vec<_> = config.paths_mut().into_iter().map(|path| path.clone()).collect();
    assert_eq!(paths, ["a", "b", "c", "d", "e", "f", "t"]);
    check(
        &format!("{table}{listener}[[listen.https.certificates]]\ncertificate = \"c\"\n"),
        &["line 8: listen.https[0].certificates[0]: `key` is missing: write `key = \"key.pem\"`"],
    );
}

#[test]
fn no_socket_is_listened_on_twice() {
    let check = |http: &str, admin: &str, expected: Option<&str>| {
        let text = format!(
            "[table]\nsource = \"file\"\npath = \"t\"\n[listen]\nhttp = {http}\n[health]\naddress = \"{admin}\"\n"
        );
        match expected {
            Some(expected) => check(&text, &[expected]),
            None => drop(accept(&text)),
        }
    };
    let taken = "line 7: health.address: `127.0.0.1:80` is taken: listen.http listens on ";
    check("\"127.0.0.1:80\"", "127.0.0.1:80", Some(&format!("{taken}`127.0.0.1:80`")));
    check("\"0.0.0.0:80\"", "127.0.0.1:80", Some(&format!("{taken}`0.0.0.0:80`")));
    check(
        "[\"127.0.0.1:80\", \"127.0.0.1:80\"]",
        "127.0.0.1:81",
        Some("line 5: listen.http[1]: `127.0.0.1:80` is taken: listen.http[0] listens on `127.0.0.1:80`"),
    );
    check("\"127.0.0.1:80\"", "127.0.0.2:80", None);
    check("\"[::]:80\"", "127.0.0.1:80", None);
    check("\"127.0.0.1:0\"", "127.0.0.1:0", None);
}

#[test]
fn off_loopback_the_admin_listener_needs_a_token_or_certificates() {
    let admin = |rest: &str| format!("[admin]\naddress = {rest}");
    for loopback in ["\"127.0.0.1:9901\"", "\"[::1]:9901\"", "\"[::ffff:127.0.0.1]:9901\""] {
        assert_eq!(accept(&format!("{LEAST}{}", admin(loopback))).admin.unwrap().token, None);
    }
    let remedy = "line 8: admin.address: off loopback a token or certificates of operators are needed: write `token = \"env:VERGE_ADMIN_TOKEN\"`, or `certificate`, `key` and `client_ca`";
    check_below(&admin("\"10.0.0.1:9901\""), remedy);
    check_below(&admin("\"[::]:9901\""), remedy);
    let config = accept(&format!("{LEAST}{}", admin("\"10.0.0.1:9901\"\ntoken = \"env:TOKEN\"")));
    assert_eq!(config.admin.unwrap().token, Some(Secret::Env("TOKEN".into())));
    let tls = "certificate = \"c\"\nkey = \"k\"\n";
    check_below(&admin(&format!("\"10.0.0.1:9901\"\n{tls}")), remedy);
    let mut config = accept(&format!("{LEAST}{}", admin(&format!("\"10.0.0.1:9901\"\n{tls}client_ca = \"a\"\n"))));
    for path in config.paths_mut() {
        path.insert_str(0, "etc/");
    }
    let files = CertificateFiles { certificate: "etc/c".to_owned(), key: "etc/k".to_owned() };
    assert_eq!(config.admin.unwrap().tls, Some(AdminTls { files, client_ca: Some("etc/a".to_owned()) }));
    check_below(
        &admin("\"127.0.0.1:9901\"\nclient_ca = \"a\"\n"),
        "line 9: admin.client_ca: certificates are shown over TLS only: write `certificate = \"admin.pem\"` and `key = \"admin.key\"` too",
    );
    check_below(
        &admin("\"127.0.0.1:9901\"\ncertificate = \"c\"\n"),
        "line 7: admin: `key` is missing: write `key = \"key.pem\"`",
    );
    check_below(
        &admin("\"10.0.0.1:9901\"\ntoken = \"hunter2\""),
        "line 9: admin.token: a secret is not written here: put it in an environment variable and write `env:NAME`",
    );
}

#[test]
fn the_access_log_goes_out_to_a_file_or_nowhere() {
    let check = |access: &str, expected| {
        assert_eq!(accept(&format!("{LEAST}[log]\naccess = \"{access}\"\n")).log.access, expected);
    };
    check("stdout", AccessLog::Stdout);
    check("off", AccessLog::Off);
    check("./off", AccessLog::Path("./off".into()));
    check_below("[log]\nlevel = \"wran\"\n", "line 8: log.level: `wran` is not known here, did you mean `warn`?");
    check_below("[log]\naccess = \"\"\n", "line 8: log.access: the path is empty");
}

#[test]
fn each_source_has_its_own_keys() {
    check_table(
        "name = \"abc\"\n",
        &["line 3: table: `source` is missing: write `source = \"dynamodb\"`, `\"embedded\"` or `\"file\"`"],
    );
    check_table(
        "source = \"dynamodb\"\npath = \"x\"\n",
        &[
            "line 3: table: `name` is missing: `source = \"dynamodb\"` needs the table's name",
            "line 5: table.path: this key does not go with `source = \"dynamodb\"`: leave it out, the table is found by `name`",
        ],
    );
    check_table(
        "source = \"embedded\"\nregion = \"eu-central-1\"\n",
        &[
            "line 3: table: `path` is missing: `source = \"embedded\"` needs a place for its data",
            "line 5: table.region: this key does not go with `source = \"embedded\"`: leave it out, the engine runs in this process",
        ],
    );
    check_table(
        "source = \"file\"\npath = \"t\"\nname = \"abc\"\nendpoint = \"http://x\"\nsnapshot = \"s\"\n",
        &[
            "line 6: table.name: this key does not go with `source = \"file\"`: leave it out, the table is the file",
            "line 7: table.endpoint: this key does not go with `source = \"file\"`: leave it out, the table is the file",
            "line 8: table.snapshot: a file needs no copy on disk, it is on disk already: leave the key out",
        ],
    );
}

#[test]
fn an_embedded_table_has_a_name_by_default() {
    let text = "[listen]\nhttp = \"127.0.0.1:1\"\n[table]\nsource = \"embedded\"\npath = \"state\"\n";
    let expected = TableSource::Embedded { path: "state".into(), name: "verge-mappings".into() };
    assert_eq!(accept(text).table.unwrap().source, expected);
}

#[test]
fn a_dynamodb_table_is_named_by_dynamodbs_rule() {
    let check = |name: &str, fit: bool| {
        let text = format!("[listen]\nhttp = \"127.0.0.1:1\"\n[table]\nsource = \"dynamodb\"\nname = \"{name}\"\n");
        assert_eq!(Config::parse(&text).is_ok(), fit, "{name}");
    };
    check("a-b_c.D9", true);
    check("abc", true);
    check(&"a".repeat(255), true);
    check("ab", false);
    check(&"a".repeat(256), false);
    check("a b", false);
    check("t\u{e4}b", false);
}

#[test]
fn an_endpoint_is_scheme_host_and_port() {
    let dynamodb = |endpoint: &str| format!("source = \"dynamodb\"\nname = \"abc\"\nendpoint = \"{endpoint}\"\n");
    for fit in ["http://localhost:8000", "https://dynamodb.eu-central-1.amazonaws.com/", "http://[::1]:8000"] {
        let text = format!("[listen]\nhttp = \"127.0.0.1:1\"\n[table]\n{}", dynamodb(fit));
        let TableSource::Dynamodb { endpoint, .. } = accept(&text).table.unwrap().source else { panic!("{fit}") };
        assert_eq!(endpoint.as_deref(), Some(fit.trim_end_matches('/')));
    }
    let check = |endpoint: &str, why: &str| {
        let expected = format!("line 6: table.endpoint: {why}: write `http://localhost:8000` or the like");
        check_table(&dynamodb(endpoint), &[&expected]);
    };
    check("localhost:8000", "the URL must begin with `http://` or `https://`");
    check("ftp://x", "the URL must begin with `http://` or `https://`");
    check("http://a/b", "the URL must end after host and port");
    check("http://a?b", "the URL must end after host and port");
    check("http://u:p@a", "credentials do not belong in the URL, they are found as for every AWS client");
    check("", "this is not a URL");
}

#[test]
fn an_api_has_a_table_its_own_or_the_documents() {
    let listen = "[listen]\nhttp = \"127.0.0.1:1\"\n";
    check(
        &format!("{listen}[[api]]\nname = \"a\"\n"),
        &["line 3: api[0]: this API has no table: write `[table]` for all APIs, or `[api.table]` for this one"],
    );
    let own = accept(&format!("{listen}[[api]]\nname = \"a\"\n[api.table]\nsource = \"file\"\npath = \"t\"\n"));
    assert!(own.table.is_none());
    assert_eq!(own.apis[0].table.as_ref().unwrap().source, TableSource::File { path: "t".into() });
    // A table that cannot be read is no missing one.
    check(
        &format!("{listen}[[api]]\nname = \"a\"\n[api.table]\nsource = \"file\"\n"),
        &["line 5: api[0].table: `path` is missing: `source = \"file\"` needs the JSON file"],
    );
}

#[test]
fn names_hosts_and_snapshots_are_taken_once() {
    let api = |name: &str, rest: &str| format!("[[api]]\nname = \"{name}\"\n{rest}\n");
    check_below(
        &(api("a", "") + &api("a", "")),
        "line 11: api[1].name: `a` is taken by api[0].name: names of APIs are distinct",
    );
    check_below(
        &(api("a", "hosts = [\"x.example\"]") + &api("b", "hosts = [\"y.example\", \"X.example.\"]\npath = \"/\"")),
        "line 12: api[1].hosts[1]: `x.example` with path `/` is taken by api[0].hosts[0]: give one of them another `path`",
    );
    check_below(
        &api("a", "hosts = [\"x.example\", \"X.example\"]"),
        "line 9: api[0].hosts[1]: `x.example` is written twice: case and a trailing dot make no difference",
    );
    drop(accept(&format!("{LEAST}{}{}", api("a", "hosts = \"*\""), api("b", "hosts = \"*\"\npath = \"/b\""))));
    let table = |name: &str| format!("table = {{ source = \"embedded\", path = \"{name}\", snapshot = \"s\" }}");
    check_below(
        &(api("a", &table("a")) + &api("b", &table("b"))),
        "line 12: api[1].table.snapshot: this file is taken by api[0].table.snapshot: each table has its own snapshot",
    );
}

#[test]
fn an_api_is_read_into_a_draft() {
    let text = r#"
[[api]]
name = "orders"
hosts = ["api.example.com", "*.example.com"]
path = "/orders/"
strip = true
allow = ["abc.execute-api.eu-central-1.amazonaws.com"]
supported = false
advertise = ["fields", "well_known"]
[api.version]
scheme = "label"
read = ["header"]
vendor = ["example", "example.orders"]
header = "X-Api-Version"
missing = "latest"
[api.cors]
origins = ["https://app.example.com", "https://*.example.com"]
methods = ["*"]
headers = ["X-A"]
expose = ["X-B"]
credentials = true
max_age = "1h"
existing = "keep"
[api.status]
unknown_version = 404
"#;
    let api = accept(&format!("{LEAST}{text}")).apis.remove(0);
    let api = api.draft.finish(&api.name).unwrap();
    assert_eq!((api.name(), api.path().unwrap().as_str(), api.strip()), ("orders", "/orders", true));
    assert_eq!((api.hosts().len(), api.allow().len(), api.lists_supported()), (2, 1, false));
    assert_eq!((api.vendors().len(), api.header().as_str()), (2, "x-api-version"));
    assert!(api.reads(verge_router::Source::Header) && !api.reads(verge_router::Source::Accept));
    assert_eq!(api.missing(), &verge_router::api::Missing::Version("latest".into()));
    assert_eq!(api.status(verge_router::Reason::UnknownVersion).unwrap(), 404);
    assert!(api.cors().unwrap().varies() && api.advertises(verge_router::api::Advertise::WellKnown));
}

#[test]
fn a_cors_policy_that_cannot_be_is_refused() {
    let check = |text: &str, expected: &str| check_api(&format!("[api.cors]\n{text}"), expected);
    check(
        "methods = [\"GET\"]\n",
        "line 9: api[0].cors: `origins` is missing: write `origins = [\"https://app.example.com\"]`",
    );
    check(
        "origins = [\"https://app.example.com/\"]\n",
        "line 10: api[0].cors.origins[0]: web origin `https://app.example.com/`: an origin is scheme, host and port, without a path or a slash at its end",
    );
    check(
        "origins = [\"https://*.com\"]\n",
        "line 10: api[0].cors.origins[0]: web origin `https://*.com`: `*` needs at least two labels after it",
    );
    check(
        "origins = [\"*\"]\ncredentials = true\n",
        "line 10: api[0].cors.origins: `*` cannot be combined with `credentials = true`: name the origins and fields (Fetch, \"CORS protocol and credentials\")",
    );
    check(
        "origins = []\n",
        "line 10: api[0].cors.origins: no web origins are named: write `origins = [\"https://app.example.com\"]`",
    );
    check(
        "origins = [\"*\"]\nmethods = [\"TRACE\"]\n",
        "line 11: api[0].cors.methods[0]: `TRACE` is no method that a page can be allowed to use",
    );
    check("origins = [\"*\"]\nheaders = [\"*\", \"a\"]\n", "line 11: api[0].cors.headers: `*` stands alone");
    check(
        "origins = [\"*\"]\nmax_age = \"25h\"\n",
        "line 11: api[0].cors.max_age: `25h` is out of bounds: from `0s` to `1d`",
    );
    check(
        "origins = [\"*\"]\nexisting = \"drop\"\n",
        "line 11: api[0].cors.existing: `drop` is not known here, there are `replace`, `keep`",
    );
}

#[test]
fn what_is_not_written_of_an_api_stays_open() {
    let api = accept(&format!("{LEAST}[[api]]\nname = \"orders\"\n")).apis.remove(0);
    assert_eq!(api.draft, verge_router::ApiDraft::default());
}

#[test]
fn an_api_that_cannot_be_is_refused() {
    check_below("[[api]]\n", "line 7: api[0]: `name` is missing: write `name = \"orders\"`");
    check_below(
        "[[api]]\nname = \"a b\"\n",
        "line 8: api[0].name: `a b` cannot name an API: letters, digits, `-`, `_`, `.`, at most 128",
    );
    check_api("hosts = []\n", "line 9: api[0].hosts: the list is empty: `hosts = [\"*\"]` takes any");
    check_api("path = \"orders\"\n", "line 9: api[0].path: `orders` is not an absolute path such as `/orders`");
    check_api(
        "allow = [\"*.*\"]\n",
        "line 9: api[0].allow[0]: pattern `*.*`: a pattern needs at least one literal label",
    );
    check_api(
        "version.vendor = \"vnd.example\"\n",
        "line 9: api[0].version.vendor: vendor `vnd.example`: write it without `vnd.`",
    );
    check_api("version.header = \"Host\"\n", "line 9: api[0].version.header: `Host` cannot be a version header");
    check_api(
        "version.read = []\n",
        "line 9: api[0].version.read: the list is empty: name some of `accept`, `header`, `query`, `path`, `host`",
    );
    check_api(
        "status.unknwon_version = 404\n",
        "line 9: api[0].status.unknwon_version: unknown key `unknwon_version`, did you mean `unknown_version`?",
    );
    check_api(
        "status.unknown_version = 200\n",
        "line 9: api[0].status.unknown_version: expected a whole number from 400 to 599, found 200",
    );
    check_api(
        "status.internal = 502\n",
        "line 9: api[0].status.internal: status 502 for `internal`: only rejections take a status of their own, from 400 to 599",
    );
}

#[test]
fn origins_are_read_into_rules() {
    let text = r#"
[origins]
allow = ["*.example.com"]
dial = ["10.0.0.0/8", "*.vpce.example"]
ca = "ca.pem"
insecure = true
loopback = true
connect_timeout = "500ms"
[origins.connect]
"abc.example.com" = "127.0.0.1:9443"
"def.example.com." = "proxy.internal"
"#;
    let origins = accept(&format!("{LEAST}{text}")).origins;
    assert_eq!((origins.rules.allow.len(), origins.rules.dial.len()), (1, 2));
    assert!(origins.rules.insecure && origins.rules.loopback);
    assert_eq!(origins.ca.as_deref(), Some("ca.pem"));
    assert_eq!(origins.timeouts.connect, Duration::from_millis(500));
    let connect: Vec<_> = origins.connect.iter().map(|(domain, dial)| format!("{domain} {dial}")).collect();
    assert_eq!(connect, ["abc.example.com 127.0.0.1:9443", "def.example.com proxy.internal"]);
}

#[test]
fn unfit_origins_are_refused() {
    check_below(
        "[origins]\nallow = []\n",
        "line 8: origins.allow: the list is empty, so no origin could ever be served: name your APIs' domains",
    );
    check_below(
        "[origins]\nallow = [\"a*.com\"]\n",
        "line 8: origins.allow[0]: pattern `a*.com`: `*` must be a whole label",
    );
    check_below(
        "[origins]\ndial = [\"10.0.0.0/33\"]\n",
        "line 8: origins.dial[0]: `10.0.0.0/33` is not a block of addresses such as `10.0.0.0/8`",
    );
    check_below(
        "[origins.connect]\n\"1.2.3.4\" = \"a\"\n",
        "line 8: origins.connect.\"1.2.3.4\": domain `1.2.3.4`: IP literals are not allowed, use a name (and `connect` to choose the address)",
    );
    check_below(
        "[origins.connect]\n\"a.b\" = \"a:x\"\n",
        "line 8: origins.connect.\"a.b\": connect `a:x`: the port must be a number from 1 to 65535",
    );
    check_below(
        "[origins.connect]\n\"a.b\" = \"c\"\n\"A.b.\" = \"d\"\n",
        "line 9: origins.connect.\"A.b.\": `a.b` is written twice: case and a trailing dot make no difference",
    );
}

#[test]
fn unwise_settings_are_warned_about() {
    let check = |text: &str, expected: &[&str]| {
        let paths: Vec<_> =
            accept(&format!("{LEAST}{text}")).warnings().into_iter().map(|warning| warning.path).collect();
        assert_eq!(paths, expected, "{text}");
    };
    check("", &["origins.allow"]);
    check("[origins]\nallow = \"*.execute-api.*.amazonaws.com\"\n", &["origins.allow"]);
    check("[origins]\nallow = \"a.example\"\n", &[]);
    check(
        "[origins]\nallow = \"a.example\"\ninsecure = true\nloopback = true\n",
        &["origins.insecure", "origins.loopback"],
    );
    check(
        "[[api]]\nname = \"a\"\nversion = { read = \"accept\", header = \"X-V\", vendor = \"v\" }\n[origins]\nallow = \"a.example\"\n",
        &["api[0].version.header"],
    );
    let versions = |hosts: &str, version: &str, expected: &[&str]| {
        check(
            &format!(
                "[[api]]\nname = \"a\"\nhosts = {hosts}\nversion = {{ {version} }}\n[origins]\nallow = \"a.example\"\n"
            ),
            expected,
        );
    };
    versions("\"*\"", "query = \"v\"", &["api[0].version.query"]);
    versions("\"*\"", "host = \"a{version}.b\"", &["api[0].version.host"]);
    let host = "read = \"host\", host = \"a{version}.b.c\"";
    versions("\"*\"", host, &[]);
    versions("[\"b.c\", \"*.b.c\"]", host, &[]);
    versions("\"a1.b.c\"", host, &[]);
    versions("[\"b.c\", \"*.c\", \"a.b.c\"]", host, &["api[0].version.host"]);
}

#[test]
fn a_source_or_policy_that_lacks_something_is_refused() {
    check_api(
        "version.read = [\"accept\", \"host\"]\n",
        "line 9: api[0].version.read: `read` names `host`: write `host = \"api{version}.example.com\"`, the pattern it is read by",
    );
    check_api(
        "version.host = \"api.example.com\"\n",
        "line 9: api[0].version.host: host pattern `api.example.com`: it has no `{version}`",
    );
    check_api(
        "version.query = \"a b\"\n",
        "line 9: api[0].version.query: `a b` cannot name a query parameter: letters, digits, `-`, `_`, `.`, `~`, at most 64",
    );
    check_api(
        "version.neutral = \"/health\"\n",
        "line 9: api[0].version.neutral: `neutral` needs a version that answers: write `neutral_version`, or a version as `missing`",
    );
    check_api("methods = [\"TRACE\"]\n", "line 9: api[0].methods[0]: `TRACE` is no method that can be passed on");
    check_api(
        "version.unknown = \"newest\"\n",
        "line 9: api[0].version.unknown: `newest` is none of `reject`, `forward` and `back`",
    );
    check_api(
        "version.missing = \"pin\"\n",
        "line 9: api[0].version.missing: `missing = \"pin\"` needs `[api.pin] subject = [\"claim:sub\"]`, one to eight places that say who a consumer is",
    );
    check_api(
        "version.missing = \"v1\"\npin.subject = \"claim:sub\"\n",
        "line 10: api[0].pin: it says whom pins are for, and there are none: write `missing = \"pin\"`",
    );
    check_api(
        "version.missing = \"pin\"\npin.subject = \"ip\"\n",
        "line 10: api[0].pin.subject: `ip` does not say who a consumer is: write `claim:sub`, `header:NAME`, `cookie:NAME` or `query:NAME`",
    );
    check_below(
        "[usage]\nconsumer = [\"header:x-api-key\", \"ip\"]\n",
        "line 8: usage.consumer[1]: `ip` does not say who a consumer is: write `header:NAME`, `claim:NAME`, `cookie:NAME`, `query:NAME` or `network`",
    );
    check_api(
        "status.unknown_host = 404\n",
        "line 9: api[0].status.unknown_host: `unknown_host` takes no status here: it is said where no API is found, so that none has a say in it",
    );
    check_api(
        "version.scheme = \"calver\"\n",
        "line 9: api[0].version.scheme: `calver` is no version scheme; there are `label`, `semver` and `date`",
    );
}

#[test]
fn every_path_can_be_made_absolute() {
    let mut config = accept(
        r#"
[listen]
https = { address = "127.0.0.1:1", certificate = "1", key = "2" }
[log]
access = "3"
[origins]
ca = "4"
[table]
source = "embedded"
path = "5"
snapshot = "6"
[[api]]
name = "a"
[api.table]
source = "file"
path = "7"
"#,
    );
    let paths: Vec<_> = config.paths_mut().into_iter().map(|path| path.clone()).collect();
    assert_eq!(paths, ["1", "2", "3", "4", "5", "6", "7"]);
}

/// Each listed key, with a value that no key takes, is complained of under its own path and not called unknown.
#[test]
fn every_listed_key_is_read() {
    for key in keys::KEYS {
        let path = key.path.replace(".*", ".\"x.example\"").replace("status.\"x.example\"", "status.unknown_version");
        let in_list = path.strip_prefix("origins.").and_then(|path| path.split_once("[]."));
        let in_list = in_list.map(|(list, key)| format!("[[origins.{list}]]\n{key} = 00:00:00\n"));
        let (path, indexed) = (path.replace("[]", ""), path.replace("[]", "[0]"));
        let (text, indexed) = match (path.strip_prefix("api."), path.strip_prefix("listen.https.")) {
            (Some(rest), _) => (format!("[[api]]\n{rest} = 00:00:00\n"), indexed),
            (_, Some(rest)) => match rest.strip_prefix("certificates.") {
                Some(key) => (format!("[[listen.https]]\n[[listen.https.certificates]]\n{key} = 00:00:00\n"), indexed),
                None => (format!("[[listen.https]]\n{rest} = 00:00:00\n"), indexed),
            },
            _ => (in_list.unwrap_or_else(|| format!("{path} = 00:00:00\n")), indexed),
        };
        // Keys of `[table]` are looked at once the source is known.
        for source in ["", "table.source = \"dynamodb\"\n", "table.source = \"file\"\n"] {
            if source.starts_with("table") && !indexed.starts_with("table.")
                || indexed == "table.source" && !source.is_empty()
            {
                continue;
            }
            let problems = Config::parse(&format!("{source}{text}")).unwrap_err();
            assert!(!problems.to_string().contains("unknown key"), "{problems}");
            let named = problems.iter().any(|problem| problem.path == indexed);
            assert!(named || indexed.starts_with("table."), "{indexed}: {problems}");
        }
    }
}

/// What is listed as a default is the default.
#[test]
fn a_default_written_out_changes_nothing() {
    let least = format!("{LEAST}[[api]]\nname = \"a\"\nhosts = \"*\"\ncors.origins = \"https://a.example\"\n");
    let mut checked = 0;
    for key in keys::KEYS {
        let value = match key.kind {
            "integer" | "boolean" | "boolean, or list of CIDR blocks" | "list of sources" => key.default.to_owned(),
            _ => format!("\"{}\"", key.default),
        };
        let in_list = !key.path.starts_with("api[]") && key.path.contains("[]");
        let worded = in_list || ["none", "required", "the ", "`"].iter().any(|word| key.default.starts_with(word));
        if worded || key.default.contains('\'') || key.path.contains('*') {
            continue;
        }
        let text = match key.path.split_once('.') {
            Some(("api[]", rest)) => format!("{least}{rest} = {value}\n"),
            Some((section, rest)) if least.contains(&format!("[{section}]\n")) => {
                least.replace(&format!("[{section}]\n"), &format!("[{section}]\n{rest} = {value}\n"))
            }
            _ => format!("{} = {value}\n{least}", key.path),
        };
        let shown = |config: Config| {
            let apis: Vec<_> = config.apis.iter().map(|api| api.draft.clone().finish(&api.name).unwrap()).collect();
            format!("{:?} {apis:?}", Config { apis: Vec::new(), ..config })
        };
        assert_eq!(shown(accept(&text)), shown(accept(&least)), "{}", key.path);
        checked += 1;
    }
    assert!(checked > 25, "{checked}");
}

const REFERENCE: &str = include_str!("../../docs/configuration.md");

/// The reference's tables, as `path | kind | default`; a heading such as `` ## `[api.version]` `` names the section.
#[test]
fn the_reference_lists_every_key_with_its_default() {
    let mut written = Vec::new();
    let mut section = None;
    for line in REFERENCE.lines() {
        if let Some(heading) = line.strip_prefix("## ").or(line.strip_prefix("### ")) {
            let name = heading.strip_prefix("`[").and_then(|rest| rest.split_once("]`")).map(|(name, _)| name);
            section = name.map(|name| match name {
                "[api]" => "api[]".to_owned(),
                "[listen.https]" => "listen.https[]".to_owned(),
                "[listen.https.certificates]" => "listen.https[].certificates[]".to_owned(),
                list if list.starts_with("[origins.") => format!("{}[]", list.trim_matches(['[', ']'])),
                _ => name.trim_matches(['[', ']']).replace("api.", "api[]."),
            });
        }
        let mut cells = line.split('|').map(str::trim).skip(1);
        if let (Some(section), Some(key), Some(kind), Some(default)) =
            (&section, cells.next(), cells.next(), cells.next())
            && let Some(key) = key.strip_prefix('`').and_then(|key| key.strip_suffix('`'))
        {
            let key = if key.starts_with('<') { "*" } else { key };
            written.push(format!("{section}.{key} | {kind} | {default}"));
        }
    }
    // Sections have headings instead of rows.
    let is_section = |key: &keys::Key| key.kind == "table" || key.kind == "list of tables";
    let plain = |text: &str| text.replace('`', "");
    let mut written: Vec<_> = written.iter().map(|row| plain(row)).collect();
    let listed = keys::KEYS.iter().filter(|key| !is_section(key));
    let mut listed: Vec<_> =
        listed.map(|key| plain(&format!("{} | {} | {}", key.path, key.kind, key.default))).collect();
    written.sort();
    listed.sort();
    assert_eq!(written, listed);
    for key in keys::KEYS.iter().filter(|key| is_section(key)) {
        assert!(REFERENCE.contains(key.path.split('.').next_back().unwrap_or_default()), "{}", key.path);
    }
}

#[test]
fn every_document_in_the_reference_is_accepted() {
    let blocks: Vec<_> = REFERENCE.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(blocks.len() >= 3, "the reference shows complete documents");
    for block in blocks {
        accept(block);
    }
}

/// The reference shows a faulty document and what is said of it.
#[test]
fn the_sample_of_problems_in_the_reference_is_true() {
    let text = REFERENCE.split("```toml,faulty\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let said = REFERENCE.split("```toml,faulty\n").nth(1).and_then(|rest| rest.split("```text\n").nth(1)).unwrap();
    let said = said.split("```").next().unwrap();
    assert_eq!(Config::parse(text).unwrap_err().to_string(), said.trim_end());
}

#[test]
fn proofs_are_read_and_fields_with_a_meaning_of_their_own_are_refused() {
    let text = "[[origins.lock]]\nheader = \"X-Origin-Verify\"\nvalue = \"env:SECRET\"\n\
        [[origins.sign]]\ndomains = [\"*.execute-api.*.amazonaws.com\"]\n\
        [[origins.identity]]\ndomains = \"api.example.com\"\ncertificate = \"c.pem\"\nkey = \"c.key\"\n";
    let proofs = accept(&format!("{LEAST}{text}")).origins.proofs;
    assert_eq!(proofs.locks[0].header, "x-origin-verify");
    assert_eq!((proofs.signs[0].service.as_str(), proofs.identities.len()), ("execute-api", 1));
    for name in ["host", "authorization", "content-length", "verge-x", "x-forwarded-for", "x-amz-date", "a b"] {
        let text = format!("{LEAST}[[origins.lock]]\nheader = \"{name}\"\nvalue = \"env:SECRET\"\n");
        let problems = Config::parse(&text).unwrap_err();
        assert!(problems.iter().all(|problem| problem.path == "origins.lock[0].header"), "{name}: {problems}");
    }
    let literal = format!("{LEAST}[[origins.lock]]\nheader = \"x-a\"\nvalue = \"hunter2\"\n");
    assert!(!Config::parse(&literal).unwrap_err().to_string().contains("hunter2"));
}

proptest! {
    #[test]
    fn no_text_makes_the_parser_panic(text: String) {
        let _ = Config::parse(&text);
    }

    /// Text made of what documents are made of gets further than noise.
    #[test]
    fn no_toml_makes_the_parser_panic(
        lines in proptest::collection::vec(
            (0..keys::KEYS.len(), proptest::sample::select(vec![
                "1", "-1", "true", "\"\"", "\"*\"", "\"10s\"", "\"file\"", "\"dynamodb\"", "\"127.0.0.1:0\"", "[]", "{}",
                "[{}]", "[\"a\"]", "[1]", "9999999999999999999999", "1e400", "nan", "1979-05-27", "\"\\u0000\"", "\"\u{e4}\"",
            ]), proptest::bool::ANY),
            0..12,
        ),
    ) {
        let mut text = String::new();
        for (key, value, header) in lines {
            let path = keys::KEYS[key].path.replace(".*", ".x");
            if header {
                text += &format!("{}\n", keys::header(&path));
            } else {
                text += &format!("{} = {value}\n", path.replace("[]", "").rsplit('.').next().unwrap_or_default());
            }
        }
        if let Err(problems) = Config::parse(&text) {
            prop_assert!(problems.iter().all(|problem| !problem.message.is_empty() && !problem.message.contains('\n')));
        }
    }
}

#[test]
fn apis_are_loaded_on_demand_where_a_table_can_be_read_in_parts() {
    let document = |lines: &str| format!("[listen]\nhttp = \"127.0.0.1:0\"\n[table]\n{lines}");
    let dynamo = "source = \"dynamodb\"\nname = \"api-versions\"\n";
    let on_demand = |lines: &str| accept(&document(&format!("{dynamo}{lines}"))).table.unwrap().on_demand;
    assert_eq!(on_demand(""), None);
    assert_eq!(on_demand("load = \"whole\"\n"), None);
    assert_eq!(on_demand("load = \"on_demand\"\n"), Some(64 << 20));
    assert_eq!(on_demand("load = \"on_demand\"\nmemory = \"2MiB\"\n"), Some(2 << 20));
    let refused = |lines: &str, reason: &str| {
        let problems = Config::parse(&document(lines)).unwrap_err().to_string();
        assert!(problems.contains(reason), "{problems}");
    };
    refused(&format!("{dynamo}memory = \"2MiB\"\n"), "goes with `load = \"on_demand\"`");
    refused(&format!("{dynamo}load = \"on_demand\"\nbootstrap = \"b.json\"\n"), "starts from its `snapshot`");
    refused("source = \"file\"\npath = \"t.json\"\nload = \"on_demand\"\n", "a file is read whole");
    let own = "[[api]]\nname = \"a\"\nhosts = [\"*\"]\n[api.table]\nload = \"on_demand\"\n";
    refused(&format!("source = \"file\"\npath = \"t.json\"\n{own}{dynamo}"), "an API's own table is loaded whole");
}
