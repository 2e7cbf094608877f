//! What a fleet asks of its table, and how soon a change is everywhere: a simulation, for docs/scale.md.
//!
//! Nodes wait as `mappings/src/cache/pause.rs` has it: `refresh` ±10 % after a read that succeeded, full-jitter back-off
//! bounded by max(`refresh`, 10 s) after one that failed, `poll` ±10 % and doubled up to 10 s while it fails, and a poll that
//! finds another generation reads at once. The store answers, or for some minutes does not. Time is counted in milliseconds, chance has a fixed seed.

use std::{cmp::Reverse, collections::BinaryHeap};

const REFRESH: u64 = 60_000;
const CAP: u64 = 60_000;
const FIRST: u64 = 500;
const LEAST: u64 = 100;
/// The store is away in between.
const OUTAGE: std::ops::Range<u64> = 600_000..1_200_000;
const END: u64 = 1_800_000;
/// When somebody writes through Verge, and when somebody writes around it.
const WRITES: [u64; 2] = [300_000, 1_500_000];

/// One node: what it waits for.
#[derive(Clone, Copy, Default)]
struct Node {
    generation: u64,
    failures: u32,
    polls_failed: u32,
    /// The turn of its events that counts: a read puts off what was planned before it.
    turn: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Poll,
    Read,
}

struct Run {
    reads_per_second: Vec<u32>,
    polls: u64,
    reads: u64,
    /// When each node had each write, after it was made.
    delays: [Vec<u64>; 2],
}

fn run(nodes: usize, poll: Option<u64>) -> Run {
    let mut random = fastrand::Rng::with_seed(7);
    let mut fleet = vec![Node::default(); nodes];
    let seconds = usize::try_from(END / 1000).unwrap_or(0) + 1;
    let mut result = Run { reads_per_second: vec![0; seconds], polls: 0, reads: 0, delays: [Vec::new(), Vec::new()] };
    let mut queue = BinaryHeap::new();
    for node in 0..nodes {
        // Nodes start over a minute, as a roll-out does.
        queue.push(Reverse((random.u64(0..60_000), Event::Read, node, 0)));
    }
    while let Some(Reverse((now, event, at, turn))) = queue.pop() {
        let Some(node) = fleet.get_mut(at).filter(|node| now < END && node.turn == turn) else { continue };
        let away = OUTAGE.contains(&now);
        let generation = WRITES.iter().filter(|write| now >= **write).count() as u64;
        let again = match event {
            Event::Poll => {
                result.polls += 1;
                let found = !away && generation != node.generation;
                if !found {
                    node.polls_failed = if away { node.polls_failed + 1 } else { 0 };
                    let usual = poll.unwrap_or(END);
                    let pause = jitter(&mut random, (usual << node.polls_failed.min(16)).min(usual.max(10_000)));
                    queue.push(Reverse((now + pause, Event::Poll, at, turn)));
                }
                found
            }
            Event::Read => true,
        };
        if !again {
            continue;
        }
        result.reads += 1;
        if let Some(second) = result.reads_per_second.get_mut(usize::try_from(now / 1000).unwrap_or(0)) {
            *second += 1;
        }
        let pause = if away {
            node.failures += 1;
            let bound = (FIRST << node.failures.min(16)).min(CAP.max(10_000));
            random.u64(0..=bound).max(LEAST)
        } else {
            for write in node.generation..generation {
                let place = usize::try_from(write).unwrap_or(0);
                if let (Some(delays), Some(made)) = (result.delays.get_mut(place), WRITES.get(place)) {
                    delays.push(now - made);
                }
            }
            (node.failures, node.generation) = (0, generation);
            jitter(&mut random, REFRESH)
        };
        node.turn += 1;
        queue.push(Reverse((now + pause, Event::Read, at, node.turn)));
        if let Some(poll) = poll {
            queue.push(Reverse((now + jitter(&mut random, poll), Event::Poll, at, node.turn)));
        }
    }
    result
}

fn jitter(random: &mut fastrand::Rng, usual: u64) -> u64 {
    usual * 9 / 10 + random.u64(0..=usual / 5)
}

/// The value below which this many hundredths lie, in seconds.
fn percentile(delays: &mut [u64], hundredths: usize) -> f64 {
    delays.sort_unstable();
    let at = (delays.len() * hundredths / 100).min(delays.len().saturating_sub(1));
    delays.get(at).map_or(f64::NAN, |delay| *delay as f64 / 1000.0)
}

fn main() {
    println!("half an hour; refresh 60 s; the store is away from minute 10 to minute 20; writes in minutes 5 and 25");
    println!();
    println!(
        "| nodes | poll | change known, median / last | reads a second, mean | most, nothing happening | most, after a write | most, store away | most, store back | polls a second |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for nodes in [10, 1_000, 10_000] {
        for poll in [Some(1_000), Some(10_000), None] {
            let mut done = run(nodes, poll);
            let second = |time: u64| usize::try_from(time / 1000).unwrap_or(0);
            let most = |from: u64, to: u64| {
                done.reads_per_second
                    .get(second(from)..second(to))
                    .unwrap_or_default()
                    .iter()
                    .max()
                    .copied()
                    .unwrap_or(0)
            };
            let calm = most(60_000, WRITES[0]);
            let written = most(WRITES[0], WRITES[0] + 60_000);
            let away = most(OUTAGE.start, OUTAGE.end);
            let back = most(OUTAGE.end, OUTAGE.end + 60_000);
            let mean = done.reads as f64 / (END / 1000) as f64;
            let polls = done.polls as f64 / (END / 1000) as f64;
            let known = (percentile(&mut done.delays[0], 50), percentile(&mut done.delays[0], 100));
            let poll = poll.map_or("off".to_owned(), |poll| format!("{} s", poll / 1000));
            println!(
                "| {nodes} | {poll} | {:.1} s / {:.1} s | {mean:.1} | {calm} | {written} | {away} | {back} | {polls:.0} |",
                known.0, known.1
            );
        }
    }
}
