//! Items and changes as people read them.

use super::plan::{Attribute, BOOKKEEPING, Change};
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, IsTerminal},
};
use verge_mappings::{Item, Layout, Value};

/// Colours, where somebody sees them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint(bool);

impl Paint {
    /// On a terminal, unless NO_COLOR says otherwise.
    pub(crate) fn stdout() -> Self {
        Self(io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()))
    }

    #[cfg(test)]
    pub(crate) fn plain() -> Self {
        Self(false)
    }

    fn with(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }

    pub(crate) fn bold(self, text: &str) -> String {
        self.with("1", text)
    }

    pub(crate) fn red(self, text: &str) -> String {
        self.with("31", text)
    }

    fn of(self, change: &Change, text: &str) -> String {
        match change.verb() {
            "add" => self.with("32", text),
            "change" => self.with("33", text),
            _ => self.with("31", text),
        }
    }
}

/// Text from a table, without what would move a terminal's cursor.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' | '\'' | '\\' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out
}

/// A value on one line.
pub(crate) fn value(value: &Value) -> String {
    match value {
        Value::S(text) => quoted(text),
        other => quoted(&other.to_plain_json().to_string()),
    }
}

/// Where a row leads: `https://domain/base`, `→ alias`, or an API's hosts.
pub(crate) fn place(item: &Item) -> String {
    let text = |names: [&str; 2]| names.into_iter().find_map(|name| item.text(name));
    if let Some(alias) = item.text("alias_of") {
        return format!("→ {}", quoted(alias));
    }
    if let Some(domain) = text(["dn", "domain"]) {
        let port = item.get("port").map(|port| format!(":{}", value(port))).unwrap_or_default();
        let scheme = item.text("scheme").unwrap_or("https");
        return quoted(&format!("{scheme}://{domain}{port}{}", text(["dp", "base_path"]).unwrap_or_default()));
    }
    match item.get("hosts") {
        Some(Value::L(hosts)) => hosts.iter().map(value).collect::<Vec<_>>().join(", "),
        Some(hosts) => value(hosts),
        None => String::new(),
    }
}

/// Rows of cells under one another; the last column is as wide as it likes.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().filter_map(|row| row.get(column)).map(|cell| cells(cell)).max();
    let widths: Vec<usize> = (0..count).map(|column| width(column).unwrap_or(0)).collect();
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width.saturating_sub(cells(cell)) + 2));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn cells(text: &str) -> usize {
    text.chars().count()
}

/// An item, an attribute a line: keys first, bookkeeping last.
pub(crate) fn attributes(item: &Item, layout: Layout) -> String {
    let keys: &[&str] = if layout == Layout::Sample { &["hk"] } else { &["api", "version"] };
    let rank = |name: &str| match name {
        _ if keys.contains(&name) => 0,
        _ if BOOKKEEPING.contains(&name) => 2,
        _ => 1,
    };
    let mut names: Vec<&str> = item.attributes().keys().map(String::as_str).collect();
    names.sort_by_key(|name| (rank(name), BOOKKEEPING.iter().position(|other| other == name)));
    let line = |name: &str| Some(vec![quoted(name), value(item.get(name)?)]);
    columns(&names.into_iter().filter_map(line).collect::<Vec<_>>())
}

/// A change on one line: `+ orders v3 https://…`, `~ orders v2 base_path /a → /b`, `- orders v1 https://…`.
pub(crate) fn change_line(change: &Change, paint: Paint) -> String {
    let id = format!("{} {}", quoted(&change.id.api), quoted(&change.id.key));
    let text = match (&change.before, &change.after) {
        (Some(_), Some(_)) => {
            let each = change.attributes();
            let each =
                each.iter().flat_map(unfold).map(|(name, before, after)| format!("{name} {}", arrow(before, after)));
            let each: Vec<_> = each.collect();
            format!("~ {id} {}", each.join(", "))
        }
        (None, Some(item)) => {
            let shown = ["domain", "base_path", "dn", "dp", "scheme", "port", "alias_of", "hosts"];
            let attributes = change.attributes();
            let more = attributes.iter().filter(|one| !shown.contains(&one.name));
            let more = more.filter_map(|one| Some(format!(", {} {}", quoted(one.name), value(one.after?))));
            format!("+ {id} {}{}", place(item), more.collect::<String>())
        }
        (Some(item), None) => format!("- {id} {}", place(item)),
        (None, None) => id,
    };
    format!("{}\n", paint.of(change, text.trim_end()))
}

