//! The real `verge` binary, as a process of its own.

mod setup;

pub use setup::Setup;

use crate::{
    client::Connection,
    message::{Answer, Request},
    patience::{eventually, within},
    scratch::Scratch,
};
use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    env,
    ffi::OsString,
    io::{BufRead, BufReader, Read},
    mem,
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use tokio::sync::watch;

/// The binary: `VERGE_BIN`, or what cargo built beside the test.
///
/// # Panics
/// There is none.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = env::var_os("VERGE_BIN") {
        return path.into();
    }
    let test = env::current_exe().unwrap();
    let found = test.ancestors().skip(1).take(2).map(|folder| folder.join("verge")).find(|path| path.is_file());
    found.expect("there is no `verge` beside this test; build it first: cargo build -p verge")
}

/// A running proxy. It is killed when it is dropped; what it said is shown when the test has failed.
pub struct Node {
    child: Mutex<Child>,
    scratch: Arc<Scratch>,
    /// How it was started, for a successor.
    program: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    operators: usize,
    http: Vec<SocketAddr>,
    https: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    health: Option<SocketAddr>,
    stdout: Lines,
    stderr: Lines,
}

impl Node {
    /// Starts a process and waits until it has said where it listens.
    async fn launch(setup: Setup) -> Self {
        let operators = usize::from(setup.has_admin()) + usize::from(setup.has_health());
        let (scratch, command) = setup.into_command();
        let node = Self::begin(Arc::new(scratch), command, operators);
        node.until_it_listens().await
    }

    /// Starts a process that takes over from this one.
    pub async fn upgrade(&self) -> Self {
        self.successor().until_it_listens().await
    }

    /// Starts a process that would take over from this one, and does not wait for it.
    #[must_use]
    pub fn successor(&self) -> Self {
        let mut command = Command::new(&self.program[0]);
        command.args(&self.program[1..]).arg("--upgrade").envs(self.environment.iter().cloned());
        Self::begin(self.scratch.clone(), command, self.operators)
    }

    fn begin(scratch: Arc<Scratch>, mut command: Command, operators: usize) -> Self {
        let words = [command.get_program()].into_iter().chain(command.get_args());
        let program = words.filter(|word| *word != "--upgrade").map(OsString::from).collect();
        let environment =
            command.get_envs().filter_map(|(name, value)| Some((name.to_owned(), value?.to_owned()))).collect();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = Lines::read(child.stdout.take().unwrap());
        let stderr = Lines::read(child.stderr.take().unwrap());
        Self {
            child: Mutex::new(child),
            scratch,
            program,
            environment,
            operators,
            http: Vec::new(),
            https: Vec::new(),
            admin: None,
            health: None,
            stdout,
            stderr,
        }
    }

    async fn until_it_listens(self) -> Self {
        let mut node = self;
        let operators = node.operators;
        // The operators' listeners are opened last.
        let told = |lines: &[String]| {
            let on = |line: &&String| line.starts_with("admin on ") || line.starts_with("health on ");
            let public = lines.iter().any(|line| line.starts_with("listening on "));
            public && lines.iter().filter(on).count() == operators
        };
        let said = node.stderr.wait_for("the node's addresses", told).await;
        assert!(said, "the node ended before it listened: {:#?}", node.stderr());
        for line in node.stderr() {
            let Some((what, address)) = line.split_once(" on ") else { continue };
            let Some((scheme, address)) = address.split_once("://") else { continue };
            let Ok(address) = address.parse() else { continue };
            match (what, scheme) {
                ("listening", "http") => node.http.push(address),
                ("listening", "https") => node.https.push(address),
                ("admin", _) => node.admin = Some(address),
                ("health", _) => node.health = Some(address),
                _ => {}
            }
        }
        node
    }

    /// Its clear-text listener.
    #[must_use]
    pub fn http(&self) -> SocketAddr {
        *self.http.first().expect("the node has no clear-text listener")
    }

    /// Its TLS listener.
    #[must_use]
    pub fn https(&self) -> SocketAddr {
        *self.https.first().expect("the node has no TLS listener")
    }

    /// Its admin listener.
    #[must_use]
    pub fn admin(&self) -> SocketAddr {
        self.admin.expect("the node has no admin listener")
    }

    /// Its listener for probes.
    #[must_use]
    pub fn health(&self) -> SocketAddr {
        self.health.expect("the node has no listener for probes")
    }

    /// Its directory, where its configuration and its files are.
    #[must_use]
    pub fn scratch(&self) -> &Scratch {
        &self.scratch
    }

    /// Opens a connection to its clear-text listener.
    pub async fn connect(&self) -> Connection {
        Connection::open(self.http()).await
    }

    /// Sends a request over a new connection, and waits for the answer.
    pub async fn ask(&self, request: &Request) -> Answer {
        self.connect().await.ask(request).await
    }

