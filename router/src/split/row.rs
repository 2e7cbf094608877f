//! A row whose traffic is split, as a table holds it.

use super::{
    Leads, Ramp, Split, Sticky,
    draw::{Draw, Drawn},
    siphash::SipHash,
};
use crate::{
    UnixTime,
    api::Api,
    lifecycle::Lifecycle,
    origin::Origin,
    table::{Mapping, MappingSpec},
};
use alloc::{boxed::Box, format, sync::Arc, vec::Vec};
use http::{HeaderName, HeaderValue};

/// A version served by several arms. Never empty, and its weights are never all zero.
#[derive(Debug)]
pub struct SplitRow {
    api: Arc<Api>,
    key: Box<str>,
    version: HeaderValue,
    hidden: bool,
    lifecycle: Option<Lifecycle>,
    arms: Box<[HeldArm]>,
    sticky: Box<[Sticky]>,
    ramp: Option<Ramp>,
    drain: bool,
    /// The signed cookie's name, where one is sticky.
    cookie: Option<Box<str>>,
    vary: Box<[HeaderName]>,
}

/// An arm of a row.
#[derive(Debug)]
pub struct HeldArm {
    name: Box<str>,
    label: HeaderValue,
    weight: u16,
    draw: Draw,
    pub(super) way: Way,
    fingerprint: u64,
}

/// Where an arm leads.
#[derive(Debug)]
pub(super) enum Way {
    /// To an origin of its own: the row's version, served there.
    Own(Arc<Mapping>),
    /// To what another row answers.
    Version(Box<str>),
}

impl SplitRow {
    /// `version` is what `api-version` says of this row.
    pub(crate) fn new(
        api: &Arc<Api>,
        key: &str,
        version: &HeaderValue,
        split: Split,
        hidden: bool,
        lifecycle: Option<Lifecycle>,
    ) -> Self {
        let Split { arms, salt, sticky, ramp, drain } = split;
        let hold = |arm: super::Arm| {
            let fingerprint = fingerprint(api.name(), key, &salt, &arm);
            let super::Arm { name, weight, leads } = arm;
            let way = match leads {
                Leads::Version(version) => Way::Version(version),
                Leads::Origin(origin) => {
                    let spec = MappingSpec { origin, hidden, lifecycle: lifecycle.clone() };
                    Way::Own(Arc::new(Mapping::new(api.clone(), key, version.clone(), spec)))
                }
            };
            HeldArm {
                // Names are checked to be tokens.
                label: HeaderValue::from_str(&name).unwrap_or(HeaderValue::from_static("?")),
                draw: Draw::new(&salt, api.name(), key, &name),
                name,
                weight,
                way,
                fingerprint,
            }
        };
        let mut vary: Vec<HeaderName> = Vec::new();
        for field in sticky.iter().filter_map(Sticky::field) {
            if !vary.contains(&field) && !api.vary().contains(&field) {
                vary.push(field);
            }
        }
        let cookie = sticky.contains(&Sticky::Signed).then(|| cookie_name(api.name(), key));
        Self {
            arms: arms.into_iter().map(hold).collect(),
            api: api.clone(),
            key: key.into(),
            version: version.clone(),
            hidden,
            lifecycle,
            sticky: sticky.into(),
            ramp,
            drain,
            cookie,
            vary: vary.into(),
        }
    }

    /// The API it belongs to.
    #[must_use]
    pub fn api(&self) -> &Arc<Api> {
        &self.api
    }

    /// The row's key as stored.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// What `api-version` says where an arm with an origin of its own answers.
    #[must_use]
    pub fn version(&self) -> &HeaderValue {
        &self.version
    }

    /// Whether it is left out of what clients are shown.
    #[must_use]
    pub fn hidden(&self) -> bool {
        self.hidden
    }

    /// Deprecation, sunset, brownouts.
    #[must_use]
    pub fn lifecycle(&self) -> Option<&Lifecycle> {
        self.lifecycle.as_ref()
    }

    /// Its arms; the last is stable.
    #[must_use]
    pub fn arms(&self) -> &[HeldArm] {
        &self.arms
    }

    /// By what clients stick to an arm, the first present first.
    #[must_use]
    pub fn sticky(&self) -> &[Sticky] {
        &self.sticky
    }

    /// Whether the client's address may decide.
    pub(crate) fn sticks_to_address(&self) -> bool {
        self.sticky.contains(&Sticky::Address)
    }

    /// Whether clients that the signed cookie pins to an arm of weight 0 stay there.
    #[must_use]
    pub fn drains(&self) -> bool {
        self.drain
    }

