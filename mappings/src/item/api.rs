//! An `#api` item: an API described in the table itself.

use super::{Fields, InvalidRow, Item, Value};
use verge_router::{
    ApiDraft, Source,
    api::{
        self, Advertise, ApiPath, HostPattern, HostVersion, InvalidApi, Missing, PinDraft, Scheme, Unknown, UntilKnown,
        Vendor, parse_header, parse_query, parse_status, parse_subject, parse_version,
    },
    cors::{CorsDraft, Names, WebOrigin, parse_method, parse_name},
    origin::DomainPattern,
};

/// Reads an `#api` item.
///
/// # Errors
/// The first thing wrong, in words.
pub fn read_api(item: &Item) -> Result<ApiDraft, InvalidRow> {
    item.check_nesting()?;
    let fields = Fields::of(item.attributes());
    let mut draft = ApiDraft::default();
    read_place(fields, &mut draft)?;
    read_version(fields, &mut draft)?;
    draft.status = read_status(fields)?;
    draft.pin = fields.map("pin")?.map(|members| read_pin(Fields::of(members))).transpose()?;
    draft.cors = fields.map("cors")?.map(|members| read_cors(Fields::of(members))).transpose()?;
    Ok(draft)
}

/// What `[[api]]` has keys for.
fn read_place(fields: Fields<'_>, draft: &mut ApiDraft) -> Result<(), InvalidRow> {
    draft.hosts = fields.each("hosts", HostPattern::parse)?;
    draft.path = fields.parse("path", ApiPath::parse)?;
    draft.strip = fields.flag("strip")?;
    draft.allow = fields.each("allow", |text| DomainPattern::parse(text).map_err(InvalidApi::from))?;
    draft.methods = fields.each("methods", api::parse_method)?;
    draft.supported = fields.flag("supported")?;
    draft.advertise = fields.each("advertise", Advertise::parse)?;
    Ok(())
}

/// What `[api.version]` has keys for.
fn read_version(fields: Fields<'_>, draft: &mut ApiDraft) -> Result<(), InvalidRow> {
    draft.read = fields.each("read", Source::parse)?;
    draft.vendor = fields.each("vendor", Vendor::parse)?;
    draft.header = fields.parse("header", parse_header)?;
    draft.query = fields.parse("query", parse_query)?;
    draft.host = fields.parse("host", HostVersion::parse)?;
    draft.scheme = fields.parse("scheme", Scheme::parse)?;
    draft.missing = fields.parse("missing", Missing::parse)?;
    draft.unknown = fields.parse("unknown", Unknown::parse)?;
    draft.neutral = fields.each("neutral", ApiPath::parse_one)?;
    draft.neutral_version = fields.parse("neutral_version", parse_version)?;
    draft.preflight = fields.parse("preflight", Missing::parse)?;
    Ok(())
}

/// The attribute `pin`, with the members that `[api.pin]` has keys for.
fn read_pin(fields: Fields<'_>) -> Result<PinDraft, InvalidRow> {
    Ok(PinDraft {
        subject: fields.each("subject", parse_subject)?,
        unpinned: fields.parse("unpinned", Missing::parse)?,
        until_known: fields.parse("until_known", UntilKnown::parse)?,
    })
}

/// The attribute `cors`, with the members that `[api.cors]` has keys for.
fn read_cors(fields: Fields<'_>) -> Result<CorsDraft, InvalidRow> {
    let mut draft = CorsDraft {
        origins: fields.each("origins", |text| WebOrigin::parse(text).map_err(InvalidApi::from))?.unwrap_or_default(),
        methods: read_names(fields, "methods", |text| parse_method(text).map_err(InvalidApi::from))?,
        headers: read_names(fields, "headers", |text| parse_name(text).map_err(InvalidApi::from))?,
        expose: read_names(fields, "expose", |text| parse_name(text).map_err(InvalidApi::from))?,
        ..CorsDraft::default()
    };
    draft.credentials = fields.flag("credentials")?;
    draft.max_age = fields.duration("max_age")?;
    draft.keep = match fields.text("existing")? {
        None => None,
        Some("replace") => Some(false),
        Some("keep") => Some(true),
        Some(_) => return Err(InvalidRow::content("existing", "is neither `replace` nor `keep`")),
    };
    draft.check().map_err(InvalidApi::from)?;
    Ok(draft)
}