/// A change on several lines: the row, and each attribute before and after.
pub(crate) fn change_block(change: &Change, paint: Paint) -> String {
    let sign = match change.verb() {
        "add" => '+',
        "change" => '~',
        _ => '-',
    };
    let head = format!("{sign} {} {}", quoted(&change.id.api), quoted(&change.id.key));
    let line = |(name, before, after): (String, Option<&Value>, Option<&Value>)| {
        let shown = match (&change.before, &change.after) {
            (Some(_), Some(_)) => arrow(before, after),
            _ => before.or(after).map(value).unwrap_or_default(),
        };
        vec![format!("    {name}"), shown]
    };
    let rows: Vec<_> = change.attributes().iter().flat_map(unfold).map(line).collect();
    format!("{}\n{}", paint.of(change, &head), columns(&rows))
}

/// What differs, each with a name of its own: of a map its members, of a list of arms the members of each.
fn unfold<'i>(one: &Attribute<'i>) -> Vec<(String, Option<&'i Value>, Option<&'i Value>)> {
    let whole = || vec![(quoted(one.name), one.before, one.after)];
    let side = |value: Option<&'i Value>| value.map_or(Some(BTreeMap::new()), members);
    let (Some(before), Some(after)) = (side(one.before), side(one.after)) else { return whole() };
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let each = names.into_iter().map(|name| (name, before.get(name).copied(), after.get(name).copied()));
    let each = each.filter(|(_, before, after)| before != after);
    let each: Vec<_> =
        each.map(|(name, before, after)| (format!("{} {name}", quoted(one.name)), before, after)).collect();
    // Arms in another order, and nothing else: no member says so.
    if each.is_empty() { whole() } else { each }
}

/// The members of a map; of a list of maps with names, by name and member.
fn members(value: &Value) -> Option<BTreeMap<String, &Value>> {
    match value {
        Value::M(members) => Some(members.iter().map(|(name, value)| (quoted(name), value)).collect()),
        Value::L(list) if !list.is_empty() => {
            let mut all = BTreeMap::new();
            for value in list {
                let Value::M(arm) = value else { return None };
                let Some(Value::S(own)) = arm.get("name") else { return None };
                for (name, value) in arm.iter().filter(|(name, _)| *name != "name") {
                    if all.insert(format!("{} {}", quoted(own), quoted(name)), value).is_some() {
                        return None;
                    }
                }
            }
            Some(all)
        }
        _ => None,
    }
}

fn arrow(before: Option<&Value>, after: Option<&Value>) -> String {
    let side = |side: Option<&Value>| side.map_or_else(|| "(none)".to_owned(), value);
    format!("{} → {}", side(before), side(after))
}

