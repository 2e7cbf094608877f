//! A node's configuration, in the words of a test.

use super::{Node, binary};
use crate::{certs::Authority, origin::Origin, patience::eventually, scratch::Scratch, store::Store};
use serde_json::{Value as Json, json};
use std::{fmt::Write, net::SocketAddr, process::Command};

/// What a node is to be.
///
/// Without further words: a clear-text listener, an admin listener, one API `orders` for every host whose vendor is
/// `example`, and a table file without rows. Ports are free ones.
pub struct Setup {
    scratch: Scratch,
    listen: String,
    admin: String,
    health: bool,
    log: String,
    limits: String,
    table: String,
    rows: Option<Json>,
    ca: String,
    origins: String,
    connect: Vec<(String, String)>,
    apis: String,
    environment: Vec<(String, String)>,
    document: Option<String>,
    more: String,
    descriptors: Option<usize>,
}

impl Setup {
    /// The default.
    #[must_use]
    pub fn new() -> Self {
        Self {
            scratch: Scratch::new(),
            listen: "http = \"127.0.0.1:0\"\n".to_owned(),
            admin: "address = \"127.0.0.1:0\"\n".to_owned(),
            health: false,
            log: String::new(),
            limits: String::new(),
            table: String::new(),
            rows: Some(json!([])),
            ca: String::new(),
            origins: "allow = [\"*.execute-api.*.amazonaws.com\"]\n".to_owned(),
            connect: Vec::new(),
            apis: "[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n[api.version]\nvendor = \"example\"\n".to_owned(),
            environment: Vec::new(),
            document: None,
            more: String::new(),
            descriptors: None,
        }
    }

    /// With a table file that holds these rows, in plain JSON or as `aws dynamodb scan` prints them.
    #[must_use]
    pub fn rows(mut self, rows: Json) -> Self {
        self.rows = Some(rows);
        self
    }

    /// With a table file that does not exist.
    #[must_use]
    pub fn no_rows(mut self) -> Self {
        self.rows = None;
        self
    }

    /// With a table in this store, looked at ten times a second and read once a second.
    #[must_use]
    pub fn store(self, store: &Store) -> Self {
        self.table(&format!("{}refresh = \"1s\"\npoll = \"100ms\"\n", store.config()))
    }

