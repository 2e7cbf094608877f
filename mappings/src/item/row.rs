//! An item as a row: a version and its origin, or another name for one.

use super::{
    Fields, InvalidRow, Item, Layout, Members, Value,
    fields::write_duration,
    split::{read_split, write_split},
};
use std::time::Duration;
use verge_router::{
    Api, Origin, Row, RowState,
    lifecycle::{Lifecycle, LifecycleSpec, rfc3339},
    origin::{OriginRules, OriginSpec, Protocol, Scheme, Timeouts},
    resolve::label::Label,
    table::{MappingSpec, SplitRowSpec},
    version::accept::MAX_WHOLE,
};

/// Reads an item as a row of an API. Attributes Verge does not know are left alone.
///
/// # Errors
/// The first thing wrong, in words.
pub fn read_row(item: &Item, layout: Layout, api: &Api, rules: &OriginRules) -> Result<Row, InvalidRow> {
    let key = read_key(item, layout)?;
    Ok(Row { key: key.into(), whole: layout == Layout::Sample, state: read_state(item, layout, api, rules)? })
}

/// Reads a row's key.
pub(crate) fn read_key(item: &Item, layout: Layout) -> Result<&str, InvalidRow> {
    let name = layout.key();
    let key = Fields::of_one(item.attributes())
        .text(name)?
        .ok_or_else(|| InvalidRow::whole(&format_args!("it has no `{name}`")))?;
    match layout {
        Layout::Sample => check_whole(name, key)?,
        Layout::Verge => check_version(name, key)?,
    }
    Ok(key)
}

/// Reads what stands beside the key.
pub(crate) fn read_state(item: &Item, layout: Layout, api: &Api, rules: &OriginRules) -> Result<RowState, InvalidRow> {
    let fields = Fields::of(item.attributes());
    fields.number::<u64>("revision", "from 0 up")?;
    let (domain, base_path) = read_place(fields, layout)?;
    let split = read_split(fields, layout, api, rules)?;
    match (fields.text("alias_of")?, domain, split) {
        (Some(alias), None, None) => {
            check_whole("alias_of", alias)?;
            Ok(RowState::Alias(alias.into()))
        }
        (None, Some(domain), None) => {
            let origin = read_origin(fields, domain, base_path, api, rules)?;
            Ok(RowState::Mapped(MappingSpec {
                origin,
                hidden: read_hidden(fields)?,
                lifecycle: read_lifecycle(fields)?,
            }))
        }
        (None, None, Some(split)) => {
            let (hidden, lifecycle) = (read_hidden(fields)?, read_lifecycle(fields)?);
            Ok(RowState::Split(SplitRowSpec { split, hidden, lifecycle }))
        }
        (None, None, None) => Err(InvalidRow::whole(&"it has neither a domain nor `alias_of` nor `split`")),
        (Some(_), Some(_), _) => Err(InvalidRow::whole(&"it has both a domain and `alias_of`")),
        (Some(_), None, Some(_)) => Err(InvalidRow::whole(&"it has both `split` and `alias_of`")),
        (None, Some(_), Some(_)) => {
            Err(InvalidRow::whole(&"it has both a domain and `split`: give the domain to an arm"))
        }
    }
}

/// Reads the origin at a domain from what stands beside it: in a row, or in an arm of its split.
pub(super) fn read_origin(
    fields: Fields<'_>,
    domain: &str,
    base_path: Option<&str>,
    api: &Api,
    rules: &OriginRules,
) -> Result<Origin, InvalidRow> {
    let spec = OriginSpec {
        domain,
        base_path,
        scheme: fields.text("scheme")?,
        port: fields.number("port", "from 1 to 65535")?,
        protocol: fields.text("protocol")?,
        connect: fields.text("connect")?,
        timeouts: Timeouts {
            connect: fields.duration("connect_timeout")?,
            read: fields.duration("read_timeout")?,
            write: fields.duration("write_timeout")?,
            idle: fields.duration("idle_timeout")?,
            total: fields.duration("total_timeout")?,
        },
    };
    Ok(Origin::parse(&spec, rules, api.allow())?)
}

fn read_hidden(fields: Fields<'_>) -> Result<bool, InvalidRow> {
    match fields.text("status")? {
        None | Some("active") => Ok(false),
        Some("hidden") => Ok(true),
        Some(other) => {
            let shown = other.escape_debug();
            Err(InvalidRow::content("status", &format_args!("`{shown}` is neither `active` nor `hidden`")))
        }
    }
}

/// Reads domain and base path under the names of the layout; Verge's names are good in both.
pub(super) fn read_place<'i>(
    fields: Fields<'i>,
    layout: Layout,
) -> Result<(Option<&'i str>, Option<&'i str>), InvalidRow> {
    let (domain, base_path) = (fields.text("domain")?, fields.text("base_path")?);
    if layout == Layout::Verge {
        return Ok((domain, base_path));
    }
    let (dn, dp) = (fields.text("dn")?, fields.text("dp")?);
    match (dn, domain) {
        (Some(dn), Some(domain)) if dn != domain => Err(InvalidRow::whole(&"`dn` and `domain` disagree")),
        _ if dp.is_some() && base_path.is_some() && dp != base_path => {
            Err(InvalidRow::whole(&"`dp` and `base_path` disagree"))
        }
        _ => Ok((dn.or(domain), dp.or(base_path))),
    }
}

