//! `verge explain`, as a process: each source, scheme and policy in its sentences.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use serde_json::Value as Json;
use std::process::Command;
use verge_tests::scratch::Scratch;

const CONFIG: &str = r#"
[listen]
http = "127.0.0.1:0"
[table]
source = "file"
path = "table.json"
[origins]
allow = ["*.example.com"]
[[api]]
name = "orders"
hosts = ["*.example.org"]
methods = ["GET"]
[api.version]
scheme = "semver"
read = ["accept", "header", "query", "path", "host"]
vendor = "example"
host = "api{version}.example.org"
unknown = "back"
neutral = ["/health"]
neutral_version = "1.0.0"
"#;

const TABLE: &str = r#"{"Items": [
    {"api": "orders", "version": "1.0.0", "domain": "one.example.com"},
    {"api": "orders", "version": "1.4.2", "domain": "two.example.com"},
    {"api": "orders", "version": "9.0.0", "sticky": ["header:x-user"], "split": [
        {"name": "canary", "weight": 5000, "domain": "three.example.com"},
        {"name": "stable", "weight": 5000, "domain": "four.example.com"}
    ]}
]}"#;

/// What `verge explain --json` says of a request.
fn explain(words: &[&str]) -> Json {
    explain_by(CONFIG, words)
}