/// `1 row`, `2 rows`.
pub(crate) fn count(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use super::{super::plan::RowId, *};
    use serde_json::json;

    fn item(json: serde_json::Value) -> Option<Item> {
        Some(Item::from_json(&json).unwrap())
    }

    fn line(before: Option<Item>, after: Option<Item>) -> String {
        change_line(&Change { id: RowId::new("orders", "v2"), before, after }, Paint::plain())
    }

    #[test]
    fn a_change_is_one_line() {
        let old = || item(json!({"api": "orders", "version": "v2", "domain": "a.example", "base_path": "/a"}));
        let new =
            item(json!({"api": "orders", "version": "v2", "domain": "a.example", "base_path": "/b", "port": 8443}));
        assert_eq!(line(old(), new.clone()), "~ orders v2 base_path /a → /b, port (none) → 8443\n");
        assert_eq!(line(None, new), "+ orders v2 https://a.example:8443/b\n");
        assert_eq!(line(old(), None), "- orders v2 https://a.example/a\n");
        let alias = item(json!({"api": "orders", "version": "v2", "alias_of": "v1", "note": "x"}));
        assert_eq!(line(None, alias), "+ orders v2 → v1, note x\n");
        let sample = item(json!({"hk": "v2", "dn": "a.example", "dp": "/a"}));
        assert_eq!(line(None, sample), "+ orders v2 https://a.example/a\n");
    }

    #[test]
    fn a_block_aligns_what_changes() {
        let before = item(json!({"domain": "a.example", "base_path": "/a"}));
        let after = item(json!({"domain": "b.example", "base_path": "/b"}));
        let change = Change { id: RowId::new("orders", "v2"), before, after };
        assert_eq!(
            change_block(&change, Paint::plain()),
            "~ orders v2\n    base_path  /a → /b\n    domain     a.example → b.example\n"
        );
    }

    #[test]
    fn arms_and_ramps_are_told_member_by_member() {
        let arms = |weight: u32| json!([{"name": "canary", "weight": weight, "domain": "b.example"}, {"name": "stable", "weight": 9}]);
        let before = item(json!({"split": arms(1), "ramp": {"step": 1, "until": 5}}));
        let after = item(json!({"split": arms(2), "ramp": {"step": 1, "until": 6, "pauses": [{"from": "x"}]}}));
        let change = |before: &Option<Item>, after: &Option<Item>| {
            let change = Change { id: RowId::new("orders", "v2"), before: before.clone(), after: after.clone() };
            change_block(&change, Paint::plain())
        };
        assert_eq!(
            change(&before, &after),
            "~ orders v2\n    ramp pauses          (none) → [{\"from\":\"x\"}]\n    ramp until           5 → 6\n    \
             split canary weight  1 → 2\n"
        );
        let plain = item(json!({"domain": "a.example"}));
        let said = change(&plain, &before);
        assert!(said.contains("    split canary domain  (none) → b.example\n"), "{said}");
        let said = change(&before, &plain);
        assert!(said.contains("    split stable weight  9 → (none)\n"), "{said}");
        let turned = item(json!({"split": [{"name": "b", "weight": 1}, {"name": "a", "weight": 1}]}));
        let straight = item(json!({"split": [{"name": "a", "weight": 1}, {"name": "b", "weight": 1}]}));
        assert!(change(&straight, &turned).contains("    split  [{"), "{}", change(&straight, &turned));
        // What is no split is shown as it is.
        let odd = item(json!({"split": [1]}));
        assert!(change(&before, &odd).contains("    split       [{"), "{}", change(&before, &odd));
        assert_eq!(line(before, after).matches("split canary weight 1 → 2").count(), 1);
    }

    #[test]
    fn nothing_in_a_table_moves_the_cursor() {
        assert_eq!(quoted("a\u{1b}[2Jb\r\n\u{202e}'\""), "a\\u{1b}[2Jb\\r\\n\\u{202e}'\"");
        assert_eq!(value(&Value::L(vec![Value::S("a".to_owned())])), "[\"a\"]");
    }

    #[test]
    fn columns_line_up_and_end_where_the_text_does() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        assert_eq!(columns(&[row(["A", "BB", "C"]), row(["→ x", "b", ""])]), "A    BB  C\n→ x  b\n");
    }

    #[test]
    fn keys_come_first_and_bookkeeping_last() {
        let item =
            item(json!({"version": "v1", "api": "orders", "updated_by": "ann", "revision": 2, "domain": "a.example"}));
        assert_eq!(
            attributes(&item.unwrap(), Layout::Verge),
            "api         orders\nversion     v1\ndomain      a.example\nrevision    2\nupdated_by  ann\n"
        );
    }
}
