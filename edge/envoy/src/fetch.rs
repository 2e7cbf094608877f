//! Tables fetched by a tick: asked for with the tag of what is held, so that most answers are 304 and cost nothing.

use crate::{boundary::log, edge::Edge, stats::Stats};
use proxy_wasm::{hostcalls, types::LogLevel};
use std::{collections::HashMap, time::Duration};
use verge_carry::tables::Published;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Who was asked for what, and what came.
#[derive(Default)]
pub(crate) struct Fetching {
    /// What is known of each table.
    places: Vec<Place>,
    /// Calls on their way: which table each is for.
    asked: HashMap<u32, usize>,
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
        Self { places: vec![Place { confirmed: now, ..Place::default() }; places], asked: HashMap::new() }
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
            match hostcalls::dispatch_http_call(&fetch.cluster, head, None, Vec::new(), PATIENCE) {
                Ok(token) => {
                    place.waiting = true;
                    self.asked.insert(token, number);
                }
                Err(_) => {
                    place.fail(&format!("Envoy has no cluster `{}`, or none that can be asked", fetch.cluster), stats)
                }
            }
        }
        let oldest = self.places.iter().map(|place| place.confirmed).min().unwrap_or(now);
        stats.age(now.saturating_sub(oldest) / 1000);
    }

    /// An answer came: status, tag and body.
    pub(crate) fn answered(
        &mut self,
        token: u32,
        (status, etag, body): (u16, Option<String>, Option<Vec<u8>>),
        edge: &mut Edge,
        now: u64,
        stats: &mut Stats,
    ) {
        let Some(number) = self.asked.remove(&token) else { return };
        let Some(place) = self.places.get_mut(number) else { return };
        place.waiting = false;
        let body = match (status, body) {
            (304, _) => return place.confirm(now, stats),
            (200, Some(body)) => body,
            (0, _) => return place.fail("no answer", stats),
            (status, _) => return place.fail(&format!("status {status}"), stats),
        };
        match edge.publish(number, &body, now) {
            Ok(published) => {
                let doubts = published.doubt.is_some();
                if !(std::mem::replace(&mut place.doubted, doubts) && doubts) {
                    Self::tell(&published);
                }
                // What is held back is to be sent again: it may be believed in time.
                place.etag = etag.filter(|_| !doubts);
                place.confirm(now, stats);
                if published.changed {
                    stats.hold(edge);
                }
            }
            Err(error) => place.fail(&error.0, stats),
        }
    }

    /// Says what operators should know of a table.
    pub(crate) fn tell(published: &Published) {
        if let Some(doubt) = &published.doubt {
            log(LogLevel::Warn, &format!("verge: a table is held back: {doubt}"));
        }
        for item in &published.invalid {
            let kept = if item.kept { ", its last good value serves" } else { "" };
            log(LogLevel::Warn, &format!("verge: item `{}` of API `{}`: {}{kept}", item.key, item.api, item.reason));
        }
    }
}

impl Place {
    fn confirm(&mut self, now: u64, stats: &mut Stats) {
        (self.confirmed, self.fails) = (now, false);
        stats.refreshed();
    }

    fn fail(&mut self, why: &str, stats: &mut Stats) {
        stats.failed();
        if !std::mem::replace(&mut self.fails, true) {
            log(LogLevel::Warn, &format!("verge: the table cannot be fetched, what is held is kept: {why}"));
        }
    }
}
