//! `[[api]]`: the APIs, each as a draft that lies over the table's `#api` item.

use crate::{
    claims::Claims,
    cors, keys,
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
    let mut draft = ApiDraft::default();
    read_place(section, &mut draft);
    if let Some(version) = section.section("version") {
        read_version(version, &mut draft);
    }
    if draft.pin.is_some() && !matches!(draft.missing, None | Some(Missing::Pin)) {
        section.refuse_at("pin", InvalidApi::PinUnused.to_string());
    }
    draft
}

/// What stands in `[[api]]` itself, and what is said of the API as a whole.
fn read_place(section: &mut Section<'_>, draft: &mut ApiDraft) {
    draft.hosts = section.filled("hosts", HostPattern::parse, "`hosts = [\"*\"]` takes any");
    draft.path = section.parse("path", ApiPath::parse);
    draft.strip = section.boolean("strip");
    draft.allow = section.filled("allow", DomainPattern::parse, NO_FURTHER_LIMIT);
    draft.supported = section.boolean("supported");
    draft.methods = section.filled("methods", api::parse_method, "leave the key out for any");
    draft.status = section.section("status").map(|status| read_statuses(&status));
    draft.advertise = section.list("advertise", Advertise::parse);
    draft.cors = section.section("cors").map(cors::read);
    draft.pin = section.section("pin").map(read_pin);
}

/// `[api.version]`: where a version is read, and what comes of it.
fn read_version(mut version: Section<'_>, draft: &mut ApiDraft) {
    draft.scheme = version.parse("scheme", Scheme::parse);
    draft.read = version.filled("read", Source::parse, NO_SOURCE);
    draft.vendor = version.filled("vendor", Vendor::parse, "leave the key out");
    draft.header = version.parse("header", api::parse_header);
    draft.query = version.parse("query", api::parse_query);
    draft.host = version.parse("host", HostVersion::parse);
    draft.missing = version.parse("missing", Missing::parse);
    draft.unknown = version.parse("unknown", Unknown::parse);
    draft.neutral = version.filled("neutral", ApiPath::parse_one, "leave the key out");
    draft.neutral_version = version.parse("neutral_version", api::parse_version);
    draft.preflight = version.parse("preflight", Missing::parse);
    let refuse = |key, error: InvalidApi| version.refuse_at(key, error.to_string());
    let reads_host = draft.read.as_ref().is_some_and(|read| read.contains(&Source::Host));
    if reads_host && !version.has("host") {
        refuse("read", InvalidApi::NoHostPattern);
    }
    let unpinned = draft.pin.as_ref().and_then(|pin| pin.unpinned.as_ref());
    let default = if draft.missing == Some(Missing::Pin) { unpinned } else { draft.missing.as_ref() };
    let answered = version.has("neutral_version") || matches!(default, Some(Missing::Version(_)));
    if draft.neutral.is_some() && !answered {
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

const NO_SOURCE: &str = "name some of `accept`, `header`, `query`, `path`, `host`";
const NO_FURTHER_LIMIT: &str = "leave the key out for no further limit than `[origins] allow`";

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
