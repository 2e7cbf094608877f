//! The choice itself, and what of it has to be said later.

use super::{
    Sticky,
    row::{HeldArm, SplitRow, Way},
    seal::{COOKIE_LIFE, Pin, VERGE_OVERRIDE, is_subject, open_override},
    subject::{Room, Subject},
};
use crate::{
    moment::Moment,
    request::Request,
    resolve,
    table::{ApiTable, Found, Good, Mapping},
    witness::{Fact, Witness},
};
use alloc::{boxed::Box, sync::Arc};
use core::{iter, str};
use http::HeaderValue;

/// Rows that lead to rows that are split in turn, at most; a table's own rows never lead in a circle, but last good ones
/// from different tables might.
const MAX_DEPTH: usize = 8;

/// By what an arm was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A tester asked for it.
    Override,
    /// The signed cookie pins the client to an arm that drains.
    Pin,
    /// The sticky key at this place of the row's list.
    Sticky(u8),
    /// The request id: the client has no sticky key.
    Chance,
    /// All other arms are out.
    Left,
    /// Another arm failed before it answered.
    Fallback,
}

impl By {
    /// In one word, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Override => "override",
            Self::Pin => "pin",
            Self::Sticky(_) => "sticky",
            Self::Chance => "chance",
            Self::Left => "left",
            Self::Fallback => "fallback",
        }
    }
}

/// An arm that was chosen.
#[derive(Debug, Clone)]
pub struct Choice {
    pub(crate) row: Arc<SplitRow>,
    /// Rows that are split in turn, which the arm led through.
    through: Through,
    pub(crate) arm: usize,
    pub(crate) by: By,
    /// What stable answers with, for requests that may go there when this arm fails.
    pub(crate) fallback: Option<Arc<Mapping>>,
    /// The signed cookie, where it must be set.
    pub(crate) cookie: Option<Box<HeaderValue>>,
    /// Whether the override field could have changed the choice.
    pub(crate) overridable: bool,
}

impl Choice {
    /// The row whose traffic is split.
    #[must_use]
    pub fn row(&self) -> &Arc<SplitRow> {
        &self.row
    }

    /// All rows whose draws led here, each before those that it led to.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &SplitRow> {
        let through = iter::successors(self.through.as_deref(), |led| led.next.as_deref());
        iter::once(&self.row).chain(through.map(|led| &led.row)).map(|row| &**row)
    }

    /// The arm's place among the row's arms.
    #[must_use]
    pub fn place(&self) -> usize {
        self.arm
    }

    /// The arm.
    #[must_use]
    pub fn arm(&self) -> Option<&HeldArm> {
        self.row.arms().get(self.arm)
    }

    /// By what it was chosen.
    #[must_use]
    pub fn by(&self) -> By {
        self.by
    }

    /// The same once the arm has failed: stable has the request now.
    pub(crate) fn fall_back(&self) -> Self {
        let arm = self.row.arms().len().saturating_sub(1);
        Self { arm, by: By::Fallback, fallback: None, cookie: None, ..self.clone() }
    }

    /// Whether it is the stable arm.
    #[must_use]
    pub fn is_stable(&self) -> bool {
        self.row.is_stable(self.arm)
    }
}

/// Rows that an arm led through, each before those that it led to. Most lead through none: that takes one word.
type Through = Option<Box<Led>>;

#[derive(Debug, Clone)]
struct Led {
    row: Arc<SplitRow>,
    next: Through,
}

/// The same, and these after it.
fn chain(through: &mut Through, more: Through) {
    match through {
        Some(led) => chain(&mut led.next, more),
        none => *none = more,
    }
}

/// No arm leads anywhere.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Dead {
    /// Whether that is because of versions that are retired; else they are not usable.
    pub(crate) retired: bool,
    /// Whether it is because of versions that the client refuses.
    pub(crate) refused: bool,
}

/// What a choice is made from.
struct Scene<'s, 'r> {
    request: &'s Request<'r>,
    part: &'s ApiTable,
    moment: &'s Moment<'s>,
}

/// An arm with what answers for it.
struct Picked {
    arm: usize,
    by: By,
    followed: Followed,
}

/// Where an arm led to, and through which rows.
struct Followed {
    mapping: Arc<Mapping>,
    through: Through,
}

/// Chooses an arm of a row, and what answers.
pub(crate) fn pick(
    row: &Arc<SplitRow>,
    request: &Request<'_>,
    part: &ApiTable,
    moment: &Moment<'_>,
    witness: &mut impl Witness,
) -> Result<(Arc<Mapping>, Choice), Dead> {
    let scene = Scene { request, part, moment };
    let pin = moment.seal.and_then(|seal| Pin::read(seal, request.headers, row, moment.now));
    let Picked { arm, by, followed: Followed { mapping, mut through } } = match scene.overridden(row) {
        Some(picked) => picked,
        None => scene.choose(row, pin, 0)?,
    };
    witness.saw(Fact::Picked { row, arm, by });
    let stable = row.arms().last().filter(|_| !row.is_stable(arm) && by != By::Override);
    let fallback = stable
        .filter(|_| request.method.is_idempotent())
        .and_then(|stable| scene.follow(stable, 0).ok())
        .filter(|stable| !Arc::ptr_eq(&stable.mapping, &mapping))
        .map(|stable| {
            chain(&mut through, stable.through);
            stable.mapping
        });
    let cookie = if by == By::Override { None } else { scene.cookie(row, pin, arm).map(Box::new) };
    let choice = Choice { row: row.clone(), through, arm, by, fallback, cookie, overridable: moment.overridable };
    Ok((mapping, choice))
}

