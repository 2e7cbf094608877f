//! The walls and the manners of this tree, checked: who may depend on what, and what no file may hold.
//!
//! Only `std`, a TOML reader and `cargo tree`. A list below may grow, but by a decision that a reader can see.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Everything the router is built from.
const ROUTER: &[&str] = &[
    "bytes",
    "foldhash",
    "hashbrown",
    "http",
    "itoa",
    "libm",
    "proc-macro2",
    "quote",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "verge-router",
];
/// What mappings without features add to the router.
const MAPPINGS: &[&str] =
    &["async-trait", "memchr", "serde", "serde_core", "serde_derive", "serde_json", "verge-mappings", "zmij"];
/// What the configuration adds to the router.
const CONFIG: &[&str] = &["strsim", "verge-config"];

/// Crates that must not be in the lock file: a second TLS or crypto library, the old HTTP stack.
const NEVER_LOCKED: &[(&str, &str)] = &[
    ("aws-lc-rs", ""),
    ("aws-lc-sys", ""),
    ("openssl-sys", ""),
    ("native-tls", ""),
    ("boring-sys", ""),
    ("h2", "0.3."),
    ("hyper", "0.14."),
    ("rustls", "0.21."),
];

/// Files that outgrew 400 lines and were looked at. One that has shrunk must leave.
const LONG_FILES: &[&str] = &[];
const LONG: usize = 400;

/// Words that say nothing about what a module or a type is.
const EMPTY_WORDS: &[&str] = &[
    "backend", "common", "data", "endpoint", "handler", "helper", "helpers", "info", "manager", "misc", "service",
    "util", "utils",
];

#[test]
fn the_router_has_no_std() {
    let lib = read("router/src/lib.rs");
    assert!(lib.lines().any(|line| line == "#![no_std]"), "router/src/lib.rs lost #![no_std]");
    assert!(!lib.contains("extern crate std"), "router/src/lib.rs brings std back");
}

#[test]
fn the_router_is_built_from_these_crates_and_no_others() {
    assert_eq!(dependencies("verge-router", &[]), set(ROUTER));
}

#[test]
fn mappings_without_features_can_do_no_io() {
    let found = dependencies("verge-mappings", &["--no-default-features"]);
    assert_eq!(found, &set(ROUTER) | &set(MAPPINGS));
}

#[test]
fn the_configuration_can_do_no_io() {
    assert_eq!(dependencies("verge-config", &[]), &set(ROUTER) | &set(CONFIG));
    for file in sources().filter(|file| file.starts_with("config/src")) {
        for (number, line) in code(&file) {
            for word in ["std::fs", "std::env", "std::io", "std::process", "std::net::Tcp", "std::net::Udp", "File::"] {
                assert!(!line.contains(word), "{}:{number}: the configuration uses {word}", file.display());
            }
        }
    }
}

#[test]
fn edges_do_not_depend_on_one_another() {
    let edges: Vec<(String, toml::Table)> = manifests()
        .filter(|path| path.starts_with("edge"))
        .map(|path| {
            let manifest: toml::Table = read(&path).parse().unwrap();
            (manifest["package"]["name"].as_str().unwrap().to_owned(), manifest)
        })
        .collect();
    assert!(!edges.is_empty());
    for (name, manifest) in &edges {
        for (other, _) in edges.iter().filter(|(other, _)| other != name) {
            for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let named = manifest.get(section).and_then(|section| section.get(other));
                assert!(named.is_none(), "{name} depends on {other}");
            }
        }
    }
}

#[test]
fn no_second_tls_and_no_old_http_is_locked() {
    let lock: toml::Table = read("Cargo.lock").parse().unwrap();
    for package in lock["package"].as_array().unwrap() {
        let (name, version) = (package["name"].as_str().unwrap(), package["version"].as_str().unwrap());
        let banned = NEVER_LOCKED.iter().any(|(never, from)| *never == name && version.starts_with(from));
        assert!(!banned, "Cargo.lock holds {name} {version}; find who asks for it: cargo tree -i {name}@{version}");
    }
}

#[test]
fn modules_are_files_named_for_what_they_are() {
    for file in sources() {
        let stem = file.file_stem().unwrap().to_str().unwrap();
        assert_ne!(stem, "mod", "{}: name the file after the module", file.display());
        for word in stem.split('_') {
            assert!(!EMPTY_WORDS.contains(&word), "{}: `{word}` says nothing", file.display());
        }
    }
}

