//! `[[api]]`: the APIs, each as a draft that lies over the table's `#api` item.

use crate::{
    keys,
    reader::{Entry, Section},
    table::{self, Table},
};
use http::StatusCode;
use verge_router::{
    api::{self, ApiDraft, ApiPath, HostPattern, Missing, Scheme, Vendor},
    origin::DomainPattern,
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

pub(crate) fn read(mut section: Section<'_>) -> Option<ApiConfig> {
    let name = section.need("name", "`name = \"orders\"`").and_then(|entry| {
        let probe = ApiDraft { hosts: Some(vec![HostPattern::Any]), ..ApiDraft::default() };
        entry.parse(|name| probe.finish(name).map(|_| name.to_owned()))
    });
    let draft = read_draft(&mut section);
    let table = section.section("table").and_then(table::read);
    section.close();
    // A table that could not be read is still a table: the API does not lack one.
    Some(ApiConfig { name: name?, draft, table })
}

/// The fields of an API, each on its own.
fn read_draft(section: &mut Section<'_>) -> ApiDraft {
    let mut draft = ApiDraft {
        hosts: section
            .entry("hosts")
            .and_then(|entry| filled(&entry, HostPattern::parse, "`hosts = [\"*\"]` takes any")),
        path: section.entry("path").and_then(|entry| entry.parse(ApiPath::parse)),
        strip: section.boolean("strip"),
        allow: section.entry("allow").and_then(|entry| filled(&entry, DomainPattern::parse, NO_FURTHER_LIMIT)),
        supported: section.boolean("supported"),
        status: section.section("status").map(|status| read_statuses(&status)),
        ..ApiDraft::default()
    };
    if let Some(mut version) = section.section("version") {
        draft.scheme = version.entry("scheme").and_then(|entry| entry.parse(Scheme::parse));
        draft.read =
            version.entry("read").and_then(|entry| filled(&entry, Source::parse, "name `accept`, `header` or both"));
        draft.vendor = version.entry("vendor").and_then(|entry| filled(&entry, Vendor::parse, "leave the key out"));
        draft.header = version.entry("header").and_then(|entry| entry.parse(api::parse_header));
        draft.missing = version.entry("missing").and_then(|entry| entry.parse(Missing::parse));
        version.close();
    }
    draft
}

const NO_FURTHER_LIMIT: &str = "leave the key out for no further limit than `[origins] allow`";

/// A list that must hold something.
fn filled<T, E: std::fmt::Display>(
    entry: &Entry<'_>,
    read: impl FnMut(&str) -> Result<T, E>,
    remedy: &str,
) -> Option<Vec<T>> {
    if entry.is_empty_list() {
        entry.refuse(format!("the list is empty: {remedy}"));
    }
    entry.list(read)
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
