//! The split of a row as it is stored: arms with their weights, the last one stable. Pure.
//!
//! What an arm has besides name and weight is carried along unread; whether it can be served is judged by the code that
//! serves.

use super::percent::Percent;
use crate::cli::table::show::quoted;
use verge_mappings::{Item, Layout, Members, Value};
use verge_router::split::MAX_WEIGHT;

/// What makes a row split, and a plain one has not.
pub(super) const SPLIT: [&str; 5] = ["split", "salt", "sticky", "ramp", "drain"];

/// The arm that keeps what the others leave.
pub(super) const STABLE: &str = "stable";

/// One arm.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Arm {
    pub(super) name: String,
    pub(super) weight: u32,
    /// Its origin, or the version it stands for.
    pub(super) rest: Members,
}

impl Arm {
    pub(super) fn new(name: &str, weight: u32, rest: Members) -> Self {
        Self { name: name.to_owned(), weight, rest }
    }

    /// The version it stands for, where it has no origin of its own.
    pub(super) fn version(&self) -> Option<&str> {
        match self.rest.get("version") {
            Some(Value::S(version)) => Some(version),
            _ => None,
        }
    }

    fn read(value: &Value) -> Option<Self> {
        let Value::M(members) = value else { return None };
        let mut rest = members.clone();
        match (rest.remove("name")?, rest.remove("weight")?) {
            (Value::S(name), Value::N(weight)) => Some(Self { name, weight: weight.parse().ok()?, rest }),
            _ => None,
        }
    }

    fn value(&self) -> Value {
        let mut members = self.rest.clone();
        members.insert("name".to_owned(), Value::S(self.name.clone()));
        members.insert("weight".to_owned(), Value::N(self.weight.to_string()));
        Value::M(members)
    }
}

/// The arms, in their order. There are two at least.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Split(Vec<Arm>);

impl Split {
    pub(super) fn of(canary: Arm, stable: Arm) -> Self {
        Self(vec![canary, stable])
    }

    /// The split of an item.
    ///
    /// # Errors
    /// It has none, or not one that can be edited arm by arm.
    pub(super) fn read(item: &Item) -> Result<Self, String> {
        let list = match item.get("split") {
            None | Some(Value::Null) => {
                return Err("it is not split; begin with `verge canary start`".to_owned());
            }
            Some(Value::L(list)) => list,
            Some(_) => return Err(UNREADABLE.to_owned()),
        };
        let arms: Option<Vec<Arm>> = list.iter().map(Arm::read).collect();
        let total: Option<u32> = arms.iter().flatten().try_fold(0_u32, |sum, arm| sum.checked_add(arm.weight));
        match arms {
            Some(arms) if arms.len() >= 2 && total.is_some_and(|total| total > 0) => Ok(Self(arms)),
            _ => Err(UNREADABLE.to_owned()),
        }
    }

    /// Puts it into an item.
    pub(super) fn write(&self, item: &mut Item) {
        item.insert("split", Value::L(self.0.iter().map(Arm::value).collect()));
    }

    pub(super) fn arms(&self) -> &[Arm] {
        &self.0
    }

    pub(super) fn total(&self) -> u32 {
        self.0.iter().map(|arm| arm.weight).sum()
    }

    /// The place of the named arm, of the first one without a name; never of the last one.
    ///
    /// # Errors
    /// There is no such arm, or it is the stable one.
    pub(super) fn canary(&self, name: Option<&str>) -> Result<usize, String> {
        let Some(name) = name else { return Ok(0) };
        let canaries = self.0.get(..self.0.len().saturating_sub(1)).unwrap_or_default();
        let names = || canaries.iter().map(|arm| format!("`{}`", quoted(&arm.name))).collect::<Vec<_>>().join(", ");
        match self.0.iter().position(|arm| arm.name == name) {
            Some(at) if at < canaries.len() => Ok(at),
            Some(_) => {
                Err(format!("arm `{}` is the stable one, and has what the others leave: {}", quoted(name), names()))
            }
            None => Err(format!("there is no arm `{}`, but {}", quoted(name), names())),
        }
    }

    /// The same shares of 10 000 where the weights come to more, so that one arm can have them all.
    pub(super) fn bounded(mut self) -> Self {
        let (total, most) = (self.total(), u32::from(MAX_WEIGHT));
        if total > most {
            for arm in &mut self.0 {
                arm.weight = u32::try_from(u64::from(arm.weight) * u64::from(most) / u64::from(total)).unwrap_or(most);
            }
            let left = most.saturating_sub(self.total());
            if let Some(arm) = self.0.last_mut() {
                arm.weight += left;
            }
        }
        self
    }

