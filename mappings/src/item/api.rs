//! An `#api` item: an API described in the table itself.

use super::{Fields, InvalidRow, Item, Value};
use verge_router::{
    ApiDraft, Source,
    api::{
        self, Advertise, ApiPath, HostPattern, HostVersion, InvalidApi, Missing, PinDraft, Scheme, Unknown, UntilKnown,
        Vendor, parse_header, parse_query, parse_status, parse_subject, parse_version,
    },
    cors::{CorsDraft, InvalidCors, Names, WebOrigin, parse_method, parse_name},
    origin::DomainPattern,
};

/// Reads an `#api` item.
///
/// # Errors
/// The first thing wrong, in words.
pub fn read_api(item: &Item) -> Result<ApiDraft, InvalidRow> {
    item.check_nesting()?;
    let fields = Fields::of(item.attributes());
    Ok(ApiDraft {
        hosts: each(fields.texts("hosts")?, HostPattern::parse)?,
        path: fields.text("path")?.map(ApiPath::parse).transpose()?,
        strip: fields.flag("strip")?,
        allow: each(fields.texts("allow")?, |text| DomainPattern::parse(text).map_err(InvalidApi::from))?,
        read: each(fields.texts("read")?, Source::parse)?,
        vendor: each(fields.texts("vendor")?, Vendor::parse)?,
        header: fields.text("header")?.map(parse_header).transpose()?,
        query: fields.text("query")?.map(parse_query).transpose()?,
        host: fields.text("host")?.map(HostVersion::parse).transpose()?,
        scheme: fields.text("scheme")?.map(Scheme::parse).transpose()?,
        missing: fields.text("missing")?.map(Missing::parse).transpose()?,
        pin: fields.map("pin")?.map(|members| read_pin(Fields::of(members))).transpose()?,
        unknown: fields.text("unknown")?.map(Unknown::parse).transpose()?,
        neutral: each(fields.texts("neutral")?, ApiPath::parse_one)?,
        neutral_version: fields.text("neutral_version")?.map(parse_version).transpose()?,
        methods: each(fields.texts("methods")?, api::parse_method)?,
        preflight: fields.text("preflight")?.map(Missing::parse).transpose()?,
        status: read_status(fields)?,
        supported: fields.flag("supported")?,
        advertise: each(fields.texts("advertise")?, Advertise::parse)?,
        cors: fields.map("cors")?.map(|members| read_cors(Fields::of(members))).transpose()?,
    })
}

fn each<T>(
    texts: Option<Vec<&str>>,
    parse: impl Fn(&str) -> Result<T, InvalidApi>,
) -> Result<Option<Vec<T>>, InvalidApi> {
    texts.map(|texts| texts.into_iter().map(parse).collect()).transpose()
}

/// The attribute `pin`, with the members that `[api.pin]` has keys for.
fn read_pin(fields: Fields<'_>) -> Result<PinDraft, InvalidRow> {
    Ok(PinDraft {
        subject: each(fields.texts("subject")?, parse_subject)?,
        unpinned: fields.text("unpinned")?.map(Missing::parse).transpose()?,
        until_known: fields.text("until_known")?.map(UntilKnown::parse).transpose()?,
    })
}

/// The attribute `cors`, with the members that `[api.cors]` has keys for.
fn read_cors(fields: Fields<'_>) -> Result<CorsDraft, InvalidRow> {
    let names = |name, parse: fn(&str) -> Result<String, InvalidCors>| -> Result<Option<Names>, InvalidRow> {
        Ok(match fields.texts(name)?.as_deref() {
            Some(["*"]) => Some(Names::Any),
            texts => each(texts.map(<[_]>::to_vec), |text| parse(text).map_err(InvalidApi::from))?.map(Names::These),
        })
    };
    let draft = CorsDraft {
        origins: each(fields.texts("origins")?, |text| WebOrigin::parse(text).map_err(InvalidApi::from))?
            .unwrap_or_default(),
        methods: names("methods", parse_method)?,
        headers: names("headers", parse_name)?,
        expose: names("expose", parse_name)?,
        credentials: fields.flag("credentials")?,
        max_age: fields.duration("max_age")?,
        keep: match fields.text("existing")? {
            None => None,
            Some("replace") => Some(false),
            Some("keep") => Some(true),
            Some(_) => return Err(InvalidRow::content("existing", "is neither `replace` nor `keep`")),
        },
    };
    draft.check().map_err(InvalidApi::from)?;
    Ok(draft)
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
