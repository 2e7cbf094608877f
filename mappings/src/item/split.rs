//! The part of a row that splits its traffic: `split`, `salt`, `sticky`, `ramp`, `drain`.

use super::{
    Fields, InvalidRow, Item, Layout, Members, Value,
    fields::write_duration,
    row::{check_whole, read_origin, read_place, write_origin},
};
use std::time::Duration;
use verge_router::{
    Api,
    lifecycle::rfc3339,
    origin::OriginRules,
    split::{Arm, InvalidSplit, Leads, Ramp, Split, SplitSpec, Sticky},
};

/// Reads them; `None` where the row is not split.
pub(super) fn read_split(
    fields: Fields<'_>,
    layout: Layout,
    api: &Api,
    rules: &OriginRules,
) -> Result<Option<Split>, InvalidRow> {
    let drain = fields.flag("drain")?.unwrap_or(false);
    let Some(maps) = fields.maps("split")? else {
        // Nobody can be pinned to the arms of a row that has none.
        return if drain { Err(InvalidSplit::DrainWithoutCookie.into()) } else { Ok(None) };
    };
    let mut arms = Vec::with_capacity(maps.len());
    for arm in maps {
        arms.push(read_arm(arm, layout, api, rules)?);
    }
    let mut sticky = Vec::new();
    for text in fields.texts("sticky")?.unwrap_or_default() {
        sticky.push(Sticky::parse(text)?);
    }
    let ramp = fields.map("ramp")?.map(|ramp| read_ramp(Fields::of(ramp))).transpose()?;
    let salt = fields.text("salt")?.unwrap_or_default().into();
    Ok(Some(Split::parse(SplitSpec { arms, salt, sticky, ramp, drain })?))
}

fn read_arm(fields: Fields<'_>, layout: Layout, api: &Api, rules: &OriginRules) -> Result<Arm, InvalidRow> {
    let name = fields.text("name")?.ok_or_else(|| InvalidRow::content("split", &"has an arm without `name`"))?;
    let weight = fields.number("weight", "from 0 to 10000")?;
    let weight = weight.ok_or_else(|| InvalidRow::content("split", &format_args!("arm `{name}` has no `weight`")))?;
    let (domain, base_path) = read_place(fields, layout)?;
    let leads = match (domain, fields.text("version")?) {
        (Some(domain), None) => Leads::Origin(read_origin(fields, domain, base_path, api, rules)?),
        (None, Some(version)) => {
            check_whole("version", version)?;
            Leads::Version(version.into())
        }
        _ => return Err(InvalidSplit::Leads(name.into()).into()),
    };
    Ok(Arm { name: name.into(), weight, leads })
}

fn read_ramp(fields: Fields<'_>) -> Result<Ramp, InvalidRow> {
    let lacks = |name: &str| InvalidRow::content("ramp", &format_args!("has no `{name}`"));
    let mut pauses = Vec::new();
    for pause in fields.maps("pauses")?.unwrap_or_default() {
        let from = pause.time("from")?;
        let from = from.ok_or_else(|| InvalidRow::content("ramp", &"has a pause without `from`"))?;
        pauses.push((from, pause.time("to")?));
    }
    let interval = fields.duration("interval")?.ok_or_else(|| lacks("interval"))?;
    let interval = i64::try_from(interval.as_secs()).unwrap_or(i64::MAX);
    Ok(Ramp {
        start: fields.time("start")?.ok_or_else(|| lacks("start"))?,
        step: fields.number("step", "from 1 to 10000")?.ok_or_else(|| lacks("step"))?,
        interval,
        until: fields.number("until", "from 0 to 10000")?.ok_or_else(|| lacks("until"))?,
        pauses,
    })
}

/// Writes them, defaults left out.
pub(super) fn write_split(item: &mut Item, split: &Split) {
    item.insert("split", Value::L(split.arms().iter().map(write_arm).collect()));
    if !split.salt().is_empty() {
        item.insert("salt", Value::S(split.salt().to_owned()));
    }
    if !split.sticky().is_empty() {
        item.insert("sticky", Value::L(split.sticky().iter().map(|sticky| Value::S(sticky.text())).collect()));
    }
    if split.drains() {
        item.insert("drain", Value::Bool(true));
    }
    if let Some(ramp) = split.ramp() {
        item.insert("ramp", write_ramp(ramp));
    }
}

fn write_arm(arm: &Arm) -> Value {
    let mut item = Item::new().with("name", &arm.name);
    item.insert("weight", Value::N(arm.weight.to_string()));
    match &arm.leads {
        Leads::Version(version) => item = item.with("version", version),
        // Arms have Verge's names in both layouts.
        Leads::Origin(origin) => write_origin(&mut item, origin, Layout::Verge),
    }
    Value::M(item.into_attributes())
}

fn write_ramp(ramp: &Ramp) -> Value {
    let Ramp { start, step, interval, until, pauses } = ramp;
    let interval = Duration::from_secs(u64::try_from(*interval).unwrap_or(0));
    let mut item = Item::new().with("start", &rfc3339(*start)).with("interval", &write_duration(interval));
    item.insert("step", Value::N(step.to_string()));
    item.insert("until", Value::N(until.to_string()));
    if !pauses.is_empty() {
        let pause = |(from, to): &(i64, Option<i64>)| {
            let mut pause = Members::from([("from".to_owned(), Value::S(rfc3339(*from)))]);
            if let Some(to) = to {
                pause.insert("to".to_owned(), Value::S(rfc3339(*to)));
            }
            Value::M(pause)
        };
        item.insert("pauses", Value::L(pauses.iter().map(pause).collect()));
    }
    Value::M(item.into_attributes())
}

#[cfg(test)]
mod tests;
