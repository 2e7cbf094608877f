//! One decision at every edge: the corpus, and requests made of its pieces, through the router itself, the proxy, Envoy and
//! Lambda@Edge; what each did is compared with what the router says, and what the router says of the corpus with the corpus.
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

mod clock;
mod core;
mod envoy;
mod exceptions;
mod generate;
mod lambda;
mod origin;
mod pingora;
mod rows;
mod seen;
mod tables;
mod tally;
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
    tally::Tally,
};
use std::{collections::BTreeMap, env, process::ExitCode, sync::Arc, thread};
use verge_tests::{
    certs::Authority,
    corpus::{self, Case, Fixture},
};

/// What an edge made of a request.
trait Edge {
    fn name(&self) -> &'static str;
    fn ask(&mut self, fixture: &Fixture, asked: &Asked) -> Result<Seen, NotAsked>;
}

/// Why an edge was not asked.
enum NotAsked {
    /// It cannot be asked this, and that is known: counted.
    Known(String),
    /// It should have been: as bad as another decision.
    Failed(String),
}

impl NotAsked {
    fn known(why: &str) -> Self {
        Self::Known(why.to_owned())
    }
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
    let run = Run {
        cores: fixtures.iter().map(|(name, fixture)| (name.clone(), Core::new(fixture))).collect(),
        exceptions: Exceptions::read(),
        cases,
        fixtures,
        count,
        seed,
    };
    println!("seed {seed}: {} cases over {} tables, {count} generated requests", run.cases.len(), run.fixtures.len());
    let mut tallies = vec![run.router()];
    tallies[0].tell();

    // Beside one another: they wait for other processes most of the time.
    thread::scope(|scope| {
        let asked: Vec<_> = wanted.split(',').map(|name| scope.spawn(|| run.edge(name))).collect();
        for tally in asked.into_iter().map(|asked| asked.join().unwrap()) {
            tally.tell();
            tallies.push(tally);
        }
    });
    tally::sum_up(&tallies);
    if tallies.iter().all(Tally::holds) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What is asked of every edge.
struct Run {
    cases: Vec<Case>,
    fixtures: BTreeMap<String, Arc<Fixture>>,
    cores: BTreeMap<String, Core>,
    exceptions: Exceptions,
    count: u64,
    seed: u64,
}

impl Run {
    /// The router, held against the corpus. Of requests that are generated it is the measure itself.
    fn router(&self) -> Tally {
        let mut tally = Tally::of("core");
        for case in &self.cases {
            let differences = case.differences(&self.cores[&case.fixture.name].observe(case));
            tally.case(&case.name, &Asked::of(case), &differences);
        }
        tally.end()
    }

    /// An edge by its name, held against the router.
    fn edge(&self, name: &str) -> Tally {
        let authority = Authority::new();
        let origin = Origin::start(&authority, &self.fixtures);
        match name {
            "pingora" => self.ask(&mut Pingora::new(&authority, origin)),
            "envoy" => {
                let tls: Vec<&str> =
                    self.cases.iter().filter(|case| case.tls).map(|case| &*case.fixture.name).collect();
                self.ask(&mut Envoy::start(&self.fixtures, &tls, &authority, &origin))
            }
            "lambda" => self.ask(&mut Lambda::start()),
            other => panic!("there is no edge `{other}`: pingora, envoy, lambda"),
        }
    }

    fn ask(&self, edge: &mut dyn Edge) -> Tally {
        let mut tally = Tally::of(edge.name());
        let mut generator = Generator::new(&self.cases, self.seed);
        let share = self.count.div_ceil(generator.fixtures().max(1));
        let mut left = self.count;
        // By table, so that an edge that serves one at a time is set up once for each.
        for (done, (table, fixture)) in self.fixtures.iter().enumerate() {
            tally.progress(done, self.fixtures.len());
            for case in self.cases.iter().filter(|case| case.fixture.name == *table) {
                let asked = Asked::of(case);
                match self.compare(edge, fixture, &asked, &case.name) {
                    Ok(differences) => tally.case(&case.name, &asked, &differences),
                    Err(NotAsked::Known(why)) => tally.case_not_asked(why),
                    Err(NotAsked::Failed(why)) => tally.case(&case.name, &asked, &[why]),
                }
            }
            for number in 0..share.min(left) {
                let asked = generator.make(table);
                let name = format!("{table} {number}");
                match self.compare(edge, fixture, &asked, &name) {
                    Ok(differences) => tally.made(&name, &asked, &differences),
                    Err(NotAsked::Known(why)) => tally.made_not_asked(why),
                    Err(NotAsked::Failed(why)) => tally.made(&name, &asked, &[why]),
                }
            }
            left -= share.min(left);
        }
        tally.end()
    }

    fn compare(
        &self,
        edge: &mut dyn Edge,
        fixture: &Fixture,
        asked: &Asked,
        name: &str,
    ) -> Result<Vec<String>, NotAsked> {
        if let Some(why) = self.exceptions.skips(edge.name(), name, asked) {
            return Err(NotAsked::Known(why));
        }
        let seen = edge.ask(fixture, asked)?;
        let expected = self.cores[&fixture.name].decide(fixture, asked, &seen.id);
        Ok(self.exceptions.differences(edge.name(), &expected, &seen))
    }
}