    /// Gives an arm a weight; what it gains the last one loses, and the total stays.
    ///
    /// # Errors
    /// The last one has not as much.
    pub(super) fn give(&mut self, at: usize, weight: u32) -> Result<(), String> {
        let total = self.total();
        let others: u32 = self.canaries().filter(|(place, _)| *place != at).map(|(_, arm)| arm.weight).sum();
        let left = total.saturating_sub(others);
        let Some(stable) = left.checked_sub(weight) else {
            let (left, others) = (Percent::of(left, total), Percent::of(others, total));
            return Err(format!("the other arms have {others}, so there is no more than {left} for this one"));
        };
        if let Some(arm) = self.0.get_mut(at) {
            arm.weight = weight;
        }
        if let Some(arm) = self.0.last_mut() {
            arm.weight = stable;
        }
        Ok(())
    }

    /// Takes every arm but the last to nothing.
    pub(super) fn close(&mut self) {
        let total = self.total();
        for arm in &mut self.0 {
            arm.weight = 0;
        }
        if let Some(stable) = self.0.last_mut() {
            stable.weight = total;
        }
    }

    /// All but the last, by place.
    pub(super) fn canaries(&self) -> impl Iterator<Item = (usize, &Arm)> {
        self.0.iter().enumerate().take(self.0.len().saturating_sub(1))
    }
}

const UNREADABLE: &str = "its split cannot be used, so no arm of it is changed here; \
                          `verge mappings list` says why, `verge mappings put --from` replaces it";

/// Makes an arm's origin the row's own, and takes the split away. An arm that stands for a version makes it an alias.
pub(super) fn settle(item: &mut Item, arm: &Arm, layout: Layout) {
    for name in SPLIT {
        item.remove(name);
    }
    for (name, value) in &arm.rest {
        let name = match (layout, name.as_str()) {
            (_, "version") => "alias_of",
            (Layout::Sample, "domain") => "dn",
            (Layout::Sample, "base_path") => "dp",
            (_, name) => name,
        };
        item.insert(name, value.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn split(weights: &[u32]) -> Split {
        let arm = |(number, weight): (usize, &u32)| Arm::new(&format!("arm{number}"), *weight, Members::new());
        Split(weights.iter().enumerate().map(arm).collect())
    }

    fn weights(split: &Split) -> Vec<u32> {
        split.arms().iter().map(|arm| arm.weight).collect()
    }

    #[test]
    fn a_split_is_written_as_it_was_read() {
        let arms = json!([
            {"name": "canary", "weight": 500, "domain": "c.example.com", "port": 8443, "of_tomorrow": [1, {"x": true}]},
            {"name": "stable", "weight": 9500, "version": "v1"},
        ]);
        let item = Item::from_json(&json!({"split": arms})).unwrap();
        let split = Split::read(&item).unwrap();
        let mut out = Item::new();
        split.write(&mut out);
        assert_eq!(out, item);
        assert_eq!(split.arms().iter().map(Arm::version).collect::<Vec<_>>(), [None, Some("v1")]);
    }

    #[test]
    fn what_is_no_split_of_two_arms_is_not_edited() {
        let refused = |json| Split::read(&Item::from_json(&json).unwrap()).unwrap_err();
        assert!(refused(json!({"domain": "a.example.com"})).contains("it is not split"));
        let arm = |weight| json!({"name": "a", "weight": weight});
        for arms in [
            json!({}),
            json!([]),
            json!([arm(json!(1))]),
            json!([arm(json!(0)), arm(json!(0))]),
            json!([arm(json!("1")), arm(json!(1))]),
            json!([arm(json!(-1)), arm(json!(1))]),
            json!([1, 2]),
        ] {
            assert!(refused(json!({"split": arms})).contains("cannot be used"), "{arms}");
        }
    }

    #[test]
    fn what_an_arm_gains_the_last_one_loses() {
        let mut two = split(&[500, 9500]);
        two.give(0, 2500).unwrap();
        assert_eq!(weights(&two), [2500, 7500]);
        two.give(0, 10_000).unwrap();
        assert_eq!(weights(&two), [10_000, 0]);
        two.close();
        assert_eq!(weights(&two), [0, 10_000]);

        let mut three = split(&[10, 20, 70]);
        three.give(1, 85).unwrap();
        assert_eq!(weights(&three), [10, 85, 5]);
        let refused = three.give(0, 16).unwrap_err();
        assert_eq!(refused, "the other arms have 85%, so there is no more than 15% for this one");
        assert_eq!(weights(&three), [10, 85, 5]);
    }

    #[test]
    fn the_stable_arm_is_no_canary() {
        let three = split(&[1, 1, 1]);
        assert_eq!((three.canary(None), three.canary(Some("arm1"))), (Ok(0), Ok(1)));
        assert!(three.canary(Some("arm2")).unwrap_err().contains("is the stable one"));
        assert_eq!(three.canary(Some("x")).unwrap_err(), "there is no arm `x`, but `arm0`, `arm1`");
    }
}
