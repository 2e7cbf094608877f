//! The documents against the code: every code, metric, log field and command they must name, and no other command.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};
use verge_config::Config;
use verge_mappings::source::LoadError;
use verge_router::Reason;

/// What people read first; decisions and the corpus have their own forms.
const PAGES: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "docs/canary.md",
    "docs/configuration.md",
    "docs/lambda.md",
    "docs/semantics.md",
    "docs/operations.md",
    "docs/security.md",
    "docs/migrating-from-the-aws-sample.md",
];

#[test]
fn every_outcome_stands_in_the_table_with_its_status() {
    let page = read("docs/semantics.md");
    for reason in Reason::ALL {
        let start = format!("| `{}` | {}", reason.code(), reason.default_status().as_u16());
        assert!(page.lines().any(|line| line.starts_with(&start)), "docs/semantics.md has no row `{start} …`");
    }
}

/// The names of all metrics, where names are emitted.
fn metrics() -> BTreeSet<String> {
    let own = quoted(&read("edge/pingora/src/telemetry.rs"), "verge_");
    let files = rust_files("edge/pingora/src/telemetry");
    own.into_iter().chain(files.iter().flat_map(|file| quoted(file, "verge_"))).collect()
}

#[test]
fn every_metric_is_explained() {
    let page = read("docs/operations.md");
    let names = metrics();
    assert!(names.contains("verge_table_age_seconds"));
    for name in &names {
        let family = ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part)).unwrap_or(name);
        assert!(page.contains(&format!("| `{family}` |")), "docs/operations.md does not explain {family}");
    }
    for kind in LoadError::CODES {
        assert!(page.contains(&format!("`{kind}`")), "docs/operations.md does not name the kind {kind}");
    }
}

#[test]
fn no_metric_is_made_up() {
    let names = metrics();
    for page in PAGES {
        for word in words(&read(page)).filter(|word| word.starts_with("verge_")) {
            // In Rust a crate's name has the same form.
            let crates = ["verge_router", "verge_mappings", "verge_lambda"];
            let known = names.contains(word) || crates.iter().any(|name| word.starts_with(name));
            assert!(known, "{page}: no metric is called {word}");
        }
    }
}

#[test]
fn every_field_of_the_access_log_is_explained() {
    let marker = "target: access::TARGET,";
    let source = rust_files("edge/pingora/src").join("\n");
    let events = source.split(marker).skip(1);
    let lines = events.flat_map(|event| event.lines().skip(1).take_while(|line| line.trim() != ");"));
    let page = read("docs/operations.md");
    let fields = lines.filter_map(|line| line.trim().split_once(" = "));
    let mut count = 0;
    for (field, _) in fields.filter(|(field, _)| field.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')) {
        count += 1;
        let named = page.lines().any(|line| {
            line.starts_with("| `") && line.split(" | ").next().unwrap_or_default().contains(&format!("`{field}`"))
        });
        assert!(named, "docs/operations.md does not explain the log field {field}");
    }
    assert!(count > 10, "the event of the access log was not found");
}

#[test]
fn every_command_that_is_printed_exists() {
    let source = read("edge/pingora/src/cli.rs");
    let list = source.split("enum Command {").nth(1).unwrap().split('}').next().unwrap();
    let commands: BTreeSet<String> =
        list.lines().filter_map(|line| line.trim().split('(').next()).map(str::to_lowercase).collect();
    assert!(commands.contains("serve"));
    let mut printed = BTreeSet::new();
    for page in PAGES {
        for snippet in snippets(&read(page)) {
            let Some(rest) = snippet.trim_start_matches("$ ").strip_prefix("verge ") else { continue };
            let command = rest.split_whitespace().next().unwrap_or_default();
            if !command.starts_with('-') {
                assert!(commands.contains(command), "{page}: there is no `verge {command}`");
                printed.insert(command.to_owned());
            }
        }
    }
    assert!(!printed.is_empty());
}

#[test]
fn configurations_in_documents_are_right() {
    for page in ["README.md", "docs/migrating-from-the-aws-sample.md"] {
        for text in fenced(&read(page), "toml").filter(|text| text.contains("[listen]")) {
            if let Err(problems) = Config::parse(&text) {
                panic!("{page}:\n{text}\n{problems}");
            }
        }
    }
    for file in ["examples/quickstart/verge.toml", "examples/from-the-aws-sample/verge.toml"] {
        if let Err(problems) = Config::parse(&read(file)) {
            panic!("{file}:\n{problems}");
        }
    }
}

