//! Commands of `verge`, run one after the other in a directory with a configuration and a table.

use crate::{certs::Authority, node::binary, scratch::Scratch};
use serde_json::{Value as Json, json};
use std::{
    io::Write,
    net::SocketAddr,
    path::PathBuf,
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

/// Where the table of [`Bench::embedded`] is.
pub const TABLE: &str = "state/table.db";

/// A configuration and its table, in a directory of their own that goes at the end.
#[derive(Debug, Default)]
pub struct Bench {
    scratch: Scratch,
    variables: Vec<(String, String)>,
}

/// What a command said, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// The exit code.
    pub code: i32,
    /// On stdout.
    pub out: String,
    /// On stderr.
    pub err: String,
}

impl Said {
    /// What it printed, as JSON.
    #[track_caller]
    #[must_use]
    pub fn json(&self) -> Json {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// That it ended so, and said each of these.
    #[track_caller]
    pub fn check(self, code: i32, says: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        for text in says {
            assert!(self.out.contains(text) || self.err.contains(text), "`{text}` is not in {self:#?}");
        }
        self
    }
}

impl Bench {
    /// With this under `[table]`.
    #[must_use]
    pub fn new(source: &str) -> Self {
        let bench = Self::default();
        bench.scratch.write("verge.toml", CONFIG.replace("SOURCE", source));
        bench
    }

    /// With an embedded table, not there yet: [`TABLE`].
    #[must_use]
    pub fn embedded() -> Self {
        Self::new(&format!("source = \"embedded\"\npath = \"{TABLE}\""))
    }

    /// The same with `v1`, `v2` and `latest`, which is `v2`.
    #[must_use]
    pub fn with_rows() -> Self {
        let bench = Self::embedded();
        bench.write("rows.json", &rows());
        bench.run(&["import", "rows.json"]).check(0, &["3 to add", "3 written"]);
        bench
    }

    /// Where a file of the directory is.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.scratch.path().join(file)
    }

    /// Writes a file.
    pub fn write(&self, file: &str, json: &Json) {
        self.scratch.write(file, json.to_string());
    }

    /// Writes something else in the configuration.
    #[track_caller]
    pub fn configure(&self, from: &str, to: &str) {
        let config = self.scratch.read("verge.toml");
        assert!(config.contains(from), "{config}");
        self.scratch.write("verge.toml", config.replace(from, to));
    }

    /// Runs `verge mappings WORDS`.
    pub fn run(&self, words: &[&str]) -> Said {
        self.feed(words, "")
    }

    /// The same with something on stdin.
    pub fn feed(&self, words: &[&str], input: &str) -> Said {
        self.command("mappings", words, input)
    }

    /// Runs `verge canary WORDS`.
    pub fn canary(&self, words: &[&str]) -> Said {
        self.command("canary", words, "")
    }

    /// Runs `verge versions WORDS`.
    pub fn versions(&self, words: &[&str]) -> Said {
        self.command("versions", words, "")
    }

    /// Runs `verge check WORDS`.
    pub fn check(&self, words: &[&str]) -> Said {
        self.command("check", words, "")
    }

    /// Runs `verge explain WORDS`.
    pub fn explain(&self, words: &[&str]) -> Said {
        self.command("explain", words, "")
    }

    fn command(&self, name: &str, words: &[&str], input: &str) -> Said {
        let mut child = Command::new(binary())
            .arg(name)
            .args(words)
            .args(["-c", "verge.toml"])
            .current_dir(self.scratch.path())
            .env("USER", "ann")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
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

    /// With an operator who trusts this authority, finds `one.example.com` at this address, and says this besides.
    #[must_use]
    pub fn with_origins(self, authority: &Authority, address: SocketAddr, lines: &str) -> Self {
        self.scratch.write("ca.pem", authority.pem());
        let (allow, ca) = ("[\"*.example.com\"]\n", "ca = \"ca.pem\"\n");
        let connect = format!("[origins.connect]\n\"one.example.com\" = \"{address}\"\n");
        self.configure(allow, &format!("{allow}{ca}{lines}\n{connect}"));
        self
    }

    /// With one more variable in the environment of commands.
    #[must_use]
    pub fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A row of `orders`.
    #[track_caller]
    #[must_use]
    pub fn get(&self, version: &str) -> Json {
        self.run(&["get", "orders", version, "--json"]).check(0, &[]).json()
    }

    /// The table, as `verge mappings export` prints it.
    #[track_caller]
    #[must_use]
    pub fn export(&self) -> String {
        self.run(&["export"]).check(0, &[]).out
    }
}

/// The rows of [`Bench::with_rows`].
#[must_use]
pub fn rows() -> Json {
    json!({"Items": [
        {"api": "orders", "version": "v1", "domain": "one.example.com", "base_path": "/prod"},
        {"api": "orders", "version": "v2", "domain": "two.example.com", "status": "hidden"},
        {"api": "orders", "version": "latest", "alias_of": "v2"},
    ]})
}
