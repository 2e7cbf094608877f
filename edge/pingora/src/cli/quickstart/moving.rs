//! The canary of the quickstart: users counted by arm, the command that moves it, and the count after.

use super::{
    API,
    ground::Ground,
    tries::{fetch, report},
};
use std::{
    collections::BTreeMap,
    io,
    net::SocketAddr,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

/// The version that is split.
pub(super) const VERSION: &str = "v2";
/// The canary's weight of 10 000, at the start.
pub(super) const WEIGHT: u32 = 1000;
/// By what users are recognised.
pub(super) const STICKY: &str = "header:x-user";
/// Any text would do. With this one, found by trying, the twenty users are split as evenly as their number allows.
pub(super) const SALT: &str = "quickstart-252";

const USERS: usize = 20;
/// Of these users so many are the canary's, at the start.
const FEW: usize = 2;
/// And so many at half the weight.
const HALF: usize = 10;

/// How long a change may take to be live. One read of the table is due every 200 ms.
const LIVE: Duration = Duration::from_secs(5);

/// What to try, and what comes of it.
pub(super) fn lines(proxy: SocketAddr, ground: &Ground) -> [(String, String); 4] {
    let count = counting(proxy);
    [
        (count.clone(), format!("{FEW} of {USERS} users are on the canary, always the same")),
        (ground.shown(&set(ground)), "within a second, while all of this runs".to_owned()),
        (count, format!("{HALF} of {USERS}, the {FEW} of before among them")),
        (ground.shown(&status(ground)), "weights, and what the proxy saw of each arm".to_owned()),
    ]
}

/// Counts users by arm. HEAD, for the arm is in a field.
fn counting(proxy: SocketAddr) -> String {
    let ask = format!("curl -sI -H 'APIVER: {VERSION}' -H \"x-user: $n\" http://{proxy}/orders");
    format!("for n in $(seq {USERS}); do {ask}; done | grep -i verge-arm | sort | uniq -c")
}

fn set(ground: &Ground) -> Vec<String> {
    let [mut words, more] = [words("set", ground), ["--weight", "50%"].map(str::to_owned).to_vec()];
    words.extend(more);
    words
}

fn status(ground: &Ground) -> Vec<String> {
    words("status", ground)
}

fn words(step: &str, ground: &Ground) -> Vec<String> {
    let file = ground.config().to_string_lossy().into_owned();
    ["canary", step, "-c", &file, API, VERSION].map(str::to_owned).to_vec()
}

/// Runs the lines, each command as a process of its own, and says how it went.
pub(super) fn check(proxy: SocketAddr, ground: &Ground) -> bool {
    let [before, moved, after, seen] = lines(proxy, ground);
    let counted = |wanted| match count(proxy) {
        Ok(users) if users == wanted => Ok(()),
        Ok(users) => Err(format!("counted {users:?}")),
        Err(error) => Err(error.to_string()),
    };
    let held = [
        report(&before, counted(arms(FEW))),
        report(&moved, run(&set(ground))),
        report(&after, wait_until(|| counted(arms(HALF)))),
        report(&seen, run(&status(ground))),
    ];
    held.iter().all(|held| *held)
}

fn arms(canary: usize) -> BTreeMap<String, usize> {
    BTreeMap::from([("canary".to_owned(), canary), ("stable".to_owned(), USERS - canary)])
}

fn count(proxy: SocketAddr) -> io::Result<BTreeMap<String, usize>> {
    let mut arms = BTreeMap::new();
    for user in 1..=USERS {
        let fields = [format!("APIVER: {VERSION}"), format!("x-user: {user}")];
        let answer = fetch(proxy, "HEAD", "/orders", &fields)?;
        let arm = answer.lines().filter_map(|line| line.split_once(": ")).find(|(name, _)| *name == "verge-arm");
        let arm = arm.map_or_else(|| "(none)".to_owned(), |(_, arm)| arm.trim().to_owned());
        *arms.entry(arm).or_default() += 1;
    }
    Ok(arms)
}

fn run(words: &[String]) -> Result<(), String> {
    let ran = Command::new(std::env::current_exe().as_deref().unwrap_or(Path::new("verge"))).args(words).output();
    match ran {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{}:\n{}", output.status, String::from_utf8_lossy(&output.stderr))),
        Err(error) => Err(error.to_string()),
    }
}

fn wait_until(mut holds: impl FnMut() -> Result<(), String>) -> Result<(), String> {
    let deadline = Instant::now() + LIVE;
    loop {
        match holds() {
            Err(_) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(20)),
            outcome => return outcome,
        }
    }
}