fn read_lifecycle(fields: Fields<'_>) -> Result<Option<Lifecycle>, InvalidRow> {
    let mut brownouts = Vec::new();
    for span in fields.maps("brownouts")?.unwrap_or_default() {
        let (Some(from), Some(to)) = (span.time("from")?, span.time("to")?) else {
            return Err(InvalidRow::content("brownouts", &"must give `from` and `to` for each span"));
        };
        brownouts.push((from, to));
    }
    let spec = LifecycleSpec {
        deprecated_at: fields.time("deprecated_at")?,
        sunset_at: fields.time("sunset_at")?,
        brownouts,
        successor: fields.text("successor")?,
        docs: fields.text("docs")?,
    };
    if let Some(successor) = spec.successor {
        check_version("successor", successor)?;
    }
    let empty = spec.deprecated_at.is_none()
        && spec.sunset_at.is_none()
        && spec.brownouts.is_empty()
        && spec.successor.is_none()
        && spec.docs.is_none();
    if empty { Ok(None) } else { Ok(Some(Lifecycle::parse(spec)?)) }
}

/// A version: what a request could ask for under scheme `label`.
fn check_version(name: &'static str, text: &str) -> Result<(), InvalidRow> {
    Label::parse(text.as_bytes()).map(|_| ()).map_err(|_| {
        let reason = "cannot be a version: 1 to 64 ASCII letters, digits and `-._~+`";
        InvalidRow::content(name, &reason)
    })
}

/// A media type or header value, looked up whole.
pub(super) fn check_whole(name: &'static str, text: &str) -> Result<(), InvalidRow> {
    let plain = |b: u8| b.is_ascii_graphic() || b == b' ';
    if text.trim().is_empty() || text.len() > MAX_WHOLE || !text.bytes().all(plain) {
        return Err(InvalidRow::content(name, &format_args!("must be 1 to {MAX_WHOLE} printable ASCII characters")));
    }
    Ok(())
}

/// Writes a row as an item, defaults left out; `None` for a row that was not readable.
#[must_use]
pub fn write_row(row: &Row, layout: Layout, api: &str) -> Option<Item> {
    let mut item = Item::new().with(layout.key(), &row.key);
    if layout == Layout::Verge {
        item = item.with("api", api);
    }
    match &row.state {
        RowState::Invalid => return None,
        RowState::Alias(alias) => return Some(item.with("alias_of", alias)),
        RowState::Mapped(spec) => {
            write_origin(&mut item, &spec.origin, layout);
            write_life(&mut item, spec.hidden, spec.lifecycle.as_ref());
        }
        RowState::Split(spec) => {
            write_split(&mut item, &spec.split);
            write_life(&mut item, spec.hidden, spec.lifecycle.as_ref());
        }
    }
    Some(item)
}

fn write_life(item: &mut Item, hidden: bool, lifecycle: Option<&Lifecycle>) {
    if hidden {
        item.insert("status", Value::S("hidden".to_owned()));
    }
    if let Some(life) = lifecycle {
        write_lifecycle(item, life);
    }
}

pub(super) fn write_origin(item: &mut Item, origin: &Origin, layout: Layout) {
    let mut text = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            item.insert(name, Value::S(value));
        }
    };
    let (domain, base_path) = match layout {
        Layout::Sample => ("dn", "dp"),
        Layout::Verge => ("domain", "base_path"),
    };
    text(domain, Some(origin.domain().to_string()));
    text(base_path, Some(origin.base_path().to_owned()).filter(|path| !path.is_empty()));
    text("scheme", (origin.scheme() != Scheme::Https).then(|| origin.scheme().as_str().to_owned()));
    text("protocol", (origin.protocol() != Protocol::Auto).then(|| origin.protocol().as_str().to_owned()));
    text("connect", origin.connect().map(ToString::to_string));
    let timeouts = origin.timeouts();
    let duration = |value: Option<Duration>| value.map(write_duration);
    text("connect_timeout", duration(timeouts.connect));
    text("read_timeout", duration(timeouts.read));
    text("write_timeout", duration(timeouts.write));
    text("idle_timeout", duration(timeouts.idle));
    text("total_timeout", duration(timeouts.total));
    let usual = if origin.scheme() == Scheme::Https { 443 } else { 80 };
    if origin.port() != usual {
        item.insert("port", Value::N(origin.port().to_string()));
    }
}

fn write_lifecycle(item: &mut Item, life: &Lifecycle) {
    let mut text = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            item.insert(name, Value::S(value));
        }
    };
    text("deprecated_at", life.deprecated_at().map(rfc3339));
    text("sunset_at", life.sunset_at().map(rfc3339));
    text("successor", life.successor().map(str::to_owned));
    text("docs", life.docs().map(str::to_owned));
    if !life.brownouts().is_empty() {
        let span = |(from, to): &(i64, i64)| {
            Value::M(Members::from([
                ("from".to_owned(), Value::S(rfc3339(*from))),
                ("to".to_owned(), Value::S(rfc3339(*to))),
            ]))
        };
        item.insert("brownouts", Value::L(life.brownouts().iter().map(span).collect()));
    }
}

#[cfg(test)]
mod tests;