impl Scene<'_, '_> {
    /// The arm a tester asks for, whatever its weight and its health.
    fn overridden(&self, row: &SplitRow) -> Option<Picked> {
        if !self.moment.overridable {
            return None;
        }
        let value = self.request.headers.get(VERGE_OVERRIDE)?.as_bytes();
        let signed = self.moment.seal.and_then(|seal| open_override(seal, value, row, self.moment.now));
        let by_place = || {
            let name = value.split(|&b| b == b';').next()?;
            str::from_utf8(name.trim_ascii()).ok()
        };
        let name = signed.or_else(|| if self.moment.is_tester { by_place() } else { None })?;
        let arm = row.arms().iter().position(|arm| arm.name() == name)?;
        let followed = self.follow(row.arms().get(arm)?, 0).ok()?;
        Some(Picked { arm, by: By::Override, followed })
    }

    fn choose(&self, row: &SplitRow, pin: Option<Pin<'_>>, depth: usize) -> Result<Picked, Dead> {
        if let Some(pin) = pin.filter(|_| row.drains())
            && let Some(picked) = self.drained(row, pin, depth)
        {
            return Ok(picked);
        }
        let mut room = None;
        let (subject, by) = self.subject(row, pin, &mut room);
        let subject = subject.bytes(&room);
        let mut out = 0_u32;
        let mut tripped = false;
        let mut dead = Dead::default();
        loop {
            let drawn = row.draw(subject, self.moment.now, |place, arm| {
                let is_out = out & (1 << place) != 0;
                let is_tripped = !is_out && !row.is_stable(place) && self.moment.health.is_tripped(row, arm);
                tripped |= is_tripped;
                !is_out && !is_tripped
            });
            let Some((arm, held)) = drawn else { break };
            match self.follow(held, depth) {
                Ok(followed) => return Ok(Picked { arm, by, followed }),
                Err(Dead { retired, refused }) => {
                    dead.retired |= retired;
                    dead.refused |= refused;
                    out |= 1 << arm;
                }
            }
        }
        // A breaker may take out all that has weight, or the client refuse it: then stable serves, whatever its own.
        let stable = row.arms().len().saturating_sub(1);
        if (tripped || dead.refused)
            && out & (1 << stable) == 0
            && let Some(held) = row.arms().get(stable)
        {
            return Ok(Picked { arm: stable, by: By::Left, followed: self.follow(held, depth)? });
        }
        Err(dead)
    }

    /// The arm of weight 0 that the client is pinned to.
    fn drained(&self, row: &SplitRow, pin: Pin<'_>, depth: usize) -> Option<Picked> {
        let (arm, held, weight) = row.weighted(self.moment.now).find(|(_, arm, _)| arm.name().as_bytes() == pin.arm)?;
        let out = weight > 0 || (!row.is_stable(arm) && self.moment.health.is_tripped(row, held));
        let followed = if out { None } else { self.follow(held, depth).ok() }?;
        Some(Picked { arm, by: By::Pin, followed })
    }

    /// Whom the choice is for.
    fn subject<'a>(&'a self, row: &SplitRow, pin: Option<Pin<'a>>, room: &mut Room) -> (Subject<'a>, By) {
        for (place, sticky) in (0..).zip(row.sticky()) {
            let subject = match sticky {
                Sticky::Signed => pin.map(|pin| Subject::Received(pin.subject)),
                sticky => sticky.read(self.request, self.moment, room),
            };
            if let Some(subject) = subject {
                return (subject, By::Sticky(place));
            }
        }
        (Subject::Received(self.moment.request_id), By::Chance)
    }

    /// What answers for an arm.
    fn follow(&self, arm: &HeldArm, depth: usize) -> Result<Followed, Dead> {
        let at_once = |mapping: &Arc<Mapping>| Followed { mapping: mapping.clone(), through: None };
        let version = match &arm.way {
            Way::Own(mapping) => return Ok(at_once(mapping)),
            Way::Version(version) => version,
        };
        let Some(id) = self.part.find_named(version, self.moment.now) else { return Err(Dead::default()) };
        if depth >= MAX_DEPTH {
            return Err(Dead::default());
        }
        // What the client refuses with q=0 must not answer it.
        if resolve::is_refused(self.request, self.part, id, self.moment.now) {
            return Err(Dead { refused: true, ..Dead::default() });
        }
        match self.part.get(id) {
            Some(Found::Good(row)) if row.is_retired(self.moment.now) => Err(Dead { retired: true, ..Dead::default() }),
            Some(Found::Good(Good::Mapping(mapping))) => Ok(at_once(mapping)),
            Some(Found::Good(Good::Split(row))) => {
                let mut followed = self.choose(row, None, depth + 1)?.followed;
                followed.through = Some(Box::new(Led { row: row.clone(), next: followed.through }));
                Ok(followed)
            }
            Some(Found::Invalid(_)) | None => Err(Dead::default()),
        }
    }

    /// The cookie to set: where there is none yet, the arm is another, or half its life is over.
    fn cookie(&self, row: &SplitRow, pin: Option<Pin<'_>>, arm: usize) -> Option<HeaderValue> {
        row.cookie()?;
        let (seal, name) = (self.moment.seal?, row.arms().get(arm)?.name().as_bytes());
        let now = self.moment.now;
        if pin.is_some_and(|pin| pin.arm == name && pin.expiry - now > COOKIE_LIFE / 2) {
            return None;
        }
        // The one that drew: with the cookie the client stays where it is now, whatever else it sticks by.
        let mut room = None;
        let subject = self.subject(row, pin, &mut room).0.bytes(&room);
        let pin = Pin { subject, arm: name, expiry: now.saturating_add(COOKIE_LIFE) };
        if is_subject(subject) { pin.write(seal, row) } else { None }
    }
}
