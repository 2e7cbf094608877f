//! The lines the quickstart prints, and what each must answer.

use crate::cli::print;
use std::{
    io::{self, IsTerminal, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// One line to try.
pub(super) struct Try {
    header: Option<&'static str>,
    status: u16,
    /// What the body must contain.
    says: &'static str,
    means: &'static str,
}

pub(super) const TRIES: [Try; 5] = [
    Try {
        header: Some("Accept: application/vnd.example.v1+json"),
        status: 200,
        says: "\"version\":\"v1\"",
        means: "stage v1, asked for by media type",
    },
    Try {
        header: Some("Accept: application/vnd.example.v2+json"),
        status: 200,
        says: "\"version\":\"v2\"",
        means: "stage v2, asked for by media type",
    },
    Try { header: Some("APIVER: v2"), status: 200, says: "\"version\":\"v2\"", means: "stage v2, asked for by header" },
    Try {
        header: Some("APIVER: v9"),
        status: 403,
        says: "\"code\":\"unknown_version\"",
        means: "unknown_version; no stage hears of it",
    },
    Try {
        header: None,
        status: 403,
        says: "\"code\":\"missing_version\"",
        means: "missing_version, and how to name one",
    },
];

const TARGET: &str = "/orders?limit=2";

impl Try {
    /// The line as a user types it.
    pub(super) fn command(&self, proxy: SocketAddr) -> String {
        let header = self.header.map(|header| format!("-H '{header}' ")).unwrap_or_default();
        format!("curl -i {header}'http://{proxy}{TARGET}'")
    }

    /// What it answers.
    pub(super) fn expected(&self) -> String {
        format!("{} {}", self.status, self.means)
    }

    fn holds(&self, proxy: SocketAddr) -> Result<(), String> {
        let answer = fetch(proxy, "GET", TARGET, &self.header.map(str::to_owned).into_iter().collect::<Vec<_>>())
            .map_err(|error| format!("no answer: {error}"))?;
        let status: Option<u16> = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
        match status {
            Some(status) if status == self.status && answer.contains(self.says) => Ok(()),
            Some(status) => Err(format!("got {status}:\n{answer}")),
            None => Err(format!("this is not an HTTP answer: {answer:?}")),
        }
    }
}

/// One request, and the whole answer.
pub(super) fn fetch(proxy: SocketAddr, method: &str, target: &str, fields: &[String]) -> io::Result<String> {
    let mut stream = TcpStream::connect(proxy)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    stream.write_all(
        format!("{method} {target} HTTP/1.1\r\nHost: {proxy}\r\n{fields}Connection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Runs every line and says how it went; whether all of them hold.
pub(super) fn check(proxy: SocketAddr) -> bool {
    let held = TRIES.map(|line| report(&(line.command(proxy), line.expected()), line.holds(proxy)));
    held.iter().all(|held| *held)
}

/// Says how a line went: the line, what it is to come to, and why it does not.
pub(super) fn report((command, expected): &(String, String), outcome: Result<(), String>) -> bool {
    let (good, bad, plain) =
        if io::stdout().is_terminal() { ("\u{1b}[32m", "\u{1b}[31m", "\u{1b}[0m") } else { ("", "", "") };
    match &outcome {
        Ok(()) => print(format_args!("{good}ok{plain}    {command}\n      -> {expected}\n")),
        Err(why) => print(format_args!("{bad}FAILED{plain} {command}\n      -> expected {expected}; {why}\n")),
    }
    outcome.is_ok()
}
