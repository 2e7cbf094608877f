//! What the router found on its way, as sentences.

use http::{HeaderMap, header};
use verge_mappings::Trips;
use verge_router::{
    Fact, Pinned, Source, SplitRow, Witness,
    api::{Scheme as VersionScheme, Unknown},
    cors::Cors,
    split::{By, Health, HeldArm, Sticky},
    witness::Reading,
};

/// The facts, as sentences.
pub(super) struct Steps<'t> {
    pub(super) now: i64,
    pub(super) health: &'t dyn Health,
    pub(super) trips: &'t Trips,
    pub(super) steps: Vec<String>,
}

impl Witness for Steps<'_> {
    fn saw(&mut self, fact: Fact<'_>) {
        self.steps.push(match fact {
            Fact::ApiFound(api) => {
                let path = api.path().map(|path| format!(" under {}", path.as_str())).unwrap_or_default();
                let sources: Vec<_> = Source::ALL
                    .into_iter()
                    .filter(|source| api.reads(*source))
                    .map(|source| match source {
                        Source::Header => format!("header `{}`", api.header_text()),
                        Source::Query => format!("query parameter `{}`", api.query()),
                        Source::Path => "the path".to_owned(),
                        Source::Host => {
                            format!("the host by `{}`", api.host().map(ToString::to_string).unwrap_or_default())
                        }
                        source => source.as_str().to_owned(),
                    })
                    .collect();
                let scheme = match api.scheme() {
                    VersionScheme::Label => String::new(),
                    scheme => format!(", by scheme `{}`", scheme.as_str()),
                };
                format!("API `{}`{path} takes it; versions are read from {}{scheme}", api.name(), sources.join(" and "))
            }
            Fact::CrossOrigin(cors, fields) => cross_origin(cors, fields),
            Fact::Preflight => "a CORS preflight: it carries no version, and is answered here".to_owned(),
            Fact::Range(range, reading) => format!(
                "Accept `{}`, weight {}: {}",
                printable(range.element),
                f64::from(range.q) / 1000.0,
                sentence(reading)
            ),
            Fact::Value(source, value, reading) => {
                format!("{} value `{}`: {}", source.as_str(), printable(value), sentence(reading))
            }
            Fact::MethodRefused(methods, method) => {
                format!("the API takes {}, and not `{method}`", methods.allow().to_str().unwrap_or_default())
            }
            Fact::NothingAsked => "no version is asked for; the missing-version policy decides".to_owned(),
            Fact::Neutral => "the path needs no version".to_owned(),
            Fact::Fell(unknown) => {
                let nearest = if unknown == Unknown::Forward { "newer" } else { "older" };
                format!("it is unknown, and the policy `{}` takes the nearest {nearest} version", unknown.as_str())
            }
            Fact::Default(default) => format!("the policy is version `{default}`"),
            Fact::Consumer(None, _) => "the policy is `pin`, and the request names no consumer".to_owned(),
            Fact::Consumer(Some(subject), pinned) => {
                let known = match pinned {
                    Pinned::To(_) => "has a pin",
                    Pinned::Nowhere => "has no pin",
                    Pinned::Unreadable => "has a pin that cannot be read",
                    Pinned::NotKnown => "is not known yet, and is loaded meanwhile",
                };
                format!("the policy is `pin`, and consumer `{}` {known}", printable(subject))
            }
            Fact::PinnedTo { version, upgraded: false } => format!("it is pinned to `{version}`"),
            Fact::PinnedTo { version, upgraded: true } => format!("its upgrade is to `{version}`"),
            Fact::Resolved { source, key } => format!("row `{key}` answers, by {}", source.as_str()),
            Fact::Picked { row, arm, by } => self.picked(row, arm, by),
        });
    }
}

impl Steps<'_> {
    /// Which arm, by what, and of which.
    fn picked(&self, row: &SplitRow, arm: usize, by: By) -> String {
        let name = row.arms().get(arm).map_or("", |arm| arm.name());
        let by = match by {
            By::Override => "by override".to_owned(),
            By::Pin => "as the cookie pins the client to it while it drains".to_owned(),
            By::Sticky(place) => {
                format!("by `{}`", row.sticky().get(usize::from(place)).map(Sticky::text).unwrap_or_default())
            }
            By::Chance => "by chance, from the request id".to_owned(),
            By::Left => "as all others are out".to_owned(),
            By::Fallback => "as another failed".to_owned(),
        };
        let total: u64 = row.weights(self.now).map(u64::from).sum();
        let share = |weight: u16| f64::from(weight) * 100.0 / total.max(1) as f64;
        let arms: Vec<String> = row
            .arms()
            .iter()
            .zip(row.weights(self.now))
            .map(|(arm, weight)| format!("{} {} %", arm.name(), share(weight)))
            .collect();
        let out: String =
            row.arms().iter().filter(|arm| self.health.is_tripped(row, arm)).map(|arm| self.trip(row, arm)).collect();
        format!("arm `{name}` is picked {by}; shares now: {}{out}", arms.join(", "))
    }

    /// That a breaker took an arm out, and why, where the table says it.
    fn trip(&self, row: &SplitRow, arm: &HeldArm) -> String {
        let trip = self.trips.of(row.api().name(), row.key()).find(|trip| trip.of == arm.fingerprint());
        let why = trip.map(|trip| format!(": {}", trip.detail)).unwrap_or_default();
        format!("; a breaker took `{}` out{why}", arm.name())
    }
}

fn cross_origin(cors: &Cors, fields: &HeaderMap) -> String {
    let origin = match fields.get(header::ORIGIN) {
        Some(origin) => format!("web origin `{}`", printable(origin.as_bytes())),
        None => "a request without Origin".to_owned(),
    };
    match cors.allows(fields) {
        Some(allow) => format!("the CORS policy lets `{}` read the answer: {origin}", printable(allow.as_bytes())),
        None => format!("the CORS policy gives no fields to {origin}"),
    }
}

fn sentence(reading: Reading<'_>) -> String {
    match reading {
        Reading::Nothing => "names no version of this API".to_owned(),
        Reading::Malformed => "cannot be a version".to_owned(),
        Reading::Unknown => "no row has this version".to_owned(),
        Reading::Row(key) => format!("row `{key}`"),
        Reading::Contradiction => "names two versions that differ".to_owned(),
    }
}

fn printable(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().chars().take(200).collect()
}
