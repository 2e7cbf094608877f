//! `[canary]`: who may choose an arm, and when a breaker takes one out.

use crate::{secret::Secret, section::Section};
use std::time::Duration;
use verge_router::origin::Cidr;

/// `[canary]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canary {
    /// The key that overrides and sticky cookies are signed with; the same on all nodes. Without one no cookie is set,
    /// and no signed override is believed.
    pub key: Option<Secret>,
    /// Where testers come from, who need no signature.
    pub testers: Vec<Cidr>,
    /// When an arm is taken out; `None`: never.
    pub breaker: Option<Breaker>,
}

/// When an arm is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    /// What is looked at: 1 s to an hour.
    pub window: Duration,
    /// Requests an arm must have had in a window to be judged: 1 to a million.
    pub sample: u64,
    /// Percentage points by which its failures may exceed stable's: 0 to 100.
    pub errors: u64,
    /// Per cent of stable's latency (95th percentile) that an arm's may be: 100 to 10 000; `None`, written 0: any.
    pub latency: Option<u64>,
    /// Whether a trip is written to the table, so that all nodes follow.
    pub share: bool,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { window: Duration::from_secs(30), sample: 50, errors: 5, latency: Some(300), share: true }
    }
}

impl Default for Canary {
    fn default() -> Self {
        Self { key: None, testers: Vec::new(), breaker: Some(Breaker::default()) }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn read(root: &mut Section<'_>) -> Canary {
    let default = Breaker::default();
    let Some(mut section) = root.section("canary") else { return Canary::default() };
    let key = section.parse("key", Secret::parse);
    let testers = section.list("testers", parse_network).unwrap_or_default();
    let watches = section.boolean("breaker").unwrap_or(true);
    let breaker = Breaker {
        window: section.duration("window", default.window, SECOND..=HOUR),
        sample: section.integer("sample", default.sample, 1..=1_000_000),
        errors: section.integer("errors", default.errors, 0..=100),
        latency: match section.entry("latency") {
            Some(entry) => entry.integer(0..=10_000).filter(|percent| {
                if (1..100).contains(percent) {
                    entry.refuse("an arm cannot be asked to be faster than stable: 100 or more, or 0 for any latency");
                }
                *percent > 0
            }),
            None => default.latency,
        },
        share: section.boolean("share").unwrap_or(default.share),
    };
    section.close();
    Canary { key, testers, breaker: watches.then_some(breaker) }
}

pub(crate) fn parse_network(text: &str) -> Result<Cidr, String> {
    let shown = crate::units::shown(text);
    Cidr::parse(text).ok_or_else(|| format!("`{shown}` is not a block of addresses such as `10.0.0.0/8`"))
}