    /// What the admin listener answers.
    pub async fn ask_admin(&self, path: &str) -> Answer {
        Connection::open(self.admin()).await.ask(&Request::get(path)).await
    }

    /// Whether it says that it can serve.
    pub async fn is_ready(&self) -> bool {
        self.ask_admin("/readyz").await.status == 200
    }

    /// The value of a metric, by its name with its labels; 0 where it is not there.
    pub async fn metric(&self, name: &str) -> f64 {
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok();
        self.metrics().await.lines().find_map(value).unwrap_or_default()
    }

    /// The sum of a metric over all its labels, by its bare name.
    pub async fn total(&self, name: &str) -> f64 {
        let value = |line: &str| line.strip_prefix(name)?.strip_prefix('{')?.rsplit(' ').next()?.parse::<f64>().ok();
        self.metrics().await.lines().filter_map(value).sum()
    }

    /// All counters, by their names with their labels.
    pub async fn counters(&self) -> BTreeMap<String, f64> {
        let counter = |line: &str| {
            let (name, value) = line.rsplit_once(' ')?;
            let family = name.split('{').next()?;
            family.ends_with("_total").then_some((name.to_owned(), value.parse().ok()?))
        };
        self.metrics().await.lines().filter_map(counter).collect()
    }

    /// The page of metrics as it is.
    pub async fn metrics(&self) -> String {
        String::from_utf8_lossy(&self.ask_admin("/metrics").await.body).into_owned()
    }

    /// The access log so far, a line each.
    #[must_use]
    pub fn log(&self) -> Vec<Json> {
        let json = |line: &String| {
            serde_json::from_str(line).unwrap_or_else(|error| panic!("no line of an access log ({error}): {line}"))
        };
        self.stdout.now().iter().map(json).collect()
    }

    /// The access log's lines as they are, once there are so many.
    pub async fn log_of(&self, count: usize) -> Vec<String> {
        let logged = self.stdout.wait_for("lines in the access log", |lines| lines.len() >= count).await;
        assert!(logged, "the node ended with fewer than {count} lines in its access log");
        self.stdout.now()
    }

    /// From here on nobody reads what it says, on either of its streams, and nobody closes them.
    pub fn stop_listening(&self) {
        self.stdout.stop();
        self.stderr.stop();
    }

    /// What it has said on its standard error.
    #[must_use]
    pub fn stderr(&self) -> Vec<String> {
        self.stderr.now()
    }

    /// Waits until its standard error has a line with this text.
    pub async fn has_said(&self, text: &str) {
        let said = self.stderr.wait_for(text, |lines| lines.iter().any(|line| line.contains(text))).await;
        assert!(said, "the node ended, and has not said: {text}");
    }

    /// Sends it a signal, as in `TERM`.
    pub fn signal(&self, name: &str) {
        let pid = self.child.lock().unwrap().id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().unwrap();
        assert!(sent.success(), "the node is gone");
    }

    /// Its process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.lock().unwrap().id()
    }

    /// Waits for its end, and returns its exit code; `None` where a signal ended it.
    pub async fn exit_code(&self) -> Option<i32> {
        let mut code = None;
        eventually("the node's end", async || match self.child.lock().unwrap().try_wait().unwrap() {
            Some(status) => {
                code = status.code();
                true
            }
            None => false,
        })
        .await;
        code
    }

    /// Whether the process is there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.child.lock().unwrap().try_wait().unwrap().is_none()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = child.kill();
        let _ = child.wait();
        if thread::panicking() {
            for (name, lines) in [("stderr", &self.stderr), ("stdout", &self.stdout)] {
                eprintln!("--- the node's {name}\n{}", lines.now().join("\n"));
            }
        }
    }
}

/// The lines of a stream, read by a thread of its own.
struct Lines {
    read: watch::Receiver<Vec<String>>,
    stopped: Arc<AtomicBool>,
}

impl Lines {
    fn read(stream: impl Read + Send + 'static) -> Self {
        let (sender, read) = watch::channel(Vec::new());
        let stopped = Arc::<AtomicBool>::default();
        let stop = stopped.clone();
        thread::spawn(move || {
            let mut lines = BufReader::new(stream).lines();
            while let Some(Ok(line)) = lines.next() {
                sender.send_modify(|lines| lines.push(line));
                if stop.load(Ordering::Acquire) {
                    // The pipe stays as it is for as long as this process lives.
                    mem::forget(lines);
                    return;
                }
            }
        });
        Self { read, stopped }
    }

    /// Reads one more line, and then no more.
    fn stop(&self) {
        self.stopped.store(true, Ordering::Release);
    }

    fn now(&self) -> Vec<String> {
        self.read.borrow().clone()
    }

    /// Waits for a condition; `false` where the stream ends before it holds.
    async fn wait_for(&self, what: &str, holds: impl Fn(&[String]) -> bool) -> bool {
        let mut lines = self.read.clone();
        within(what, lines.wait_for(|lines| holds(lines))).await.is_ok()
    }
}
