//! What was asked of an edge and what came of it, counted and told.

use crate::seen::Asked;
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// The most divergences of an edge that are told in full.
const TOLD: u64 = 20;
/// How long nothing is told of an edge that is being asked.
const SILENCE: Duration = Duration::from_secs(20);

#[derive(Default)]
struct Counts {
    compared: u64,
    not_asked: u64,
    diverged: u64,
}

/// One edge's.
pub(crate) struct Tally {
    edge: &'static str,
    cases: Counts,
    made: Counts,
    /// Why requests were not asked: of cases, and of those generated.
    reasons: BTreeMap<String, (u64, u64)>,
    started: Instant,
    took: Duration,
    told: Instant,
}

impl Counts {
    fn compared(&mut self, differences: &[String]) -> u64 {
        self.compared += 1;
        self.diverged += u64::from(!differences.is_empty());
        self.diverged
    }
}

impl Tally {
    pub(crate) fn of(edge: &'static str) -> Self {
        let (cases, made, reasons) = Default::default();
        let now = Instant::now();
        Self { edge, cases, made, reasons, started: now, took: Duration::ZERO, told: now }
    }

    /// All was asked.
    pub(crate) fn end(mut self) -> Self {
        self.took = self.started.elapsed();
        self
    }

    /// A case was asked.
    pub(crate) fn case(&mut self, name: &str, asked: &Asked, differences: &[String]) {
        let so_far = self.cases.compared(differences);
        self.report(so_far, name, asked, differences);
    }

    /// A generated request was asked.
    pub(crate) fn made(&mut self, name: &str, asked: &Asked, differences: &[String]) {
        let so_far = self.made.compared(differences);
        self.report(so_far, name, asked, differences);
    }

    /// So many tables are done with, of so many.
    pub(crate) fn progress(&mut self, done: usize, tables: usize) {
        if self.told.elapsed() >= SILENCE {
            self.told = Instant::now();
            let diverged = self.cases.diverged + self.made.diverged;
            println!("{}: {done} of {tables} tables, {diverged} divergences so far", self.edge);
        }
    }

    /// A case could not be asked.
    pub(crate) fn case_not_asked(&mut self, why: String) {
        self.cases.not_asked += 1;
        self.reasons.entry(why).or_default().0 += 1;
    }

    /// A generated request could not be asked.
    pub(crate) fn made_not_asked(&mut self, why: String) {
        self.made.not_asked += 1;
        self.reasons.entry(why).or_default().1 += 1;
    }

    fn report(&self, so_far: u64, name: &str, asked: &Asked, differences: &[String]) {
        if !differences.is_empty() && so_far <= TOLD {
            println!("{}: {name}: {}\n    - {}", self.edge, asked.line(), differences.join("\n    - "));
        }
    }

    /// Whether nothing diverged, and something was compared.
    pub(crate) fn holds(&self) -> bool {
        self.cases.compared > 0 && self.cases.diverged + self.made.diverged == 0
    }

    /// What was not asked, with the reasons.
    pub(crate) fn tell(&self) {
        let Counts { compared, diverged, .. } = &self.cases;
        let seconds = self.took.as_secs_f64();
        println!(
            "{}: {compared} cases and {} generated requests in {seconds:.1} s, {} divergences",
            self.edge,
            self.made.compared,
            diverged + self.made.diverged,
        );
        for (why, (cases, made)) in &self.reasons {
            println!("    not asked: {cases:3} cases, {made:6} generated: {why}");
        }
    }
}

/// Cases by edges.
pub(crate) fn sum_up(tallies: &[Tally]) {
    println!(
        "\n{:10}{:>8}{:>11}{:>11}{:>11}{:>13}",
        "edge", "cases", "not asked", "generated", "not asked", "divergences"
    );
    for Tally { edge, cases, made, .. } in tallies {
        let diverged = cases.diverged + made.diverged;
        let (of_cases, of_made) = (cases.not_asked, made.not_asked);
        println!("{edge:10}{:8}{of_cases:11}{:11}{of_made:11}{diverged:13}", cases.compared, made.compared);
    }
    let diverged: u64 = tallies.iter().map(|tally| tally.cases.diverged + tally.made.diverged).sum();
    println!("{diverged} divergences at {} edges", tallies.len());
}