    /// With this `[table]`.
    #[must_use]
    pub fn table(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.table);
        self
    }

    /// Trusts this authority when it speaks to origins.
    #[must_use]
    pub fn trusting(mut self, authority: &Authority) -> Self {
        self.ca.push_str(&authority.pem());
        self
    }

    /// Finds an origin where it listens: each of its domains gets an operator's dial override.
    #[must_use]
    pub fn dialling(mut self, origin: &Origin) -> Self {
        for domain in origin.domains() {
            self = self.dialling_at(domain, origin.address());
        }
        self
    }

    /// Finds a domain at an address.
    #[must_use]
    pub fn dialling_at(mut self, domain: &str, address: SocketAddr) -> Self {
        self.connect.push((domain.to_owned(), address.to_string()));
        self
    }

    /// With these lines in `[origins]`, instead of its `allow`.
    #[must_use]
    pub fn origins(mut self, lines: &str) -> Self {
        self.origins = format!("{lines}\n");
        self
    }

    /// With these lines in `[origins]`, besides.
    #[must_use]
    pub fn and_origins(mut self, lines: &str) -> Self {
        let _ = writeln!(self.origins, "{lines}");
        self
    }

    /// With these `[[api]]` instead.
    #[must_use]
    pub fn apis(mut self, text: &str) -> Self {
        text.clone_into(&mut self.apis);
        self
    }

    /// With these lines in `[limits]`.
    #[must_use]
    pub fn limits(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.limits);
        self
    }

    /// With these lines in `[listen]`, besides.
    #[must_use]
    pub fn listen(mut self, lines: &str) -> Self {
        let _ = writeln!(self.listen, "{lines}");
        self
    }

    /// With a TLS listener that shows a certificate for this name.
    #[must_use]
    pub fn tls(self, authority: &Authority, name: &str) -> Self {
        authority.certify(&[name]).write(&self.scratch, "listener");
        self.listen("https = [{ address = \"127.0.0.1:0\", certificate = \"listener.pem\", key = \"listener.key\" }]")
    }

    /// With these lines in `[admin]`, instead.
    #[must_use]
    pub fn admin(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.admin);
        self
    }

    /// With a listener for probes.
    #[must_use]
    pub fn probes(mut self) -> Self {
        self.health = true;
        self
    }

    /// With these lines in `[log]`.
    #[must_use]
    pub fn log(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.log);
        self
    }

    /// With an environment variable.
    #[must_use]
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With so few file descriptors.
    #[must_use]
    pub fn descriptors(mut self, count: usize) -> Self {
        self.descriptors = Some(count);
        self
    }

    /// With `[origins]` (without its dial overrides) and `[[api]]` from a text that has both.
    #[must_use]
    pub fn document(mut self, text: &str) -> Self {
        self.document = Some(text.to_owned());
        self
    }

    /// With these tables besides.
    #[must_use]
    pub fn and_document(mut self, text: &str) -> Self {
        self.more.push_str(text);
        self
    }

    /// Where its files are.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Starts it, and waits until it can serve.
    pub async fn start(self) -> Node {
        let node = self.start_unready().await;
        eventually("readiness", async || node.is_ready().await).await;
        node
    }

    /// Starts it, and waits until it listens.
    pub async fn start_unready(self) -> Node {
        Node::launch(self).await
    }

    /// Runs another command with this configuration to its end: exit code, standard output, standard error.
    #[must_use]
    pub fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    pub(super) fn has_admin(&self) -> bool {
        !self.admin.is_empty()
    }

    pub(super) fn has_health(&self) -> bool {
        self.health
    }

    pub(super) fn into_command(self) -> (Scratch, Command) {
        let command = self.command(&["serve"]);
        (self.scratch, command)
    }

    /// Writes the files, and makes the command; `-c FILE` comes after the first word.
    fn command(&self, arguments: &[&str]) -> Command {
        if let Some(rows) = &self.rows {
            self.scratch.write("table.json", rows.to_string());
        }
        self.scratch.write("ca.pem", &self.ca);
        let config = self.scratch.write("verge.toml", self.text());
        let mut command = match self.descriptors {
            Some(count) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", &format!("ulimit -n {count}; exec \"$0\" \"$@\"")]).arg(binary());
                shell
            }
            None => Command::new(binary()),
        };
        let subcommand = arguments.iter().take_while(|argument| !argument.starts_with('-')).count();
        command.args(&arguments[..subcommand]).arg("-c").arg(config).args(&arguments[subcommand..]);
        command.env("AWS_ACCESS_KEY_ID", "test").env("AWS_SECRET_ACCESS_KEY", "test");
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command
    }

    /// The configuration's text.
    fn text(&self) -> String {
        let threads = if self.listen.contains("threads") { "" } else { "threads = 2\n" };
        let file = "source = \"file\"\npath = \"table.json\"\npoll = \"100ms\"";
        let mut connect = String::new();
        for (domain, address) in &self.connect {
            let _ = writeln!(connect, "\"{domain}\" = \"{address}\"");
        }
        let mut text = String::new();
        for (name, lines) in [
            ("listen", format!("{}{threads}", self.listen).as_str()),
            ("admin", &self.admin),
            ("health", if self.health { "address = \"127.0.0.1:0\"" } else { "" }),
            ("log", &self.log),
            ("limits", &self.limits),
            ("table", if self.table.is_empty() { file } else { &self.table }),
            ("origins.connect", &connect),
        ] {
            if !lines.is_empty() {
                let _ = writeln!(text, "[{name}]\n{lines}");
            }
        }
        let ca = if self.ca.is_empty() { "" } else { "ca = \"ca.pem\"\n" };
        let more = &self.more;
        match &self.document {
            None => text + &format!("[origins]\n{ca}{}\n{}{more}", self.origins, self.apis),
            Some(document) if document.contains("[origins]\n") => {
                text + &document.replacen("[origins]\n", &format!("[origins]\n{ca}"), 1)
            }
            Some(document) => text + &format!("[origins]\n{ca}{document}"),
        }
    }
}

impl Default for Setup {
    fn default() -> Self {
        Self::new()
    }
}