/// A list of names, or `*` alone.
fn read_names(
    fields: Fields<'_>,
    name: &'static str,
    read: fn(&str) -> Result<String, InvalidApi>,
) -> Result<Option<Names>, InvalidRow> {
    match fields.texts(name)?.as_deref() {
        Some(["*"]) => Ok(Some(Names::Any)),
        _ => Ok(fields.each(name, read)?.map(Names::These)),
    }
}

fn read_status(fields: Fields<'_>) -> Result<Option<Vec<(verge_router::Reason, http::StatusCode)>>, InvalidRow> {
    let Some(members) = fields.map("status")? else { return Ok(None) };
    let mut status = Vec::new();
    for (code, value) in members {
        let Value::N(number) = value else {
            return Err(InvalidRow::Type {
                name: "status",
                expected: "a map of numbers (M of N)",
                found: value.type_name(),
            });
        };
        let number = number
            .parse::<u16>()
            .map_err(|_| InvalidRow::content("status", format_args!("gives `{code}` no status from 400 to 599")))?;
        status.push(parse_status(code, number)?);
    }
    Ok(Some(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(json: serde_json::Value) -> Result<ApiDraft, String> {
        read_api(&Item::from_json(&json).unwrap()).map_err(|error| error.to_string())
    }

    #[test]
    fn every_attribute_is_read() {
        let draft = read(json!({
            "api": "orders", "version": "#api", "hosts": ["api.example.com", "*.example.com"], "path": "/orders",
            "strip": true, "allow": ["*.example.com"], "read": ["header", "query", "path", "host"], "vendor": "example",
            "header": "x-v", "query": "api", "host": "v{version}.example.com", "scheme": "semver", "missing": "1.0.0",
            "unknown": "back", "neutral": ["/health"], "neutral_version": "2.0.0", "methods": ["get", "POST"], "status": {"unknown_version": 404}, "supported": false, "advertise": ["fields"],
            "cors": {"origins": ["https://app.example.com"], "headers": ["*"], "expose": "x-a", "max_age": "1h", "existing": "keep"},
        }))
        .unwrap();
        let api = draft.finish("orders").unwrap();
        assert_eq!(api.hosts().len(), 2);
        assert_eq!(api.path().unwrap().as_str(), "/orders");
        assert!(api.strip() && !api.lists_supported() && !api.reads(Source::Accept));
        assert!(api.reads(Source::Query) && api.reads(Source::Path) && api.reads(Source::Host));
        assert_eq!((api.query(), api.host().unwrap().before()), ("api", "v"));
        assert_eq!((api.scheme(), api.unknown()), (Scheme::Semver, Unknown::Back));
        assert_eq!((api.neutral().len(), api.neutral_version()), (1, Some("2.0.0")));
        assert_eq!(api.methods().unwrap().allow(), "GET, HEAD, POST");
        assert_eq!(api.status(verge_router::Reason::UnknownVersion).unwrap(), 404);
        assert!(api.cors().unwrap().varies() && api.advertises(Advertise::Fields));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (json, expected) in [
            (json!({"hosts": 1}), "`hosts` must be a string or a list of strings (S, SS or L of S), found N"),
            (json!({"hosts": ["a:80"]}), "host `a:80`: write it without scheme and port"),
            (json!({"strip": "yes"}), "`strip` must be true or false (BOOL), found S"),
            (
                json!({"read": ["cookie"]}),
                "`cookie` is no version source; there are `accept`, `header`, `query`, `path` and `host`",
            ),
            (json!({"status": {"unknown_version": "404"}}), "`status` must be a map of numbers (M of N), found S"),
            (
                json!({"cors": {"origins": ["https://*"]}}),
                "web origin `https://*`: `*` stands alone, or for the whole first label",
            ),
            (
                json!({"cors": {"origins": ["*"], "credentials": true}}),
                "`*` cannot be combined with `credentials = true`: name the origins and fields (Fetch, \"CORS protocol and credentials\")",
            ),
            (json!({"cors": {"origins": ["*"], "existing": "drop"}}), "`existing` is neither `replace` nor `keep`"),
            (
                json!({"pin": {"subject": ["ip"]}}),
                "`ip` does not say who a consumer is: write `claim:sub`, `header:NAME`, `cookie:NAME` or `query:NAME`",
            ),
            (json!({"status": {"nonsense": 404}}), "`nonsense` is no rejection code"),
        ] {
            assert_eq!(read(json).unwrap_err(), expected);
        }
    }
}