#[test]
fn types_are_named_for_what_they_are() {
    for file in sources() {
        for (number, line) in code(&file) {
            let Some(name) = declared_type(&line) else { continue };
            for word in camel_words(name) {
                assert!(!EMPTY_WORDS.contains(&&*word), "{}:{number}: `{word}` in {name} says nothing", file.display());
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    for file in sources().filter(|file| !file.ends_with("tests.rs")) {
        let text = read(&file);
        let first = text.lines().find(|line| !line.starts_with("#!")).unwrap_or_default();
        assert!(first.starts_with("//! "), "{} does not begin with module docs", file.display());
    }
}

#[test]
fn long_files_are_known() {
    let long: BTreeSet<PathBuf> =
        sources().filter(|file| !is_test(file)).filter(|file| read(file).lines().count() > LONG).collect();
    let known: BTreeSet<PathBuf> = LONG_FILES.iter().map(PathBuf::from).collect();
    let new: Vec<_> = long.difference(&known).collect();
    assert!(new.is_empty(), "over {LONG} lines: look for the second idea in {new:?}, or add it to LONG_FILES");
    let shrunk: Vec<_> = known.difference(&long).collect();
    assert!(shrunk.is_empty(), "no longer over {LONG} lines: take it off LONG_FILES: {shrunk:?}");
}

#[test]
fn a_main_is_thin() {
    for file in sources().filter(|file| file.ends_with("src/main.rs")) {
        let lines = read(&file).lines().count();
        assert!(lines < 40, "{} has {lines} lines; wiring belongs in the library", file.display());
    }
}

#[test]
fn tests_neither_sleep_nor_are_left_out() {
    for file in sources() {
        let paused = read(&file).contains("start_paused = true");
        for (number, line) in test_code(&file) {
            let at = || format!("{}:{number}: {}", file.display(), line.trim());
            assert!(!line.contains(concat!("#[", "ignore")), "{}: a test runs or goes", at());
            // The harness is where waiting is done once and for all, and where slow origins live. On a paused clock no
            // time passes.
            let waits = line.contains(concat!("sle", "ep(")) && !file.starts_with("tests/harness") && !paused;
            assert!(!waits, "{}: wait for a condition, with a patience", at());
        }
    }
}

#[test]
fn nothing_is_left_undone_in_silence() {
    let unfinished = [concat!("to", "do!("), concat!("unimpl", "emented!("), concat!("db", "g!(")];
    for file in sources() {
        for (number, line) in code(&file) {
            for word in unfinished {
                assert!(!line.contains(word), "{}:{number}: {word}", file.display());
            }
        }
        for (number, line) in numbered(&read(&file)) {
            for word in [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")] {
                let open = line.contains(word) && !line.contains("https://") && !line.contains('#');
                assert!(!open, "{}:{number}: {word} without the issue it belongs to", file.display());
            }
        }
    }
}

#[test]
fn links_in_documents_lead_somewhere() {
    for page in documents() {
        let folder = page.parent().unwrap();
        for link in links(&read(&page)) {
            let path = link.split('#').next().unwrap();
            if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
                continue;
            }
            assert!(root().join(folder).join(path).exists(), "{}: {link} leads nowhere", page.display());
        }
    }
}

#[test]
fn every_decision_is_in_the_index() {
    let index = Path::new("docs/decisions/README.md");
    let linked = links(&read(index));
    for page in documents().filter(|page| page.starts_with("docs/decisions") && page != index) {
        let name = page.file_name().unwrap().to_str().unwrap();
        assert!(linked.iter().any(|link| link == name), "{} is not linked from {}", page.display(), index.display());
    }
}

#[test]
fn the_tree_stands_alone() {
    // Written apart, so that this file does not find itself.
    let elsewhere = [concat!("/wo", "rk/"), concat!("../sha", "red"), concat!("far", "m-")];
    for file in files() {
        let Ok(text) = fs::read_to_string(root().join(&file)) else { continue };
        for (number, line) in numbered(&text) {
            for word in elsewhere {
                assert!(!line.contains(word), "{}:{number} names a place outside the tree: {word}", file.display());
            }
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// All files of the tree, relative to its root, but what builds and editors leave.
fn files() -> impl Iterator<Item = PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![root().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let hidden = name.starts_with('.') && name != ".ci";
            // A folder, or in a linked work tree a file that leads elsewhere.
            if name == ".git" {
                continue;
            }
            if path.is_dir() {
                if !hidden && name != "target" {
                    folders.push(path);
                }
            } else {
                found.push(path.strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    found.sort();
    found.into_iter()
}

fn with_extension(extension: &str) -> impl Iterator<Item = PathBuf> {
    files().filter(move |file| file.extension().is_some_and(|own| own == extension))
}

fn sources() -> impl Iterator<Item = PathBuf> {
    with_extension("rs")
}

fn documents() -> impl Iterator<Item = PathBuf> {
    with_extension("md")
}

fn manifests() -> impl Iterator<Item = PathBuf> {
    files().filter(|file| file.file_name().is_some_and(|name| name == "Cargo.toml"))
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    (1..).zip(text.lines())
}

/// The lines of a file that are no comments.
fn code(file: &Path) -> Vec<(usize, String)> {
    let text = read(file);
    let lines = numbered(&text).filter(|(_, line)| !line.trim_start().starts_with("//"));
    lines.map(|(number, line)| (number, line.to_owned())).collect()
}

/// Whether a file is nothing but tests: in a folder `tests`, or a module of that name.
fn is_test(file: &Path) -> bool {
    file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests")
}

/// The lines that are part of tests: what follows `#[cfg(test)]`, and all of a file of tests.
fn test_code(file: &Path) -> Vec<(usize, String)> {
    let lines = code(file);
    if is_test(file) {
        return lines;
    }
    lines.into_iter().skip_while(|(_, line)| line.trim() != "#[cfg(test)]").collect()
}

/// The name of the type that a line declares.
fn declared_type(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    matches!(words.next()?, "struct" | "enum" | "trait").then_some(())?;
    words.next()?.split(|c: char| !c.is_alphanumeric()).next().filter(|name| !name.is_empty())
}

/// `MappingTable` -> `mapping`, `table`.
fn camel_words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for c in name.chars() {
        if c.is_uppercase() || words.is_empty() {
            words.push(String::new());
        }
        words.last_mut().unwrap().extend(c.to_lowercase());
    }
    words
}

/// The targets of `[text](target)` outside code blocks.
fn links(markdown: &str) -> Vec<String> {
    let mut fenced = false;
    let mut found = Vec::new();
    for line in markdown.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if !fenced {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
            found.extend(targets.map(str::to_owned));
        }
    }
    found
}

/// The names of all crates that a member is built from, itself among them.
fn dependencies(package: &str, options: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package", package])
        .args(options)
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).filter(|name| !name.is_empty()).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}
