//! What is known of attributes where people write them: which are text, and which make an origin. Pure.

use serde_json::Value as Json;
use verge_mappings::Value;

/// Attributes that are text, whatever they look like.
const TEXTS: [&str; 22] = [
    "domain",
    "base_path",
    "dn",
    "dp",
    "scheme",
    "protocol",
    "connect",
    "connect_timeout",
    "read_timeout",
    "write_timeout",
    "idle_timeout",
    "total_timeout",
    "salt",
    "alias_of",
    "status",
    "deprecated_at",
    "sunset_at",
    "successor",
    "docs",
    "path",
    "header",
    "missing",
];

/// What makes a row lead to an origin, and an alias has not.
pub(crate) const ORIGIN: [&str; 14] = [
    "domain",
    "base_path",
    "dn",
    "dp",
    "scheme",
    "port",
    "protocol",
    "connect",
    "connect_timeout",
    "read_timeout",
    "write_timeout",
    "idle_timeout",
    "total_timeout",
    "split",
];

/// `NAME=VALUE`, as an option gives it.
pub(crate) fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write it as NAME=VALUE")?;
    if name.is_empty() { Err("the name is missing".to_owned()) } else { Ok((name.to_owned(), value.to_owned())) }
}

/// Text for what is text; else JSON where it is some.
pub(crate) fn value_of(name: &str, text: &str) -> Value {
    let object = text.starts_with('{');
    match serde_json::from_str::<Json>(text) {
        Ok(json) if object || !TEXTS.contains(&name) => Value::from_plain_json(&json),
        _ => Value::S(text.to_owned()),
    }
}
