//! Items from a file, or from stdin: what people hand in.

use super::{
    Exit, Failure,
    plan::{RowId, Rows},
    show::{count, quoted},
    tables::Tables,
};
use std::io::Read;
use verge_mappings::{Item, Layout, source::file::parse};

/// The whole of a file; `-` is stdin.
pub(super) fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let outcome = match path {
        "-" => std::io::stdin().lock().read_to_end(&mut bytes).map(|_| bytes),
        path => std::fs::read(path),
    };
    outcome.map_err(|error| Failure::new(Exit::Usage, format!("{path}: {error}")))
}

/// One item.
pub(super) fn item(path: &str) -> Result<Item, Failure> {
    let refuse = |reason: String| Failure::new(Exit::Failed, format!("{path}: {reason}"));
    let json: serde_json::Value =
        serde_json::from_slice(&read(path)?).map_err(|error| refuse(format!("not JSON: {error}")))?;
    // `aws dynamodb get-item` prints it one level deeper.
    let json = json.get("Item").filter(|inner| inner.is_object()).unwrap_or(&json);
    Item::from_json(json).map_err(|error| refuse(error.to_string()))
}

/// A table's worth of items, each under what it is about. Verge's own but `#api` are left out.
pub(super) fn rows(path: &str, tables: &Tables, api: Option<&str>) -> Result<Rows, Failure> {
    let name = if path == "-" { "stdin" } else { path };
    let bytes = read(path)?;
    let reading = parse(&bytes, name).map_err(|error| Failure::new(Exit::Failed, error))?;
    let mut rows = Rows::new();
    let mut own = 0;
    for (item, number) in reading.items.into_iter().zip(1..) {
        let refuse = |reason: String| Failure::new(Exit::Failed, format!("{name}: item {number}: {reason}"));
        let id = id_of(&item, tables, api).map_err(refuse)?;
        if !id.is_portable() {
            own += 1;
            continue;
        }
        let (api, key) = (quoted(&id.api), quoted(&id.key));
        if rows.insert(id, item).is_some() {
            return Err(refuse(format!("{api} `{key}` is there twice")));
        }
    }
    if own > 0 {
        eprintln!("{name}: {} of Verge's own left out", count(own, "item"));
    }
    Ok(rows)
}

/// What an item is about; refused where its table is in the other layout.
fn id_of(item: &Item, tables: &Tables, api: Option<&str>) -> Result<RowId, String> {
    let layout = item.layout().ok_or("it has neither `hk` nor `api` and `version`")?;
    let key = item.key(layout).ok_or_else(|| format!("`{}` must be a string (S)", layout.key()))?;
    let api = match layout {
        Layout::Verge => item.text("api").ok_or("`api` must be a string (S)")?,
        Layout::Sample => match api {
            Some(api) => api,
            None => {
                let mut only = tables.all().iter().filter_map(|table| table.only_api());
                only.next().filter(|_| only.next().is_none()).ok_or("it names no API (sample layout); give --api")?
            }
        },
    };
    let id = RowId::new(api, key);
    let home = tables.home(api).map_err(|failure| failure.message)?;
    let there = home.content().ok().and_then(|reading| reading.layout);
    if id.is_portable() && there.is_some_and(|there| there != layout) {
        let (there, here) = (home.layout().as_str(), layout.as_str());
        return Err(format!("it is in the {here} layout, and {} in the {there} layout", home.place()));
    }
    Ok(id)
}
