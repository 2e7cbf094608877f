//! `verge quickstart`, as a process: what it prints is what it does, and nothing is left.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::{fs, process::Command};
use verge_tests::{node::binary, scratch::Scratch};

#[test]
fn the_printed_lines_do_as_printed() {
    let scratch = Scratch::new();
    let ran = Command::new(binary()).args(["quickstart", "--check"]).env("TMPDIR", scratch.path()).output().unwrap();
    let (out, err) = (String::from_utf8(ran.stdout).unwrap(), String::from_utf8(ran.stderr).unwrap());
    assert!(ran.status.success(), "{out}\n{err}");
    let commands: Vec<&str> = out.lines().filter_map(|line| line.strip_prefix("ok ")).collect();
    assert_eq!(commands.len(), 9, "{out}");
    assert!(commands.iter().any(|command| command.contains("canary set")), "{out}");
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0, "something is left");
}
