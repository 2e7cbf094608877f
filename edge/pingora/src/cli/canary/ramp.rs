//! The ramp of a row as it is stored: when it began, its steps, its pauses. Pure.
//!
//! What weight it makes at a time is for the router to say.

use super::percent::Percent;
use crate::cli::table::show::quoted;
use std::str::FromStr;
use verge_mappings::{Item, Members, Value};
use verge_router::{
    UnixTime,
    lifecycle::{parse_rfc3339, rfc3339},
};

const FORM: &str = "a ramp is written step=5%,interval=1h,until=50%[,start=2026-11-25T10:00:00Z]";

/// A ramp as an option gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RampArg {
    step: Percent,
    interval: String,
    until: Percent,
    start: Option<UnixTime>,
}

impl RampArg {
    /// As the attribute `ramp` of a row whose weights have this total; where no start is named it begins `now`.
    ///
    /// # Errors
    /// A share is no whole weight.
    pub(super) fn value(&self, total: u32, now: UnixTime) -> Result<Value, String> {
        let weight = |share: Percent| share.weight(total).map(|weight| Value::N(weight.to_string()));
        Ok(Value::M(Members::from([
            ("start".to_owned(), time(self.start.unwrap_or(now))),
            ("step".to_owned(), weight(self.step)?),
            ("interval".to_owned(), Value::S(self.interval.clone())),
            ("until".to_owned(), weight(self.until)?),
        ])))
    }
}

impl FromStr for RampArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut step, mut interval, mut until, mut start) = (None, None, None, None);
        for part in text.split(',') {
            let (name, value) = part.split_once('=').ok_or_else(|| format!("`{part}` has no `=`; {FORM}"))?;
            let twice = match (name.trim(), value.trim()) {
                ("step", value) => step.replace(value.parse::<Percent>()?).is_some(),
                ("interval", value) => interval.replace(value.to_owned()).is_some(),
                ("until", value) => until.replace(value.parse::<Percent>()?).is_some(),
                ("start", value) => {
                    let at = parse_rfc3339(value).ok_or_else(|| format!("`{value}` is not a time in UTC; {FORM}"))?;
                    start.replace(at).is_some()
                }
                (name, _) => return Err(format!("there is no `{name}`; {FORM}")),
            };
            if twice {
                return Err(format!("`{}` is there twice; {FORM}", name.trim()));
            }
        }
        let missing = |name: &str| format!("`{name}` is missing; {FORM}");
        Ok(Self {
            step: step.ok_or_else(|| missing("step"))?,
            interval: interval.ok_or_else(|| missing("interval"))?,
            until: until.ok_or_else(|| missing("until"))?,
            start,
        })
    }
}

/// The ramp that is stored with a row, to be edited.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Ramp(Members);

impl Ramp {
    /// That of an item, where it has one.
    pub(super) fn read(item: &Item) -> Option<Self> {
        match item.get("ramp") {
            Some(Value::M(members)) => Some(Self(members.clone())),
            _ => None,
        }
    }

    pub(super) fn write(self, item: &mut Item) {
        item.insert("ramp", Value::M(self.0));
    }

    /// The weight at which it ends.
    pub(super) fn until(&self) -> Option<u32> {
        match self.0.get("until") {
            Some(Value::N(weight)) => weight.parse().ok(),
            _ => None,
        }
    }

    /// Since when it is paused, where that has no end yet. A pause to come is none.
    pub(super) fn paused(&self, now: UnixTime) -> Option<&str> {
        self.pauses().iter().find_map(|pause| match pause {
            Value::M(pause) if !pause.contains_key("to") => match pause.get("from") {
                Some(Value::S(from)) if parse_rfc3339(from).is_none_or(|from| from <= now) => Some(from.as_str()),
                _ => None,
            },
            _ => None,
        })
    }

    /// What it does, for people; weights as shares of this total.
    pub(super) fn words(&self, total: u32, now: UnixTime) -> String {
        let text = |name: &str| match self.0.get(name) {
            Some(Value::S(text)) => quoted(text),
            _ => "?".to_owned(),
        };
        let share = |name: &str| match self.0.get(name) {
            Some(Value::N(weight)) => weight.parse().map_or("?".to_owned(), |w| Percent::of(w, total).to_string()),
            _ => "?".to_owned(),
        };
        let paused = self.paused(now).map(|since| format!(", paused since {}", quoted(since))).unwrap_or_default();
        let (step, until) = (share("step"), share("until"));
        format!("by {step} each {} from {} until {until}{paused}", text("interval"), text("start"))
    }

    /// Halts it from this time on.
    pub(super) fn pause(&mut self, now: UnixTime) {
        self.edit_pauses(|pauses| pauses.push(Value::M(Members::from([("from".to_owned(), time(now))]))));
    }

    /// Has it not count what came between these times.
    pub(super) fn skip(&mut self, from: UnixTime, to: UnixTime) {
        if self.paused(from).is_none() && from < to {
            let pause = Members::from([("from".to_owned(), time(from)), ("to".to_owned(), time(to))]);
            self.edit_pauses(|pauses| pauses.push(Value::M(pause)));
        }
    }

    /// Has it go on from this time. A pause that would last no second is as if it had not been.
    pub(super) fn resume(&mut self, now: UnixTime) {
        self.keep_pauses(|pause| {
            let from = time_in(pause, "from");
            if pause.contains_key("to") || from.is_some_and(|from| from > now) {
                return true;
            }
            pause.insert("to".to_owned(), time(now));
            from.is_none_or(|from| from < now)
        });
    }