#[test]
fn the_migration_shows_the_example_as_it_is() {
    let page = read("docs/migrating-from-the-aws-sample.md");
    assert!(page.contains(read("examples/from-the-aws-sample/sample-table.json").trim_end()));
    let example = read("examples/from-the-aws-sample/verge.toml");
    let (_, config) = example.split_once("\n\n").unwrap();
    assert!(page.contains(config.trim_end()), "the page and examples/from-the-aws-sample/verge.toml differ");
}

#[test]
fn files_that_the_architecture_names_are_there() {
    for snippet in snippets(&read("ARCHITECTURE.md")) {
        let path = snippet.as_str();
        let is_path = path.contains('/') && path.ends_with(".rs") && path.bytes().all(is_path_byte);
        let is_whole = ["router/", "mappings/", "config/", "edge/", "tests/"].iter().any(|top| path.starts_with(top));
        if is_path && is_whole {
            assert!(root().join(path).exists(), "ARCHITECTURE.md names {path}");
        }
    }
    // In the tree, a file stands under the member that the last unindented line names.
    let mut member = String::new();
    for line in fenced(&read("ARCHITECTURE.md"), "text").next().unwrap().lines() {
        let first = line.split_whitespace().next().unwrap_or_default();
        if !line.starts_with(' ') {
            member = first.to_owned();
            assert!(root().join(first).exists(), "ARCHITECTURE.md: {first}");
        } else {
            assert!(root().join(&member).join(first).exists(), "ARCHITECTURE.md: {member}{first}");
        }
    }
}

#[test]
fn tests_that_the_threat_model_names_are_there() {
    let mut seen = 0;
    for snippet in snippets(&read("docs/security.md")) {
        let path = snippet.as_str();
        if let Some((module, fact)) = path.rsplit_once("::") {
            let tests = read(&format!("tests/e2e/{}.rs", module.replace("::", "/")));
            assert!(tests.contains(&format!("fn {fact}()")), "docs/security.md: no test is called {path}");
            seen += 1;
        } else if path.contains('/') && [".rs", ".sh", ".py"].iter().any(|end| path.ends_with(end)) {
            let places = [root().join(path), root().join("edge/pingora/src").join(path)];
            assert!(places.iter().any(|place| place.exists()), "docs/security.md names {path}");
        }
    }
    assert!(seen > 50, "{seen}");
}

fn is_path_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"_-./".contains(&b)
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: &str) -> String {
    let path: PathBuf = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The text of every Rust file under a folder.
fn rust_files(folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|own| own == "rs") {
                found.push(fs::read_to_string(path).unwrap());
            }
        }
    }
    found
}

/// String literals with this beginning.
fn quoted(source: &str, beginning: &str) -> BTreeSet<String> {
    let name = |b: char| b.is_ascii_lowercase() || b == '_' || b.is_ascii_digit();
    let strings = source.split('"').skip(1).step_by(2).filter(|text| text.starts_with(beginning));
    strings.filter(|text| text.chars().all(name)).map(str::to_owned).collect()
}

/// Runs of letters, digits and underscores.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

/// What stands between single backticks, and the lines of fenced blocks.
fn snippets(markdown: &str) -> Vec<String> {
    let mut fence = false;
    let mut found = Vec::new();
    let mut prose = String::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fence = !fence;
        } else if fence {
            found.push(line.trim().to_owned());
        } else {
            prose.push_str(line.trim());
            prose.push(' ');
        }
    }
    found.extend(prose.split('`').skip(1).step_by(2).map(str::to_owned));
    found
}

/// The fenced blocks in one language.
fn fenced(markdown: &str, language: &str) -> impl Iterator<Item = String> {
    let opening = format!("```{language}");
    let mut blocks = Vec::new();
    let mut block: Option<String> = None;
    for line in markdown.lines() {
        match &mut block {
            None if line == opening => block = Some(String::new()),
            Some(_) if line == "```" => blocks.extend(block.take()),
            Some(text) => {
                text.push_str(line);
                text.push('\n');
            }
            None => {}
        }
    }
    blocks.into_iter()
}
