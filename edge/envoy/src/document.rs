//! The configuration document where it is written in JSON: the same keys, put into TOML, so that one reader checks both.

use serde_json::Value as Json;
use std::fmt::Write as _;
use verge_carry::write_json_string;

/// The document as TOML. Where JSON says `null`, TOML has no key.
pub(crate) fn to_toml(document: &serde_json::Map<String, Json>) -> String {
    let mut out = String::new();
    for (key, value) in document.iter().filter(|(_, value)| !value.is_null()) {
        write_json_string(&mut out, key);
        out.push_str(" = ");
        write(&mut out, value);
        out.push('\n');
    }
    out
}

fn write(out: &mut String, value: &Json) {
    match value {
        // A list has no holes, and of what is missing nothing is to be read.
        Json::Null => out.push_str("\"\""),
        Json::Bool(_) | Json::Number(_) => {
            let _ = write!(out, "{value}");
        }
        // What JSON escapes in a string, TOML escapes alike.
        Json::String(text) => write_json_string(out, text),
        Json::Array(list) => {
            out.push('[');
            for (place, value) in list.iter().enumerate() {
                out.push_str(if place == 0 { "" } else { ", " });
                write(out, value);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (place, (key, value)) in members.iter().filter(|(_, value)| !value.is_null()).enumerate() {
                out.push_str(if place == 0 { " " } else { ", " });
                write_json_string(out, key);
                out.push_str(" = ");
                write(out, value);
            }
            out.push_str(" }");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use verge_config::Config;

    #[test]
    fn a_document_is_the_same_in_json_and_in_toml() {
        let toml = "[table]\nsource = \"file\"\npath = \"t\\u000d\\\"\"\n[origins]\nallow = [\"a.example\", \"b.example\"]\n\
                    insecure = true\n[[api]]\nname = \"orders\"\nhosts = [\"*\"]\n[api.version]\nheader = \"V\"\n";
        let json = json!({
            "table": {"source": "file", "path": "t\r\""},
            "origins": {"allow": ["a.example", "b.example"], "insecure": true, "ca": null},
            "api": [{"name": "orders", "hosts": ["*"], "version": {"header": "V"}}],
        });
        let read = |text: &str| format!("{:?}", Config::parse_hosted(text).unwrap());
        assert_eq!(read(&to_toml(json.as_object().unwrap())), read(toml));
    }
}