    /// Begins it anew, from the weight that is set now; one that has not begun keeps its time, pauses that are on or to
    /// come are kept.
    pub(super) fn restart(&mut self, now: UnixTime) {
        if time_in(&self.0, "start").is_none_or(|start| start < now) {
            self.0.insert("start".to_owned(), time(now));
        }
        self.keep_pauses(|pause| {
            if time_in(pause, "from").is_none_or(|from| from < now) {
                pause.insert("from".to_owned(), time(now));
            }
            time_in(pause, "to").is_none_or(|to| to > now)
        });
    }

    /// Keeps those pauses of which this says so, which may edit them; what is no pause stays.
    fn keep_pauses(&mut self, mut keep: impl FnMut(&mut Members) -> bool) {
        self.edit_pauses(|pauses| {
            pauses.retain_mut(|pause| match pause {
                Value::M(pause) => keep(pause),
                _ => true,
            });
        });
    }

    fn edit_pauses(&mut self, edit: impl FnOnce(&mut Vec<Value>)) {
        let mut pauses = self.pauses().to_vec();
        edit(&mut pauses);
        if pauses.is_empty() {
            self.0.remove("pauses");
        } else {
            self.0.insert("pauses".to_owned(), Value::L(pauses));
        }
    }

    fn pauses(&self) -> &[Value] {
        match self.0.get("pauses") {
            Some(Value::L(pauses)) => pauses,
            _ => &[],
        }
    }
}

fn time_in(members: &Members, name: &str) -> Option<UnixTime> {
    match members.get(name) {
        Some(Value::S(text)) => parse_rfc3339(text),
        _ => None,
    }
}

fn time(at: UnixTime) -> Value {
    Value::S(rfc3339(at))
}

#[cfg(test)]
mod tests {
    use super::{super::percent::WHOLE, *};
    use serde_json::{Value as Json, json};

    const NOW: UnixTime = 1_795_600_800;

    fn ramp(json: Json) -> Ramp {
        Ramp::read(&Item::from_json(&json!({"ramp": json})).unwrap()).unwrap()
    }

    fn plain(ramp: &Ramp) -> Json {
        Value::M(ramp.0.clone()).to_plain_json()
    }

    #[test]
    fn a_ramp_begins_now_where_no_time_is_named() {
        let value = |text: &str| text.parse::<RampArg>().unwrap().value(WHOLE, NOW).unwrap().to_plain_json();
        assert_eq!(
            value("step=5%,interval=1h,until=50%"),
            json!({"start": rfc3339(NOW), "step": 500, "interval": "1h", "until": 5000})
        );
        assert_eq!(
            value("start=2026-12-01T00:00:00Z, until=100%, step=0.5%, interval=30m"),
            json!({"start": "2026-12-01T00:00:00Z", "step": 50, "interval": "30m", "until": 10_000})
        );
    }

    #[test]
    fn what_is_no_ramp_is_refused_with_its_form() {
        for text in [
            "",
            "5%",
            "step=5%,interval=1h",
            "step=5%,until=9%",
            "interval=1h,until=9%",
            "step=5%,interval=1h,until=9%,x=1",
            "step=5%,step=6%,interval=1h,until=9%",
            "step=5%,interval=1h,until=9%,start=tomorrow",
        ] {
            assert!(text.parse::<RampArg>().unwrap_err().contains("a ramp is written"), "{text}");
        }
        assert!("step=5,interval=1h,until=9%".parse::<RampArg>().unwrap_err().contains("per cent"));
    }

    #[test]
    fn a_pause_is_open_until_it_is_ended() {
        let mut one = ramp(json!({"start": "2026-11-25T00:00:00Z", "step": 1, "interval": "1h", "until": 9}));
        let before = one.clone();
        assert_eq!(one.paused(NOW), None);
        one.pause(NOW);
        assert_eq!(one.paused(NOW), Some(&*rfc3339(NOW)));
        assert_eq!(one.paused(NOW - 1), None, "it is to come");
        let mut other = one.clone();
        one.resume(NOW + 60);
        assert_eq!(plain(&one)["pauses"], json!([{"from": rfc3339(NOW), "to": rfc3339(NOW + 60)}]));
        assert_eq!(one.paused(NOW + 60), None);
        other.resume(NOW);
        assert_eq!(other, before, "a pause of no time leaves nothing");
    }

    #[test]
    fn a_restart_keeps_a_pause_and_a_time_to_come() {
        let late = rfc3339(NOW + 3600);
        let mut coming = ramp(json!({"start": late, "pauses": [{"from": rfc3339(NOW - 9), "to": rfc3339(NOW - 5)}]}));
        coming.restart(NOW);
        assert_eq!(plain(&coming), json!({"start": late}));
        let mut paused = ramp(json!({"start": rfc3339(NOW - 60), "pauses": [{"from": rfc3339(NOW - 9)}]}));
        paused.restart(NOW);
        assert_eq!(plain(&paused), json!({"start": rfc3339(NOW), "pauses": [{"from": rfc3339(NOW)}]}));
        let weekend = json!([{"from": rfc3339(NOW + 60), "to": rfc3339(NOW + 90)}]);
        let mut planned = ramp(json!({"start": rfc3339(NOW - 60), "pauses": weekend}));
        planned.restart(NOW);
        assert_eq!(plain(&planned), json!({"start": rfc3339(NOW), "pauses": weekend}));
    }
}
