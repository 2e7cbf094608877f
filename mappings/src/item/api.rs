//! An `#api` item: an API described in the table itself.

use super::{Fields, InvalidRow, Item, Value};
use verge_router::{
    ApiDraft,
    api::{Field, InvalidApi, Missing, PinDraft, UntilKnown, parse_status, parse_subject},
    cors::{CorsDraft, Names, WebOrigin, parse_method, parse_name},
};

/// Reads an `#api` item: what `[[api]]` and `[api.version]` have keys for, with the rest of it.
///
/// # Errors
/// The first thing wrong, in words.
pub fn read_api(item: &Item) -> Result<ApiDraft, InvalidRow> {
    item.check_nesting()?;
    let fields = Fields::of(item.attributes());
    let mut draft = ApiDraft::default();
    for (name, field) in Field::ALL {
        match field {
            Field::Flag(take) => fields.flag(name)?.into_iter().for_each(|flag| take(&mut draft, flag)),
            Field::Text(take) => fields.text(name)?.map_or(Ok(()), |text| take(&mut draft, text))?,
            Field::Texts(take) => {
                let Some(texts) = fields.texts(name)? else { continue };
                take(&mut draft, None)?;
                for text in texts {
                    take(&mut draft, Some(text))?;
                }
            }
        }
    }
    draft.pin = read_pin(fields, "pin")?;
    draft.status = read_status(fields)?;
    draft.cors = read_cors(fields, "cors")?;
    Ok(draft)
}

/// With the members that `[api.pin]` has keys for.
fn read_pin(fields: Fields<'_>, name: &'static str) -> Result<Option<PinDraft>, InvalidRow> {
    let Some(fields) = fields.map(name)?.map(Fields::of) else { return Ok(None) };
    let mut draft = PinDraft::default();
    fields.each("subject", parse_subject, &mut draft.subject)?;
    fields.parse("unpinned", Missing::parse, &mut draft.unpinned)?;
    fields.parse("until_known", UntilKnown::parse, &mut draft.until_known)?;
    Ok(Some(draft))
}

/// With the members that `[api.cors]` has keys for.
fn read_cors(fields: Fields<'_>, name: &'static str) -> Result<Option<CorsDraft>, InvalidRow> {
    let Some(fields) = fields.map(name)?.map(Fields::of) else { return Ok(None) };
    let mut draft = CorsDraft::default();
    let mut origins = None;
    fields.each("origins", |text| Ok(WebOrigin::parse(text)?), &mut origins)?;
    draft.origins = origins.unwrap_or_default();
    draft.methods = read_names(fields, "methods", |text| Ok(parse_method(text)?))?;
    draft.headers = read_names(fields, "headers", |text| Ok(parse_name(text)?))?;
    draft.expose = read_names(fields, "expose", |text| Ok(parse_name(text)?))?;
    draft.credentials = fields.flag("credentials")?;
    draft.max_age = fields.duration("max_age")?;
    draft.keep = match fields.text("existing")? {
        None => None,
        Some("replace") => Some(false),
        Some("keep") => Some(true),
        Some(_) => return Err(InvalidRow::content("existing", &"is neither `replace` nor `keep`")),
    };
    draft.check().map_err(InvalidApi::from)?;
    Ok(Some(draft))
}

/// A list of names, or `*` alone.
fn read_names(
    fields: Fields<'_>,
    name: &'static str,
    read: fn(&str) -> Result<String, InvalidApi>,
) -> Result<Option<Names>, InvalidRow> {
    if let Some(["*"]) = fields.texts(name)?.as_deref() {
        return Ok(Some(Names::Any));
    }
    let mut names = None;
    fields.each(name, read, &mut names)?;
    Ok(names.map(Names::These))
}

fn read_status(fields: Fields<'_>) -> Result<Option<Vec<(verge_router::Reason, http::StatusCode)>>, InvalidRow> {
    let Some(members) = fields.map("status")? else { return Ok(None) };
    let mut status = Vec::new();
    for (code, value) in members {
        let Value::N(number) = value else {
            return Err(InvalidRow::mistyped("status", "a map of numbers (M of N)", value));
        };
        let number = number
            .parse::<u16>()
            .map_err(|_| InvalidRow::content("status", &format_args!("gives `{code}` no status from 400 to 599")))?;
        status.push(parse_status(code, number)?);
    }
    Ok(Some(status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use verge_router::{
        Source,
        api::{Advertise, Scheme, Unknown},
    };

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