fn explain_by(config: &str, words: &[&str]) -> Json {
    let scratch = Scratch::new();
    scratch.write("table.json", TABLE);
    let config = scratch.write("verge.toml", config);
    let output = Command::new(env!("CARGO_BIN_EXE_verge"))
        .args(["explain", "--json", "-c"])
        .arg(config)
        .args(words)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Whether a sentence is among the steps.
fn has(said: &Json, sentence: &str) -> bool {
    said["steps"].as_array().unwrap().iter().any(|step| step.as_str().unwrap().contains(sentence))
}

#[test]
fn every_source_and_policy_has_its_sentence() {
    for (words, version, source, sentences) in [
        (
            &["http://api.example.org/v1/orders?v=1.4"][..],
            "1.4.2",
            "query",
            &[
                "versions are read from accept and header `APIVER` and query parameter `v` and the path and the host by \
                 `api{version}.example.org`, by scheme `semver`",
                "query value `1.4`: row `1.4.2`",
                "path value `v1`: row `1.4.2`",
                "row `1.4.2` answers, by query",
                "`/v1` is cut out of the path",
            ][..],
        ),
        (&["http://api1.example.org/"], "1.4.2", "host", &["host value `1`: row `1.4.2`"]),
        (
            &["http://api.example.org/", "-H", "APIVER: 3"],
            "1.4.2",
            "header",
            &[
                "header value `3`: no row has this version",
                "it is unknown, and the policy `back` takes the nearest older version",
            ],
        ),
        (
            &["http://api.example.org/health/live"],
            "1.0.0",
            "missing",
            &["the path needs no version", "the policy is version `1.0.0`"],
        ),
    ] {
        let said = explain(words);
        assert_eq!((&said["version"], &said["source"]), (&version.into(), &source.into()), "{said}");
        for sentence in sentences {
            assert!(has(&said, sentence), "{sentence}: {said:#}");
        }
    }
    let fallen = explain(&["http://api.example.org/", "-H", "APIVER: 3"]);
    assert!(fallen["response_headers"].as_array().unwrap().contains(&serde_json::json!(["verge-fallback", "back"])));
    let refused = explain(&["-X", "POST", "http://api.example.org/v1"]);
    assert_eq!((&refused["status"], &refused["code"]), (&405.into(), &"method_not_allowed".into()));
    assert!(has(&refused, "the API takes GET, HEAD, and not `POST`"), "{refused:#}");
    assert!(refused["response_headers"].as_array().unwrap().contains(&serde_json::json!(["allow", "GET, HEAD"])));
}

#[test]
fn a_split_says_which_arm_and_why_and_chance_can_be_made_again() {
    let ask = |words: &[&str]| explain(&[&["-H", "APIVER: 9.0.0", "http://api.example.org/"], words].concat());
    let sticky = ask(&["-H", "x-user: ann"]);
    let arm = sticky["arm"].as_str().unwrap().to_owned();
    assert!(has(&sticky, &format!("arm `{arm}` is picked by `header:x-user`; shares now: canary 50 %, stable 50 %")));
    assert!(
        sticky["response_headers"].as_array().unwrap().iter().any(|field| field[0] == "verge-arm" && field[1] == arm)
    );
    let by_id = |id: usize| {
        let said = ask(&["--request-id", &format!("id-{id}")]);
        assert!(has(&said, "by chance, from the request id"), "{said}");
        said["arm"].as_str().unwrap().to_owned()
    };
    let arms: Vec<String> = (0..8).map(by_id).collect();
    assert!(arms.contains(&"canary".to_owned()) && arms.contains(&"stable".to_owned()), "{arms:?}");
    assert_eq!(arms, (0..8).map(by_id).collect::<Vec<_>>());
}

#[test]
fn cross_origin_requests_and_preflights_are_explained() {
    let config = format!("{CONFIG}[api.cors]\norigins = [\"https://*.example.com\"]\nheaders = [\"x-trace\"]\n");
    let asks = |origin: &'static str| ["-H", origin, "-H", "Access-Control-Request-Method: GET"];
    let preflight =
        |origin| explain_by(&config, &[&["-X", "OPTIONS", "http://api.example.org/"], &asks(origin)[..]].concat());
    let field = |said: &Json, name: &str| {
        let fields = said["response_headers"].as_array().unwrap().clone();
        fields.into_iter().find(|field| field[0] == name).map(|field| field[1].as_str().unwrap().to_owned())
    };

    let allowed = preflight("Origin: https://app.example.com");
    assert_eq!((&allowed["status"], &allowed["code"]), (&204.into(), &"preflight".into()), "{allowed:#}");
    assert!(has(&allowed, "a CORS preflight: it carries no version, and is answered here"), "{allowed:#}");
    assert!(has(&allowed, "`https://app.example.com`"), "{allowed:#}");
    assert_eq!(field(&allowed, "access-control-allow-origin").as_deref(), Some("https://app.example.com"));
    assert!(field(&allowed, "access-control-allow-headers").unwrap().contains("APIVER"), "{allowed:#}");

    let denied = preflight("Origin: https://app.example.com.evil");
    assert_eq!(denied["status"], 204, "{denied:#}");
    assert_eq!(field(&denied, "access-control-allow-origin"), None, "{denied:#}");

    let actual =
        explain_by(&config, &["http://api.example.org/", "-H", "APIVER: 1", "-H", "Origin: https://app.example.com"]);
    assert_eq!(actual["outcome"], "forward", "{actual:#}");
    assert!(field(&actual, "access-control-expose-headers").unwrap().contains("api-version"), "{actual:#}");
    assert!(field(&actual, "vary").unwrap().contains("Origin"), "{actual:#}");
}

#[test]
fn without_a_policy_a_preflight_is_explained_as_one_without_a_version() {
    let config = CONFIG.replace("unknown = \"back\"", "preflight = \"1\"");
    let words = [
        "-X",
        "OPTIONS",
        "http://api.example.org/",
        "-H",
        "Origin: https://a.example",
        "-H",
        "Access-Control-Request-Method: GET",
    ];
    let said = explain_by(&config, &words);
    assert_eq!((&said["outcome"], &said["version"]), (&"forward".into(), &"1.4.2".into()), "{said:#}");
    assert!(has(&said, "no version is asked for"), "{said:#}");
    let nowhere = explain(&words);
    assert_eq!((&nowhere["status"], &nowhere["code"]), (&204.into(), &"preflight".into()), "{nowhere:#}");
}