    /// How the first arm's weight grows.
    #[must_use]
    pub fn ramp(&self) -> Option<&Ramp> {
        self.ramp.as_ref()
    }

    /// The name of its signed cookie, where it has one.
    #[must_use]
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// Fields that answers vary by, besides the API's own.
    #[must_use]
    pub fn vary(&self) -> &[HeaderName] {
        &self.vary
    }

    /// The arm that has the rest.
    #[must_use]
    pub fn is_stable(&self, arm: usize) -> bool {
        arm + 1 == self.arms.len()
    }

    /// The weights at this time, arm by arm.
    pub fn weights(&self, now: UnixTime) -> impl Iterator<Item = u16> {
        self.weighted(now).map(|(_, _, weight)| weight)
    }

    /// The place of the arm that a client draws at this time, by its subject, where every arm is well and leads somewhere.
    #[must_use]
    pub fn drawn_by(&self, subject: &[u8], now: UnixTime) -> Option<usize> {
        Some(self.draw(subject, now, |_, _| true)?.0)
    }

    /// The arm that a client draws at this time, by its subject, of those that have weight and that it may.
    #[inline]
    pub(super) fn draw(
        &self,
        subject: &[u8],
        now: UnixTime,
        mut may: impl FnMut(usize, &HeldArm) -> bool,
    ) -> Option<(usize, &HeldArm)> {
        let mut best: Option<(usize, &HeldArm, Drawn)> = None;
        for (place, arm, weight) in self.weighted(now) {
            if weight == 0 || !may(place, arm) {
                continue;
            }
            let drawn = arm.draw.drawn(weight, subject);
            if best.is_none_or(|(_, _, highest)| drawn.beats(highest)) {
                best = Some((place, arm, drawn));
            }
        }
        best.map(|(place, arm, _)| (place, arm))
    }

    /// Its arms with their places, and their weights at this time.
    #[inline]
    pub(super) fn weighted(&self, now: UnixTime) -> impl Iterator<Item = (usize, &HeldArm, u16)> {
        let first = self.arms.first().map_or(0, |arm| arm.weight);
        let gain = self.ramp.as_ref().map_or(0, |ramp| ramp.gain(first, now));
        let last = self.arms.len().saturating_sub(1);
        self.arms.iter().enumerate().map(move |(place, arm)| match place {
            0 => (place, arm, arm.weight.saturating_add(gain)),
            place if place == last => (place, arm, arm.weight.saturating_sub(gain)),
            _ => (place, arm, arm.weight),
        })
    }
}

impl HeldArm {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same as a field value.
    #[must_use]
    pub fn label(&self) -> &HeaderValue {
        &self.label
    }

    /// Its weight as stored, before any ramp.
    #[must_use]
    pub fn weight(&self) -> u16 {
        self.weight
    }

    /// The origin it leads to, where it is its own.
    #[must_use]
    pub fn origin(&self) -> Option<&Origin> {
        match &self.way {
            Way::Own(mapping) => Some(mapping.origin()),
            Way::Version(_) => None,
        }
    }

    /// The version it leads to, where it has no origin of its own.
    #[must_use]
    pub fn leads_to(&self) -> Option<&str> {
        match &self.way {
            Way::Own(_) => None,
            Way::Version(version) => Some(version),
        }
    }

    /// What tells this canary from the next one of the same name: its row, salt, name and where it leads, not its weight.
    /// What a breaker trips is this.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        self.fingerprint
    }
}

fn fingerprint(api: &str, key: &str, salt: &str, arm: &super::Arm) -> u64 {
    let leads = match &arm.leads {
        Leads::Version(version) => format!("version {version}"),
        Leads::Origin(origin) => {
            format!("{}://{}:{}{}", origin.scheme().as_str(), origin.domain(), origin.port(), origin.base_path())
        }
    };
    let mut hash = SipHash::new();
    for field in [api, key, salt, &arm.name, &leads] {
        hash.field(field.as_bytes());
    }
    hash.finish()
}

/// How the names of Verge's own cookies begin. No origin sees one.
pub(crate) const COOKIE_PREFIX: &str = "__Host-verge-";

/// One cookie for each row, whatever characters its key has.
fn cookie_name(api: &str, key: &str) -> Box<str> {
    let mut hash = SipHash::new();
    hash.field(api.as_bytes());
    hash.field(key.as_bytes());
    format!("{COOKIE_PREFIX}{:08x}", hash.finish() >> 32).into()
}
