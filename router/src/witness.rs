//! What the router found on its way, told to whoever asks. Serving asks for nothing and pays nothing.

use crate::{
    api::{Api, Methods, Unknown},
    cors::Cors,
    pin::Pinned,
    split::{By, SplitRow},
    version::{Source, accept::Range},
};
use http::{HeaderMap, Method};

/// A listener to the decision. `()` hears nothing, and the compiler removes the telling.
pub trait Witness {
    /// Takes one fact, in the order they are found.
    fn saw(&mut self, fact: Fact<'_>);
}

impl Witness for () {
    #[inline]
    fn saw(&mut self, _: Fact<'_>) {}
}

/// One finding.
#[derive(Debug, Clone, Copy)]
pub enum Fact<'a> {
    /// This API takes the request.
    ApiFound(&'a Api),
    /// The API's CORS policy, and the fields of the request it looks at.
    CrossOrigin(&'a Cors, &'a HeaderMap),
    /// The request is a CORS preflight, which the policy answers.
    Preflight,
    /// The API takes these methods, and not the request's.
    MethodRefused(&'a Methods, &'a Method),
    /// A media range, and what became of it.
    Range(Range<'a>, Reading<'a>),
    /// A value of the version header or in the URL, and what became of it.
    Value(Source, &'a [u8], Reading<'a>),
    /// Nothing asks for a version; the policy decides.
    NothingAsked,
    /// The path needs no version.
    Neutral,
    /// The version asked for is unknown; the nearest one answers, by this policy.
    Fell(Unknown),
    /// The policy names this version.
    Default(&'a str),
    /// Pins decide, and this is what is known of the consumer that the request names.
    Consumer(Option<&'a [u8]>, &'a Pinned),
    /// The consumer is pinned to this version; by an upgrade, or as before.
    PinnedTo {
        /// The version, range or alias.
        version: &'a str,
        /// Whether an upgrade says so.
        upgraded: bool,
    },
    /// The row that answers.
    Resolved {
        /// Where the version was read.
        source: Source,
        /// The row's key.
        key: &'a str,
    },
    /// The arm that was picked, where that row's traffic is split.
    Picked {
        /// The row.
        row: &'a SplitRow,
        /// The arm's place among its arms.
        arm: usize,
        /// By what.
        by: By,
    },
}

/// What one value or range amounts to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading<'a> {
    /// It names no version.
    Nothing,
    /// It cannot be a version.
    Malformed,
    /// No row has this version.
    Unknown,
    /// This row.
    Row(&'a str),
    /// It names two versions that are different rows.
    Contradiction,
}
