//! Tables fetched by a tick: asked for with the tag of what is held, so that most answers are 304 and cost nothing.

use crate::{
    edge::Edge,
    host::{self, Level},
    stats::Stats,
};
use std::time::Duration;
use verge_carry::tables::{Judged, Published};

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of a call; all of it nothing where it broke off.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// 0: none.
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    /// `verge-table`: a node says by it that it serves the table itself.
    pub(crate) table: Option<String>,
    pub(crate) body: Option<Vec<u8>>,
}

/// Who was asked for what, and what came.
#[derive(Default)]
pub(crate) struct Fetching {
    /// What is known of each table.
    places: Vec<Place>,
    /// Calls on their way: which table each is for.
    asked: Vec<(u32, usize)>,
}

#[derive(Clone, Default)]
struct Place {
    etag: Option<String>,
    confirmed: u64,
    waiting: bool,
    /// Whether the last answer was none that can be used: said once.
    fails: bool,
    /// Whether the last table is held back: said once.
    doubted: bool,
}

impl Fetching {
    pub(crate) fn over(places: usize, now: u64) -> Self {
        Self { places: vec![Place { confirmed: now, ..Place::default() }; places], asked: Vec::new() }
    }

    /// Asks for every table, one call at a time for each.
    pub(crate) fn ask(&mut self, edge: &Edge, now: u64, stats: &mut Stats) {
        let Some(fetch) = &edge.fetch else { return };
        for (number, (place, api)) in self.places.iter_mut().zip(&edge.places).enumerate() {
            if place.waiting {
                continue;
            }
            let path = api.as_ref().map_or_else(|| fetch.path.clone(), |api| format!("{}?api={api}", fetch.path));
            let bearer = fetch.token.as_ref().map(|token| format!("Bearer {token}"));
            let mut head = vec![(":method", "GET"), (":path", &*path), (":authority", &*fetch.host)];
            head.extend(place.etag.as_ref().map(|etag| ("if-none-match", &**etag)));
            head.extend(bearer.as_ref().map(|bearer| ("authorization", &**bearer)));
            match host::call(&fetch.cluster, &head, PATIENCE) {
                Some(token) => {
                    place.waiting = true;
                    self.asked.push((token, number));
                }
                None => {
                    place.fail(&format!("Envoy has no cluster `{}`, or none that can be asked", fetch.cluster), stats)
                }
            }
        }
        let oldest = self.places.iter().map(|place| place.confirmed).min().unwrap_or(now);
        stats.age(now.saturating_sub(oldest) / 1000);
    }

    /// An answer came.
    pub(crate) fn answered(&mut self, token: u32, answer: Answer, edge: &mut Edge, now: u64, stats: &mut Stats) {
        let Some(call) = self.asked.iter().position(|(asked, _)| *asked == token) else { return };
        let (_, number) = self.asked.swap_remove(call);
        let Some(place) = self.places.get_mut(number) else { return };
        place.waiting = false;
        let published = match (answer.status, answer.body) {
            (304, _) => edge.unchanged(number, now),
            (200, Some(body)) => {
                let judged = if answer.table.as_deref() == Some("served") { Judged::ByANode } else { Judged::Here };
                match edge.publish(number, &body, judged, now) {
                    Ok(published) => {
                        place.etag = answer.etag;
                        published
                    }
                    Err(error) => return place.fail(&error.0, stats),
                }
            }
            (0, _) => return place.fail("no answer", stats),
            (status, _) => return place.fail(&format!("status {status}"), stats),
        };
        let doubts = published.doubt.is_some();
        if !(std::mem::replace(&mut place.doubted, doubts) && doubts) {
            Self::tell(&published);
        }
        place.fails = false;
        stats.refreshed();
        if !doubts {
            place.confirmed = now;
        }
        if published.changed {
            stats.hold(edge);
        }
    }

    /// Says what operators should know of a table.
    pub(crate) fn tell(published: &Published) {
        if let Some(doubt) = &published.doubt {
            host::log(Level::Warn, &format!("verge: a table is held back: {doubt}"));
        }
        for item in &published.invalid {
            let kept = if item.kept { ", its last good value serves" } else { "" };
            let (key, api) = (item.key.escape_debug(), item.api.escape_debug());
            let problem = format!("verge: item `{key}` of API `{api}`: {}{kept}", item.reason);
            host::log(Level::Warn, &problem);
        }
    }
}

impl Place {
    fn fail(&mut self, why: &str, stats: &mut Stats) {
        stats.failed();
        if !std::mem::replace(&mut self.fails, true) {
            host::log(Level::Warn, &format!("verge: the table cannot be fetched, what is held is kept: {why}"));
        }
    }
}
