//! `[[api]]`: the APIs, each as a draft that lies over the table's `#api` item.

use crate::{
    claims::Claims,
    cors,
    entry::told,
    keys,
    section::Section,
    table::{self, Table},
};
use http::StatusCode;
use verge_router::{
    api::{self, ApiDraft, Field, InvalidApi, Missing, PinDraft, UntilKnown},
    rejection::Reason,
    version::Source,
};

/// One `[[api]]`.
#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Its name.
    pub name: String,
    /// What was written of it; every field that is there is fit. The rest comes from the table's `#api` item, or is the
    /// default.
    pub draft: ApiDraft,
    /// `[api.table]`: a table of its own; `None`: the document's.
    pub table: Option<Table>,
}

pub(crate) fn read_all(root: &mut Section<'_>, claims: &mut Claims) -> Vec<ApiConfig> {
    let has_table = root.has("table");
    let sections = root.sections("api");
    if !has_table && root.lacks("api") {
        root.missing(
            "",
            "there is nothing to route: write `[table]`, and `[[api]]` unless the table's `#api` items say it all",
        );
    }
    sections.into_iter().filter_map(|section| read(section, has_table, claims)).collect()
}

fn read(mut section: Section<'_>, has_table: bool, claims: &mut Claims) -> Option<ApiConfig> {
    let name = section.need("name", "`name = \"orders\"`").and_then(|entry| {
        let name = entry.parse(|name| api::parse_api_name(name).map(str::to_owned))?;
        claims.name(&entry, &name);
        Some(name)
    });
    let draft = read_draft(&mut section);
    if let (Some(entry), Some(hosts)) = (section.entry("hosts"), draft.hosts.as_ref().filter(|hosts| !hosts.is_empty()))
    {
        let path = draft.path.as_ref().and_then(Option::as_ref);
        for (entry, host) in entry.each("a list of strings").iter().flatten().zip(hosts) {
            claims.place(entry, host, path);
        }
    }
    if !has_table && !section.has("table") {
        section.refuse("this API has no table: write `[table]` for all APIs, or `[api.table]` for this one");
    }
    let table = section.section("table").and_then(|section| table::read(section, true, claims));
    section.close();
    Some(ApiConfig { name: name?, draft, table })
}

/// The fields of an API, each on its own.
fn read_draft(section: &mut Section<'_>) -> ApiDraft {
    let mut draft = ApiDraft::default();
    read_place(section, &mut draft);
    if let Some(version) = section.section("version") {
        read_version(version, &mut draft);
    }
    if draft.pin.is_some() && !matches!(draft.missing, None | Some(Missing::Pin)) {
        section.refuse_at("pin", told(&InvalidApi::PinUnused));
    }
    draft
}

/// What stands in `[[api]]` itself, and what is said of the API as a whole.
fn read_place(section: &mut Section<'_>, draft: &mut ApiDraft) {
    read_fields(section, &PLACE, draft);
    draft.status = section.section("status").map(|status| read_statuses(&status));
    read_fields(section, &[("advertise", "")], draft);
    draft.cors = section.section("cors").map(cors::read);
    draft.pin = section.section("pin").map(read_pin);
}

/// `[api.version]`: where a version is read, and what comes of it.
fn read_version(mut version: Section<'_>, draft: &mut ApiDraft) {
    read_fields(&mut version, &VERSION, draft);
    let refuse = |key, error: InvalidApi| version.refuse_at(key, told(&error));
    let reads_host = draft.read.as_ref().is_some_and(|read| read.contains(&Source::Host));
    if reads_host && !version.has("host") {
        refuse("read", InvalidApi::NoHostPattern);
    }
    let unpinned = draft.pin.as_ref().and_then(|pin| pin.unpinned.as_ref());
    let default = if draft.missing == Some(Missing::Pin) { unpinned } else { draft.missing.as_ref() };
    let answered = version.has("neutral_version") || matches!(default, Some(Missing::Version(_)));
    if draft.neutral.as_ref().is_some_and(|neutral| !neutral.is_empty()) && !answered {
        refuse("neutral", InvalidApi::NeutralWithoutVersion);
    }
    if draft.missing == Some(Missing::Pin) && draft.pin.is_none() {
        refuse("missing", InvalidApi::PinWithoutSubject);
    }
    if draft.preflight == Some(Missing::Pin) {
        refuse("preflight", InvalidApi::PinnedPreflight);
    }
    version.close();
}

/// `[api.pin]`: whom pins are for, and what those get that have none.
fn read_pin(mut section: Section<'_>) -> PinDraft {
    let subject = section.need("subject", "`subject = [\"claim:sub\"]`");
    let unpinned = |text: &str| match Missing::parse(text) {
        Ok(Missing::Pin) => Err(InvalidApi::UnpinnedIsPinned),
        read => read,
    };
    let draft = PinDraft {
        subject: subject.and_then(|entry| {
            entry.fill("say who a consumer is");
            entry.list(api::parse_subject)
        }),
        unpinned: section.parse("unpinned", unpinned),
        until_known: section.parse("until_known", UntilKnown::parse),
    };
    section.close();
    draft
}

/// Keys of `[[api]]`, and what to do where their list is empty; it may be where nothing is said.
const PLACE: [(&str, &str); 6] = [
    ("hosts", "`hosts = [\"*\"]` takes any"),
    ("path", ""),
    ("strip", ""),
    ("allow", "leave the key out for no further limit than `[origins] allow`"),
    ("supported", ""),
    ("methods", "leave the key out for any"),
];

/// Those of `[api.version]`.
const VERSION: [(&str, &str); 11] = [
    ("scheme", ""),
    ("read", "name some of `accept`, `header`, `query`, `path`, `host`"),
    ("vendor", "leave the key out"),
    ("header", ""),
    ("query", ""),
    ("host", ""),
    ("missing", ""),
    ("unknown", ""),
    ("neutral", "leave the key out"),
    ("neutral_version", ""),
    ("preflight", ""),
];

/// Reads fields under their keys.
fn read_fields(section: &mut Section<'_>, keys: &[(&'static str, &str)], draft: &mut ApiDraft) {
    for (key, remedy) in keys {
        let field = Field::ALL.iter().find(|(name, _)| name == key);
        let (Some(entry), Some((_, field))) = (section.entry(key), field) else { continue };
        match field {
            Field::Flag(take) => entry.boolean().into_iter().for_each(|flag| take(draft, flag)),
            Field::Text(take) => drop(entry.parse(|text| take(draft, text))),
            Field::Texts(take) => {
                if !remedy.is_empty() {
                    entry.fill(remedy);
                }
                let mut take = |text: Option<&str>| take(draft, text).map_err(|error| told(&error));
                let whole = take(None).is_ok() && entry.texts(&mut |text| take(Some(text)));
                // Where an item could not be read, that is said, and nothing is concluded from the others.
                if !whole {
                    let _ = take(None);
                }
            }
        }
    }
}

/// `[api.status]`: a rejection's code and the status it is answered with.
fn read_statuses(section: &Section<'_>) -> Vec<(Reason, StatusCode)> {
    let mut statuses = Vec::new();
    for (code, entry) in section.entries() {
        if Reason::from_code(code).is_none() {
            let known: Vec<_> =
                Reason::ALL.into_iter().filter(|reason| reason.is_configurable()).map(Reason::code).collect();
            entry.refuse(keys::unknown(code, &known));
            continue;
        }
        let status = entry.integer(400..=599).and_then(|status| u16::try_from(status).ok());
        statuses.extend(status.and_then(|status| entry.check(api::parse_status(code, status))));
    }
    statuses
}
