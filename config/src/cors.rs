//! `[api.cors]`: which web origins may read an API's answers.

use crate::{entry::Entry, section::Section};
use std::time::Duration;
use verge_router::cors::{CorsDraft, InvalidCors, Names, WebOrigin, parse_method, parse_name};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub(crate) fn read(mut section: Section<'_>) -> CorsDraft {
    let origins = section.need("origins", "`origins = [\"https://app.example.com\"]`");
    let draft = CorsDraft {
        origins: origins.and_then(|entry| entry.list(WebOrigin::parse)).unwrap_or_default(),
        methods: section.entry("methods").and_then(|entry| names(&entry, parse_method)),
        headers: section.entry("headers").and_then(|entry| names(&entry, parse_name)),
        expose: section.entry("expose").and_then(|entry| names(&entry, parse_name)),
        credentials: section.boolean("credentials"),
        max_age: section.entry("max_age").and_then(|entry| entry.duration(Duration::ZERO..=DAY)),
        keep: section.entry("existing").and_then(|entry| entry.word(&[("replace", false), ("keep", true)])),
    };
    // Where the list could not be read, that has been said.
    if !draft.origins.is_empty() || section.lacks("origins") && section.has("origins") {
        draft.check().map_err(|error| section.refuse_at("origins", error.to_string())).ok();
    }
    section.close();
    draft
}

/// A list of names, or `*` alone.
fn names(entry: &Entry<'_>, read: fn(&str) -> Result<String, InvalidCors>) -> Option<Names> {
    let mut any = false;
    let names = entry.list(|text| {
        any |= text == "*";
        if text == "*" { Ok(String::new()) } else { read(text) }
    })?;
    if any && names.len() > 1 {
        entry.refuse("`*` stands alone");
    }
    Some(if any { Names::Any } else { Names::These(names) })
}
