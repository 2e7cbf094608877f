//! `[[api]]`: the APIs, each as a draft that lies over the table's `#api` item.

use crate::{
    claims::Claims,
    cors,
    entry::Entry,
    keys,
    section::Section,
    table::{self, Table},
};
use http::StatusCode;
use verge_router::{
    api::{
        self, Advertise, ApiDraft, ApiPath, HostPattern, HostVersion, InvalidApi, Missing, PinDraft, Scheme, Unknown,
        UntilKnown, Vendor,
    },
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
        let probe = ApiDraft { hosts: Some(vec![HostPattern::Any]), ..ApiDraft::default() };
        let name = entry.parse(|name| probe.finish(name).map(|_| name.to_owned()))?;
        claims.name(&entry, &name);
        Some(name)
    });
    let draft = read_draft(&mut section);
    if let (Some(entry), Some(hosts)) = (section.entry("hosts"), &draft.hosts) {
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
    let mut draft = ApiDraft {
        hosts: section
            .entry("hosts")
            .and_then(|entry| filled(&entry, HostPattern::parse, "`hosts = [\"*\"]` takes any")),
        path: section.entry("path").and_then(|entry| entry.parse(ApiPath::parse)),
        strip: section.boolean("strip"),
        allow: section.entry("allow").and_then(|entry| filled(&entry, DomainPattern::parse, NO_FURTHER_LIMIT)),
        supported: section.boolean("supported"),
        methods: section
            .entry("methods")
            .and_then(|entry| filled(&entry, api::parse_method, "leave the key out for any")),
        status: section.section("status").map(|status| read_statuses(&status)),
        advertise: section.entry("advertise").and_then(|entry| entry.list(Advertise::parse)),
        cors: section.section("cors").map(cors::read),
        pin: section.section("pin").map(read_pin),
        ..ApiDraft::default()
    };
    if let Some(mut version) = section.section("version") {
        draft.scheme = version.entry("scheme").and_then(|entry| entry.parse(Scheme::parse));
        draft.read = version.entry("read").and_then(|entry| filled(&entry, Source::parse, NO_SOURCE));
        draft.vendor = version.entry("vendor").and_then(|entry| filled(&entry, Vendor::parse, "leave the key out"));
        draft.header = version.entry("header").and_then(|entry| entry.parse(api::parse_header));
        draft.query = version.entry("query").and_then(|entry| entry.parse(api::parse_query));
        draft.host = version.entry("host").and_then(|entry| entry.parse(HostVersion::parse));
        draft.missing = version.entry("missing").and_then(|entry| entry.parse(Missing::parse));
        draft.unknown = version.entry("unknown").and_then(|entry| entry.parse(Unknown::parse));
        draft.neutral =
            version.entry("neutral").and_then(|entry| filled(&entry, ApiPath::parse_one, "leave the key out"));
        draft.neutral_version = version.entry("neutral_version").and_then(|entry| entry.parse(api::parse_version));
        draft.preflight = version.entry("preflight").and_then(|entry| entry.parse(Missing::parse));
        let reads_host = draft.read.as_ref().is_some_and(|read| read.contains(&Source::Host));
        if reads_host && !version.has("host") {
            version.refuse_at("read", InvalidApi::NoHostPattern.to_string());
        }
        let unpinned = draft.pin.as_ref().and_then(|pin| pin.unpinned.as_ref());
        let default = if draft.missing == Some(Missing::Pin) { unpinned } else { draft.missing.as_ref() };
        let answered = version.has("neutral_version") || matches!(default, Some(Missing::Version(_)));
        if draft.neutral.is_some() && !answered {
            version.refuse_at("neutral", InvalidApi::NeutralWithoutVersion.to_string());
        }
        if draft.missing == Some(Missing::Pin) && draft.pin.is_none() {
            version.refuse_at("missing", InvalidApi::PinWithoutSubject.to_string());
        }
        if draft.preflight == Some(Missing::Pin) {
            version.refuse_at("preflight", InvalidApi::PinnedPreflight.to_string());
        }
        version.close();
    }
    if draft.pin.is_some() && !matches!(draft.missing, None | Some(Missing::Pin)) {
        section.refuse_at("pin", InvalidApi::PinUnused.to_string());
    }
    draft
}

/// `[api.pin]`: whom pins are for, and what those get that have none.
fn read_pin(mut section: Section<'_>) -> PinDraft {
    let subject = section.need("subject", "`subject = [\"claim:sub\"]`");
    let draft = PinDraft {
        subject: subject.and_then(|entry| filled(&entry, api::parse_subject, "say who a consumer is")),
        unpinned: section.entry("unpinned").and_then(|entry| {
            entry.parse(|text| match Missing::parse(text) {
                Ok(Missing::Pin) => Err(InvalidApi::UnpinnedIsPinned),
                read => read,
            })
        }),
        until_known: section.entry("until_known").and_then(|entry| entry.parse(UntilKnown::parse)),
    };
    section.close();
    draft
}

const NO_SOURCE: &str = "name some of `accept`, `header`, `query`, `path`, `host`";
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
