//! One decision at every edge: the corpus, and requests made of its pieces, through the router itself, the proxy, Envoy and
//! Lambda@Edge; what each did is compared with what the router says.
//!
//! `make conformance` builds what it needs and runs it. Environment: `N` (generated requests), `SEED`, `EDGES` (a comma list).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what checks everything fails by panicking, and tells what it found"
)]

mod core;
mod envoy;
mod exceptions;
mod generate;
mod lambda;
mod origin;
mod pingora;
mod seen;
mod vectors;
mod wire;

use crate::{
    core::Core,
    envoy::Envoy,
    exceptions::Exceptions,
    generate::Generator,
    lambda::Lambda,
    origin::Origin,
    pingora::Pingora,
    seen::{Asked, Seen},
};
use std::{collections::BTreeMap, env, process::ExitCode, sync::Arc, time::Instant};
use verge_tests::{
    certs::Authority,
    corpus::{self, Case, Fixture},
};

/// What an edge made of a request; `None`: it cannot be asked this.
trait Edge {
    fn name(&self) -> &'static str;
    fn ask(&mut self, fixture: &Fixture, asked: &Asked) -> Option<Seen>;
}

/// The most divergences that are told in full.
const TOLD: usize = 20;

#[derive(Default)]
struct Tally {
    compared: u64,
    skipped: u64,
    diverged: u64,
}

fn main() -> ExitCode {
    let number = |name: &str, default: u64| env::var(name).map_or(default, |text| text.parse().expect(name));
    let (count, seed) = (number("N", 100_000), number("SEED", 20_261_125));
    let wanted = env::var("EDGES").unwrap_or_else(|_| "pingora,envoy,lambda".to_owned());
    let cases = corpus::load();
    let mut fixtures: BTreeMap<String, Arc<Fixture>> = BTreeMap::new();
    for case in &cases {
        fixtures.entry(case.fixture.name.clone()).or_insert_with(|| case.fixture.clone());
    }
    vectors::write(&cases);
    let cores: BTreeMap<String, Core> =
        fixtures.iter().map(|(name, fixture)| (name.clone(), Core::new(fixture))).collect();
    let exceptions = Exceptions::read();
    let authority = Authority::new();
    let origin = Origin::start(&authority, &fixtures);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _inside = runtime.enter();
    let mut edges: Vec<Box<dyn Edge + '_>> = Vec::new();
    for name in wanted.split(',') {
        edges.push(match name {
            "pingora" => Box::new(Pingora::new(&runtime, &authority, origin.clone())),
            "envoy" => Box::new(Envoy::start(&fixtures, &origin)),
            "lambda" => Box::new(Lambda::start()),
            other => panic!("there is no edge `{other}`: pingora, envoy, lambda"),
        });
    }

    let mut divergences = 0;
    println!("seed {seed}, {} cases, {count} generated requests", cases.len());
    for edge in &mut edges {
        let started = Instant::now();
        let [mut corpus, mut made] = [Tally::default(), Tally::default()];
        // By table, so that an edge that serves one at a time is set up once for each.
        let mut generator = Generator::new(&cases, seed);
        let share = count.div_ceil(generator.fixtures().max(1));
        let mut left = count;
        for (name, fixture) in &fixtures {
            let core = &cores[name];
            for case in cases.iter().filter(|case| case.fixture.name == *name) {
                let asked = Asked::of(case);
                one(&mut **edge, core, fixture, &asked, &case.name, &exceptions, &mut corpus);
            }
            if generator.makes(name) {
                for number in 0..share.min(left) {
                    let asked = generator.make(name);
                    one(&mut **edge, core, fixture, &asked, &format!("{name} {number}"), &exceptions, &mut made);
                }
                left -= share.min(left);
            }
        }
        for (what, tally) in [("corpus", &corpus), ("generated", &made)] {
            let Tally { compared, skipped, diverged } = tally;
            println!(
                "{:8} {what:10} {compared:8} compared {skipped:6} not asked {diverged:6} divergences",
                edge.name()
            );
        }
        println!("{:8} {:.1} s", edge.name(), started.elapsed().as_secs_f64());
        divergences += corpus.diverged + made.diverged;
    }
    println!("{divergences} divergences at {} edges beside the router", edges.len());
    if divergences == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn one(
    edge: &mut dyn Edge,
    core: &Core,
    fixture: &Fixture,
    asked: &Asked,
    name: &str,
    exceptions: &Exceptions,
    tally: &mut Tally,
) {
    if exceptions.skips(edge.name(), name, asked) {
        tally.skipped += 1;
        return;
    }
    let Some(seen) = edge.ask(fixture, asked) else {
        tally.skipped += 1;
        return;
    };
    tally.compared += 1;
    let expected = core.decide(fixture, asked, &seen.id);
    let differences = exceptions.differences(edge.name(), &expected, &seen);
    if !differences.is_empty() {
        tally.diverged += 1;
        if tally.diverged <= TOLD as u64 {
            println!("{}: {name}: {}\n    - {}", edge.name(), asked.line(), differences.join("\n    - "));
        }
    }
}

/// Whether a case can be asked of an edge that has its own clock.
fn is_timeless(asked: &Asked) -> bool {
    asked.now.is_none()
}

/// Whether a table is one that edges without a store can hold.
fn is_whole(case: &Case) -> bool {
    case.fixture.before.is_empty() && case.fixture.unread.is_empty()
}
